//! Rows of a run as they arise: orders, fills, refusals, equity, and prices after fills.

use super::{Output, World};
use crate::run::{EquityRow, OrderRow, TopRow, TransferRow};
use engine::{Engine, EngineEvent};
use model::event::Reason;
use model::input::{Scope, Settlement};
use model::{
    InputKind, Intent, IntentKind, MarketIx, NewOrder, OrderId, OrderKind, OrderState, Price, Side, Size, StrategyId,
    Time, TokenIx, TradeId, Usd,
};
use sim::paper::VenueNote;
use std::collections::BTreeMap;

/// Times after a match at which the mid price is noted, in microseconds.
const PROBES_MICROS: [u64; 5] = [0, 1_000_000, 5_000_000, 30_000_000, 60_000_000];

/// The kind of a standing quote's orders.
const QUOTE: OrderKind = OrderKind::Gtc { post_only: true };

/// A row, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// An order changed.
    Order { at: Time, order: NewOrder, state: OrderState, filled: Size, reason: Reason, fair: Option<Price> },
    /// A placement was refused.
    RefusedOrder(Box<OrderRow>),
    /// Any intent was refused.
    Refused { rule: &'static str },
    /// An order began to rest.
    Joined { order: OrderId, ahead: Size },
    /// Shares were matched at the venue; `number` counts the matches.
    Matched { number: u64, order: OrderId, trade: TradeId, part: u32, at: Time },
    /// The mid price at or after a match.
    Mid { number: u64, probe: usize, mid: Price },
    /// A fill was booked.
    Fill {
        at: Time,
        order: OrderId,
        strategy: StrategyId,
        key: (TradeId, u32),
        token: TokenIx,
        side: Side,
        price: Price,
        size: Size,
        cost: Usd,
        fee: Usd,
        maker: bool,
        realised: Usd,
    },
    /// A guard closed a position, or a breaker tripped.
    Stop { at: Time, name: String, text: String },
    /// A strategy's call failed.
    Notice { at: Time, text: String },
    /// Shares became dollars.
    Transfer(TransferRow),
    /// The account at a minute.
    Equity(EquityRow),
    /// The top of a traded market.
    Top(TopRow),
    /// A market was paid out.
    Resolved { market: MarketIx, pays: Usd, at: Time },
}

/// Prices to be noted after matches.
#[derive(Debug, Clone, Default)]
pub(super) struct Probes {
    due: BTreeMap<(Time, u64, usize), TokenIx>,
    matches: u64,
}

impl Probes {
    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first_key_value().map(|((at, ..), _)| *at)
    }
}

impl World {
    /// Notes what happened at the venue since the last call.
    pub(super) fn take_notes(&mut self, output: &mut Output) {
        for note in self.paper.take_notes() {
            match note {
                VenueNote::Joined { order, ahead } => {
                    if ahead != Size(u64::MAX) {
                        output.rows.push(Row::Joined { order, ahead });
                    }
                }
                VenueNote::Matched { order, token, trade, part, at } => {
                    let number = self.probes.matches;
                    self.probes.matches = number.saturating_add(1);
                    output.rows.push(Row::Matched { number, order, trade, part, at });
                    for (probe, micros) in PROBES_MICROS.into_iter().enumerate() {
                        self.probes.due.insert((at.plus_micros(micros), number, probe), token);
                    }
                }
            }
        }
    }

    pub(super) fn probe(&mut self, now: Time, output: &mut Output) {
        while let Some(entry) = self.probes.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (_, number, probe) = *entry.key();
            let token = entry.remove();
            if let (Some(bid), Some(ask)) = self.paper.top(token)
                && let Some(mid) = Price::from_micros(bid.micros().saturating_add(ask.micros()) / 2)
            {
                output.rows.push(Row::Mid { number, probe, mid });
            }
        }
    }

    /// Returns the row of the account at the current time.
    pub(in crate::backtest) fn equity(&self) -> EquityRow {
        let ledger = self.engine.ledger();
        let held = ledger.positions().filter(|(_, position)| !position.size.is_zero());
        let positions = held.map(|(token, position)| self.value(token, position.size));
        EquityRow {
            at: self.at,
            cash: ledger.cash(),
            positions: positions.fold(Usd::ZERO, Usd::saturating_add),
            locked: self.engine.summary().reserved,
            exposure: self.engine.worst_case_loss(),
            realised: ledger.realised().saturating_sub(ledger.fees()),
            fees: ledger.fees(),
        }
    }

    /// Returns the value of shares at the bid with size; of a resolved market at its payout, of an unknown book at the
    /// engine's cautious valuation.
    pub(in crate::backtest) fn value(&self, token: TokenIx, size: Size) -> Usd {
        let resolved = self.engine.pays(token).is_some();
        let proceeds = if resolved { None } else { self.paper.proceeds(token, size) };
        proceeds.unwrap_or_else(|| self.engine.valued(token).2)
    }

    /// Returns the profit at bid since the start.
    pub(in crate::backtest) fn profit(&self) -> Usd {
        let row = self.equity();
        row.cash.saturating_add(row.positions).saturating_sub(self.cash)
    }
}

