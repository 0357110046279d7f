//! Price history of each market, minute by minute, for charts.

use model::{MarketIx, Price, Side, Time, TokenIx};
use sim::Venue;
use std::collections::{BTreeMap, VecDeque};

/// Sampling interval, in seconds.
const EVERY_S: u64 = 60;
/// Points kept per market: two days.
const POINTS_MAX: usize = 2_880;

/// The prices of the first token of every market, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    points: BTreeMap<MarketIx, VecDeque<(u64, Price)>>,
    next_s: u64,
}

impl History {
    /// Samples every market if a sample is due: the mid price, or the last trade if one side is empty.
    pub(super) fn sample(&mut self, now: Time, venue: &Venue) {
        if now.seconds() < self.next_s {
            return;
        }
        self.next_s = now.seconds().saturating_add(EVERY_S);
        for (market, _) in venue.listed() {
            let Some(price) = worth(venue, market) else { continue };
            let points = self.points.entry(market).or_default();
            points.push_back((now.seconds(), price));
            if points.len() > POINTS_MAX {
                points.pop_front();
            }
        }
    }

    /// Returns the points of a token from `start` to `end`, in seconds, at least `apart` seconds from each other.
    pub(crate) fn of(&self, token: TokenIx, start: u64, end: u64, apart: u64) -> Vec<(u64, Price)> {
        let mut found: Vec<(u64, Price)> = Vec::new();
        for (at, price) in self.points.get(&token.market()).into_iter().flatten() {
            let far = found.last().is_none_or(|(last, _)| at.saturating_sub(*last) >= apart);
            if far && (start..=end).contains(at) {
                found.push((*at, if token.outcome() == 0 { *price } else { price.complement() }));
            }
        }
        found
    }
}

fn worth(venue: &Venue, market: MarketIx) -> Option<Price> {
    let yes = market.token(0);
    let best = |side| venue.best(yes, side).map(|level| level.price.micros());
    let middle = best(Side::Buy).zip(best(Side::Sell)).and_then(|(bid, ask)| Price::from_micros(bid.midpoint(ask)));
    middle.or_else(|| {
        let (token, price, ..) = venue.last_trade(market)?;
        Some(if token == yes { price } else { price.complement() })
    })
}
