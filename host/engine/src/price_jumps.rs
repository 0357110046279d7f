//! Price jumps: news moves a market faster than quotes follow, so quotes are cancelled until the market is calm again.

use crate::breakers::Trip;
use crate::effect::Effects;
use crate::market_books::TokenView;
use crate::step::Engine;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use model::input::{Breaker, Scope};
use model::{MarketIx, Time, Usd};

/// The window within which a jump is detected.
const WINDOW_MICROS: u64 = 10_000_000;
/// The interval at which the mid price of a book is recorded.
const NOTE_MICROS: u64 = 1_000_000;
/// The time that a market must have been calm.
const CALM_MICROS: u64 = 60_000_000;

/// The mid prices of a market's book over the last seconds.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct MidPrices {
    noted: VecDeque<(Time, u32)>,
    jumped: Option<Time>,
}

impl MidPrices {
    /// Returns the largest distance of the current mid price from those of the last ten seconds, in micro-dollars.
    fn moved(&self, now: Time, middle: u32) -> u32 {
        let recent = self.noted.iter().filter(|(at, _)| now.since(*at) <= WINDOW_MICROS);
        recent.map(|(_, then)| then.abs_diff(middle)).max().unwrap_or(0)
    }

    /// Returns true if a mid price is to be recorded.
    fn is_due(&self, now: Time) -> bool {
        self.noted.back().is_none_or(|(at, _)| now.since(*at) >= NOTE_MICROS)
    }

    /// Records the current mid price.
    fn record(&mut self, now: Time, middle: u32) {
        while self.noted.front().is_some_and(|(at, _)| now.since(*at) > WINDOW_MICROS) {
            self.noted.pop_front();
        }
        self.noted.push_back((now, middle));
    }
}

/// Returns the mid price of a known, uncrossed book, in micro-dollars.
fn mid_price(token: TokenView<'_>) -> Option<u32> {
    let [bid, ask] = [token.book.best_bid()?.price, token.book.best_ask()?.price].map(model::Price::micros);
    (token.state.known && bid < ask).then(|| bid.midpoint(ask))
}

impl Engine {
    /// Checks those of `markets` that a strategy trades.
    pub(crate) fn watch_jumps(&mut self, markets: &[MarketIx], effects: &mut Effects) {
        let (now, limit) = (self.now, self.limits.max_jump);
        let mut jumped: Vec<(MarketIx, u32)> = Vec::new();
        let mut calm = Vec::new();
        for market in markets.iter().copied() {
            let Some((entry, yes)) = self.markets.watched(market) else { continue };
            let Some(middle) = mid_price(yes) else { continue };
            let due = entry.middles.is_due(now);
            let moved = entry.middles.moved(now, middle);
            let jumps = Usd(i64::from(moved)) > limit;
            let calms = !jumps && entry.middles.jumped.is_some_and(|at| now.since(at) >= CALM_MICROS);
            if !(due || jumps || calms) {
                continue;
            }
            let Some(entry) = self.markets.get_mut(market) else { continue };
            if due {
                entry.middles.record(now, middle);
            }
            if jumps && entry.middles.jumped.replace(now).is_none() {
                jumped.push((market, moved));
            }
            if calms {
                entry.middles.jumped = None;
                calm.push(market);
            }
        }
        for (market, moved) in jumped {
            let reason = format!("the price moved by {} within 10 s, the limit is {limit}", Usd(i64::from(moved)));
            self.trip(Trip::market(Breaker::PriceJump, market, reason), effects);
        }
        calm.into_iter().for_each(|market| self.close(Breaker::PriceJump, Scope::Market(market), effects));
    }

    /// Returns the reason if a market is not calm yet.
    pub(crate) fn still_jumping(&self) -> Option<model::event::Reason> {
        let jumping = self.markets.iter().filter(|(_, entry)| entry.middles.jumped.is_some()).count();
        (jumping > 0).then(|| format!("{jumping} markets jumped within the last minute; closes automatically"))
    }
}
