//! The second phase of a start: session number, journal, and the engine's first inputs.

use super::carry_over::{self, CarriedOver};
use super::{Venue, unstored};
use crate::handles::Handles;
use crate::order_ids::OrderIds;
use crate::row_writer::EMERGENCY_STOP;
use alerts::{Alerts, Bot};
use anyhow::Context;
use config::Config;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use control::{Latest, StrategyNames, clock};
use lifecycle::Starts;
use model::input::{Mode, SessionStart};
use model::{InputKind, Limits, SessionId, Time, Usd};
use readmodel::views::ModeView;
use readmodel::{Begin, ReadModel};
use sandbox::Sandbox;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;
use store::db::{Db, Halt, SessionRow, Valuations};
use store::journal_files::{Journal, Keep, RecoveredSession};
use store::strategy_state::SavedStates;

/// A session with a journal and the last session's account, not yet running.
pub struct Opened {
    pub(crate) started: Instant,
    pub(crate) mode: Mode,
    pub(crate) venue: Venue,
    pub(crate) handles: Handles,
    pub(crate) carried: CarriedOver,
    pub(crate) row: SessionRow,
}

impl Opened {
    /// Opens a session on a venue: creates its journal and enqueues the engine's first inputs.
    ///
    /// # Errors
    /// If the signer, the database or the journal fails, or the journal of the last session contradicts itself.
    pub async fn new(
        config: &Config,
        limits: Limits,
        signer: Arc<signer::Client>,
        db: Db,
        mut venue: Venue,
        past: Option<RecoveredSession>,
    ) -> anyhow::Result<Self> {
        let (started, now) = (Instant::now(), clock::now());
        let session = session_after(past.as_ref().map(|past| past.session), now);
        signer.begin(session).await.context("beginning a session at the signer")?;
        let account = signer.account().funder.to_string();
        // The database or, failing that, the journal has an emergency stop: the journal's may date from a database
        // outage.
        let stored = db.halted(&account).await?.is_some();
        let halted = stored || past.as_ref().is_some_and(|past| past.halted);
        let start = session_start(config, limits, &db, &account, now, (&venue, halted), past.as_ref()).await?;
        let start = SessionStart { session, ..start };
        let mode = start.mode;
        let resumed = past.as_ref().map(|past| carry_over::renumbered(past, &mut venue.markets)).transpose()?;
        let journal = journal(config, session, &account, past.as_ref().map(|past| past.session), now)?;
        let handles = handles(config, &account, mode, signer, db, journal, &venue, (session, now))?;
        if halted && !stored {
            tracing::warn!("emergency stop found in the last journal but not in the database; it stays in effect");
            handles.halts.set(Some(Halt { reason: EMERGENCY_STOP.to_owned(), at_ms: now.millis() }));
        }
        handles.inbox.account(now, InputKind::Session(start));
        venue.markets.iter().for_each(|market| handles.inbox.account(now, InputKind::Market(market.clone())));
        let carried = CarriedOver::new(&handles, now, venue.cash, resumed, past);
        let row = SessionRow { session: session.0, mode: mode.as_str(), account, started_at_ms: now.millis() };
        Ok(Self { started, mode, venue, handles, carried, row })
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("row", &self.row).finish_non_exhaustive()
    }
}

#[expect(clippy::too_many_arguments, reason = "each is one of the parts that the handles are made of, once")]
fn handles(
    config: &Config,
    account: &str,
    mode: Mode,
    signer: Arc<signer::Client>,
    db: Db,
    journal: Journal,
    venue: &Venue,
    (session, now): (SessionId, Time),
) -> anyhow::Result<Handles> {
    let bot = Bot { mode: mode.as_str().to_owned(), account: account.to_owned() };
    let alerts = Alerts::start(&config.alerts, &bot, clock::now)?;
    let picture = ReadModel::new(&Begin { mode: shown(config.mode), session: session.0, at: now });
    unstored::watch(&db, &alerts, &picture);
    Ok(Handles {
        signer,
        inbox: Inbox::default(),
        index: OrderIds::default(),
        latest: Latest::default(),
        halts: unstored::persist_halts(&db, account, &alerts, &picture),
        picture,
        valuations: Valuations::start(&db, account.to_owned()),
        alerts,
        journal,
        starts: Starts::default(),
        listing: MarketRegistry::new(&venue.markets),
        names: StrategyNames::default(),
        states: SavedStates::new(&config.data_dir, mode, account),
        db,
    })
}

/// Returns the number of a session that begins now. Sessions are numbered by their start time and the greatest number
/// is the last, so a successor gets a greater one even if the wall clock was set back in between.
fn session_after(last: Option<SessionId>, now: Time) -> SessionId {
    last.map_or(SessionId(now.0), |last| SessionId(now.0.max(last.0.saturating_add(1))))
}

/// Returns the trading mode as shown to operators.
const fn shown(mode: config::Mode) -> ModeView {
    match mode {
        config::Mode::Demo => ModeView::Demo,
        config::Mode::Paper => ModeView::Paper,
        config::Mode::Live => ModeView::Live,
    }
}

