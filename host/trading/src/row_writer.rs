//! Rows of the database, made from the engine's records.

use crate::handles::Handles;
use crate::refusal_sums::RefusalSums;
use engine::Record;
use model::input::{Scope, Settlement};
use model::{NewOrder, OrderId, OrderState, Seq, Size, Time, TokenIx, Usd};
use std::collections::BTreeMap;
use store::db::{BreakerRow, DbWrite, DbWriter, FillRow, Halt, OrderRow, PositionRow, RefusalRow, SessionRow};

/// The reason of an emergency stop in its row, and its name where it is not stored yet.
pub(crate) const EMERGENCY_STOP: &str = "emergency stop";

/// Writes a session's rows; never waits.
pub(crate) struct Rows {
    handles: Handles,
    writer: DbWriter,
    session: u64,
    /// When each order that is not over was first recorded, and the last reason given for its state. The engine bounds open orders.
    open: BTreeMap<OrderId, (u64, String)>,
    place: (Seq, u32),
    refusals: RefusalSums,
    day: Option<(u64, Usd)>,
}

/// A token as rows name it.
#[derive(Default)]
struct TokenNames {
    token: String,
    market: String,
    outcome: String,
}

impl Rows {
    pub(crate) fn new(handles: &Handles, session: &SessionRow) -> Self {
        let writer = handles.db.writer();
        writer.write(DbWrite::Session(session.clone()));
        Self {
            handles: handles.clone(),
            writer,
            session: session.session,
            open: BTreeMap::new(),
            place: (Seq(0), 0),
            refusals: RefusalSums::default(),
            day: None,
        }
    }

    /// Writes the row of a record, if it has one.
    pub(crate) fn write(&mut self, seq: Seq, at: Time, record: &Record) {
        let row = match record {
            Record::Order { order, state, filled, reason } => {
                DbWrite::Order { seq: seq.0, order: self.order(at, order, *state, *filled, reason) }
            }
            Record::Fill { .. } => match self.fill(at, record) {
                Some(row) => DbWrite::Fill(row),
                None => return,
            },
            Record::Position { token, size, cost, realised } => {
                DbWrite::Position(self.position(at, *token, *size, (*cost, *realised)))
            }
            Record::Refused { strategy, token, refusal, .. } => {
                let Some(row) = self.refusal(seq, at, record) else { return };
                let key = (*strategy, refusal.rule.as_str(), *token);
                self.refusals.add(key, row, |row| self.writer.write(DbWrite::Refusal(row)));
                return;
            }
            Record::Breaker { breaker, scope, tripped, reason } => DbWrite::Breaker(BreakerRow {
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
        self.writer.write(row);
    }

    fn order(&mut self, at: Time, order: &NewOrder, state: OrderState, filled: Size, reason: &str) -> OrderRow {
        let TokenNames { token, market, outcome } = self.names(order.token);
        let (created_at_ms, last) = self.open.remove(&order.id).unwrap_or_else(|| (at.millis(), String::new()));
        let reason = if reason.is_empty() { last } else { reason.to_owned() };
        if !state.is_over() {
            self.open.insert(order.id, (created_at_ms, reason.clone()));
        }
        OrderRow {
            session: self.session,
            id: order.id.0,
            venue_id: self.handles.index.venue(order.id).map(|venue| venue.to_string()).unwrap_or_default(),
            strategy: self.handles.names.get(order.strategy),
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

    fn fill(&self, at: Time, record: &Record) -> Option<FillRow> {
        let Record::Fill { order, strategy, trade, part, token, side, price, size, cost, fee, maker, settlement } =
            record
        else {
            return None;
        };
        let TokenNames { token, market, outcome } = self.names(*token);
        Some(FillRow {
            session: self.session,
            // Both sides of a part may be ours.
            id: format!("{trade}.{part}.{}", order.0),
            order_id: order.0,
            at_ms: at.millis(),
            strategy: self.handles.names.get(*strategy),
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
        let TokenNames { token, market, outcome } = self.names(token);
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

    fn refusal(&mut self, seq: Seq, at: Time, record: &Record) -> Option<RefusalRow> {
        let Record::Refused { strategy, token, refusal, .. } = record else { return None };
        let TokenNames { market, outcome, .. } = token.map(|token| self.names(token)).unwrap_or_default();
        self.place = if self.place.0 == seq { (seq, self.place.1.saturating_add(1)) } else { (seq, 0) };
        Some(RefusalRow {
            session: self.session,
            seq: seq.0,
            place: self.place.1,
            at_ms: at.millis(),
            strategy: self.handles.names.get(*strategy),
            rule: refusal.rule.as_str().to_owned(),
            market,
            outcome,
            value: refusal.value,
            allowed: refusal.limit,
            count: 1,
            last_at_ms: at.millis(),
        })
    }

    /// Writes how often refusals were repeated since the last time. Called once a second.
    pub(crate) fn write_repeated(&mut self, at: Time) {
        self.refusals.settle(at.millis(), |row| self.writer.write(DbWrite::Refusal(row)));
    }

    fn names(&self, token: TokenIx) -> TokenNames {
        let Some(market) = self.handles.listing.market(token.market()) else { return TokenNames::default() };
        let [yes, no] = market.tokens;
        let [first, second] = market.outcomes;
        let (token, outcome) = if token.outcome() == 0 { (yes, first) } else { (no, second) };
        TokenNames { token: token.to_string(), market: market.slug, outcome }
    }

    fn scope(&self, scope: Scope) -> String {
        match scope {
            Scope::Session => String::new(),
            Scope::Market(market) => self.handles.listing.slug(market),
            Scope::Strategy(strategy) => format!("strategy {strategy}"),
        }
    }

    /// Keeps an emergency stop across restarts, or forgets it.
    pub(crate) fn halted(&self, since: Option<Time>) {
        let halt = since.map(|at| Halt { reason: EMERGENCY_STOP.to_owned(), at_ms: at.millis() });
        self.handles.halts.set(halt);
    }

    /// Keeps the valuation that a day's gain counts from, whenever it changes.
    pub(crate) fn day_start(&mut self, (day, value): (u64, Usd), at: Time) {
        if self.day.replace((day, value)) != Some((day, value)) {
            self.handles.valuations.set(day, value, at.millis());
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
