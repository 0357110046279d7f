//! The recording account's own orders and fills. They are part of what the venue shows; a backtest of the same strategy
//! would trade against itself, so they are taken out: own orders out of the depth, and own takers out of the trades. A
//! trade in which the own order rested stays, because another trader came to the market.

use model::{Price, Side, Size};
use std::collections::{HashMap, VecDeque};

/// Maximum time between a fill's report and the trade's, in microseconds.
const WITHIN_US: u64 = 10_000_000;
/// The same between the report of an own order and that of its level. After it the level counts as reported.
const LEVEL_WITHIN_US: u64 = 2_000_000;
/// Maximum changes of levels that are kept for own orders whose report follows.
const RECENT_MAX: usize = 65_536;

/// A level of a market, in prices of the first token.
pub(super) type Place = (u32, Side, Price);

/// A rise or a fall of a size.
#[derive(Debug, Clone, Copy)]
struct Change {
    at_us: u64,
    rises: bool,
    size: Size,
}

impl Change {
    const fn between(at_us: u64, before: Size, after: Size) -> Self {
        let (size, rises) = if after.0 > before.0 {
            (after.saturating_sub(before), true)
        } else {
            (before.saturating_sub(after), false)
        };
        Self { at_us, rises, size }
    }

    const fn is_old(&self, now_us: u64) -> bool {
        self.at_us.saturating_add(LEVEL_WITHIN_US) < now_us
    }
}

/// Own orders at one level.
#[derive(Debug, Default)]
struct OwnLevel {
    /// The part of the level's reported size that is ours.
    shown: Size,
    /// Changes of our orders that the level does not show yet.
    owed: VecDeque<Change>,
}

impl OwnLevel {
    fn apply(&mut self, change: Change) {
        self.shown =
            if change.rises { self.shown.saturating_add(change.size) } else { self.shown.saturating_sub(change.size) };
    }
}

/// Own orders by level. The report of an order and that of its level come on different channels, in either order; each
/// change of an order is matched with a change of its level.
#[derive(Debug, Default)]
pub(super) struct OwnDepth {
    is_watched: bool,
    orders: HashMap<[u8; 32], (Place, Size)>,
    levels: HashMap<Place, OwnLevel>,
    recent: VecDeque<(Place, Change)>,
}

impl OwnDepth {
    /// Keeps recent changes of levels, because the tape has own orders.
    pub(super) const fn watch(&mut self) {
        self.is_watched = true;
    }

    /// Returns true if the tape has own orders.
    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Takes the open size of an order. Returns its level if the level has shown the change already.
    pub(super) fn set(&mut self, order: [u8; 32], place: Place, open: Size, at_us: u64) -> Option<Place> {
        let before = if open.is_zero() { self.orders.remove(&order) } else { self.orders.insert(order, (place, open)) };
        let change = Change::between(at_us, before.map_or(Size::ZERO, |(_, size)| size), open);
        if change.size.is_zero() {
            return None;
        }
        let fits = |(at, other): &&mut (Place, Change)| {
            *at == place && other.rises == change.rises && other.size >= change.size && !other.is_old(at_us)
        };
        let found = self.recent.iter_mut().rev().find(fits);
        let level = self.levels.entry(place).or_default();
        let Some((_, found)) = found else {
            level.owed.push_back(change);
            return None;
        };
        found.size = found.size.saturating_sub(change.size);
        level.apply(change);
        Some(place)
    }

    /// Takes a change of a level's reported size.
    pub(super) fn on_level(&mut self, place: Place, at_us: u64, (before, after): (Size, Size)) {
        if !self.is_watched {
            return;
        }
        let mut change = Change::between(at_us, before, after);
        if let Some(level) = self.levels.get_mut(&place) {
            for owed in std::mem::take(&mut level.owed) {
                let is_shown = owed.rises == change.rises && owed.size <= change.size;
                if is_shown {
                    change.size = change.size.saturating_sub(owed.size);
                }
                if is_shown || owed.is_old(at_us) { level.apply(owed) } else { level.owed.push_back(owed) }
            }
        }
        while self.recent.len() >= RECENT_MAX || self.recent.front().is_some_and(|(_, change)| change.is_old(at_us)) {
            self.recent.pop_front();
        }
        if !change.size.is_zero() {
            self.recent.push_back((place, change));
        }
    }

    /// Returns the size of a level without own orders.
    pub(super) fn others(&self, place: Place, size: Size) -> Size {
        self.levels.get(&place).map_or(size, |own| size.saturating_sub(own.shown))
    }
}

/// Own fills that wait for the venue's report of their trade.
#[derive(Debug, Default)]
pub(super) struct OwnTrades {
    fills: VecDeque<(u64, u32, Price, Size)>,
}

impl OwnTrades {
    /// Adds a fill of an own taker; all fills of a tape are added before its trades are read, in their order.
    pub(super) fn add(&mut self, at_us: u64, market: u32, price: Price, size: Size) {
        self.fills.push_back((at_us, market, price, size));
    }

    /// Returns the size of a trade without own fills. A taker's trade is wholly its own.
    pub(super) fn others(&mut self, at_us: u64, market: u32, price: Price, mut size: Size) -> Size {
        while self.fills.front().is_some_and(|(at, ..)| at.saturating_add(WITHIN_US) < at_us) {
            self.fills.pop_front();
        }
        let last = at_us.saturating_add(WITHIN_US);
        let is_near = |(at, of_market, of_price, _): &(u64, u32, Price, Size)| {
            *at <= last && *of_market == market && *of_price == price
        };
        let near = self.fills.iter().filter(|fill| is_near(fill));
        if size > near.fold(Size::ZERO, |sum, (.., left)| sum.saturating_add(*left)) {
            return size;
        }
        for (.., left) in self.fills.iter_mut().filter(|fill| is_near(fill)) {
            let own = (*left).min(size);
            (*left, size) = (left.saturating_sub(own), size.saturating_sub(own));
        }
        size
    }
}