async fn session_start(
    config: &Config,
    limits: Limits,
    db: &Db,
    account: &str,
    now: Time,
    (venue, halted): (&Venue, bool),
    past: Option<&RecoveredSession>,
) -> anyhow::Result<SessionStart> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("asking the system for randomness")?;
    let row = db.last_valuation(account, now.day()).await?;
    Ok(SessionStart {
        session: SessionId(now.0),
        mode: match config.mode {
            config::Mode::Demo => Mode::Demo,
            config::Mode::Paper => Mode::Paper,
            config::Mode::Live => Mode::Live,
        },
        cash: venue.cash,
        day_start: day_start(now.day(), row, past.map(|past| (past.day_start, past.value))),
        limits,
        salt_seed: u64::from_be_bytes(seed),
        halted,
    })
}

/// Returns the valuation that the loss of `today` is measured from, if there is one: today's, from the books of the
/// last session (transfers included) or else from the database; otherwise the last one before today, which is the value
/// at the last session's end unless the database has a later day.
fn day_start(today: u64, row: Option<(u64, Usd)>, past: Option<((u64, Usd), Usd)>) -> Option<(u64, Usd)> {
    let value = match (past, row) {
        (Some(((day, opening), _)), _) if day == today => opening,
        (_, Some((day, opening))) if day == today => opening,
        (Some(((day, _), _)), Some((later, opening))) if later > day => opening,
        (Some((_, end)), _) => end,
        (None, Some((_, opening))) => opening,
        (None, None) => return None,
    };
    Some((today, value))
}

/// Reads the state left by the last session on this account.
///
/// # Errors
/// If a journal is damaged or cannot be read.
pub async fn past(config: &Config, signer: &signer::Client) -> anyhow::Result<Option<RecoveredSession>> {
    let (data_dir, funder) = (config.data_dir.clone(), signer.account().funder.to_string());
    let read = tokio::task::spawn_blocking(move || store::journal_files::last_of(&data_dir, &funder));
    let past = read.await.context("reading the journals")??;
    if let Some(past) = &past {
        let open = past.carry.orders.iter().filter(|carried| !carried.state.is_over()).count();
        let how = if past.ended { "ended in order" } else { "did not end in order" };
        tracing::info!(session = past.session.0, inputs = past.inputs, open, how, "continuing from the last session");
    }
    Ok(past)
}

fn journal(
    config: &Config,
    session: SessionId,
    account: &str,
    follows: Option<SessionId>,
    now: Time,
) -> anyhow::Result<Journal> {
    let entries = format!("{:?}", config.entries());
    let header = journal::Header {
        build: store::build_id::build_name(),
        session,
        segment: 1,
        account: account.to_owned(),
        follows,
        config: Sha256::digest(entries).into(),
        sandbox: Sha256::digest(format!("{:?}", sandbox::Settings::default())).into(),
        created: now,
    };
    let keep = Keep { days: config.journal_keep_days, bytes: config.storage.journal };
    let (journal, path) = Journal::create(&config.data_dir, &header, keep).context("beginning the journal")?;
    tracing::info!(path = %path.display(), "journal created");
    Ok(journal)
}

/// Returns the sandbox for strategies, which caches compiled modules in the data folder.
pub(crate) fn sandbox_of(config: &Config) -> anyhow::Result<Sandbox> {
    Ok(Sandbox::of_own_program(sandbox::Settings::default(), Some(&config.data_dir))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_a_greater_number_than_the_last_although_the_clock_was_set_back() {
        let now = Time(1_000_000);
        assert_eq!(session_after(None, now), SessionId(1_000_000));
        assert_eq!(session_after(Some(SessionId(999_999)), now), SessionId(1_000_000));
        assert_eq!(session_after(Some(SessionId(1_000_000)), now), SessionId(1_000_001));
        assert_eq!(session_after(Some(SessionId(3_600_000_000)), now), SessionId(3_600_000_001));
    }

    #[test]
    fn a_day_counts_from_its_own_valuation_or_else_from_the_last_one_before_it() {
        let usd = Usd::dollars;
        // The last session: the day of its end, the valuation that this day was measured from, and its final value.
        let past = |day| Some(((day, usd(10)), usd(7)));
        let cases = [
            ("no valuation", None, None, None),
            ("the newest row", Some((8, usd(3))), None, Some(3)),
            ("today's row", Some((20, usd(3))), None, Some(3)),
            ("today's in the books includes the transfers since", Some((20, usd(3))), past(20), Some(10)),
            ("today's row is newer than the last session", Some((20, usd(3))), past(19), Some(3)),
            ("the last session ended later than the row", Some((18, usd(3))), past(18), Some(7)),
            ("no row, and an earlier session", None, past(19), Some(7)),
            ("a row of a later day than the last session", Some((19, usd(3))), past(18), Some(3)),
        ];
        for (case, row, past, expected) in cases {
            assert_eq!(day_start(20, row, past), expected.map(|dollars| (20, usd(dollars))), "{case}");
        }
    }
}
