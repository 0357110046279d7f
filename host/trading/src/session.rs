//! The host process: everything between the venue, the engine, the signer, the strategies and the operators. It holds no key.
//! Start reading in [`begin`], which sets everything up in order; then `core`, the engine's thread, and `duties`, its hands.

mod carry_over;
mod connect;
mod shutdown;

use crate::orders::execution_client::Access;
use control::inbox::Inbox;
pub use shutdown::Outcome;

pub use connect::{ORDER_VERSIONS, Venue, VenueAddresses};

use crate::account::heartbeat::Heart;
use crate::account::venue_account::VenueAccount;
use crate::effects::{Duties, Seen};
use crate::engine_thread::{Core, Ended};
use crate::market_data::feeds::MarketFeeds;
use crate::orders::order_ids::Index;
use crate::orders::paper::PaperVenue;
use crate::orders::submitter::{Desk, Tools};
use crate::row_writer::Rows;
use alerts::{Alerts, Bot, CLOSE_WITHIN, RecordAlerts};
use anyhow::{Context, bail};
use config::Config;
use connect::Login;
use control::market_registry::Listing;
use control::{Control, Latest, OpenOrders, Words};
use lifecycle::{REPORTS_MAX, Starts, Strategies, supervise};
use model::input::{Command, Mode, SessionStart};
use model::{Body, Carry, Limits, SessionId, Size, StrategyId, Time};
use readmodel::{Begin, Picture};
use sandbox::{Sandbox, Supervisor};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::db::{Db, SessionRow};
use store::journal_files::{Journal, Past};
use store::strategy_state::SavedStates;
use tokio::runtime::Handle;

/// How long both channels may take before the bot is started all the same; breakers hold it back then.
const CHANNELS_WITHIN: Duration = Duration::from_secs(15);
/// How long the database may take to write what waits.
const ROWS_WITHIN: Duration = Duration::from_secs(5);

/// The parts that outlive the set-up.
pub struct Session {
    started: Instant,
    /// How it trades.
    pub mode: Mode,
    /// The signer of this host.
    pub signer: Arc<signer::Client>,
    inbox: Inbox,
    latest: Latest,
    /// What operators see.
    pub picture: Picture,
    /// Where alerts go.
    pub alerts: Alerts,
    journal: Journal,
    supervisor: Supervisor,
    access: Access,
    /// The way in.
    pub control: Control,
    /// The database.
    pub db: Db,
    engine: JoinHandle<Ended>,
    /// Ends when it is dropped; none on paper.
    _user_channel: Option<polymarket::Feed>,
}

/// What the engine's thread, its hands and the channels share.
pub(crate) struct Wires {
    pub(crate) signer: Arc<signer::Client>,
    pub(crate) inbox: Inbox,
    pub(crate) index: Index,
    pub(crate) latest: Latest,
    pub(crate) picture: Picture,
    pub(crate) alerts: Alerts,
    pub(crate) journal: Journal,
    pub(crate) starts: Starts,
    pub(crate) listing: Listing,
    pub(crate) states: SavedStates,
}

