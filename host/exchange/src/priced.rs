//! Markets that were decided by a price: they are listed before they begin, trade around the probability that the
//! recorded price implies, and resolve as recorded.

use crate::recording::{Decided, DecidedMarkets, Prices};
use model::{Market, MarketIx, Price, Time, Usd};
use sim::flow::{Underlying, chance};
use sim::{Flow, MarketError, Venue};
use std::collections::VecDeque;

/// A market is listed this long before it begins, in milliseconds of the recording.
const LISTED_BEFORE_MS: u64 = 3_600_000;
/// Length of the past price moves from which volatility is measured, in milliseconds.
const MEASURED_MS: u64 = 300_000;

/// The playback state of the recorded markets.
#[derive(Debug)]
pub(crate) struct Priced {
    prices: Vec<(u64, u128)>,
    /// Markets not listed yet, by start time.
    waiting: VecDeque<Decided>,
    trading: Vec<(MarketIx, Decided)>,
    flow: Flow,
    clock: RecordedClock,
    listed_before_ms: u64,
}

/// The clock of a recording.
#[derive(Debug, Clone, Copy)]
struct RecordedClock {
    first_ms: u64,
    /// Speed in millionths of real time.
    speed: u64,
    started: Option<Time>,
}

impl RecordedClock {
    fn now_ms(&mut self, now: Time) -> u64 {
        let started = *self.started.get_or_insert(now);
        let micros = u128::from(now.since(started)).saturating_mul(u128::from(self.speed));
        self.first_ms.saturating_add(u64::try_from(micros / 1_000_000_000).unwrap_or(u64::MAX))
    }

    /// Returns the real time of a time in the recording.
    fn real(&self, recorded_ms: u64) -> Option<Time> {
        let ahead = u128::from(recorded_ms.checked_sub(self.first_ms)?).checked_mul(1_000_000_000)?;
        let micros = ahead.checked_div(u128::from(self.speed)).and_then(|micros| u64::try_from(micros).ok())?;
        Some(self.started?.plus_micros(micros))
    }
}

impl Priced {
    /// Starts at the first price; markets that ended before it are left out.
    pub(crate) fn new(prices: Prices, markets: DecidedMarkets, speed: u64, seed: u64) -> Self {
        let first_ms = prices.rows.first().map_or(0, |(time, _)| *time);
        let waiting = markets.markets.into_iter().filter(|market| market.end_ms > first_ms).collect();
        let clock = RecordedClock { first_ms, speed: speed.max(1), started: None };
        let (flow, listed_before_ms) = (Flow::followed(seed), LISTED_BEFORE_MS);
        Self { prices: prices.rows, waiting, trading: Vec::new(), flow, clock, listed_before_ms }
    }

    /// Sets the pace of the other traders, in millionths of the normal one, and the time before its start at which a
    /// market is listed.
    pub(crate) fn with(mut self, pace: u64, listed_before_ms: u64) -> Self {
        self.flow = self.flow.at_pace(pace);
        self.listed_before_ms = listed_before_ms;
        self
    }

    /// Lists upcoming markets, lets the others trade, and resolves those that ended.
    pub(crate) fn step(&mut self, now: Time, venue: &mut Venue) {
        let recorded_ms = self.clock.now_ms(now);
        while self
            .waiting
            .front()
            .is_some_and(|next| next.start_ms <= recorded_ms.saturating_add(self.listed_before_ms))
        {
            let Some(next) = self.waiting.pop_front() else { break };
            let market = Market { end: self.clock.real(next.end_ms), ..next.market.clone() };
            let listed = self.flow.follow(venue, market);
            match listed {
                Ok(ix) => self.trading.push((ix, next)),
                Err(error) => tracing::warn!(slug = %next.market.slug, %error, "listing a recorded market failed"),
            }
        }
        let over: Vec<_> = self.trading.extract_if(.., |(_, market)| market.end_ms <= recorded_ms).collect();
        for (ix, market) in over {
            self.flow.forget(market.market.condition);
            if let Err(error) = self.end(now, venue, ix, &market) {
                tracing::warn!(slug = %market.market.slug, %error, "resolving a recorded market failed");
            }
        }
        self.send_fair_value(recorded_ms);
        self.flow.step(now, venue);
    }

    /// Resolves a market as recorded; if that is not known, by the price and the strike.
    fn end(&self, now: Time, venue: &mut Venue, ix: MarketIx, market: &Decided) -> Result<(), MarketError> {
        let above = self.price_at(market.end_ms) >= self.strike(market);
        let dollar = Usd::dollars(1);
        let by_price = if above { [dollar, Usd::ZERO] } else { [Usd::ZERO, dollar] };
        venue.resolve(now, ix, market.pays.unwrap_or(by_price))?;
        venue.redeem(ix)
    }

    fn send_fair_value(&mut self, recorded_ms: u64) {
        let past = self.prices.get(..self.count_until(recorded_ms)).unwrap_or_default();
        let since = past.partition_point(|(time, _)| time.saturating_add(MEASURED_MS) < recorded_ms);
        let recent = past.get(since..).filter(|recent| !recent.is_empty());
        let known = recent.or(past.last().map(std::slice::from_ref)).and_then(Underlying::measure);
        let Some(underlying) = known else { return };
        let fair: Vec<_> = self
            .trading
            .iter()
            .map(|(_, market)| {
                // The strike is unknown before the start.
                let strike = (market.start_ms <= recorded_ms).then(|| self.strike(market)).flatten();
                let left_ms = market.end_ms.saturating_sub(recorded_ms);
                (market.market.condition, strike.map_or(Price::HALF, |strike| chance(underlying, strike, left_ms)))
            })
            .collect();
        for (condition, fair) in fair {
            self.flow.set_fair(condition, fair);
        }
    }

    fn strike(&self, market: &Decided) -> Option<u128> {
        market.strike.or_else(|| self.price_at(market.start_ms))
    }

    /// Returns the price in effect at a time.
    fn price_at(&self, recorded_ms: u64) -> Option<u128> {
        let place = self.count_until(recorded_ms).checked_sub(1)?;
        self.prices.get(place).map(|(_, price)| *price)
    }

    fn count_until(&self, recorded_ms: u64) -> usize {
        self.prices.partition_point(|(time, _)| *time <= recorded_ms)
    }
}
