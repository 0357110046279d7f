//! What a journal brings back. A torn end is what a crash leaves; damage in the middle is refused with its place.

#[cfg(test)]
mod tests;

use super::chunks::{PIECE, Pieces};
use super::segments::{folder, named, segments_of};
use super::snapshot;
use anyhow::{Context, ensure};
use engine::{Engine, Purpose};
use journal::{Header, Reader, Record};
use model::{Body, Carry, Market, MarketIx, OrderId, RealisedBefore, SessionId, Usd, VenueOrderId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Placements that are kept; beyond it those go whose orders the engine has forgotten, which are most of them.
const PLACEMENTS_MAX: usize = 15_000;

/// Orders that are over and whose ids the next session knows all the same, the latest ones, so that late news of them is no stranger's.
pub const OVER_MAX: usize = 5_000;

/// The last session of an account.
#[derive(Debug)]
pub struct Past {
    /// The session.
    pub session: SessionId,
    /// What the next one goes on from, in this session's numbers of markets.
    pub carry: Carry,
    /// The UTC day of its end and the valuation that this day's loss counts from, transfers included.
    pub day_start: (u64, Usd),
    /// What the account was worth at its end.
    pub value: Usd,
    /// The session's markets by number.
    pub markets: Vec<Market>,
    /// The venue's ids of the orders in `carry` that may have left.
    pub placements: BTreeMap<OrderId, VenueOrderId>,
    /// The venue's ids of the latest orders that are not in `carry`, because nothing more can come of them.
    pub over: BTreeMap<OrderId, VenueOrderId>,
    /// The markets that the next session needs, whatever it trades.
    pub needed: BTreeSet<MarketIx>,
    /// What was realised on markets that are not carried any more.
    pub realised: RealisedBefore,
    /// The activities of the venue's records that are done with, oldest first.
    pub activities: Vec<[u8; 32]>,
    /// Whether an emergency stop was in force.
    pub halted: bool,
    /// Whether it ended in order.
    pub ended: bool,
    /// Inputs read.
    pub inputs: u64,
}

/// One step through a session's files.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made one at a time and taken apart at once")]
pub enum Step {
    /// A record.
    Record(Record),
    /// The last file ends inside of a record: a crash cut it off.
    Torn {
        /// Which file.
        file: PathBuf,
        /// Where the record begins.
        at: usize,
    },
}

/// Steps through the records of a session's files in order.
///
/// # Errors
/// If a file cannot be read, or is damaged where more follows.
pub fn walk(files: &[PathBuf], mut each: impl FnMut(Step)) -> anyhow::Result<()> {
    for (place, file) in (1usize..).zip(files) {
        walk_file(file, place == files.len(), PIECE, &mut each)?;
    }
    Ok(())
}

fn walk_file(file: &Path, last: bool, piece: u64, each: &mut impl FnMut(Step)) -> anyhow::Result<()> {
    let reading = || format!("reading {}", file.display());
    let mut pieces = Pieces::open(file, piece).with_context(reading)?;
    while pieces.bytes().len() < journal::MAGIC.len() && pieces.more().with_context(reading)? {}
    if last && pieces.bytes().len() < journal::MAGIC.len() {
        // A crash in the moment in which the file was made.
        each(Step::Torn { file: file.to_owned(), at: 0 });
        return Ok(());
    }
    pieces.forget(Reader::new(pieces.bytes()).map_err(|error| damaged(file, &error))?.at());
    loop {
        let (at, torn) = records(&pieces, each).map_err(|error| damaged(file, &error))?;
        pieces.forget(at);
        if pieces.more().with_context(reading)? {
            continue;
        }
        return match (torn, last) {
            (false, _) => Ok(()),
            (true, true) => {
                each(Step::Torn { file: file.to_owned(), at });
                Ok(())
            }
            (true, false) => Err(damaged(file, &format_args!("byte {at}, where it ends although more files follow"))),
        };
    }
}

/// Steps through the records that were read whole; returns where they end, and whether a part of one follows.
fn records(pieces: &Pieces, each: &mut impl FnMut(Step)) -> Result<(usize, bool), journal::DecodeError> {
    let mut reader = Reader::resume(pieces.bytes(), pieces.base());
    loop {
        let at = reader.at();
        match reader.step()? {
            None => return Ok((at, false)),
            Some(journal::Step::Record(record)) => each(Step::Record(record)),
            Some(journal::Step::Torn { .. }) => return Ok((at, true)),
        }
    }
}

fn damaged(file: &Path, place: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!(
        "the journal {} is damaged at {place}; restore it from a backup, or move the journals away and reconcile by hand",
        file.display()
    )
}

/// Returns the account of a journal's file; none if a crash left less than that.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub fn account_of(file: &Path) -> anyhow::Result<Option<String>> {
    Ok(header_of(file)?.map(|header| header.account))
}

