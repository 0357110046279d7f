//! Writes the rows of a session as the engine emits its records.

use crate::handles::Handles;
use crate::row_maker::{RowMaker, RowNames};
use engine::EngineEvent;
use model::{Seq, Time, Usd};
use store::db::{DbWrite, DbWriter, Halt, SessionRow};

/// The reason of an emergency stop in its row, and its name while it is not stored yet.
pub(crate) const EMERGENCY_STOP: &str = "emergency stop";

/// Writes the rows of a session; never blocks.
pub(crate) struct Rows {
    handles: Handles,
    writer: DbWriter,
    maker: RowMaker,
    day: Option<(u64, Usd)>,
}

impl Rows {
    pub(crate) fn new(handles: &Handles, session: &SessionRow) -> Self {
        let writer = handles.db.writer();
        writer.write(DbWrite::Session(session.clone()));
        let names = RowNames {
            index: handles.index.clone(),
            strategies: handles.names.clone(),
            listing: handles.listing.clone(),
        };
        Self { handles: handles.clone(), writer, maker: RowMaker::new(session.session, names), day: None }
    }

    /// Writes the row of a record, if it has one.
    pub(crate) fn write(&mut self, seq: Seq, at: Time, record: &EngineEvent) {
        self.maker.make(seq, at, record, |row| self.writer.write(row));
    }

    /// Writes how often refusals were repeated since the last call. Called once a second.
    pub(crate) fn write_repeated(&mut self, at: Time) {
        self.maker.make_repeated(at, |row| self.writer.write(row));
    }

    /// Stores an emergency stop so that it survives restarts, or removes it.
    pub(crate) fn halted(&self, since: Option<Time>) {
        let halt = since.map(|at| Halt { reason: EMERGENCY_STOP.to_owned(), at_ms: at.millis() });
        self.handles.halts.set(halt);
    }

    /// Stores the valuation that the day's P&L is measured from, whenever it changes.
    pub(crate) fn day_start(&mut self, (day, value): (u64, Usd), at: Time) {
        if self.day.replace((day, value)) != Some((day, value)) {
            self.handles.valuations.set(day, value, at.millis());
        }
    }
}
