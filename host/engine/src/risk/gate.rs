//! The gate itself: every order passes through it, whatever its origin.

use super::approved::{Approved, Placement};
use super::refusal::{Refusal, Rule};
use super::rules::{Check, RULES, refusal};
use crate::account::reserve_of;
use crate::breakers::Trip;
use crate::effect::{Effect, Effects, EngineEvent};
use crate::orders::OrderEntry;
use crate::step::{Engine, Purpose};
use alloc::format;
use model::event::Reason;
use model::input::Breaker;
use model::{NewOrder, OrderId, OrderKind, OrderState, OwnEvent, Price, Side, Size, StrategyId, TokenIx};

/// The lifetime of an approval: the state on which it was decided becomes outdated.
const APPROVAL_MICROS: u64 = 250_000;
/// Salts are sent as JSON numbers.
const SALT_BITS: u64 = (1 << 53) - 1;

/// The origin of an order request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A strategy, by an intent or a standing quote.
    Strategy,
    /// The host's own guard, which closes a position.
    Guard,
}

/// An order request, before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct OrderRequest {
    pub(crate) strategy: StrategyId,
    pub(crate) tag: u64,
    pub(crate) token: TokenIx,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) size: Size,
    pub(crate) kind: OrderKind,
    pub(crate) reason: Reason,
    /// The strategy's fair value of a share, if it gave one.
    pub(crate) fair: Option<Price>,
    /// True if it is one leg of a standing quote.
    pub(crate) target: bool,
    pub(crate) origin: Origin,
}

impl Engine {
    /// Checks an order without placing it.
    fn judge(&self, order: &NewOrder, wish: &OrderRequest) -> Result<(), Refusal> {
        let check = Check::new(self, order, wish.origin, wish.target, wish.fair)?;
        RULES.iter().try_for_each(|rule| rule(&check))
    }

    /// Sends an order request through the gate. If approved, it becomes a pending order and an effect; if refused, the
    /// refusal is recorded and its strategy is notified right here.
    pub(crate) fn submit(&mut self, wish: OrderRequest, effects: &mut Effects) -> Option<OrderId> {
        let order = NewOrder {
            id: self.orders.next_id(),
            strategy: wish.strategy,
            tag: wish.tag,
            token: wish.token,
            side: wish.side,
            price: wish.price,
            size: wish.size,
            kind: wish.kind,
        };
        self.habits.forget_old_placements(self.now);
        let judged = self.judge(&order, &wish);
        if wish.origin == Origin::Strategy && !wish.target {
            self.habits.record_placement(&order, self.now);
        }
        if let Err(refusal) = judged {
            self.notify_refusal(order.strategy, order.tag, Some(order.token), refusal, effects);
            if refusal.rule == Rule::Repeats {
                let reason = format!("{} equal placements within 10 s, the limit is {}", refusal.value, refusal.limit);
                self.trip(Trip::strategy(Breaker::RepeatedExecution, order.strategy, reason), effects);
            }
            return None;
        }
        self.rate.record(self.now);
        self.habits.record_sent(order.strategy, self.now);
        let pending = OrderEntry::new(order, OrderState::Pending, self.now);
        let exit = wish.origin == Origin::Guard;
        let entry = OrderEntry { reason: wish.reason, target: wish.target, exit, ..pending };
        let reserve = reserve_of(&self.markets, &entry);
        let salt = salt(self.salt_seed, order.id);
        let placement = Placement { order, salt, timestamp_ms: self.now.millis() };
        let signs = self.purpose == Purpose::Trade;
        let expires = self.now.plus_micros(APPROVAL_MICROS);
        self.notify_order(&entry, effects);
        self.orders.insert(entry, reserve);
        effects.push(Effect::Place(Approved::new(placement, self.session, self.cause, expires, signs)));
        Some(order.id)
    }

    /// Records a refusal and notifies the strategy.
    pub(crate) fn notify_refusal(
        &self,
        strategy: StrategyId,
        tag: u64,
        token: Option<TokenIx>,
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        effects.push(Effect::Event(EngineEvent::Refused { strategy, tag, token, refusal }));
        let Refusal { rule, value, limit } = refusal;
        let event = OwnEvent::Refused { tag, rule: rule.as_str(), value, limit };
        effects.push(Effect::NotifyOwn { strategy, event });
    }

    /// Refuses an intent that does not lead to an order which the rules could check.
    pub(crate) fn refuse(&self, strategy: StrategyId, tag: u64, rule: Rule, value: u64, effects: &mut Effects) {
        self.notify_refusal(strategy, tag, None, refusal(rule, value, 0u32), effects);
    }
}

/// Returns the salt of an order: a permutation of its number under the session's seed (SplitMix64), cut to 53 bits.
fn salt(seed: u64, order: OrderId) -> u64 {
    let mut z = seed.wrapping_add(order.0.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) & SALT_BITS
}
