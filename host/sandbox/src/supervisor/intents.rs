//! The limit on intents per second of one strategy. Cancels are carried out beyond it as well.

use super::rate::LeakyBucket;
use crate::grants::Grants;
use crate::settings::Rates;
use model::{Intent, IntentKind, OrderId, Time};
use std::collections::BTreeSet;

/// Prefix of the fault of an instance with too many intents. It depends on a clock, so a replay takes it from the
/// record.
pub(crate) const OVER: &str = "it wanted more than";

/// The intent rate of one instance.
#[derive(Debug)]
pub(super) struct IntentLimit {
    rate: LeakyBucket,
    burst_s: u64,
}

impl IntentLimit {
    /// Returns the limit of a new instance with these markets.
    pub(super) fn of(grants: &Grants, rates: &Rates) -> Self {
        Self { rate: LeakyBucket::new(rates.intents_of(grants.markets().len()), rates.burst_s), burst_s: rates.burst_s }
    }

    /// Removes repeated cancels and counts the remaining intents. Above the limit, only cancels are kept, and the
    /// reason why the instance must end is returned.
    pub(super) fn hold(&mut self, at: Time, intents: &mut Vec<Intent>) -> Option<String> {
        fold(intents);
        if !self.rate.is_over_with(at, u64::try_from(intents.len()).unwrap_or(u64::MAX)) {
            return None;
        }
        *intents = only_cancels(intents);
        let (rate, burst) = (self.rate.a_second, self.burst_s);
        Some(format!("{OVER} {rate} intents a second for more than {burst} s"))
    }
}

/// Removes repeated cancels of the same order. A cancel after a placement or quote stays, because it may mean that
/// order.
pub(crate) fn fold(intents: &mut Vec<Intent>) {
    let mut seen: BTreeSet<OrderId> = BTreeSet::new();
    intents.retain(|intent| match intent.kind {
        IntentKind::Cancel { order } => seen.insert(order),
        IntentKind::Place { .. } | IntentKind::Quote { .. } => {
            seen.clear();
            true
        }
        IntentKind::CancelAll { .. } | IntentKind::SetTimer { .. } => true,
    });
}

/// Returns the cancels: of an order, of all orders, and of a standing quote.
pub(crate) fn only_cancels(intents: &[Intent]) -> Vec<Intent> {
    let cancels = intents.iter().filter(|intent| {
        matches!(
            intent.kind,
            IntentKind::Cancel { .. } | IntentKind::CancelAll { .. } | IntentKind::Quote { bid: None, ask: None, .. }
        )
    });
    cancels.cloned().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::*;
    use model::{OrderKind, Price, Side, Size, TokenIx};

    const SECOND: u64 = 1_000_000;

    fn intent(kind: IntentKind) -> Intent {
        Intent { tag: 0, reason: String::new(), fair: None, kind }
    }

    fn cancel(order: u64) -> Intent {
        intent(IntentKind::Cancel { order: OrderId(order) })
    }

    fn place() -> Intent {
        let (price, size) = (Price::from_micros(10_000).unwrap(), Size::shares(5));
        intent(IntentKind::Place { token: TokenIx(0), side: Side::Buy, price, size, kind: OrderKind::Fak })
    }

    fn limit() -> IntentLimit {
        IntentLimit::of(&Grants::default(), &Rates::default())
    }

    #[test]
    fn the_rate_may_be_kept_up_for_ever_and_a_burst_comes_once() {
        let mut kept = limit();
        for second in 0..3_600 {
            let mut wanted = vec![place(); 500];
            assert_eq!(kept.hold(Time(second * SECOND), &mut wanted), None, "{second}");
            assert_eq!(wanted.len(), 500);
        }
        let mut at_once = limit();
        let answers = (0..).find(|_| at_once.hold(Time(SECOND), &mut vec![place(); 250]).is_some());
        assert_eq!(answers, Some(10), "five seconds' worth, and no more");
    }

    #[test]
    fn above_the_limit_every_cancel_stays_and_nothing_else() {
        let mut limit = limit();
        assert_eq!(limit.hold(Time(1), &mut vec![place(); 2_400]), None);
        let token = Some(TokenIx(1));
        let all = [intent(IntentKind::CancelAll { token }), intent(IntentKind::CancelAll { token: None })];
        let withdrawn = intent(IntentKind::Quote { token: TokenIx(0), bid: None, ask: None });
        let mut wanted = vec![place(); 100];
        wanted.insert(50, cancel(7));
        wanted.extend([cancel(8), withdrawn.clone()]);
        wanted.extend(all.clone());
        let error = limit.hold(Time(1), &mut wanted).unwrap();
        assert_eq!(error, "it wanted more than 500 intents a second for more than 5 s");
        let [first, second] = all;
        assert_eq!(wanted, [cancel(7), cancel(8), withdrawn, first, second]);
    }

    #[test]
    fn repeated_cancels_of_one_order_are_one_and_count_as_one() {
        let mut limit = limit();
        for _ in 0..1_000 {
            let mut wanted = vec![cancel(7); 256];
            assert_eq!(limit.hold(Time(1), &mut wanted), None);
            assert_eq!(wanted, [cancel(7)]);
        }
        let mut wanted = vec![cancel(7), cancel(8), cancel(7), place(), cancel(7), cancel(8), cancel(8)];
        fold(&mut wanted);
        // The cancels after the placement may mean the placed order.
        assert_eq!(wanted, [cancel(7), cancel(8), place(), cancel(7), cancel(8)]);
    }

    #[test]
    fn each_market_adds_to_the_limit() {
        let grants = Grants::new((0..50).map(|ix| (model::MarketIx(ix), testkit::market(1))).collect());
        assert_eq!(IntentLimit::of(&grants, &Rates::default()).rate.a_second, 1_750);
    }
}
