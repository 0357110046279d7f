//! Strategies in the engine: their subscriptions and grants, their timers, and their answers.

use crate::effect::{Effect, Effects, EngineEvent};
use crate::markets::Listener;
use crate::orders::By;
use crate::risk::{OrderRequest, Origin, Refusal, Rule};
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
/// The most intents of one answer that are processed; the sandbox already refuses longer answers.
const INTENTS_MAX: usize = 1_024;

/// The strategies of the session.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Strategies {
    instances: BTreeMap<StrategyId, u32>,
    /// The time at which the running module was first loaded.
    since: BTreeMap<StrategyId, Time>,
    /// The subscriptions of each strategy.
    wants: BTreeMap<StrategyId, Wants>,
    /// Instances being replaced: their pending events and answers date from before the new instance began.
    leaving: BTreeMap<StrategyId, Leaving>,
    timers: BTreeMap<(StrategyId, u32), Time>,
    /// Regular timers: interval, and next due time.
    regular: BTreeMap<StrategyId, (u64, Time)>,
    /// The session state that was last sent to each strategy.
    pub(crate) notified: BTreeMap<StrategyId, SessionState>,
    /// Budgets set by operators, for strategies loaded or not; strategies without one are left out.
    budgets: BTreeMap<StrategyId, Budget>,
    /// Fuel per call for future instances, set by operators; strategies without it are left out.
    fuel: BTreeMap<StrategyId, u64>,
}

/// An instance that is being replaced.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Leaving {
    instance: u32,
    /// The time at which its module was first loaded.
    since: Option<Time>,
    /// Its subscriptions.
    wants: Option<Wants>,
}

impl Strategies {
    /// Returns the time at which a strategy's running module was first loaded.
    pub(crate) fn since(&self, strategy: StrategyId) -> Option<Time> {
        self.since.get(&strategy).copied()
    }

    /// Registers an announced instance. Answers of the replaced one are accepted until the new one answers.
    fn replace(&mut self, strategy: StrategyId, instance: u32, since: Time, wants: Wants) {
        let before = self.instances.insert(strategy, instance);
        let (since, wants) = (self.since.insert(strategy, since), self.wants.insert(strategy, wants));
        if let Some(instance) = before {
            self.leaving.insert(strategy, Leaving { instance, since, wants });
        }
    }

    /// Returns to the previous instance, because the last announced one did not start. Returns the previous one's
    /// subscriptions if it still runs; `None` if a newer instance was announced.
    fn retain(&mut self, strategy: StrategyId, instance: u32) -> Option<Option<Wants>> {
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

    /// Returns true if an answer of this instance is accepted; an answer of the newest one ends the acceptance of the
    /// previous instance.
    fn is_subscribed(&mut self, strategy: StrategyId, instance: u32) -> bool {
        if self.instances.get(&strategy) == Some(&instance) {
            self.leaving.remove(&strategy);
            return true;
        }
        self.leaving.get(&strategy).is_some_and(|leaving| leaving.instance == instance)
    }

    /// Sets the interval of a strategy's regular timer; 0 disables it.
    fn set_regular(&mut self, strategy: StrategyId, every: u64, now: Time) {
        if every == 0 {
            self.regular.remove(&strategy);
        } else {
            let every = every.max(TIMER_MIN_MICROS);
            self.regular.insert(strategy, (every, now.plus_micros(every)));
        }
    }

    /// Returns a strategy's budget.
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

    /// Returns true if a strategy is loaded.
    pub(crate) fn has(&self, strategy: StrategyId) -> bool {
        self.instances.contains_key(&strategy)
    }

    /// Returns all loaded strategies.
    pub(crate) fn ids(&self) -> impl Iterator<Item = StrategyId> + use<> {
        self.instances.keys().copied().collect::<Vec<_>>().into_iter()
    }
}

impl Engine {
    pub(crate) fn on_strategy(&mut self, change: &StrategyChange, effects: &mut Effects) {
        match change {
            StrategyChange::Loaded { strategy, instance, markets, since, wants, .. } => {
                // Timers, standing quotes and orders stay: the new instance continues from the old one's state.
                self.strategies.replace(*strategy, *instance, *since, *wants);
                self.strategies.set_regular(*strategy, wants.every_micros, self.now);
                self.grant(*strategy, markets, *wants);
                // Standing quotes and orders in markets that are no longer granted, such as ended ones, are withdrawn.
                let left = |who, token: TokenIx| who == *strategy && !markets.contains(&token.market());
                self.withdraw(left, effects);
                self.notify_start(*strategy, markets, wants, effects);
            }
            StrategyChange::Parameters { strategy, parameters } => {
                self.notify_loaded(*strategy, OwnEvent::Parameters { text: parameters.clone() }, effects);
            }
            StrategyChange::Signal { strategy, signal } => {
                self.notify_loaded(*strategy, OwnEvent::Signal(signal.clone()), effects);
            }
            StrategyChange::Budget { strategy, budget } => self.on_budget(*strategy, *budget, effects),
            StrategyChange::Fuel { strategy, most } => self.strategies.set_fuel(*strategy, *most),
            StrategyChange::Removed { strategy, reason } => {
                self.strategies.instances.remove(strategy);
                self.strategies.leaving.remove(strategy);
                self.strategies.timers.retain(|(who, _), _| who != strategy);
                self.strategies.set_regular(*strategy, 0, self.now);
                self.strategies.notified.remove(strategy);
                self.grant(*strategy, &[], Wants::FIRST);
                self.withdraw(|who, _| who == *strategy, effects);
                self.exit_orphan(*strategy, effects);
                let (strategy, reason) = (*strategy, reason.clone());
                effects.push(Effect::Event(EngineEvent::StrategyFault { strategy, reason }));
            }
            StrategyChange::Kept { strategy, instance, reason } => {
                if let Some(wants) = self.strategies.retain(*strategy, *instance) {
                    if let Some(wants) = wants {
                        self.strategies.set_regular(*strategy, wants.every_micros, self.now);
                        self.subscribe(*strategy, wants);
                    }
                    let (strategy, reason) = (*strategy, reason.clone());
                    effects.push(Effect::Event(EngineEvent::StrategyFault { strategy, reason }));
                }
            }
            StrategyChange::Saved { .. } => {}
        }
    }

