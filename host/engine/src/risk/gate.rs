//! The gate itself: every order passes here, whoever wants it.

use super::approved::{Approved, Placement};
use super::refusal::{Refusal, Rule};
use super::rules::{Check, RULES, refusal};
use crate::breakers::Trip;
use crate::effect::{Effect, Effects, Record};
use crate::orders::OrderEntry;
use crate::step::{Engine, Purpose};
use alloc::format;
use model::event::Reason;
use model::input::Breaker;
use model::{NewOrder, OrderId, OrderKind, OrderState, OwnEvent, Price, Side, Size, StrategyId, TokenIx};

/// How long an approval is good for. The state it was judged by grows old.
const APPROVAL_MICROS: u64 = 250_000;
/// Salts travel as JSON numbers.
const SALT_BITS: u64 = (1 << 53) - 1;

/// Who wants an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A strategy, by an intent or a standing quote.
    Strategy,
    /// The host's own guard, which closes a position.
    Guard,
}

/// An order that somebody wants, before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) strategy: StrategyId,
    pub(crate) tag: u64,
    pub(crate) token: TokenIx,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) size: Size,
    pub(crate) kind: OrderKind,
    pub(crate) reason: Reason,
    /// What the strategy thinks that a share is worth, if it says so.
    pub(crate) fair: Option<Price>,
    /// Whether it is one leg of a standing quote.
    pub(crate) target: bool,
    pub(crate) origin: Origin,
}

impl Engine {
    /// Judges an order without placing it.
    fn judge(&self, order: &NewOrder, wish: &Wish) -> Result<(), Refusal> {
        let check = Check::new(self, order, wish.origin, wish.target, wish.fair)?;
        RULES.iter().try_for_each(|rule| rule(&check))
    }

    /// Sends a wish through the gate. Approved, it becomes a pending order and an effect; refused, it is recorded and
    /// its strategy is told, here already.
    pub(crate) fn submit(&mut self, wish: Wish, effects: &mut Effects) -> Option<OrderId> {
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
        self.habits.forget_old_wishes(self.now);
        let judged = self.judge(&order, &wish);
        if wish.origin == Origin::Strategy && !wish.target {
            self.habits.note_wish(&order, self.now);
        }
        if let Err(refusal) = judged {
            self.tell_refusal(order.strategy, order.tag, Some(order.token), refusal, effects);
            if refusal.rule == Rule::Repeats {
                let reason = format!("{} equal placements within 10 s, the limit is {}", refusal.value, refusal.limit);
                self.trip(Trip::strategy(Breaker::RepeatedExecution, order.strategy, reason), effects);
            }
            return None;
        }
        self.rate.note(self.now);
        self.habits.note_sent(order.strategy, self.now);
        let pending = OrderEntry::new(order, OrderState::Pending, self.now);
        let exit = wish.origin == Origin::Guard;
        let entry = OrderEntry { reason: wish.reason, target: wish.target, exit, ..pending };
        let reserve = self.reserve_of(&entry);
        let salt = salt(self.salt_seed, order.id);
        let placement = Placement { order, salt, timestamp_ms: self.now.millis() };
        let signs = self.purpose == Purpose::Trade;
        let expires = self.now.plus_micros(APPROVAL_MICROS);
        self.tell_order(&entry, effects);
        self.orders.insert(entry, reserve);
        effects.push(Effect::Place(Approved::new(placement, self.session, self.cause, expires, signs)));
        Some(order.id)
    }

    /// Records a refusal and tells the strategy.
    pub(crate) fn tell_refusal(
        &self,
        strategy: StrategyId,
        tag: u64,
        token: Option<TokenIx>,
        refusal: Refusal,
        effects: &mut Effects,
    ) {
        effects.push(Effect::Record(Record::Refused { strategy, tag, token, refusal }));
        let Refusal { rule, value, limit } = refusal;
        let event = OwnEvent::Refused { tag, rule: rule.as_str(), value, limit };
        effects.push(Effect::NotifyOwn { strategy, event });
    }

    /// Refuses an intent that is about no order that could be judged.
    pub(crate) fn refuse(&self, strategy: StrategyId, tag: u64, rule: Rule, value: u64, effects: &mut Effects) {
        self.tell_refusal(strategy, tag, None, refusal(rule, value, 0u32), effects);
    }
}

/// Returns the salt of an order: a permutation of its number under the session's seed (SplitMix64), cut to 53 bits.
fn salt(seed: u64, order: OrderId) -> u64 {
    let mut z = seed.wrapping_add(order.0.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) & SALT_BITS
}