/// Begins the session: journal, engine, strategies and channels.
///
/// # Errors
/// What keeps the session from beginning.
pub async fn begin(
    config: &Config,
    limits: Limits,
    signer: Arc<signer::Client>,
    db: Db,
    mut venue: Venue,
    past: Option<Past>,
) -> anyhow::Result<Session> {
    let started = Instant::now();
    let now = control::clock::now();
    let session = SessionId(now.0);
    signer.begin(session).await.context("beginning a session at the signer")?;
    let funder = signer.account().funder.to_string();
    let start = session_start(config, limits, &db, &funder, session, now, &venue).await?;
    let mode = start.mode;
    let carry = past.as_ref().map(|past| carry_over::renumbered(past, &mut venue.markets)).transpose()?;
    let venue = &venue;
    let wires = Wires {
        signer,
        inbox: Inbox::default(),
        index: Index::default(),
        latest: Latest::default(),
        picture: Picture::new(&Begin { mode: mode.as_str().to_owned(), session: session.0, at: now }),
        alerts: Alerts::start(&config.alerts, Bot { mode: mode.as_str().to_owned(), account: funder.clone() })?,
        journal: journal(config, session, &funder, past.as_ref().map(|past| past.session), now)?,
        starts: Starts::default(),
        listing: Listing::new(&venue.markets),
        states: SavedStates::new(&config.data_dir, mode, &funder),
    };
    wires.inbox.account(now, Body::Session(start));
    venue.markets.iter().for_each(|market| wires.inbox.account(now, Body::Market(market.clone())));
    let since = carry.as_ref().map_or(now, Carry::since);
    let told = past.as_ref().map(|past| past.activities.clone()).unwrap_or_default();
    let recorded =
        carry.as_ref().map_or(crate::account::activity::first(now), |carry| crate::account::activity::since(carry.at));
    let opening = crate::orders::paper::Opening::new(venue.cash, carry.as_ref());
    let went_on = carry.is_some();
    let holders = carry.as_ref().map(holders).unwrap_or_default();
    if let Some((carry, past)) = carry.zip(past) {
        wires.take_over(now, carry, past);
    }
    let access = wires.access(config, venue, opening, since, went_on)?;
    let (sink, reports) = tokio::sync::mpsc::channel(REPORTS_MAX);
    let sandbox = compiling(config)?;
    let supervisor = supervise(config, sandbox.clone(), &wires.inbox, wires.states.clone(), sink)?;
    let row = SessionRow { session: session.0, mode: mode.as_str(), account: funder, started_at_ms: now.millis() };
    let core = Core::new(wires.duties(&db, venue, &access, &supervisor, &row)?, wires.latest.clone());
    let heard = wires.inbox.clone();
    let engine = std::thread::Builder::new().name("engine".to_owned()).spawn(move || core.run(&heard))?;
    let user_channel = wires.user_channel(venue, &access)?;
    crate::account::venue_health::watch(&venue.client, &wires.inbox);
    tokio::spawn(crate::market_data::resolutions::watch(
        venue.client.clone(),
        wires.inbox.clone(),
        wires.listing.clone(),
    ));
    tokio::spawn(venue.discovery.clone().watch(wires.listing.clone(), wires.inbox.clone()));
    wires.beat(venue);
    crate::account::activity::read(&wires, venue, recorded, told);
    let (words, asked) = Words::new(Some((sandbox.clone(), config.strategies_dir.clone())));
    tokio::spawn(wires.strategies(config, &db, sandbox, holders).run(reports, asked));
    let claims = crate::account::claim_executor::open(&wires, config, &db, venue);
    let venue_orders: Arc<dyn OpenOrders> = Arc::new(access.clone());
    let control = Control::new(wires.inbox.clone(), Some(venue_orders)).with_words(words).with_claims(claims);
    let Wires { signer, inbox, latest, picture, alerts, journal, .. } = wires;
    Ok(Session {
        started,
        mode,
        signer,
        inbox,
        latest,
        picture,
        alerts,
        journal,
        supervisor,
        access,
        control,
        db,
        engine,
        _user_channel: user_channel,
    })
}

impl Session {
    /// Says whether the engine's thread has ended.
    pub fn engine_has_ended(&self) -> bool {
        self.engine.is_finished()
    }
}

/// Returns who held something when a session ended.
fn holders(carry: &Carry) -> BTreeSet<StrategyId> {
    let parts = carry.parts.iter().filter(|(_, part)| !part.size.is_zero());
    parts.map(|((strategy, _), _)| *strategy).collect()
}

impl Wires {
    /// Opens the way to the account: the venue's, or paper in its place. What paper says first comes after the take-over.
    fn access(
        &self,
        config: &Config,
        venue: &Venue,
        opening: crate::orders::paper::Opening,
        since: Time,
        went_on: bool,
    ) -> anyhow::Result<Access> {
        let (inbox, index) = (self.inbox.clone(), self.index.clone());
        let Some(Login { account: client, foreign, .. }) = &venue.login else {
            let (latency, journal) = (config.paper_latency, self.journal.clone());
            let paper = PaperVenue::start(latency, &venue.markets, opening, inbox, index, journal)?;
            return Ok(Access::Paper(paper));
        };
        let tools = Tools {
            signer: Arc::clone(&self.signer),
            account: client.clone(),
            journal: self.journal.clone(),
            inbox: inbox.clone(),
            index: index.clone(),
            runtime: Handle::current(),
            alerts: self.alerts.clone(),
        };
        let latest = self.latest.clone();
        let account = VenueAccount::new(client.clone(), inbox, index, latest, self.listing.clone(), since);
        for order in foreign {
            // What they traded before the first session of this account is in its opening balance.
            account.adopt(order, if went_on { Size::ZERO } else { order.matched });
        }
        Ok(Access::Venue { desk: Box::new(Desk::start(tools)), account: Box::new(account) })
    }

    /// Begins to send heartbeats, if they are wanted.
    fn beat(&self, venue: &Venue) {
        let Some(login) = &venue.login else { return };
        let Some(id) = login.heartbeat.clone() else { return };
        let heart = Heart {
            client: login.account.clone(),
            inbox: self.inbox.clone(),
            latest: self.latest.clone(),
            journal: self.journal.clone(),
            picture: self.picture.clone(),
            id,
        };
        tokio::spawn(heart.run());
    }

    /// Connects the user channel, if there is one.
    fn user_channel(&self, venue: &Venue, access: &Access) -> anyhow::Result<Option<polymarket::Feed>> {
        match (access, &venue.login) {
            (Access::Venue { account, .. }, Some(login)) => {
                Ok(Some(account.start(venue.listen.feed.clone(), login.credentials.clone())?))
            }
            _ => Ok(None),
        }
    }

