//! Fill models: the assumptions about our place in the queue and about depth that may not be there. Each is a set of
//! small rules; everything else of the paper venue is common to all.

use super::queue::QueuePosition;
use model::{Size, Time};

/// The time by which a level's fall may precede the trade that caused it; the venue reports trades 0.1 to 1 s later
/// (PROTOCOL 9).
const REPORTED_WITHIN_MICROS: u64 = 2_000_000;

/// A fill model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FillModel {
    /// Depth that is removed is assumed to have been behind us as far as possible, only trades move an order forward,
    /// and depth that crosses the other side of the book is not there to be taken.
    #[default]
    Pessimistic,
    /// As [`Self::Pessimistic`], but depth that is removed without a trade was ahead and behind in proportion.
    Queue,
    /// An order fills completely with the first trade at its price, and by depth that is removed there while it is the
    /// best price; all visible depth can be taken.
    Optimistic,
}

impl FillModel {
    /// Returns true if depth that crosses the other side of the book cannot be taken.
    pub(super) const fn hides_crossed_depth(self) -> bool {
        !matches!(self, Self::Optimistic)
    }

    /// Returns true if depth removed at the best price counts as traded with us.
    pub(super) const fn fills_on_removal(self) -> bool {
        matches!(self, Self::Optimistic)
    }

    /// Applies a fall of the level from `before` by `fall` to a position there. The remaining size is the most that can
    /// be ahead of us.
    pub(super) fn on_fall(self, place: &mut QueuePosition, before: Size, fall: Size, now: Time) {
        if now.since(place.fell_at) > REPORTED_WITHIN_MICROS {
            (place.fell, place.moved) = (Size::ZERO, Size::ZERO);
        }
        let ahead = place.ahead.min(before);
        if self == Self::Queue {
            let moved = part(ahead, fall, before);
            place.ahead = ahead.saturating_sub(moved);
            place.moved = place.moved.saturating_add(moved);
        }
        place.ahead = place.ahead.min(before.saturating_sub(fall));
        place.fell = place.fell.saturating_add(fall);
        place.fell_at = now;
    }

    /// Applies a trade of `size` at the price of a position; returns the size that reaches the order, at most `size`
    /// except for [`Self::Optimistic`], where it is all.
    pub(super) fn on_trade(self, place: &mut QueuePosition, size: Size, now: Time) -> Size {
        if self == Self::Optimistic {
            place.ahead = Size::ZERO;
            return Size(u64::MAX);
        }
        let fresh = now.since(place.fell_at) <= REPORTED_WITHIN_MICROS;
        let known = if fresh { place.fell.min(size) } else { Size::ZERO };
        // A fall that turns out to be a trade came from the front of the queue alone.
        let counted = part(place.moved, known, place.fell);
        let front = if self == Self::Queue { known.saturating_sub(counted) } else { Size::ZERO };
        place.fell = place.fell.saturating_sub(known);
        place.moved = place.moved.saturating_sub(counted);
        place.ahead = place.ahead.saturating_sub(front);
        let news = size.saturating_sub(known);
        let eaten = place.ahead.min(news);
        place.ahead = place.ahead.saturating_sub(eaten);
        news.saturating_sub(eaten)
    }
}

/// Returns `whole * share / of`, rounded down; zero if `of` is zero.
fn part(whole: Size, share: Size, of: Size) -> Size {
    let micros = u128::from(whole.micros()).saturating_mul(u128::from(share.micros()));
    let micros = micros.checked_div(u128::from(of.micros())).unwrap_or(0);
    Size(u64::try_from(micros).unwrap_or(u64::MAX))
}