/// Returns the profit that a strategy had realised on the token of a matched order, before an input is processed.
pub(crate) fn realised_before(engine: &Engine, kind: &InputKind) -> Usd {
    match kind {
        InputKind::Trade(update) if super::is_match(kind) => {
            let order = engine.order(update.order);
            order.map(|order| engine.ledger().part(order.strategy, order.token).realised).unwrap_or_default()
        }
        _ => Usd::ZERO,
    }
}

/// Adds the rows of an engine's event. `before` is the profit realised before the step, see [`realised_before`].
pub(crate) fn row_of(
    engine: &Engine,
    at: Time,
    event: EngineEvent,
    cause: &InputKind,
    before: Usd,
    output: &mut Output,
) {
    match event {
        EngineEvent::Order { order, state, filled, reason } => {
            let fair = intent_of(cause, order.tag, order.token).and_then(|intent| intent.fair);
            output.rows.push(Row::Order { at, order, state, filled, reason, fair });
        }
        EngineEvent::Fill {
            order,
            strategy,
            trade,
            part,
            token,
            side,
            price,
            size,
            cost,
            fee,
            maker,
            settlement: Settlement::Matched,
            ..
        } => {
            let realised = engine.ledger().part(strategy, token).realised.saturating_sub(before);
            let (realised, key) = (realised.saturating_sub(fee), (trade, part));
            output.rows.push(Row::Fill {
                at,
                order,
                strategy,
                key,
                token,
                side,
                price,
                size,
                cost,
                fee,
                maker,
                realised,
            });
        }
        EngineEvent::Refused { strategy, tag, token, refusal } => {
            output.rows.push(Row::Refused { rule: refusal.rule.as_str() });
            if let Some(row) = token.and_then(|token| refused(cause, at, (strategy, tag, token))) {
                output.rows.push(Row::RefusedOrder(Box::new(row)));
            }
        }
        EngineEvent::Breaker { breaker, scope, tripped: true, reason } => {
            let name = format!("breaker {}", breaker.as_str());
            let text = format!("the {name} stopped {}: {reason}", scope_name(engine, scope));
            output.rows.push(Row::Stop { at, name, text });
        }
        EngineEvent::Guard { token, rule, gain_bps } => {
            let place = scope_name(engine, Scope::Market(token.market()));
            let text = format!(
                "the guard {rule} closed a position in {place} at a gain of {gain_bps} basis points; its strategy may only reduce there for five minutes"
            );
            output.rows.push(Row::Stop { at, name: format!("guard {rule}"), text });
        }
        EngineEvent::StrategyFault { reason, .. } => output.rows.push(Row::Notice { at, text: reason }),
        _ => {}
    }
}

/// Returns the words for what a breaker stops.
fn scope_name(engine: &Engine, scope: Scope) -> String {
    match scope {
        Scope::Session => "all trading".to_owned(),
        Scope::Strategy(strategy) => format!("strategy {}", strategy.0),
        Scope::Market(market) => {
            engine.market(market).map_or_else(|| format!("market {}", market.0), |market| market.slug.clone())
        }
    }
}

/// Returns the intent of an answer with a tag, about a token.
fn intent_of(cause: &InputKind, tag: u64, about: TokenIx) -> Option<&Intent> {
    let InputKind::Intents(answer) = cause else { return None };
    answer.intents.iter().find(|intent| {
        let token = match intent.kind {
            IntentKind::Place { token, .. } | IntentKind::Quote { token, .. } => Some(token),
            _ => None,
        };
        intent.tag == tag && token == Some(about)
    })
}

/// Returns the row of a refused placement.
fn refused(cause: &InputKind, at: Time, (strategy, tag, about): (StrategyId, u64, TokenIx)) -> Option<OrderRow> {
    let intent = intent_of(cause, tag, about)?;
    let (token, side, price, size, kind) = match intent.kind {
        IntentKind::Place { token, side, price, size, kind } => (token, side, price, size, kind),
        // With two legs it is not known which one was refused.
        IntentKind::Quote { token, bid: Some(leg), ask: None } => (token, Side::Buy, leg.price, leg.size, QUOTE),
        IntentKind::Quote { token, bid: None, ask: Some(leg) } => (token, Side::Sell, leg.price, leg.size, QUOTE),
        _ => return None,
    };
    Some(OrderRow {
        order: 0,
        strategy: u32::from(strategy.0).saturating_sub(1),
        market: token.market().0,
        outcome: u8::try_from(token.outcome()).unwrap_or(0),
        side,
        price,
        size,
        kind: kind_name(kind).to_owned(),
        tag,
        reason: intent.reason.clone(),
        fair: intent.fair,
        placed_at: at,
        ended_at: Some(at),
        state: OrderState::Refused,
        filled: Size::ZERO,
        ahead: None,
    })
}

/// Returns the name of an order kind in rows.
pub(crate) const fn kind_name(kind: OrderKind) -> &'static str {
    match (kind.as_str().as_bytes(), kind.is_post_only()) {
        (b"GTC", true) => "GTC_POST_ONLY",
        (b"GTD", true) => "GTD_POST_ONLY",
        _ => kind.as_str(),
    }
}
