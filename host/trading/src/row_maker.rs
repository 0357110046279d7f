//! Makes the rows of a session from the engine's records, both live and from its journal.

use crate::order_ids::OrderIds;
use crate::refusal_sums::RefusalSums;
use control::StrategyNames;
use control::market_registry::MarketRegistry;
use engine::EngineEvent;
use model::input::{Scope, Settlement};
use model::{NewOrder, OrderId, OrderState, Seq, Size, Time, TokenIx, Usd};
use std::collections::BTreeMap;
use store::db::{BreakerRow, DbWrite, FillRow, MoveRow, OrderRow, PositionRow, RefusalRow};

/// The names that replace numbers in rows.
pub(crate) struct RowNames {
    /// The ids of orders at the venue.
    pub(crate) index: OrderIds,
    pub(crate) strategies: StrategyNames,
    pub(crate) listing: MarketRegistry,
}

/// Makes rows.
pub(crate) struct RowMaker {
    names: RowNames,
    session: u64,
    /// For each order that is not over, the time of its first record and the last reason given for its state. The
    /// engine bounds open orders.
    open: BTreeMap<OrderId, (u64, String)>,
    place: (Seq, u32),
    move_place: (Seq, u32),
    refusals: RefusalSums,
}

/// A token as rows name it.
#[derive(Default)]
struct TokenNames {
    token: String,
    market: String,
    outcome: String,
}

impl RowMaker {
    pub(crate) fn new(session: u64, names: RowNames) -> Self {
        Self {
            names,
            session,
            open: BTreeMap::new(),
            place: (Seq(0), 0),
            move_place: (Seq(0), 0),
            refusals: RefusalSums::default(),
        }
    }

    /// Makes the rows of a record, if it has any.
    pub(crate) fn make(&mut self, seq: Seq, at: Time, record: &EngineEvent, mut write: impl FnMut(DbWrite)) {
        let row = match record {
            EngineEvent::Order { order, state, filled, reason } => {
                DbWrite::Order { seq: seq.0, order: self.order(at, order, *state, *filled, reason) }
            }
            EngineEvent::Fill { .. } => match self.fill(at, record) {
                Some(row) => DbWrite::Fill(row),
                None => return,
            },
            EngineEvent::Position { token, size, cost, realised } => {
                DbWrite::Position(self.position(at, *token, *size, (*cost, *realised)))
            }
            EngineEvent::Moved { .. } => match self.share_move(seq, at, record) {
                Some(row) => DbWrite::Move(row),
                None => return,
            },
            EngineEvent::Refused { strategy, token, refusal, .. } => {
                let Some(row) = self.refusal(seq, at, record) else { return };
                let key = (*strategy, refusal.rule.as_str(), *token);
                self.refusals.add(key, row, |row| write(DbWrite::Refusal(row)));
                return;
            }
            EngineEvent::Breaker { breaker, scope, tripped, reason } => DbWrite::Breaker(BreakerRow {
                session: self.session,
                seq: seq.0,
                name: breaker.as_str().to_owned(),
                market: self.scope(*scope),
                tripped: *tripped,
                reason: reason.clone(),
                at_ms: at.millis(),
            }),
            _ => return,
        };
        write(row);
    }

    /// Makes the rows of refusals that were repeated since the last call.
    pub(crate) fn make_repeated(&mut self, at: Time, mut write: impl FnMut(DbWrite)) {
        self.refusals.flush(at.millis(), |row| write(DbWrite::Refusal(row)));
    }

    fn order(&mut self, at: Time, order: &NewOrder, state: OrderState, filled: Size, reason: &str) -> OrderRow {
        let TokenNames { token, market, outcome } = self.token_names(order.token);
        let (created_at_ms, last) = self.open.remove(&order.id).unwrap_or_else(|| (at.millis(), String::new()));
        let reason = if reason.is_empty() { last } else { reason.to_owned() };
        if !state.is_over() {
            self.open.insert(order.id, (created_at_ms, reason.clone()));
        }
        OrderRow {
            session: self.session,
            id: order.id.0,
            venue_id: self.names.index.venue(order.id).map(|venue| venue.to_string()).unwrap_or_default(),
            strategy: self.names.strategies.get(order.strategy),
            token,
            market,
            outcome,
            side: order.side.to_string(),
            kind: order.kind.as_str().to_owned(),
            price_micro_usd: order.price.micros(),
            size_micros: order.size.micros(),
            filled_micros: filled.micros(),
            state: state.as_str().to_owned(),
            reason,
            created_at_ms,
            updated_at_ms: at.millis(),
        }
    }

