//! Strategies as the engine knows them: what they may see, their timers, and their answers.

use crate::effect::{Effect, Effects, Record};
use crate::risk::{Origin, Refusal, Rule, Wish};
use crate::step::Engine;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use model::input::{StrategyAnswer, StrategyChange};
use model::{Intent, IntentKind, MarketIx, MarketState, NoteKind, OrderId, OwnEvent, Quote, StrategyId, Time, TokenIx};

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
    /// Instances that are being replaced: what they still hear, and say, was before the new one began. With when their module was first
    /// loaded.
    leaving: BTreeMap<StrategyId, (u32, Option<Time>)>,
    timers: BTreeMap<(StrategyId, u32), Time>,
}

impl Strategies {
    /// Returns when the module that a strategy runs was first loaded.
    pub(crate) fn since(&self, strategy: StrategyId) -> Option<Time> {
        self.since.get(&strategy).copied()
    }

    /// An instance is announced. The one that it replaces is heard until the new one says something.
    fn replace(&mut self, strategy: StrategyId, instance: u32, since: Time) {
        let before = self.instances.insert(strategy, instance);
        let since = self.since.insert(strategy, since);
        if let Some(before) = before {
            self.leaving.insert(strategy, (before, since));
        }
    }

    /// The instance that was announced last did not start; says whether it is still the last.
    fn keep(&mut self, strategy: StrategyId, instance: u32) -> bool {
        if self.instances.get(&strategy) != Some(&instance) {
            return false;
        }
        if let Some((_, Some(since))) = self.leaving.remove(&strategy) {
            self.since.insert(strategy, since);
        }
        true
    }

    /// Says whether an answer of this instance means anything, and forgets the instance before it if it is the newest.
    fn hears(&mut self, strategy: StrategyId, instance: u32) -> bool {
        if self.instances.get(&strategy) == Some(&instance) {
            self.leaving.remove(&strategy);
            return true;
        }
        self.leaving.get(&strategy).is_some_and(|(leaving, _)| *leaving == instance)
    }

    /// Returns all that are loaded.
    pub(crate) fn ids(&self) -> impl Iterator<Item = StrategyId> + use<> {
        self.instances.keys().copied().collect::<Vec<_>>().into_iter()
    }
}

impl Engine {
    pub(crate) fn on_strategy(&mut self, change: &StrategyChange, effects: &mut Effects) {
        match change {
            StrategyChange::Loaded { strategy, instance, markets, since, .. } => {
                // Timers, targets and orders stay: the new instance goes on from the old one's state.
                self.strategies.replace(*strategy, *instance, *since);
                self.grant(*strategy, markets);
                // What it may not see any more, such as a market that has ended, it does not trade either.
                let left = |who, token: TokenIx| who == *strategy && !markets.contains(&token.market());
                self.withdraw(left, effects);
                self.tell_beginning(*strategy, markets, effects);
            }
            StrategyChange::Removed { strategy, reason } => {
                self.strategies.instances.remove(strategy);
                self.strategies.leaving.remove(strategy);
                self.strategies.timers.retain(|(who, _), _| who != strategy);
                self.grant(*strategy, &[]);
                self.withdraw(|who, _| who == *strategy, effects);
                self.exit_orphan(*strategy, effects);
                let (strategy, reason) = (*strategy, reason.clone());
                effects.push(Effect::Record(Record::StrategyFault { strategy, reason }));
            }
            StrategyChange::Kept { strategy, instance, reason } => {
                if self.strategies.keep(*strategy, *instance) {
                    let (strategy, reason) = (*strategy, reason.clone());
                    effects.push(Effect::Record(Record::StrategyFault { strategy, reason }));
                }
            }
            StrategyChange::Saved { .. } => {}
        }
    }

    fn grant(&mut self, strategy: StrategyId, markets: &[MarketIx]) {
        let granted: BTreeSet<MarketIx> = markets.iter().copied().collect();
        for (market, entry) in self.markets.iter_mut() {
            entry.listeners.retain(|listener| *listener != strategy);
            if granted.contains(&market) {
                entry.listeners.push(strategy);
            }
        }
    }

    /// Tells a new instance what it needs to begin: whether the bot trades, and every book as it stands.
    fn tell_beginning(&self, strategy: StrategyId, markets: &[MarketIx], effects: &mut Effects) {
        let trading = self.state == crate::BotState::Running;
        effects.push(Effect::NotifyOwn { strategy, event: OwnEvent::Session { trading } });
        for token in markets.iter().flat_map(|market| [market.token(0), market.token(1)]) {
            let state = self.markets.state(token, self.now, self.limits.stale_after_micros);
            let Some(book) = self.markets.token(token).map(|state| &state.book) else {
                continue;
            };
            if state == MarketState::Open {
                let kind = NoteKind::Top { bid: book.best_bid(), ask: book.best_ask() };
                let note = model::MarketNote { token, venue_time: self.now, host_time: self.now, kind };
                effects.push(Effect::NotifyMarket { strategy, note });
            }
        }
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
            IntentKind::CancelAll { token: None } => self.withdraw(|who, _| who == strategy, effects),
            IntentKind::CancelAll { token: Some(token) } => {
                self.withdraw(|who, what| who == strategy && what == token, effects);
            }
            IntentKind::Quote { token, bid, ask } => self.on_quote(strategy, intent, token, [bid, ask], effects),
            IntentKind::SetTimer { timer, at } => self.set_timer(strategy, tag, timer, at, effects),
        }
    }

    fn cancel_own(&mut self, strategy: StrategyId, tag: u64, order: OrderId, effects: &mut Effects) {
        match self.orders.get(order) {
            Some(entry) if entry.order.strategy == strategy && entry.is_open() => self.cancel(order, effects),
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
        let granted = self.markets.of_token(token).is_some_and(|entry| entry.listeners.contains(&strategy));
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
    }
}
