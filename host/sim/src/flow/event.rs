//! The event whose markets exclude each other: their fair prices always sum to a dollar, and exactly one of them wins.

use super::{PULL_PART, Span, Stream, WALK_PART, Worth};
use crate::rng::Rng;
use crate::venue::Venue;
use alloc::vec::Vec;
use model::{EventId, Market, Price, SCALE, Time, Usd};

/// The distance that fair prices of the event keep from 0 and 1 dollar, in micro-dollars: close enough for unlikely
/// winners, and far enough for some levels below them.
const MARGIN: u32 = 80_000;
/// Interval at which probability moves from one market to another, in milliseconds.
const WALK_EVERY: Span = Span { least: 250, most: 250 };
/// Default duration of the event, in microseconds.
pub(super) const LASTS_MICROS: u64 = 3_600 * 1_000_000;

/// The state of an event.
#[derive(Debug, Clone)]
pub(super) struct Course {
    id: EventId,
    pub(super) lasts_micros: u64,
    ends: Option<Time>,
    walk_due: Time,
}

impl Course {
    /// Returns the state of a market's event, at its start.
    pub(super) fn of(market: &Market, lasts_micros: u64) -> Option<Self> {
        Some(Self { id: market.event?, lasts_micros, ends: None, walk_due: Time(0) })
    }

    /// Moves the fair prices, and ends the event at its end time; returns false once it has ended.
    pub(super) fn step(
        &mut self,
        now: Time,
        venue: &mut Venue,
        streams: &mut [Stream],
        (rng, pace): (&mut Rng, u64),
    ) -> bool {
        let ends = *self.ends.get_or_insert_with(|| now.plus_micros(self.lasts_micros));
        let mut own: Vec<&mut Stream> =
            streams.iter_mut().filter(|stream| stream.worth == Worth::Shared && self.has(&stream.market)).collect();
        if now >= ends {
            self.end(now, venue, &own, rng);
            return false;
        }
        if now >= self.walk_due {
            self.walk_due = WALK_EVERY.after(now, rng, pace);
            give(&mut own, rng);
        }
        true
    }

    /// Returns true if a market belongs to the event.
    pub(super) fn has(&self, market: &Market) -> bool {
        market.event == Some(self.id)
    }

    /// Draws a winner with the probabilities given by the prices. All other markets resolve to NO.
    fn end(&self, now: Time, venue: &mut Venue, streams: &[&mut Stream], rng: &mut Rng) {
        let drawn = rng.below(u64::from(SCALE));
        let mut sum = 0_u64;
        let winner = streams.iter().find(|stream| {
            sum = sum.saturating_add(u64::from(stream.fair.micros()));
            drawn < sum
        });
        let winner = winner.and_then(|stream| venue.market_of(stream.market.condition));
        if let Some(market) = winner {
            // The market may already have been resolved from outside.
            let _over_already = venue.resolve(now, market, [Usd::dollars(1), Usd::ZERO]);
        }
    }
}

/// Moves probability from one market to another, and pulls both towards home.
fn give(streams: &mut [&mut Stream], rng: &mut Rng) {
    let count = u64::try_from(streams.len()).unwrap_or(0);
    let to = rng.below(count);
    let from = to.saturating_add(1).saturating_add(rng.below(count.saturating_sub(1))).checked_rem(count).unwrap_or(0);
    let place = |place: u64| usize::try_from(place).ok();
    let seen =
        |at: u64| place(at).and_then(|at| streams.get(at)).map(|stream| (stream.home, stream.fair, stream.market.tick));
    let (Some((to_home, to_fair, tick)), Some((from_home, from_fair, _))) = (seen(to), seen(from)) else { return };
    let part = tick.micros().checked_div(WALK_PART).unwrap_or(0);
    let drawn = i64::try_from(rng.below(u64::from(part).saturating_mul(2).saturating_add(1))).unwrap_or(0);
    let away = |home: Price, fair: Price| i64::from(home.micros()).saturating_sub(i64::from(fair.micros()));
    let pull = away(to_home, to_fair).saturating_sub(away(from_home, from_fair)).checked_div(i64::from(PULL_PART));
    let given = drawn.saturating_sub(i64::from(part)).saturating_add(pull.unwrap_or(0));
    let moved = |fair: Price, by: i64| {
        let micros = u32::try_from(i64::from(fair.micros()).saturating_add(by)).ok()?;
        Price::from_micros(micros).filter(|_| (MARGIN..=SCALE.saturating_sub(MARGIN)).contains(&micros))
    };
    // Both move or neither does, so that the sum is preserved.
    let (Some(more), Some(less)) = (moved(to_fair, given), moved(from_fair, given.saturating_neg())) else { return };
    for (at, fair) in [(to, more), (from, less)] {
        if let Some(stream) = place(at).and_then(|at| streams.get_mut(at)) {
            stream.fair = fair;
        }
    }
}