/// Reads whose journal it is; none if a crash left less than that.
pub(super) fn header_of(file: &Path) -> anyhow::Result<Option<Header>> {
    let reading = || format!("reading {}", file.display());
    let mut pieces = Pieces::open(file, PIECE).with_context(reading)?;
    pieces.more().with_context(reading)?;
    if pieces.bytes().len() < journal::MAGIC.len() {
        return Ok(None);
    }
    let mut reader = Reader::new(pieces.bytes()).map_err(|error| damaged(file, &error))?;
    match reader.step().map_err(|error| damaged(file, &error))? {
        Some(journal::Step::Record(Record::Header(header))) => Ok(Some(header)),
        _ => Ok(None),
    }
}

/// Returns what the newest session of `account` left; none if there is no such session. Journals of other accounts are not read
/// beyond their first record.
///
/// # Errors
/// If a journal is damaged, as a sentence with the file and the place.
pub fn last_of(data_dir: &Path, account: &str) -> anyhow::Result<Option<Past>> {
    let dir = folder(data_dir);
    let sessions = segments_of(&dir).with_context(|| format!("reading {}", dir.display()))?;
    for (session, files) in sessions {
        let Some(first) = files.first() else { continue };
        let Some(header) = header_of(first)?.filter(|header| header.account == account) else { continue };
        let reading = read(&dir, session, &files)?;
        // A session that crashed before it had taken over is nothing; the one before it still holds.
        if !reading.begun || (header.follows.is_some() && !reading.taken_over) {
            continue;
        }
        return Ok(Some(reading.past(header.session)));
    }
    Ok(None)
}

/// Reads a session: its snapshot, if there is one, and the files that follow.
fn read(dir: &Path, session: SessionId, files: &[PathBuf]) -> anyhow::Result<Reading> {
    let (mut reading, covered) = match snapshot::read(dir, session) {
        Ok(Some(found)) => found,
        Ok(None) => (Reading::default(), 0),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "the whole journal is read instead");
            (Reading::default(), 0)
        }
    };
    let segment = |file: &&PathBuf| named(file).map_or(0, |(_, segment)| segment);
    let rest: Vec<PathBuf> = files.iter().filter(|file| segment(file) > covered).cloned().collect();
    let first = rest.first().map(|file| segment(&file));
    ensure!(
        first.is_none_or(|first| first == covered.saturating_add(1)),
        "the journal of session {} begins with file {}, and nothing covers those before; restore them or its snapshot",
        session.0,
        first.unwrap_or(0)
    );
    walk(&rest, |step| reading.take(step))?;
    Ok(reading)
}

/// A session as it is read.
#[derive(Serialize, Deserialize)]
pub(super) struct Reading {
    engine: Engine,
    begun: bool,
    taken_over: bool,
    markets: Vec<Market>,
    placements: BTreeMap<OrderId, VenueOrderId>,
    ended: bool,
    inputs: u64,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            engine: Engine::new(Purpose::Rehearse),
            begun: false,
            taken_over: false,
            markets: Vec::new(),
            placements: BTreeMap::new(),
            ended: false,
            inputs: 0,
        }
    }
}

impl Reading {
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Record(Record::Input(input)) => {
                match &input.body {
                    Body::Session(_) => self.begun = true,
                    Body::Market(market) => self.markets.push(market.clone()),
                    Body::TakeOver(_) => self.taken_over = true,
                    _ => {}
                }
                self.engine.recover(&input);
                self.inputs = self.inputs.saturating_add(1);
            }
            Step::Record(Record::Placement(placement)) => {
                self.placements.insert(placement.order, placement.venue);
                if self.placements.len() > PLACEMENTS_MAX {
                    self.forget_placements();
                }
            }
            Step::Record(Record::Header(_) | Record::Effects { .. }) => {}
            Step::Record(Record::End(_)) => self.ended = true,
            Step::Torn { file, at } => {
                tracing::warn!(file = %file.display(), at, "the journal's last record was cut off; all before it holds");
            }
        }
    }

    /// The newest one may be told before the order that it is of.
    fn forget_placements(&mut self) {
        let Self { engine, placements, .. } = self;
        let newest = placements.last_key_value().map(|(order, _)| *order);
        placements.retain(|order, _| engine.order_state(*order).is_some() || newest == Some(*order));
    }

    fn past(self, session: SessionId) -> Past {
        let Self { engine, markets, placements, ended, inputs, .. } = self;
        let carry = engine.carry(|order| placements.contains_key(&order));
        let carried: BTreeSet<OrderId> = carry.orders.iter().map(|carried| carried.order.id).collect();
        let mut over = placements;
        let placements = over.extract_if(.., |order, _| carried.contains(order)).collect();
        while over.len() > OVER_MAX {
            over.pop_first();
        }
        let (needed, realised) = (engine.markets_to_carry(), engine.ledger().realised_before());
        let activities = engine.known_activities();
        let halted = engine.is_halted();
        let engine::Summary { day_start, portfolio: value, .. } = engine.summary();
        Past {
            session,
            carry,
            day_start,
            value,
            markets,
            placements,
            over,
            needed,
            realised,
            activities,
            halted,
            ended,
            inputs,
        }
    }
}
