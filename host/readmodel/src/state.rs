//! The state itself: the engine's records as API views.

mod refusals;
mod shown;
mod strategies;

use crate::input::{Begin, Top, Unstored};
use crate::views::{
    BotStateView, BotView, BreakerView, MarketStateView, MarketView, OrderView, PnlPoint, PnlView, PositionView,
    RefusalView, RestrictionLevelView, RestrictionView, SkippedFileView, StrategyView, TokenView, TradeView, Update,
};
use engine::EngineEvent;
use model::input::{Breaker, Channel, Restriction, Scope, Settlement};
use model::{
    ConditionId, Market, MarketIx, NewOrder, OrderId, OrderState, Size, StrategyId, Time, TokenIx, VenueOrderId,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Points of the plot, one per second.
const HISTORY_MAX: usize = 1_440;
const TRADES_MAX: usize = 100;
/// Ids of orders whose first record has not arrived yet.
const EARLY_MAX: usize = 1_024;
/// The shortest interval between two streamed tops of a market, in microseconds.
const TOP_MICROS: u64 = 500_000;

#[derive(Debug, Default)]
struct BreakerState {
    scopes: BTreeSet<Scope>,
    reason: String,
    since_ms: Option<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    bot: BotView,
    pnl: PnlView,
    history: VecDeque<PnlPoint>,
    positions: BTreeMap<TokenIx, Arc<PositionView>>,
    orders: BTreeMap<OrderId, Arc<OrderView>>,
    early: BTreeMap<OrderId, VenueOrderId>,
    trades: VecDeque<Arc<TradeView>>,
    refusals: VecDeque<Arc<RefusalView>>,
    strategies: BTreeMap<StrategyId, Arc<StrategyView>>,
    skipped_files: Vec<SkippedFileView>,
    breakers: BTreeMap<Breaker, BreakerState>,
    markets: Vec<Arc<MarketView>>,
    /// The condition of each market, and whether it is a negative-risk market.
    conditions: Vec<(ConditionId, bool)>,
    top_sent_at: Vec<Time>,
    unstored: BTreeMap<Unstored, Vec<String>>,
}

impl State {
    pub(super) fn new(begin: &Begin) -> Self {
        let bot = BotView {
            state: BotStateView::Stopped,
            restriction: RestrictionLevelView::None,
            reason: String::new(),
            mode: begin.mode,
            session: begin.session,
            started_at_ms: begin.at.millis(),
            market_channel_up: false,
            user_channel_up: false,
            events: 0,
            restrictions: Vec::new(),
            unstored: Vec::new(),
        };
        Self {
            bot,
            pnl: PnlView::default(),
            history: VecDeque::new(),
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            early: BTreeMap::new(),
            trades: VecDeque::new(),
            refusals: VecDeque::new(),
            strategies: BTreeMap::new(),
            skipped_files: Vec::new(),
            breakers: Breaker::ALL.into_iter().map(|breaker| (breaker, BreakerState::default())).collect(),
            markets: Vec::new(),
            conditions: Vec::new(),
            top_sent_at: Vec::new(),
            unstored: BTreeMap::new(),
        }
    }

    pub(super) fn bot(&self) -> BotView {
        self.bot.clone()
    }

    /// Updates the operators' restrictions; no change if they are the same as before.
    pub(super) fn restrictions(&mut self, now: impl Iterator<Item = (Scope, Restriction)>) -> Option<Update> {
        let view = |(scope, restriction): (Scope, Restriction)| RestrictionView {
            scope: match scope {
                Scope::Session => "session".to_owned(),
                Scope::Market(_) => format!("market:{}", self.scope_name(scope)),
                Scope::Strategy(_) => format!("strategy:{}", self.scope_name(scope)),
            },
            restriction: restriction.into(),
        };
        let now: Vec<RestrictionView> = now.map(view).collect();
        if self.bot.restrictions == now {
            return None;
        }
        self.bot.restrictions = now;
        Some(Update::Bot(self.bot.clone()))
    }

    /// Returns the slug or the name of a scope; empty for the session.
    pub(super) fn scope_name(&self, scope: Scope) -> String {
        match scope {
            Scope::Session => String::new(),
            Scope::Market(market) => self.markets.get(market.index()).map_or("?", |view| view.slug.as_str()).to_owned(),
            Scope::Strategy(strategy) => self.strategy_name(strategy),
        }
    }

    pub(super) fn history(&self) -> Vec<PnlPoint> {
        self.history.iter().cloned().collect()
    }

    pub(super) fn add_market(&mut self, market: &Market) -> Option<Update> {
        let token = |place: usize| TokenView {
            token: market.tokens.get(place).map(ToString::to_string).unwrap_or_default(),
            outcome: market.outcomes.get(place).cloned().unwrap_or_default(),
            bid_micro_usd: None,
            ask_micro_usd: None,
            last_micro_usd: None,
        };
        let view = MarketView {
            slug: market.slug.clone(),
            question: market.question.clone(),
            condition: market.condition.to_string(),
            state: MarketStateView::Blind,
            tick_micro_usd: market.tick.micros(),
            tokens: vec![token(0), token(1)],
        };
        self.markets.push(Arc::new(view.clone()));
        self.conditions.push((market.condition, market.neg_risk));
        self.top_sent_at.push(Time(0));
        Some(Update::Market(view))
    }

    pub(super) fn best(&self, token: TokenIx) -> Option<(Option<u32>, Option<u32>)> {
        let view = self.token(token)?.1;
        Some((view.bid_micro_usd, view.ask_micro_usd))
    }

    pub(super) fn top(&mut self, at: Time, token: TokenIx, top: &Top) -> Option<Update> {
        let place = token.market().index();
        let market = Arc::make_mut(self.markets.get_mut(place)?);
        market.state = top.state.into();
        market.tick_micro_usd = top.tick.micros();
        let view = market.tokens.get_mut(usize::try_from(token.outcome()).ok()?)?;
        view.bid_micro_usd = top.bid.map(|level| level.price.micros());
        view.ask_micro_usd = top.ask.map(|level| level.price.micros());
        view.last_micro_usd = top.last.map(model::Price::micros);
        let top_sent_at = self.top_sent_at.get_mut(place)?;
        if at.since(*top_sent_at) < TOP_MICROS {
            return None;
        }
        *top_sent_at = at;
        Some(Update::Market(market.clone()))
    }

    /// Updates the decisions that are in effect but not stored yet; no change if they are the same as before.
    pub(super) fn unstored(&mut self, unstored: Unstored, names: Vec<String>) -> Option<Update> {
        self.unstored.insert(unstored, names);
        let now: Vec<String> = self.unstored.values().flatten().cloned().collect();
        if self.bot.unstored == now {
            return None;
        }
        self.bot.unstored = now;
        Some(Update::Bot(self.bot.clone()))
    }

    /// Updates the reason of the emergency stop in force.
    pub(super) fn halt_reason(&mut self, reason: &str) -> Option<Update> {
        if self.bot.restriction != RestrictionLevelView::Halted {
            return None;
        }
        reason.clone_into(&mut self.bot.reason);
        Some(Update::Bot(self.bot.clone()))
    }

    pub(super) fn channel(&mut self, channel: Channel, up: bool) -> Update {
        match channel {
            Channel::Market => self.bot.market_channel_up = up,
            Channel::User => self.bot.user_channel_up = up,
        }
        Update::Bot(self.bot.clone())
    }

    pub(super) fn events(&mut self, events: u64) -> Option<Update> {
        let before = std::mem::replace(&mut self.bot.events, events);
        (before != events).then(|| Update::Bot(self.bot.clone()))
    }

    pub(super) fn pnl(&mut self, pnl: PnlView) -> Update {
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(PnlPoint { at_ms: pnl.at_ms, profit_micro_usd: pnl.profit_micro_usd });
        self.pnl = pnl;
        Update::Pnl(self.pnl.clone())
    }

    pub(super) fn value_position(&mut self, position: PositionView) -> Option<Update> {
        let token = self.token_of(&position.token)?;
        let old = self
            .positions
            .entry(token)
            .or_insert_with(|| Arc::new(PositionView { value_micro_usd: -1, ..position.clone() }));
        let same = (old.bid_micro_usd, old.value_micro_usd) == (position.bid_micro_usd, position.value_micro_usd)
            && old.owners == position.owners;
        *old = Arc::new(position.clone());
        (!same).then_some(Update::Position(position))
    }

    /// Removes a position that is not among these: it disappeared without a trade.
    pub(super) fn gone(&mut self, held: &[String]) -> Option<Update> {
        let token = self.positions.iter().find(|(_, view)| !held.contains(&view.token)).map(|(token, _)| *token)?;
        let view = Arc::unwrap_or_clone(self.positions.remove(&token)?);
        Some(Update::Position(PositionView { size_micros: 0, ..view }))
    }

    pub(super) fn venue_id(&mut self, order: OrderId, venue: VenueOrderId) -> Option<Update> {
        if let Some(view) = self.orders.get_mut(&order) {
            let view = Arc::make_mut(view);
            view.venue_id = venue.to_string();
            return Some(Update::Order(view.clone()));
        }
        if self.early.len() < EARLY_MAX {
            self.early.insert(order, venue);
        }
        None
    }

    pub(super) fn record(&mut self, at: Time, record: &EngineEvent) -> Option<Update> {
        match record {
            EngineEvent::State { state, restriction, reason } => {
                self.bot.state = (*state).into();
                self.bot.restriction = (*restriction).into();
                self.bot.reason = reason.clone();
                Some(Update::Bot(self.bot.clone()))
            }
            EngineEvent::Order { order, state, filled, reason } => Some(self.order(at, order, *state, *filled, reason)),
            EngineEvent::Fill { .. } => self.fill(at, record),
            EngineEvent::Position { token, size, cost, realised } => {
                let mut view = self.position(*token, *size, *cost, *realised)?;
                if let Some(known) = self.positions.get(token) {
                    // A known resolution stays known, whatever is booked later. The owners are updated within a second.
                    view.pays_micro_usd = known.pays_micro_usd;
                    view.owners.clone_from(&known.owners);
                }
                if size.is_zero() {
                    self.positions.remove(token);
                } else {
                    self.positions.insert(*token, Arc::new(view.clone()));
                }
                Some(Update::Position(view))
            }
            EngineEvent::Refused { strategy, token, refusal, .. } => self.refusal(at, *strategy, *token, refusal),
            EngineEvent::Breaker { breaker, scope, tripped, reason } => {
                Some(self.breaker(at, *breaker, *scope, *tripped, reason))
            }
            EngineEvent::StrategyFault { strategy, reason } => {
                self.edit_strategy(*strategy, |view| view.error.clone_from(reason))
            }
            // Money is shown in the account, and the audit has the user who booked it.
            EngineEvent::Guard { .. }
            | EngineEvent::Transfer { .. }
            | EngineEvent::Moved { .. }
            | EngineEvent::Activity { .. } => None,
        }
    }

    fn order(&mut self, at: Time, order: &NewOrder, state: OrderState, filled: Size, reason: &str) -> Update {
        let (market, outcome) = self.names(Some(order.token));
        let strategy = self.strategy_name(order.strategy);
        let known = self.orders.get(&order.id);
        let early = self.early.remove(&order.id).map(|venue| venue.to_string());
        let view = OrderView {
            id: order.id.0,
            venue_id: known.map(|view| view.venue_id.clone()).or(early).unwrap_or_default(),
            strategy,
            token: self.token(order.token).map(|(_, view)| view.token.clone()).unwrap_or_default(),
            market,
            outcome,
            side: order.side.into(),
            kind: order.kind.into(),
            price_micro_usd: order.price.micros(),
            size_micros: order.size.micros(),
            filled_micros: filled.micros(),
            state: state.into(),
            is_over: state.is_over(),
            reason: match known {
                Some(view) if reason.is_empty() => view.reason.clone(),
                _ => reason.to_owned(),
            },
            created_at_ms: known.map_or(at.millis(), |view| view.created_at_ms),
            updated_at_ms: at.millis(),
        };
        if known.is_none() {
            self.count(order.strategy, |view| &mut view.orders);
        }
        if view.is_over {
            self.orders.remove(&order.id);
        } else {
            self.orders.insert(order.id, Arc::new(view.clone()));
        }
        Update::Order(view)
    }

    fn fill(&mut self, at: Time, record: &EngineEvent) -> Option<Update> {
        let EngineEvent::Fill { order, strategy, trade, part, token, side, price, size, cost, fee, maker, settlement } =
            record
        else {
            return None;
        };
        // Both sides of a part may be ours: an external order may match a strategy's.
        let id = format!("{trade}.{part}.{}", order.0);
        let (market, outcome) = self.names(Some(*token));
        let known = self.trades.iter_mut().find(|view| view.id == id);
        if let Some(known) = known {
            let known = Arc::make_mut(known);
            known.settlement = (*settlement).into();
            return Some(Update::Trade(known.clone()));
        }
        let view = TradeView {
            id,
            order: order.0,
            at_ms: at.millis(),
            strategy: self.strategy_name(*strategy),
            token: self.token(*token).map(|(_, view)| view.token.clone()).unwrap_or_default(),
            market,
            outcome,
            side: (*side).into(),
            price_micro_usd: price.micros(),
            size_micros: size.micros(),
            cost_micro_usd: cost.micros(),
            fee_micro_usd: fee.micros(),
            maker: *maker,
            settlement: (*settlement).into(),
        };
        // A fill whose first record was dropped recurs as it settles; it is not shown as new.
        if *settlement == Settlement::Matched || self.trades.len() < TRADES_MAX {
            self.count(*strategy, |view| &mut view.fills);
            push_bounded(&mut self.trades, Arc::new(view.clone()), TRADES_MAX);
        }
        Some(Update::Trade(view))
    }

    fn position(&self, token: TokenIx, size: Size, cost: model::Usd, realised: model::Usd) -> Option<PositionView> {
        let (market, view) = self.token(token)?;
        let bid = view.bid_micro_usd.and_then(model::Price::from_micros);
        let value = bid.and_then(|bid| bid.cost_floor(size)).unwrap_or_default();
        Some(PositionView {
            token: view.token.clone(),
            market: market.slug.clone(),
            question: market.question.clone(),
            outcome: view.outcome.clone(),
            size_micros: size.micros(),
            cost_micro_usd: cost.micros(),
            bid_micro_usd: view.bid_micro_usd,
            pays_micro_usd: None,
            value_micro_usd: value.micros(),
            realised_micro_usd: realised.micros(),
            unrealised_micro_usd: value.saturating_sub(cost).micros(),
            owners: Vec::new(),
        })
    }

    fn breaker(&mut self, at: Time, breaker: Breaker, scope: Scope, tripped: bool, reason: &str) -> Update {
        let mut state = self.breakers.remove(&breaker).unwrap_or_default();
        if tripped {
            state.scopes.insert(scope);
        } else {
            state.scopes.remove(&scope);
        }
        let open = !state.scopes.is_empty();
        if tripped {
            state.reason = reason.to_owned();
        }
        if open {
            state.since_ms.get_or_insert(at.millis());
        } else {
            state = BreakerState::default();
        }
        let view = self.breaker_view(breaker, &state);
        self.breakers.insert(breaker, state);
        Update::Breaker(view)
    }

    fn breaker_view(&self, breaker: Breaker, state: &BreakerState) -> BreakerView {
        let slug = |scope: &Scope| match scope {
            Scope::Market(market) => self.markets.get(market.index()).map(|view| view.slug.clone()),
            _ => None,
        };
        let name = |scope: &Scope| match scope {
            Scope::Strategy(strategy) => self.strategies.get(strategy).map(|view| view.name.clone()),
            _ => None,
        };
        BreakerView {
            name: breaker.as_str().to_owned(),
            tripped: state.since_ms.is_some(),
            reason: state.reason.clone(),
            markets: state.scopes.iter().filter_map(slug).collect(),
            strategies: state.scopes.iter().filter_map(name).collect(),
            since_ms: state.since_ms,
        }
    }

    /// Returns the number of the token with that id.
    pub(super) fn token_of(&self, id: &str) -> Option<TokenIx> {
        (0u32..).map(MarketIx).zip(&self.markets).find_map(|(market, view)| {
            let place = view.tokens.iter().position(|token| token.token == id)?;
            Some(market.token(u32::try_from(place).ok()?))
        })
    }

    pub(super) fn condition(&self, slug: &str) -> Option<(ConditionId, bool)> {
        self.conditions.get(self.market_of(slug)?.index()).copied()
    }

    /// Returns the number of markets.
    pub(super) fn market_count(&self) -> u32 {
        u32::try_from(self.markets.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of the market with that slug.
    pub(super) fn market_of(&self, slug: &str) -> Option<MarketIx> {
        let place = self.markets.iter().position(|view| view.slug == slug)?;
        u32::try_from(place).ok().map(MarketIx)
    }

    fn token(&self, token: TokenIx) -> Option<(&MarketView, &TokenView)> {
        let market = self.markets.get(token.market().index())?;
        Some((market, market.tokens.get(usize::try_from(token.outcome()).ok()?)?))
    }

    /// Returns the market's slug and the outcome.
    fn names(&self, token: Option<TokenIx>) -> (String, String) {
        let known = token.and_then(|token| self.token(token));
        known.map(|(market, token)| (market.slug.clone(), token.outcome.clone())).unwrap_or_default()
    }
}

/// Inserts the newest first.
fn push_bounded<T>(list: &mut VecDeque<T>, item: T, max: usize) {
    list.truncate(max.saturating_sub(1));
    list.push_front(item);
}