    /// Sets a budget, and cancels bids that it no longer covers: filled, they would exceed the strategy's budget.
    /// Positions stay, because a hasty sale costs more than it saves.
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

    /// Returns the capital that a strategy binds in the worst case: the cost of its positions, and the reserves of its
    /// buys that may still be filled.
    pub fn capital_of(&self, strategy: StrategyId) -> Usd {
        let held = self.ledger.parts_of(strategy).fold(Usd::ZERO, |sum, (_, part)| sum.saturating_add(part.cost));
        held.saturating_add(self.orders.reserved_by(strategy))
    }

    /// Returns the current allowance of a strategy: the smaller of its budget and the session's limits.
    pub fn allowance_of(&self, strategy: StrategyId) -> Allowance {
        self.strategies.budget(strategy).within(&self.limits, self.portfolio_value())
    }

    /// Returns the operator's fuel per call for the next instance of a strategy; `None` if it is not set.
    pub fn fuel_of(&self, strategy: StrategyId) -> Option<u64> {
        self.strategies.fuel.get(&strategy).copied()
    }

    fn grant(&mut self, strategy: StrategyId, markets: &[MarketIx], wants: Wants) {
        let granted: BTreeSet<MarketIx> = markets.iter().copied().collect();
        for market in self.markets.numbers() {
            let Some(entry) = self.markets.get_mut(market) else { continue };
            entry.listeners.retain(|listener| listener.strategy != strategy);
            if granted.contains(&market) {
                entry.listeners.push(Listener { strategy, wants });
            }
        }
    }

    /// Sets a strategy's subscriptions in its granted markets.
    fn subscribe(&mut self, strategy: StrategyId, wants: Wants) {
        for market in self.markets.numbers() {
            let Some(entry) = self.markets.get_mut(market) else { continue };
            let own = entry.listeners.iter_mut().filter(|listener| listener.strategy == strategy);
            own.for_each(|listener| listener.wants = wants);
        }
    }

    pub(crate) fn on_answer(&mut self, answer: &StrategyAnswer, effects: &mut Effects) {
        let subscribed = self.strategies.is_subscribed(answer.strategy, answer.instance);
        if let Some(reason) = &answer.fault {
            let (strategy, reason) = (answer.strategy, reason.clone());
            effects.push(Effect::Event(EngineEvent::StrategyFault { strategy, reason }));
            if subscribed {
                self.clear_quotes(|who, _| who == strategy, effects);
            }
            // The end of an instance can overtake its last answer, whose fault counts all the same.
            self.record_fault(strategy, effects);
            return;
        }
        // Intents of a replaced instance are ignored.
        if !subscribed {
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
                let wish = OrderRequest { strategy, tag, token, side, price, size, kind, reason, fair, target, origin };
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
            // Orders of others, forged numbers and finished orders look the same to a strategy.
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
            return self.notify_refusal(strategy, tag, Some(token), refusal, effects);
        }
        self.targets.set(strategy, token, intent, legs);
        self.renew_quote(strategy, token, effects);
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
        let is_due = |at: &Time| *at <= now;
        let regular = self.strategies.regular.values().any(|(_, next)| is_due(next));
        // A change copies the table if a checkpoint shares it, so there is none without need.
        if !regular && !self.strategies.timers.values().any(is_due) {
            return;
        }
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
