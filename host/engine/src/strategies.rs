//! Strategies as the engine knows them: what they may see, their timers, and their answers.

use crate::effect::{Effect, Effects, Record};
use crate::markets::Listener;
use crate::orders::By;
use crate::risk::{Origin, Refusal, Rule, Wish};
use crate::step::Engine;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use model::input::{StrategyAnswer, StrategyChange};
use model::wants::TIMER_MIN_MICROS;
use model::{
    Allowance, Budget, Intent, IntentKind, MarketIx, OrderId, OwnEvent, Quote, REGULAR_TIMER, SessionState, Side,
    StrategyId, Time, TokenIx, Usd, Wants,
};

/// The most timers of one strategy.
const TIMERS_MAX: usize = 64;
/// The most intents of one answer that are heard; the sandbox refuses longer answers before.
const INTENTS_MAX: usize = 1_024;

/// The strategies of the session.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Strategies {
    instances: BTreeMap<StrategyId, u32>,
    /// When the module that runs was first loaded.
    since: BTreeMap<StrategyId, Time>,
    /// What each wants to hear.
    wants: BTreeMap<StrategyId, Wants>,
    /// Instances that are being replaced: what they still hear, and say, was before the new one began.
    leaving: BTreeMap<StrategyId, Leaving>,
    timers: BTreeMap<(StrategyId, u32), Time>,
    /// Regular timers: how often, and when next.
    regular: BTreeMap<StrategyId, (u64, Time)>,
    /// What each was last told that its intents can lead to.
    pub(crate) told: BTreeMap<StrategyId, SessionState>,
    /// What operators leave to them, whether they are loaded or not; those of whom nothing is said are left out.
    budgets: BTreeMap<StrategyId, Budget>,
    /// The fuel of a call that they leave to instances to come; of the others nothing is said.
    fuel: BTreeMap<StrategyId, u64>,
}

/// An instance that is being replaced.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Leaving {
    instance: u32,
    /// When its module was first loaded.
    since: Option<Time>,
    /// What it wants to hear.
    wants: Option<Wants>,
}

impl Strategies {
    /// Returns when the module that a strategy runs was first loaded.
    pub(crate) fn since(&self, strategy: StrategyId) -> Option<Time> {
        self.since.get(&strategy).copied()
    }

    /// An instance is announced. The one that it replaces is heard until the new one says something.
    fn replace(&mut self, strategy: StrategyId, instance: u32, since: Time, wants: Wants) {
        let before = self.instances.insert(strategy, instance);
        let (since, wants) = (self.since.insert(strategy, since), self.wants.insert(strategy, wants));
        if let Some(instance) = before {
            self.leaving.insert(strategy, Leaving { instance, since, wants });
        }
    }

    /// The instance that was announced last did not start, so the one before it goes on. Returns what that one wants to hear, if it is
    /// still heard; `None` if something newer was announced.
    fn keep(&mut self, strategy: StrategyId, instance: u32) -> Option<Option<Wants>> {
        if self.instances.get(&strategy) != Some(&instance) {
            return None;
        }
        let before = self.leaving.remove(&strategy);
        if let Some(since) = before.and_then(|before| before.since) {
            self.since.insert(strategy, since);
        }
        let wants = before.and_then(|before| before.wants);
        if let Some(wants) = wants {
            self.wants.insert(strategy, wants);
        }
        Some(wants)
    }

    /// Says whether an answer of this instance means anything, and forgets the instance before it if it is the newest.
    fn hears(&mut self, strategy: StrategyId, instance: u32) -> bool {
        if self.instances.get(&strategy) == Some(&instance) {
            self.leaving.remove(&strategy);
            return true;
        }
        self.leaving.get(&strategy).is_some_and(|leaving| leaving.instance == instance)
    }

    /// Sets how often a strategy's regular timer is due; 0 ends it.
    fn set_regular(&mut self, strategy: StrategyId, every: u64, now: Time) {
        if every == 0 {
            self.regular.remove(&strategy);
        } else {
            let every = every.max(TIMER_MIN_MICROS);
            self.regular.insert(strategy, (every, now.plus_micros(every)));
        }
    }

    /// Returns what its operator leaves to a strategy.
    pub(crate) fn budget(&self, strategy: StrategyId) -> Budget {
        self.budgets.get(&strategy).copied().unwrap_or_default()
    }

    fn set_budget(&mut self, strategy: StrategyId, budget: Budget) {
        if budget == Budget::NONE {
            self.budgets.remove(&strategy);
        } else {
            self.budgets.insert(strategy, budget);
        }
    }

    fn set_fuel(&mut self, strategy: StrategyId, most: Option<u64>) {
        self.fuel.remove(&strategy);
        self.fuel.extend(most.map(|most| (strategy, most)));
    }

