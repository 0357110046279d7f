//! Facts as rows of the database.

use control::market_registry::Listing;
use engine::Record;
use model::input::Scope;
use model::{Seq, Time, Usd};
use readmodel::views::{OrderView, PositionView, RefusalView, TradeView, Update};
use store::db::{BreakerRow, Db, DbWrite, DbWriter, FillRow, Halt, OrderRow, PositionRow, RefusalRow, SessionRow};
use tokio::runtime::Handle;

/// Writes a session's rows; never waits.
pub(crate) struct Rows {
    db: Db,
    writer: DbWriter,
    runtime: Handle,
    session: u64,
    account: String,
    listing: Listing,
    place: (Seq, u32),
    day: Option<u64>,
}

impl Rows {
    pub(crate) fn new(db: &Db, runtime: Handle, session: &SessionRow, listing: Listing) -> Self {
        let writer = db.writer();
        writer.write(DbWrite::Session(session.clone()));
        Self {
            db: db.clone(),
            writer,
            runtime,
            session: session.session,
            account: session.account.clone(),
            listing,
            place: (Seq(0), 0),
            day: None,
        }
    }

    /// Keeps a fact, with what it changed in the picture.
    pub(crate) fn write(&mut self, seq: Seq, at: Time, record: &Record, shown: Option<Update>) {
        let row = match (record, shown) {
            (Record::Order { .. }, Some(Update::Order(view))) => DbWrite::Order { seq: seq.0, order: self.order(view) },
            (Record::Fill { .. }, Some(Update::Trade(view))) => DbWrite::Fill(self.fill(view)),
            (Record::Position { .. }, Some(Update::Position(view))) => DbWrite::Position(self.position(view, at)),
            (Record::Refused { .. }, Some(Update::Refusal(view))) => DbWrite::Refusal(self.refusal(seq, view)),
            (Record::Breaker { breaker, scope, tripped, reason }, _) => DbWrite::Breaker(BreakerRow {
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

    fn order(&self, view: OrderView) -> OrderRow {
        OrderRow {
            session: self.session,
            id: view.id,
            venue_id: view.venue_id,
            strategy: view.strategy,
            token: view.token,
            market: view.market,
            outcome: view.outcome,
            side: view.side,
            kind: view.kind,
            price_micro_usd: view.price_micro_usd,
            size_micros: view.size_micros,
            filled_micros: view.filled_micros,
            state: view.state,
            reason: view.reason,
            created_at_ms: view.created_at_ms,
            updated_at_ms: view.updated_at_ms,
        }
    }

    fn fill(&self, view: TradeView) -> FillRow {
        FillRow {
            session: self.session,
            id: view.id,
            order_id: view.order,
            at_ms: view.at_ms,
            strategy: view.strategy,
            token: view.token,
            market: view.market,
            outcome: view.outcome,
            side: view.side,
            price_micro_usd: view.price_micro_usd,
            size_micros: view.size_micros,
            cost_micro_usd: view.cost_micro_usd,
            fee_micro_usd: view.fee_micro_usd,
            maker: i64::from(view.maker),
            settlement: view.settlement,
        }
    }

    fn position(&self, view: PositionView, at: Time) -> PositionRow {
        PositionRow {
            session: self.session,
            token: view.token,
            market: view.market,
            outcome: view.outcome,
            size_micros: view.size_micros,
            cost_micro_usd: view.cost_micro_usd,
            realised_micro_usd: view.realised_micro_usd,
            at_ms: at.millis(),
        }
    }

    fn refusal(&mut self, seq: Seq, view: RefusalView) -> RefusalRow {
        self.place = if self.place.0 == seq { (seq, self.place.1.saturating_add(1)) } else { (seq, 0) };
        RefusalRow {
            session: self.session,
            seq: seq.0,
            place: self.place.1,
            at_ms: view.at_ms,
            strategy: view.strategy,
            rule: view.rule,
            market: view.market,
            outcome: view.outcome,
            value: view.value,
            allowed: view.limit,
        }
    }

    fn scope(&self, scope: Scope) -> String {
        match scope {
            Scope::Session => String::new(),
            Scope::Market(market) => self.listing.slug(market),
            Scope::Strategy(strategy) => format!("strategy {strategy}"),
        }
    }

    /// Keeps an emergency stop across restarts, or forgets it.
    pub(crate) fn halted(&self, since: Option<Time>) {
        let halt = since.map(|at| Halt { reason: "emergency stop".to_owned(), at_ms: at.millis() });
        let (db, account) = (self.db.clone(), self.account.clone());
        self.runtime.spawn(async move {
            if let Err(error) = db.set_halted(&account, halt.as_ref()).await {
                tracing::error!(%error, "the emergency stop is not in the database: it would not outlive a restart");
            }
        });
    }

    /// Keeps the valuation that a day's gain counts from, once a day.
    pub(crate) fn day_start(&mut self, (day, value): (u64, Usd), at: Time) {
        if self.day == Some(day) {
            return;
        }
        self.day = Some(day);
        let (db, account) = (self.db.clone(), self.account.clone());
        self.runtime.spawn(async move {
            if let Err(error) = db.set_opening_valuation(&account, day, value, at.millis()).await {
                tracing::error!(%error, "the day's opening valuation is not in the database");
            }
        });
    }
}