    fn fill(&self, at: Time, record: &EngineEvent) -> Option<FillRow> {
        let EngineEvent::Fill { order, strategy, trade, part, token, side, price, size, cost, fee, maker, settlement } =
            record
        else {
            return None;
        };
        let TokenNames { token, market, outcome } = self.token_names(*token);
        Some(FillRow {
            session: self.session,
            // Both sides of a part may be ours.
            id: format!("{trade}.{part}.{}", order.0),
            order_id: order.0,
            at_ms: at.millis(),
            strategy: self.names.strategies.get(*strategy),
            token,
            market,
            outcome,
            side: side.to_string(),
            price_micro_usd: price.micros(),
            size_micros: size.micros(),
            cost_micro_usd: cost.micros(),
            fee_micro_usd: fee.micros(),
            maker: i64::from(*maker),
            settlement: settlement_text(*settlement).to_owned(),
        })
    }

    fn position(&self, at: Time, token: TokenIx, size: Size, (cost, realised): (Usd, Usd)) -> PositionRow {
        let TokenNames { token, market, outcome } = self.token_names(token);
        PositionRow {
            session: self.session,
            token,
            market,
            outcome,
            size_micros: size.micros(),
            cost_micro_usd: cost.micros(),
            realised_micro_usd: realised.micros(),
            at_ms: at.millis(),
        }
    }

    fn share_move(&mut self, seq: Seq, at: Time, record: &EngineEvent) -> Option<MoveRow> {
        let EngineEvent::Moved { kind, token, size, comes, dollars } = record else { return None };
        let TokenNames { token, market, outcome } = self.token_names(*token);
        self.move_place = if self.move_place.0 == seq { (seq, self.move_place.1.saturating_add(1)) } else { (seq, 0) };
        Some(MoveRow {
            session: self.session,
            seq: seq.0,
            place: self.move_place.1,
            at_ms: at.millis(),
            kind: (*kind).to_owned(),
            token,
            market,
            outcome,
            size_micros: size.micros(),
            comes: i64::from(*comes),
            dollars_micro_usd: dollars.micros(),
        })
    }

    fn refusal(&mut self, seq: Seq, at: Time, record: &EngineEvent) -> Option<RefusalRow> {
        let EngineEvent::Refused { strategy, token, refusal, .. } = record else { return None };
        let TokenNames { market, outcome, .. } = token.map(|token| self.token_names(token)).unwrap_or_default();
        self.place = if self.place.0 == seq { (seq, self.place.1.saturating_add(1)) } else { (seq, 0) };
        Some(RefusalRow {
            session: self.session,
            seq: seq.0,
            place: self.place.1,
            at_ms: at.millis(),
            strategy: self.names.strategies.get(*strategy),
            rule: refusal.rule.as_str().to_owned(),
            market,
            outcome,
            value: refusal.value,
            allowed: refusal.limit,
            count: 1,
            last_at_ms: at.millis(),
        })
    }

    fn token_names(&self, token: TokenIx) -> TokenNames {
        let Some(market) = self.names.listing.market(token.market()) else { return TokenNames::default() };
        let [yes, no] = market.tokens;
        let [first, second] = market.outcomes;
        let (token, outcome) = if token.outcome() == 0 { (yes, first) } else { (no, second) };
        TokenNames { token: token.to_string(), market: market.slug, outcome }
    }

    fn scope(&self, scope: Scope) -> String {
        match scope {
            Scope::Session => String::new(),
            Scope::Market(market) => self.names.listing.slug(market),
            Scope::Strategy(strategy) => format!("strategy {strategy}"),
        }
    }
}

const fn settlement_text(settlement: Settlement) -> &'static str {
    match settlement {
        Settlement::Matched => "matched",
        Settlement::Mined => "mined",
        Settlement::Confirmed => "confirmed",
        Settlement::Retrying => "retrying",
        Settlement::Failed => "failed",
    }
}