    /// Says whether a strategy is loaded.
    pub(crate) fn has(&self, strategy: StrategyId) -> bool {
        self.instances.contains_key(&strategy)
    }

    /// Returns all that are loaded.
    pub(crate) fn ids(&self) -> impl Iterator<Item = StrategyId> + use<> {
        self.instances.keys().copied().collect::<Vec<_>>().into_iter()
    }
}

impl Engine {
    pub(crate) fn on_strategy(&mut self, change: &StrategyChange, effects: &mut Effects) {
        match change {
            StrategyChange::Loaded { strategy, instance, markets, since, wants, .. } => {
                // Timers, targets and orders stay: the new instance goes on from the old one's state.
                self.strategies.replace(*strategy, *instance, *since, *wants);
                self.strategies.set_regular(*strategy, wants.every_micros, self.now);
                self.grant(*strategy, markets, *wants);
                // What it may not see any more, such as a market that has ended, it does not trade either.
                let left = |who, token: TokenIx| who == *strategy && !markets.contains(&token.market());
                self.withdraw(left, effects);
                self.tell_beginning(*strategy, markets, wants, effects);
            }
            StrategyChange::Parameters { strategy, parameters } => {
                self.tell_loaded(*strategy, OwnEvent::Parameters { text: parameters.clone() }, effects);
            }
            StrategyChange::Signal { strategy, signal } => {
                self.tell_loaded(*strategy, OwnEvent::Signal(signal.clone()), effects);
            }
            StrategyChange::Budget { strategy, budget } => self.on_budget(*strategy, *budget, effects),
            StrategyChange::Fuel { strategy, most } => self.strategies.set_fuel(*strategy, *most),
            StrategyChange::Removed { strategy, reason } => {
                self.strategies.instances.remove(strategy);
                self.strategies.leaving.remove(strategy);
                self.strategies.timers.retain(|(who, _), _| who != strategy);
                self.strategies.set_regular(*strategy, 0, self.now);
                self.strategies.told.remove(strategy);
                self.grant(*strategy, &[], Wants::FIRST);
                self.withdraw(|who, _| who == *strategy, effects);
                self.exit_orphan(*strategy, effects);
                let (strategy, reason) = (*strategy, reason.clone());
                effects.push(Effect::Record(Record::StrategyFault { strategy, reason }));
            }
            StrategyChange::Kept { strategy, instance, reason } => {
                if let Some(wants) = self.strategies.keep(*strategy, *instance) {
                    if let Some(wants) = wants {
                        self.strategies.set_regular(*strategy, wants.every_micros, self.now);
                        self.hear(*strategy, wants);
                    }
                    let (strategy, reason) = (*strategy, reason.clone());
                    effects.push(Effect::Record(Record::StrategyFault { strategy, reason }));
                }
            }
            StrategyChange::Saved { .. } => {}
        }
    }

    /// Takes a budget, and takes bids back that it does not cover any more: filled, they would spend what the strategy has no right to.
    /// What it holds already stays, for a sale in haste costs more than it saves.
    fn on_budget(&mut self, strategy: StrategyId, budget: Budget, effects: &mut Effects) {
        self.strategies.set_budget(strategy, budget);
        if budget.capital.is_some_and(|capital| self.capital_of(strategy) > capital) {
            self.cancel_where(
                |entry| entry.order.strategy == strategy && entry.order.side == Side::Buy,
                By::Host,
                effects,
            );
        }
        effects.push(Effect::Answered { refused: None });
    }

    /// Returns the capital that a strategy binds at worst: what its positions cost, and what its buys that may still be filled hold back.
    pub fn capital_of(&self, strategy: StrategyId) -> Usd {
        let held = self.ledger.parts_of(strategy).fold(Usd::ZERO, |sum, (_, part)| sum.saturating_add(part.cost));
        held.saturating_add(self.orders.reserved_by(strategy))
    }

    /// Returns what a strategy may use now: the smaller of its budget and the session's limits.
    pub fn allowance_of(&self, strategy: StrategyId) -> Allowance {
        self.strategies.budget(strategy).within(&self.limits, self.portfolio_value())
    }

    /// Returns the fuel of a call that its operator leaves to the next instance of a strategy; none if nothing is said.
    pub fn fuel_of(&self, strategy: StrategyId) -> Option<u64> {
        self.strategies.fuel.get(&strategy).copied()
    }

    fn grant(&mut self, strategy: StrategyId, markets: &[MarketIx], wants: Wants) {
        let granted: BTreeSet<MarketIx> = markets.iter().copied().collect();
        for (market, entry) in self.markets.iter_mut() {
            entry.listeners.retain(|listener| listener.strategy != strategy);
            if granted.contains(&market) {
                entry.listeners.push(Listener { strategy, wants });
            }
        }
    }

