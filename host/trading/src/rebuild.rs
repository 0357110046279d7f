//! Makes the rows of a session again from its journal, with what made them while it traded.

use crate::order_ids::Index;
use crate::row_maker::{RowMaker, RowNames};
use anyhow::ensure;
use control::StrategyNames;
use control::market_registry::Listing;
use engine::{Effect, Effects, Engine, Purpose, digest};
use journal::{Header, Record};
use model::input::Mode;
use model::{Body, Input, MarketIx, OrderId, Seq, SessionId, StrategyId, Time, Usd, VenueOrderId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use store::db::{DbWrite, SessionRow};
use store::journal_files::{Step, is_first, walk};

/// How often repeated refusals and the day's valuation are looked at, as while it traded.
const LOOK_MICROS: u64 = 1_000_000;

/// A session whose rows were made again.
#[derive(Debug)]
pub struct Rebuilt {
    /// Inputs of its journal.
    pub inputs: u64,
    /// The account's address.
    pub account: String,
    /// How it traded.
    pub mode: Mode,
    /// The valuation that the loss of each day counts from, with when it was first known.
    pub valuations: BTreeMap<u64, (Usd, Time)>,
}

/// Makes the rows of a session: `files` are its journal in order. `write` gets them in the order in which they were made at first.
///
/// # Errors
/// If the journal's beginning is missing, it is damaged, or this build decides otherwise than the one that wrote it.
pub fn rows_of(
    session: SessionId,
    files: &[PathBuf],
    strategies: StrategyNames,
    write: impl FnMut(DbWrite),
) -> anyhow::Result<Rebuilt> {
    ensure!(
        files.first().is_some_and(|file| is_first(file)),
        "the beginning of session {} is no longer kept (journal.keep_days)",
        session.0
    );
    let mut replay = Replay::new(session, strategies, write);
    walk(files, |step| replay.take(step))?;
    replay.end()
}

/// The last input, until all that was journaled of it is read.
struct Stepped {
    seq: Seq,
    at: Time,
    digest: Option<(u32, u64)>,
    journaled: Option<(u32, u64)>,
}

/// A journal that is stepped through.
struct Replay<W> {
    session: SessionId,
    engine: Engine,
    effects: Effects,
    index: Index,
    listing: Listing,
    maker: RowMaker,
    write: W,
    header: Option<Header>,
    mode: Option<Mode>,
    stepped: Option<Stepped>,
    /// The venue's ids of the orders that were about to leave after the last input.
    placements: BTreeMap<OrderId, VenueOrderId>,
    next_look: Time,
    at: Time,
    valuations: BTreeMap<u64, (Usd, Time)>,
    inputs: u64,
    differs: Option<Seq>,
}

impl<W: FnMut(DbWrite)> Replay<W> {
    fn new(session: SessionId, strategies: StrategyNames, write: W) -> Self {
        let (index, listing) = (Index::default(), Listing::new(&[]));
        let names = RowNames { index: index.clone(), strategies, listing: listing.clone() };
        Self {
            session,
            engine: Engine::new(Purpose::Rehearse),
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

    fn take(&mut self, step: Step) {
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
            Step::Record(Record::End(_)) => self.act(true),
            // What was journaled of the last input may be what was cut off.
            Step::Torn { .. } => self.act(false),
        }
    }

    fn step(&mut self, input: &Input) {
        self.engine.step(input, &mut self.effects);
        self.inputs = self.inputs.saturating_add(1);
        self.at = input.at;
        let digest = digest(&self.effects);
        self.stepped = Some(Stepped { seq: input.seq, at: input.at, digest, journaled: None });
        match &input.body {
            Body::Session(start) => {
                self.mode = Some(start.mode);
                self.begin(start.mode);
            }
            Body::Market(market) => {
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

    /// Makes the rows of the last input in the order of its effects: an order has its id from the moment in which it was about to leave.
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
            if let Effect::Record(record) = effect {
                self.maker.make(stepped.seq, stepped.at, &record, &mut self.write);
            }
        }
        if stepped.at >= self.next_look {
            self.next_look = stepped.at.plus_micros(LOOK_MICROS);
            self.look();
        }
    }

    /// Does what happens once a second while a session trades.
    fn look(&mut self) {
        self.maker.make_repeated(self.at, &mut self.write);
        let (day, value) = self.engine.summary().day_start;
        if self.valuations.get(&day).is_none_or(|(known, _)| *known != value) {
            self.valuations.insert(day, (value, self.at));
        }
    }

    fn end(mut self) -> anyhow::Result<Rebuilt> {
        self.act(false);
        self.look();
        let build = self.header.as_ref().map(|header| header.build.clone()).unwrap_or_default();
        if let Some(seq) = self.differs {
            anyhow::bail!(
                "this build ({}) decides input {} of session {} otherwise than {build}, which wrote its journal; use that build",
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

/// Returns the order that an effect gives its id at the venue.
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
