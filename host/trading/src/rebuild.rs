//! Rebuilds the rows of a session from its journal, with the same code that made them during the session.

use crate::order_ids::OrderIds;
use crate::row_maker::{RowMaker, RowNames};
use anyhow::ensure;
use control::StrategyNames;
use control::market_registry::MarketRegistry;
use engine::{Effect, Effects, Engine, Purpose, digest};
use journal::{Header, Record};
use model::input::Mode;
use model::{Input, InputKind, MarketIx, OrderId, Seq, SessionId, StrategyId, Time, Usd, VenueOrderId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use store::db::{DbWrite, SessionRow};
use store::journal_files::{Step, is_first, walk};

/// The interval of checks for repeated refusals and the day's valuation, the same as during the session.
const LOOK_MICROS: u64 = 1_000_000;

/// A session whose rows were rebuilt.
#[derive(Debug)]
pub struct Rebuilt {
    /// Inputs of its journal.
    pub inputs: u64,
    /// The account's address.
    pub account: String,
    /// The trading mode.
    pub mode: Mode,
    /// The valuation from which each day's loss is measured, with the time when it was first known.
    pub valuations: BTreeMap<u64, (Usd, Time)>,
}

/// Rebuilds the rows of a session: `files` are its journal in order. `write` receives the rows in their original order.
///
/// # Errors
/// If the journal's beginning is missing, it is damaged, or this build decides differently from the one that wrote it.
pub fn rows_of(
    session: SessionId,
    files: &[PathBuf],
    strategies: StrategyNames,
    write: impl FnMut(DbWrite),
) -> anyhow::Result<Rebuilt> {
    ensure!(
        files.first().is_some_and(|file| is_first(file)),
        "the beginning of session {} has been deleted (journal.keep_days)",
        session.0
    );
    let mut replay = Replay::new(session, strategies, write);
    walk(files, |step| replay.on_step(step))?;
    replay.end()
}

/// The last input, until everything journaled about it has been read.
struct Stepped {
    seq: Seq,
    at: Time,
    digest: Option<(u32, u64)>,
    journaled: Option<(u32, u64)>,
}

/// A journal that is being replayed.
struct Replay<W> {
    session: SessionId,
    engine: Engine,
    effects: Effects,
    index: OrderIds,
    listing: MarketRegistry,
    maker: RowMaker,
    write: W,
    header: Option<Header>,
    mode: Option<Mode>,
    stepped: Option<Stepped>,
    /// The venue ids of the orders that were about to be sent after the last input.
    placements: BTreeMap<OrderId, VenueOrderId>,
    next_look: Time,
    at: Time,
    valuations: BTreeMap<u64, (Usd, Time)>,
    inputs: u64,
    differs: Option<Seq>,
}

impl<W: FnMut(DbWrite)> Replay<W> {
    fn new(session: SessionId, strategies: StrategyNames, write: W) -> Self {
        let (index, listing) = (OrderIds::default(), MarketRegistry::new(&[]));
        let names = RowNames { index: index.clone(), strategies, listing: listing.clone() };
        Self {
            session,
            engine: Engine::new(Purpose::Simulate),
            effects: Effects::new(),
            index,
            listing,
            maker: RowMaker::new(session.0, names),
            write,
            header: None,
            mode: None,
            stepped: None,
            placements: BTreeMap::new(),
            next_look: Time(0),
            at: Time(0),
            valuations: BTreeMap::new(),
            inputs: 0,
            differs: None,
        }
    }

    fn on_step(&mut self, step: Step) {
        match step {
            Step::Record(Record::Header(header)) => drop(self.header.get_or_insert(header)),
            Step::Record(Record::Input(input)) => {
                self.act(true);
                self.step(&input);
            }
            Step::Record(Record::Effects { count, digest }) => {
                if let Some(stepped) = &mut self.stepped {
                    stepped.journaled = Some((count, digest));
                }
            }
            Step::Record(Record::Placement(placement)) => {
                self.placements.insert(placement.order, placement.venue);
            }
            Step::Record(Record::AuditHead { .. }) => {}
            Step::Record(Record::End(_)) => self.act(true),
            // The records of the last input may have been cut off.
            Step::Torn { .. } => self.act(false),
        }
    }

    fn step(&mut self, input: &Input) {
        self.engine.step(input, &mut self.effects);
        self.inputs = self.inputs.saturating_add(1);
        self.at = input.at;
        let digest = digest(&self.effects);
        self.stepped = Some(Stepped { seq: input.seq, at: input.at, digest, journaled: None });
        match &input.kind {
            InputKind::Session(start) => {
                self.mode = Some(start.mode);
                self.begin(start.mode);
            }
            InputKind::Market(market) => {
                let taken = self.engine.market(MarketIx(self.listing.count()));
                if taken.is_some_and(|taken| taken.condition == market.condition) {
                    self.listing.add(market);
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, mode: Mode) {
        let Some(header) = &self.header else { return };
        let (account, started_at_ms) = (header.account.clone(), header.created.millis());
        (self.write)(DbWrite::Session(SessionRow {
            session: self.session.0,
            mode: mode.as_str(),
            account,
            started_at_ms,
        }));
    }

    /// Makes the rows of the last input in the order of its effects: an order has its id from the moment it was about
    /// to be sent.
    fn act(&mut self, compare: bool) {
        let Some(stepped) = self.stepped.take() else { return };
        if compare && stepped.digest != stepped.journaled {
            self.differs.get_or_insert(stepped.seq);
        }
        let leaving: BTreeSet<OrderId> = self.effects.iter().filter_map(leaves).collect();
        self.placements.retain(|order, venue| {
            let later = leaving.contains(order);
            if !later {
                self.index.insert(*order, *venue);
            }
            later
        });
        for effect in std::mem::take(&mut self.effects) {
            if let Some(order) = leaves(&effect)
                && let Some(venue) = self.placements.remove(&order)
            {
                self.index.insert(order, venue);
            }
            if let Effect::Event(record) = effect {
                self.maker.make(stepped.seq, stepped.at, &record, &mut self.write);
            }
        }
        if stepped.at >= self.next_look {
            self.next_look = stepped.at.plus_micros(LOOK_MICROS);
            self.on_second();
        }
    }

    /// Does the once-a-second work of a running session.
    fn on_second(&mut self) {
        self.maker.make_repeated(self.at, &mut self.write);
        let (day, value) = self.engine.summary().day_start;
        if self.valuations.get(&day).is_none_or(|(known, _)| *known != value) {
            self.valuations.insert(day, (value, self.at));
        }
    }

    fn end(mut self) -> anyhow::Result<Rebuilt> {
        self.act(false);
        self.on_second();
        let build = self.header.as_ref().map(|header| header.build.clone()).unwrap_or_default();
        if let Some(seq) = self.differs {
            anyhow::bail!(
                "this build ({}) decides input {} of session {} differently from {build}, which wrote its journal; use \
                that build",
                store::build_id::build_name(),
                seq.0,
                self.session.0,
            );
        }
        let (Some(header), Some(mode)) = (self.header, self.mode) else {
            anyhow::bail!("session {} ended before it began", self.session.0);
        };
        Ok(Rebuilt { inputs: self.inputs, account: header.account, mode, valuations: self.valuations })
    }
}

/// Returns the order to which an effect gives its venue id.
fn leaves(effect: &Effect) -> Option<OrderId> {
    match effect {
        Effect::Place(approved) => Some(approved.item().order.id),
        Effect::Adopted { order, .. } => Some(*order),
        _ => None,
    }
}

/// Returns the names of strategies by number, as rows have them.
pub fn names_of(known: impl IntoIterator<Item = (StrategyId, String)>) -> StrategyNames {
    let names = StrategyNames::default();
    known.into_iter().for_each(|(id, name)| names.set(id, &name));
    names
}

#[cfg(test)]
mod tests;