    fn strategies(&self, config: &Config, db: &Db, sandbox: Sandbox, holders: BTreeSet<StrategyId>) -> Strategies {
        Strategies::new(lifecycle::Tools {
            data_dir: config.data_dir.clone(),
            strategies_dir: config.strategies_dir.clone(),
            db: db.clone(),
            inbox: self.inbox.clone(),
            picture: self.picture.clone(),
            alerts: self.alerts.clone(),
            latest: self.latest.clone(),
            starts: self.starts.clone(),
            listing: self.listing.clone(),
            states: self.states.clone(),
            sandbox,
            arming: lifecycle::Arming::of(config),
            keep_versions: config.keep_versions,
            session: self.picture.bot().session,
            holders,
        })
    }

    fn duties(
        &self,
        db: &Db,
        venue: &Venue,
        access: &Access,
        supervisor: &Supervisor,
        row: &SessionRow,
    ) -> anyhow::Result<Duties> {
        let client = venue.client.clone();
        Ok(Duties {
            journal: self.journal.clone(),
            supervisor: supervisor.clone(),
            starts: self.starts.clone(),
            index: self.index.clone(),
            venue: client.clone(),
            feeds: MarketFeeds::start(venue.listen.clone(), &venue.markets, &self.inbox, client, self.picture.clone())?,
            listing: self.listing.clone(),
            access: access.clone(),
            picture: self.picture.clone(),
            alerts: RecordAlerts::new(self.alerts.clone()),
            rows: Rows::new(db, Handle::current(), row, self.listing.clone()),
            signer: Arc::clone(&self.signer),
            seen: Seen::default(),
        })
    }
}

async fn session_start(
    config: &Config,
    limits: Limits,
    db: &Db,
    funder: &str,
    session: SessionId,
    now: Time,
    venue: &Venue,
) -> anyhow::Result<SessionStart> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("asking the system for randomness")?;
    let opening = db.opening_valuation(funder, now.day()).await?;
    Ok(SessionStart {
        session,
        mode: match config.mode {
            config::Mode::Demo => Mode::Demo,
            config::Mode::Paper => Mode::Paper,
            config::Mode::Live => Mode::Live,
        },
        cash: venue.cash,
        day_start: opening.map(|value| (now.day(), value)),
        limits,
        salt_seed: u64::from_be_bytes(seed),
        halted: db.halted(funder).await?.is_some(),
    })
}

/// Reads what the last session on this account left.
///
/// # Errors
/// If a journal is damaged or cannot be read.
pub async fn past(config: &Config, signer: &signer::Client) -> anyhow::Result<Option<Past>> {
    let (data_dir, funder) = (config.data_dir.clone(), signer.account().funder.to_string());
    let read = tokio::task::spawn_blocking(move || store::journal_files::last_of(&data_dir, &funder));
    let past = read.await.context("reading the journals")??;
    if let Some(past) = &past {
        let open = past.carry.orders.iter().filter(|carried| !carried.state.is_over()).count();
        let how = if past.ended { "ended in order" } else { "did not end in order" };
        tracing::info!(session = past.session.0, inputs = past.inputs, open, how, "going on from the last session");
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
    let (journal, path) =
        Journal::create(&config.data_dir, &header, config.journal_keep_days).context("beginning the journal")?;
    tracing::info!(path = %path.display(), "the journal");
    Ok(journal)
}

/// Returns the sandbox of strategies, which keeps what it compiled in the data folder.
fn compiling(config: &Config) -> anyhow::Result<Sandbox> {
    Ok(Sandbox::of_own_program(sandbox::Settings::default(), Some(&config.data_dir))?)
}

/// Starts the bot when both channels are up.
pub async fn start(session: &Session) {
    let asked = Instant::now();
    loop {
        let bot = session.picture.bot();
        if (bot.market_channel_up && bot.user_channel_up) || asked.elapsed() > CHANNELS_WITHIN {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if let Err(error) = session.control.command(Command::Start).await {
        tracing::warn!(%error, "start refused; the bot stays STOPPED");
    }
}

/// Stops, checks, and closes everything in order.
///
/// # Errors
/// If the engine's thread panicked.
pub async fn end(session: Session) -> anyhow::Result<Outcome> {
    shutdown::stop(&session.control, &session.latest).await;
    let end = shutdown::check(&session.access, &session.latest).await;
    let Session { started, mode, inbox, alerts, journal, supervisor, db, engine, .. } = session;
    end.alert().into_iter().for_each(|alert| alerts.raise(alert));
    let closed = tokio::task::spawn_blocking(move || {
        supervisor.shutdown();
        inbox.close();
        let ended = engine.join();
        journal.close(control::clock::now());
        (ended, journal.failure())
    });
    let (ended, journal_failure) = closed.await.context("closing the host")?;
    db.close(ROWS_WITHIN).await;
    alerts.close(CLOSE_WITHIN).await;
    let Ok(Ended { engine, counts }) = ended else { bail!("the engine's thread panicked") };
    if let Some(failure) = journal_failure {
        tracing::error!(%failure, "journal failed");
    }
    Ok(Outcome::new(mode, started.elapsed(), &engine.summary(), &counts, end))
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("mode", &self.mode).finish_non_exhaustive()
    }
}
