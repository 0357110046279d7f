//! Recovery of a session from its journal. A truncated end is what a crash leaves; damage in the middle is refused with
//! its offset.

#[cfg(test)]
mod tests;

use super::chunks::{PIECE, Pieces};
use super::segments::{folder, named, segments_of};
use super::snapshot;
use anyhow::{Context, bail};
use engine::{BotState, Engine, Purpose};
use journal::{Header, Reader, Record};
use model::input::Command;
use model::{CarryOver, InputKind, Market, MarketIx, OrderId, RealisedBefore, SessionId, Usd, VenueOrderId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most placements that are kept; beyond it, those of orders that the engine has dropped are removed, which are
/// most of them.
const PLACEMENTS_MAX: usize = 15_000;

/// The most final orders whose ids are passed to the next session, the latest ones, so that late updates of them are
/// not mistaken for external orders.
pub const OVER_MAX: usize = 5_000;

/// The last session of an account.
#[derive(Debug)]
pub struct RecoveredSession {
    /// The session.
    pub session: SessionId,
    /// The state from which the next session continues, with this session's market numbers.
    pub carry: CarryOver,
    /// The UTC day of its end, and the valuation that this day's loss is measured from, transfers included.
    pub day_start: (u64, Usd),
    /// The account's value at its end.
    pub value: Usd,
    /// The session's markets by number.
    pub markets: Vec<Market>,
    /// The venue ids of the orders in `carry` that may have been sent.
    pub placements: BTreeMap<OrderId, VenueOrderId>,
    /// The venue ids of the latest orders that are not in `carry`, because they are final.
    pub over: BTreeMap<OrderId, VenueOrderId>,
    /// The markets that the next session needs, whatever it trades.
    pub needed: BTreeSet<MarketIx>,
    /// The P&L realised on markets that are not carried over any more.
    pub realised: RealisedBefore,
    /// The data API activities that have been processed, oldest first.
    pub activities: Vec<[u8; 32]>,
    /// True if an emergency stop was in force.
    pub halted: bool,
    /// The bot's state as operators left it: the stop that belongs to the end of a session does not count.
    pub bot: BotState,
    /// True if it ended in order.
    pub ended: bool,
    /// Inputs read.
    pub inputs: u64,
}

/// One step through a session's files.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "created one at a time and consumed at once")]
pub enum Step {
    /// A record.
    Record(Record),
    /// The last file ends inside a record: a crash truncated it.
    Torn {
        /// The file.
        file: PathBuf,
        /// The offset of the record.
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
        // A crash while the file was being created.
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

/// Steps through the complete records; returns the offset of their end, and whether a partial record follows.
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
        "the journal {} is damaged at {place}; restore it from a backup, or move the journals away and \
         reconcile manually",
        file.display()
    )
}

/// Returns the account of a journal file; `None` if a crash left too little of it.
///
/// # Errors
/// If the file cannot be read, or is damaged.
pub fn account_of(file: &Path) -> anyhow::Result<Option<String>> {
    Ok(header_of(file)?.map(|header| header.account))
}

/// Reads the header of a journal file; `None` if a crash left too little of it.
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

/// Returns the state left by the newest session of `account`; `None` if there is no such session. Journals of other
/// accounts are not read beyond their first record.
///
/// # Errors
/// If a journal is damaged, as a message with the file and the offset.
pub fn last_of(data_dir: &Path, account: &str) -> anyhow::Result<Option<RecoveredSession>> {
    let dir = folder(data_dir);
    let sessions = segments_of(&dir).with_context(|| format!("reading {}", dir.display()))?;
    for (session, files) in sessions {
        let Some(first) = files.first() else { continue };
        let Some(header) = header_of(first)?.filter(|header| header.account == account) else { continue };
        let reading = read(&dir, session, &files)?;
        // A session that crashed before it had carried the last one over does not count; the previous one is still
        // valid.
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
            tracing::warn!(error = format!("{error:#}"), "unusable journal snapshot; reading the whole journal");
            (Reading::default(), 0)
        }
    };
    let segment = |file: &&PathBuf| named(file).map_or(0, |(_, segment)| segment);
    let rest: Vec<PathBuf> = files.iter().filter(|file| segment(file) > covered).cloned().collect();
    if let Some(first) = rest.first().map(|file| segment(&file)).filter(|first| *first != covered.saturating_add(1)) {
        let remedy = match snapshot::build_of(dir, session) {
            Some(build) => format!(
                "the one there was written by another program, {build}: start that program once, so that it carries the \
                 session over to one that this program can follow, or restore the files"
            ),
            None => "restore them or the snapshot".to_owned(),
        };
        bail!(
            "the journal of session {} begins with file {first}, and no snapshot of this program covers the files before; \
             {remedy}",
            session.0
        );
    }
    walk(&rest, |step| reading.on_step(step))?;
    Ok(reading)
}

/// A session while it is read.
#[derive(Serialize, Deserialize)]
pub(super) struct Reading {
    engine: Engine,
    begun: bool,
    taken_over: bool,
    markets: Vec<Market>,
    placements: BTreeMap<OrderId, VenueOrderId>,
    /// The bot's state before the last command that could change it, if that was to stop.
    before_stop: Option<BotState>,
    ended: bool,
    inputs: u64,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            engine: Engine::new(Purpose::Simulate),
            begun: false,
            taken_over: false,
            markets: Vec::new(),
            placements: BTreeMap::new(),
            before_stop: None,
            ended: false,
            inputs: 0,
        }
    }
}

impl Reading {
    pub(super) fn on_step(&mut self, step: Step) {
        match step {
            Step::Record(Record::Input(input)) => {
                match &input.kind {
                    InputKind::Session(_) => self.begun = true,
                    InputKind::Market(market) => self.markets.push(market.clone()),
                    InputKind::CarryOver(_) => self.taken_over = true,
                    InputKind::Command(Command::Stop) => self.before_stop = Some(self.engine.summary().state),
                    InputKind::Command(Command::Start | Command::Resume | Command::Pause) => self.before_stop = None,
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
            Step::Record(Record::Header(_) | Record::Effects { .. } | Record::AuditHead { .. }) => {}
            Step::Record(Record::End(_)) => self.ended = true,
            Step::Torn { file, at } => {
                tracing::warn!(file = %file.display(), at, "last journal record truncated; the others are valid");
            }
        }
    }

    /// Removes placements of dropped orders, except the newest: it may be recorded before its order.
    fn forget_placements(&mut self) {
        let Self { engine, placements, .. } = self;
        let newest = placements.last_key_value().map(|(order, _)| *order);
        placements.retain(|order, _| engine.order_state(*order).is_some() || newest == Some(*order));
    }

    fn past(self, session: SessionId) -> RecoveredSession {
        let Self { engine, markets, placements, before_stop, ended, inputs, .. } = self;
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
        let engine::Summary { day_start, portfolio: value, state, .. } = engine.summary();
        let bot = match before_stop {
            _ if halted => BotState::Stopped,
            Some(before) if ended => before,
            _ => state,
        };
        RecoveredSession {
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
            bot,
            ended,
            inputs,
        }
    }
}
