//! The venue's limits on requests, as the host keeps them in live trading (PROTOCOL 10.2): a bucket of orders and one
//! of cancels. An order waits briefly for room and is not sent otherwise; a cancel waits longer.

use model::{RequestTier, Side, Time};

/// Longest wait of an order, in microseconds; it expires soon.
const ORDER_PATIENCE_MICROS: u64 = 250_000;
/// Longest wait of a cancel. One without room then is sent with others at once, which needs no more room.
const CANCEL_PATIENCE_MICROS: u64 = 5_000_000;
/// Orders of the bucket that purchases leave to sales, and strategies' sales to the host's exits.
const LEFT_BY_BUYS: i64 = 10;
const LEFT_BY_SALES: i64 = 4;
/// Tokens are counted in millionths: a token per second is one in a microsecond.
const TOKEN: i64 = 1_000_000;

/// A token bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: i64,
    burst: i64,
    /// Millionths of tokens; those of waiting requests are taken already.
    level: i64,
    at: Time,
}

impl Bucket {
    const fn new(rate: i64, burst: i64) -> Self {
        Self { rate, burst, level: burst.saturating_mul(TOKEN), at: Time(0) }
    }

    /// Takes a token while `left` remain, and returns the wait for it; `None` if that is longer than `patience`.
    fn take(&mut self, now: Time, left: i64, patience: u64) -> Option<u64> {
        let passed = i64::try_from(now.since(self.at)).unwrap_or(i64::MAX);
        let refilled = self.level.saturating_add(passed.saturating_mul(self.rate));
        self.level = refilled.min(self.burst.saturating_mul(TOKEN));
        self.at = self.at.max(now);
        let wanted = left.saturating_add(1).saturating_mul(TOKEN);
        let missing = u64::try_from(wanted.saturating_sub(self.level)).unwrap_or(0);
        let wait = missing.div_ceil(u64::try_from(self.rate).unwrap_or(1).max(1));
        if wait > patience {
            return None;
        }
        self.level = self.level.saturating_sub(TOKEN);
        Some(wait)
    }
}

/// The buckets of an account.
#[derive(Debug, Clone, Copy)]
pub struct RequestLimits {
    orders: Bucket,
    cancels: Bucket,
}

impl RequestLimits {
    /// Returns full buckets of a tier.
    pub fn of(tier: RequestTier) -> Self {
        let (rate, burst) = tier.orders();
        let [rate, burst] = [rate, burst].map(i64::from);
        Self { orders: Bucket::new(rate, burst), cancels: Bucket::new(rate.saturating_mul(2), burst.saturating_mul(2)) }
    }

    /// Returns the wait of an order in microseconds; `None` if it is not sent.
    pub(super) fn order(&mut self, now: Time, side: Side) -> Option<u64> {
        let left = if side == Side::Buy { LEFT_BY_BUYS } else { LEFT_BY_SALES };
        self.orders.take(now, left, ORDER_PATIENCE_MICROS)
    }

    /// Returns the wait of a cancel in microseconds.
    pub(super) fn cancel(&mut self, now: Time) -> u64 {
        self.cancels.take(now, 0, CANCEL_PATIENCE_MICROS).unwrap_or(CANCEL_PATIENCE_MICROS)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]
mod tests {
    use super::*;
    use crate::paper::{Latency, Paper};
    use alloc::vec::Vec;
    use model::input::PlaceOutcome;
    use model::{InputKind, Market, NewOrder, OrderId, OrderKind, Price, Size, StrategyId, TokenIx, Usd, VenueOrderId};

    #[test]
    fn a_burst_passes_then_orders_wait_and_then_they_are_not_sent() {
        let mut limits = RequestLimits::of(RequestTier::Standard);
        let start = Time(1_000_000_000);
        let waits: Vec<Option<u64>> = (0..70).map(|_| limits.order(start, Side::Buy)).collect();
        assert!(waits[..50].iter().all(|wait| *wait == Some(0)), "{waits:?}");
        // One each 25 ms, up to 250 ms.
        assert_eq!(waits[50..53], [Some(25_000), Some(50_000), Some(75_000)]);
        assert_eq!((waits[59], waits[60]), (Some(250_000), None));
        assert_eq!(limits.order(start, Side::Sell), Some(125_000), "sales may use what purchases leave");
        // A second later there is room for some again.
        let later = start.plus_micros(2_000_000);
        assert_eq!(limits.order(later, Side::Buy), Some(0));
        let full = start.plus_micros(60_000_000);
        let again = (0..60).filter(|_| limits.order(full, Side::Buy) == Some(0)).count();
        assert_eq!(again, 50);
    }

    #[test]
    fn an_order_that_finds_no_room_is_answered_as_not_sent() {
        let (market, start) = (Market::synthetic(1), Time(1_000_000_000));
        let paper = Paper::new(Latency::DEFAULT, [market], Usd::dollars(10_000), &[]).unwrap();
        let mut paper = paper.with_limits(RequestLimits::of(RequestTier::Standard));
        for number in 1..=80_u64 {
            let (token, strategy, size) = (TokenIx(0), StrategyId(1), Size::shares(5));
            let (price, kind) = (Price::from_micros(300_000).unwrap(), OrderKind::Gtc { post_only: true });
            let order = NewOrder { id: OrderId(number), strategy, tag: 0, token, side: Side::Buy, price, size, kind };
            let mut id = [0; 32];
            id[0] = u8::try_from(number).unwrap();
            paper.place(start, &order, VenueOrderId(id));
        }
        let mut heard = Vec::new();
        paper.advance(start, &mut heard);
        let unsent = |input: &&InputKind| matches!(input, InputKind::Placed { outcome: PlaceOutcome::NotSent { reason }, .. } if reason.contains("rate limit"));
        assert_eq!(heard.iter().filter(unsent).count(), 20);
        paper.advance(start.plus_micros(50_000), &mut heard);
        assert_eq!(paper.open_orders().count(), 50);
        paper.advance(start.plus_micros(300_000), &mut heard);
        assert_eq!(paper.open_orders().count(), 60, "the others waited up to 250 ms");
    }

    #[test]
    fn cancels_have_twice_as_much_room_and_are_always_sent() {
        let mut limits = RequestLimits::of(RequestTier::Standard);
        let waits: Vec<u64> = (0..1_000).map(|_| limits.cancel(Time(1_000_000_000))).collect();
        assert!(waits[..120].iter().all(|wait| *wait == 0));
        assert_eq!((waits[120], waits[999]), (12_500, CANCEL_PATIENCE_MICROS));
    }
}
