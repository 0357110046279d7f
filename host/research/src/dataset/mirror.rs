//! Comparison of the two tokens' frames. Each change of a market is sent for both tokens; a frame of one of them without
//! its mirror within ten seconds is counted.

use model::event::MarketEventKind;
use model::{Level, MarketEvent, Price, Side, Size, Time};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Time within which the mirror of a frame must arrive, in microseconds.
const WITHIN_US: u64 = 10_000_000;
/// Maximum frames that wait for their mirror; the oldest ones count as unmatched.
const WAITING_MAX: usize = 4_096;

/// Frames of one market that wait for their mirror.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    /// Positive for frames of the first token that wait, negative for the second.
    waiting: HashMap<u64, i32>,
    order: VecDeque<(u64, u64)>,
    matched: u64,
    unmatched: [u64; 2],
    first_us: u64,
}

impl Mirrors {
    /// Adds the events of one token in one frame.
    pub(super) fn add(&mut self, at_us: u64, outcome: u32, events: &[MarketEvent]) {
        let Some(digest) = digest(outcome, events) else { return };
        self.expire(at_us);
        let step = if outcome == 0 { 1 } else { -1 };
        let count = self.waiting.entry(digest).or_default();
        if count.signum().saturating_add(step) == 0 {
            self.matched = self.matched.saturating_add(1);
        } else {
            self.order.push_back((at_us, digest));
        }
        *count = count.saturating_add(step);
        if *count == 0 {
            self.waiting.remove(&digest);
        }
    }

    fn expire(&mut self, at_us: u64) {
        while let Some((since, _)) = self.order.front() {
            if self.order.len() <= WAITING_MAX && since.saturating_add(WITHIN_US) >= at_us {
                return;
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((since, digest)) = self.order.pop_front() else { return };
        // Matched ones are no longer there.
        let Some(count) = self.waiting.get_mut(&digest) else { return };
        let outcome = usize::from(*count < 0);
        *count = count.saturating_sub(count.signum());
        if *count == 0 {
            self.waiting.remove(&digest);
        }
        if self.unmatched == [0, 0] {
            self.first_us = since;
        }
        if let Some(unmatched) = self.unmatched.get_mut(outcome) {
            *unmatched = unmatched.saturating_add(1);
        }
    }

    /// Returns the unmatched frames of each token, and the time of the first one. None are counted if no frame had a
    /// mirror: then one token alone was recorded.
    pub(super) fn finish(mut self) -> ([u64; 2], u64) {
        while !self.order.is_empty() {
            self.drop_oldest();
        }
        if self.matched == 0 { ([0, 0], 0) } else { (self.unmatched, self.first_us) }
    }
}

/// Digests books and levels as seen from the first token; `None` if there are none.
fn digest(outcome: u32, events: &[MarketEvent]) -> Option<u64> {
    let mut hash = DefaultHasher::new();
    let mut levels: Vec<(bool, Side, Price, Size, Time)> = Vec::new();
    for event in events.iter().filter(|event| event.token.outcome() == outcome) {
        match &event.kind {
            MarketEventKind::Book { bids, asks } => {
                let mut side = |side: Side, list: &[Level]| {
                    levels.extend(list.iter().map(|level| (true, side, level.price, level.size, event.venue_time)));
                };
                side(Side::Buy, bids);
                side(Side::Sell, asks);
                (true, event.venue_time).hash(&mut hash);
            }
            MarketEventKind::Level { side, price, size } => {
                levels.push((false, *side, *price, *size, event.venue_time));
            }
            _ => {}
        }
    }
    if outcome == 1 {
        for (_, side, price, ..) in &mut levels {
            (*side, *price) = (side.opposite(), price.complement());
        }
    }
    levels.sort_by_key(|(book, side, price, size, time)| (*book, *side == Side::Buy, *price, *size, *time));
    for (book, side, price, size, time) in &levels {
        (book, *side == Side::Buy, price, size, time).hash(&mut hash);
    }
    (!levels.is_empty()).then(|| hash.finish())
}