    /// Sets what a strategy hears of the markets that it has.
    fn hear(&mut self, strategy: StrategyId, wants: Wants) {
        let entries = self.markets.iter_mut().flat_map(|(_, entry)| entry.listeners.iter_mut());
        entries.filter(|listener| listener.strategy == strategy).for_each(|listener| listener.wants = wants);
    }

    pub(crate) fn on_answer(&mut self, answer: &StrategyAnswer, effects: &mut Effects) {
        // An answer of an instance that is gone means nothing any more.
        if !self.strategies.hears(answer.strategy, answer.instance) {
            return;
        }
        if let Some(reason) = &answer.fault {
            let (strategy, reason) = (answer.strategy, reason.clone());
            effects.push(Effect::Record(Record::StrategyFault { strategy, reason }));
            self.clear_targets(|who, _| who == strategy, effects);
            self.note_fault(strategy, effects);
            return;
        }
        for intent in answer.intents.iter().take(INTENTS_MAX) {
            self.on_intent(answer.strategy, intent, effects);
        }
    }

    fn on_intent(&mut self, strategy: StrategyId, intent: &Intent, effects: &mut Effects) {
        let (tag, reason, fair) = (intent.tag, intent.reason.clone(), intent.fair);
        match intent.kind {
            IntentKind::Place { token, side, price, size, kind } => {
                let (target, origin) = (false, Origin::Strategy);
                let wish = Wish { strategy, tag, token, side, price, size, kind, reason, fair, target, origin };
                self.submit(wish, effects);
            }
            IntentKind::Cancel { order } => self.cancel_own(strategy, tag, order, effects),
            IntentKind::CancelAll { token: None } => self.withdraw_by(By::Wish, |who, _| who == strategy, effects),
            IntentKind::CancelAll { token: Some(token) } => {
                self.withdraw_by(By::Wish, |who, what| who == strategy && what == token, effects);
            }
            IntentKind::Quote { token, bid, ask } => self.on_quote(strategy, intent, token, [bid, ask], effects),
            IntentKind::SetTimer { timer, at } => self.set_timer(strategy, tag, timer, at, effects),
        }
    }

    fn cancel_own(&mut self, strategy: StrategyId, tag: u64, order: OrderId, effects: &mut Effects) {
        match self.orders.get(order) {
            Some(entry) if entry.order.strategy == strategy && entry.is_open() => self.cancel(order, By::Wish, effects),
            // Orders of others, forged numbers and orders that are over look the same to a strategy.
            _ => self.refuse(strategy, tag, Rule::UnknownOrder, order.0, effects),
        }
    }

    fn on_quote(
        &mut self,
        strategy: StrategyId,
        intent: &Intent,
        token: TokenIx,
        legs: [Option<Quote>; 2],
        effects: &mut Effects,
    ) {
        let tag = intent.tag;
        let granted = self.markets.of_token(token).is_some_and(|entry| entry.is_granted(strategy));
        if !granted {
            return self.refuse(strategy, tag, Rule::UnknownMarket, token.0.into(), effects);
        }
        if self.state != crate::BotState::Running {
            let refusal = Refusal { rule: Rule::NotRunning, value: 0, limit: 1 };
            return self.tell_refusal(strategy, tag, Some(token), refusal, effects);
        }
        self.targets.set(strategy, token, intent, legs);
        self.renew_target(strategy, token, effects);
    }

    fn set_timer(&mut self, strategy: StrategyId, tag: u64, timer: u32, at: Time, effects: &mut Effects) {
        let key = (strategy, timer);
        if at == Time(0) {
            self.strategies.timers.remove(&key);
            return;
        }
        let used = self.strategies.timers.keys().filter(|(who, _)| *who == strategy).count();
        if used >= TIMERS_MAX && !self.strategies.timers.contains_key(&key) {
            return self.refuse(strategy, tag, Rule::Timers, timer.into(), effects);
        }
        self.strategies.timers.insert(key, at);
    }

    pub(crate) fn fire_timers(&mut self, effects: &mut Effects) {
        let now = self.now;
        self.strategies.timers.retain(|(strategy, timer), at| {
            let due = *at <= now;
            if due {
                let event = OwnEvent::Timer { timer: *timer };
                effects.push(Effect::NotifyOwn { strategy: *strategy, event });
            }
            !due
        });
        for (strategy, (every, next)) in &mut self.strategies.regular {
            if *next <= now {
                *next = now.plus_micros(*every);
                let event = OwnEvent::Timer { timer: REGULAR_TIMER };
                effects.push(Effect::NotifyOwn { strategy: *strategy, event });
            }
        }
    }
}
