//! Lines of the log that follow an order from the intent to its fills. All lines of one intent have the same
//! correlation: the session and the number of the input that caused the order, which is also its place in the journal.

use crate::refusal_sums::Kind;
use engine::EngineEvent;
use model::{OrderId, OrderState, Seq, SessionId, Time};
use std::collections::BTreeMap;

/// Orders whose cause is remembered; the oldest go first.
const ORDERS_MAX: usize = 20_000;
/// Equal refusals within this time of a line are counted, and the next line has their number: a strategy that is refused
/// again and again must not fill the log, nor delay the engine thread with its lines.
const REFUSALS_EVERY_MS: u64 = 60_000;
/// Kinds of refusals that are remembered. One more forgets them all.
const KINDS_MAX: usize = 4_096;

/// Maps orders to the inputs that caused them.
#[derive(Debug)]
pub(crate) struct OrderTrace {
    session: SessionId,
    causes: BTreeMap<OrderId, Seq>,
    /// The last line of each kind of refusal, and the number of equal refusals since.
    refused: BTreeMap<Kind, (Time, u64)>,
}

impl OrderTrace {
    pub(crate) const fn new(session: SessionId) -> Self {
        Self { session, causes: BTreeMap::new(), refused: BTreeMap::new() }
    }

    /// Logs an engine event about an order or an intent. The fields are computed only if the log shows this module.
    pub(crate) fn record(&mut self, seq: Seq, at: Time, record: &EngineEvent) {
        match record {
            EngineEvent::Order { order, state, filled, reason } => {
                if *state == OrderState::Pending {
                    self.remember(order.id, seq);
                }
                let correlation = || self.correlation(order.id);
                let (order, strategy) = (order.id.0, order.strategy.0);
                tracing::debug!(correlation = correlation(), order, strategy, ?state, %filled, reason, "order changed");
            }
            EngineEvent::Fill { order, strategy, trade, size, price, settlement, .. } => {
                let (correlation, trade) = (|| self.correlation(*order), || model::hex::encode(&trade.0));
                let (order, strategy) = (order.0, strategy.0);
                tracing::debug!(correlation = correlation(), order, strategy, trade = trade(), %size, %price, ?settlement, "fill booked");
            }
            EngineEvent::Refused { strategy, tag, token, refusal } => {
                let Some(equal) = self.refusals_since((*strategy, refusal.rule.as_str(), *token), at) else { return };
                let correlation = || named(self.session, seq);
                tracing::debug!(correlation = correlation(), strategy = strategy.0, tag, equal, %refusal, "intent refused");
            }
            _ => {}
        }
    }

    /// Counts a refusal. Returns the number of equal ones since the last line if a line is due.
    fn refusals_since(&mut self, kind: Kind, at: Time) -> Option<u64> {
        if let Some((last, equal)) = self.refused.get_mut(&kind) {
            if at.millis().saturating_sub(last.millis()) < REFUSALS_EVERY_MS {
                *equal = equal.saturating_add(1);
                return None;
            }
            *last = at;
            return Some(std::mem::take(equal));
        }
        if self.refused.len() >= KINDS_MAX {
            self.refused.clear();
        }
        self.refused.insert(kind, (at, 0));
        Some(0)
    }

    fn remember(&mut self, order: OrderId, cause: Seq) {
        self.causes.entry(order).or_insert(cause);
        if self.causes.len() > ORDERS_MAX {
            self.causes.pop_first();
        }
    }

    /// An order of an earlier session has its number instead of a cause.
    fn correlation(&self, order: OrderId) -> String {
        self.causes.get(&order).map_or_else(|| format!("carried-{}", order.0), |cause| named(self.session, *cause))
    }
}

fn named(session: SessionId, cause: Seq) -> String {
    format!("{}-{}", session.0, cause.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::StrategyId;

    #[test]
    fn equal_refusals_of_a_minute_have_one_line() {
        let mut trace = OrderTrace::new(SessionId(7));
        let mut since =
            |rule, seconds: u64| trace.refusals_since((StrategyId(1), rule, None), Time::from_millis(seconds * 1_000));
        assert_eq!(since("cash", 100), Some(0));
        assert_eq!((since("cash", 101), since("cash", 159)), (None, None));
        assert_eq!(since("rate", 159), Some(0), "another rule has its own line");
        assert_eq!(since("cash", 160), Some(2));
        assert_eq!(since("cash", 220), Some(0));
    }

    #[test]
    fn an_order_keeps_the_correlation_of_its_first_input() {
        let mut trace = OrderTrace::new(SessionId(7));
        trace.remember(OrderId(1), Seq(40));
        trace.remember(OrderId(1), Seq(41));
        assert_eq!(trace.correlation(OrderId(1)), "7-40");
        assert_eq!(trace.correlation(OrderId(2)), "carried-2");
        (0..=u64::try_from(ORDERS_MAX).unwrap_or(0)).for_each(|number| trace.remember(OrderId(number), Seq(number)));
        assert_eq!(trace.causes.len(), ORDERS_MAX);
    }
}
