//! The host process: everything between the venue, the engine, the signer, the strategies and the operators. It holds no key.
//! Start reading in [`trade`], which sets everything up in order; then `core`, the engine's thread, and `duties`, its hands.

mod access;
mod claims;
pub(crate) mod clock;
mod core;
mod desk;
mod discovery;
mod duties;
mod endings;
mod finish;
mod granting;
mod heartbeat;
mod inbox;
mod index;
mod listing;
mod market;
mod paper;
mod pulse;
mod records;
mod rows;
mod serve;
mod strategies;
mod takeover;
mod told;
mod venue;
mod venue_account;

pub(crate) use access::Access;
pub(crate) use claims::{Door, Wanted};
pub(crate) use duties::session_of;
pub(crate) use inbox::Inbox;
#[cfg(test)]
pub(crate) use inbox::Taken;
pub(crate) use pulse::skew;
#[cfg(test)]
pub(crate) use strategies::Asked;
pub(crate) use strategies::{Word, Words};
pub(crate) use venue::ORDER_VERSIONS;

use crate::alerts::{Alerts, Bot, CLOSE_WITHIN};
use crate::auth::{Auth, Identity, Role};
use crate::cli::{HostArgs, complain, say};
use crate::config::Config;
use crate::control::Control;
use crate::db::{Db, SessionRow};
use crate::http::Parts;
use crate::journal::{Journal, Past, RunLock};
use crate::picture::{Begin, Picture};
use crate::settings::Settings;
use anyhow::{Context, bail};
use core::{Core, Ended, Latest};
use desk::{Desk, Tools};
use duties::{Duties, Seen};
use finish::Outcome;
use heartbeat::Heart;
use index::Index;
use listing::Listing;
use market::MarketFeeds;
use model::input::{Command, Mode, SessionStart};
use model::{Body, Carry, Limits, SessionId, Size, StrategyId, Time};
use paper::PaperVenue;
use rows::Rows;
use sandbox::{Sandbox, Supervisor};
use serve::Served;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use strategies::{REPORTS_MAX, SavedStates, Starts, Strategies, supervise};
use tokio::runtime::Handle;
use told::{Told, wait};
use venue::{Login, Venue};
use venue_account::VenueAccount;

/// How long both channels may take before the bot is started all the same; breakers hold it back then.
const CHANNELS_WITHIN: Duration = Duration::from_secs(15);
/// How long tasks may take to end after everything was said.
const GRACE: Duration = Duration::from_secs(2);
/// How long the database may take to write what waits.
const ROWS_WITHIN: Duration = Duration::from_secs(5);

/// Runs the hidden `polytrader host`.
///
/// # Errors
/// What keeps it from trading, as a sentence.
pub(crate) fn run(args: &HostArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    signer::process::harden().context("closing this process to others")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let outcome = runtime.block_on(async {
        let outcome = trade(args).await;
        if let Err(error) = &outcome {
            told::failed(args, error).await;
        }
        outcome
    });
    runtime.shutdown_timeout(GRACE);
    let outcome = outcome?;
    if args.common.json {
        say(&serde_json::to_string(&outcome)?);
    }
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The parts that outlive the set-up.
struct Session {
    started: Instant,
    mode: Mode,
    signer: Arc<signer::Client>,
    inbox: Inbox,
    latest: Latest,
    picture: Picture,
    journal: Journal,
    supervisor: Supervisor,
    access: Access,
    control: Control,
    db: Db,
    engine: JoinHandle<Ended>,
    /// Ends when it is dropped; none on paper.
    _user_channel: Option<polymarket::Feed>,
}

async fn trade(args: &HostArgs) -> anyhow::Result<Outcome> {
    // First: a signal before its handler would end this process with orders open.
    let told = Told::listen()?;
    // A gate with a silent rule must not trade.
    engine::self_test().map_err(anyhow::Error::msg)?;
    let common = &args.common;
    let config = Config::load(common, std::env::vars_os()).context("reading the configuration")?;
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("creating the data folder {}", config.data_dir.display()))?;
    let _folder = RunLock::of_folder(&config.data_dir)?;
    serve::forget_last_run(&config.data_dir)?;
    let signer = Arc::new(signer::Client::connect_inherited().await.context("connecting to the signer")?);
    let _account = RunLock::of_account(&signer.account().funder.to_string())?;
    let db = Db::open(&config.database_url).await?;
    let auth = Auth::open(&db, &config.data_dir, clock::now()).await?;
    let past = past(&config, &signer).await?;
    let venue = Venue::open(args, &config, &signer, past.as_ref()).await?;
    let settings = Settings::open(&config, &db).await?;
    let session = begin(&config, settings.limits().await, signer, db, venue, past).await?;
    let admin = Identity { name: "admin".to_owned(), role: Role::Admin };
    let code = auth.login_code(admin, clock::now())?;
    let parts = Parts {
        picture: session.picture.clone(),
        control: session.control.clone(),
        auth,
        db: session.db.clone(),
        settings,
        chain: order::Chain::from_id(config.chain_id),
        account: session.signer.account().funder.to_string(),
        keep_versions: config.keep_versions,
        session: session.picture.bot().session,
        remote: config.api_allow_remote,
        clock: clock::now,
    };
    let served = Served::start(&config, Arc::new(parts), &args.exchange, &code).await?;
    complain(&format!("dashboard: {} (this link logs in once)", served.login));
    complain(&format!(
        "api:       {} (token in {})",
        served.api,
        crate::auth::admin_token_path(&config.data_dir).display()
    ));
    // With real money somebody looks first.
    if !common.stopped && session.mode != Mode::Live {
        start(&session).await;
    }
    let why = wait(&session, told, common.run_for).await;
    complain(&format!("{why}; cancelling all orders"));
    let outcome = end(session).await;
    served.stop();
    outcome
}

/// What the engine's thread, its hands and the channels share.
struct Wires {
    signer: Arc<signer::Client>,
    inbox: Inbox,
    index: Index,
    latest: Latest,
    picture: Picture,
    journal: Journal,
    starts: Starts,
    listing: Listing,
    states: SavedStates,
}

/// Begins the session: journal, engine, strategies and channels.
async fn begin(
    config: &Config,
    limits: Limits,
    signer: Arc<signer::Client>,
    db: Db,
    mut venue: Venue,
    past: Option<Past>,
) -> anyhow::Result<Session> {
    let started = Instant::now();
    let now = clock::now();
    let session = SessionId(now.0);
    signer.begin(session).await.context("beginning a session at the signer")?;
    let funder = signer.account().funder.to_string();
    let start = session_start(config, limits, &db, &funder, session, now, &venue).await?;
    let mode = start.mode;
    let carry = past.as_ref().map(|past| takeover::renumbered(past, &mut venue.markets)).transpose()?;
    let venue = &venue;
    let wires = Wires {
        signer,
        inbox: Inbox::default(),
        index: Index::default(),
        latest: Latest::default(),
        picture: Picture::new(&Begin { mode: mode.as_str().to_owned(), session: session.0, at: now }).with_alerts(
            Alerts::start(&config.alerts, Bot { mode: mode.as_str().to_owned(), account: funder.clone() })?,
        ),
        journal: journal(config, session, &funder, past.as_ref().map(|past| past.session), now)?,
        starts: Starts::default(),
        listing: Listing::new(&venue.markets),
        states: SavedStates::new(&config.data_dir, mode, &funder),
    };
    wires.inbox.account(now, Body::Session(start));
    venue.markets.iter().for_each(|market| wires.inbox.account(now, Body::Market(market.clone())));
    let since = carry.as_ref().map_or(now, Carry::since);
    let told = past.as_ref().map(|past| past.activities.clone()).unwrap_or_default();
    let recorded = carry.as_ref().map_or(records::first(now), |carry| records::since(carry.at));
    let opening = paper::Opening::new(venue.cash, carry.as_ref());
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
    let core = Core::new(wires.duties(&db, venue, &access, &supervisor, &row)?, Arc::clone(&wires.latest));
    let heard = wires.inbox.clone();
    let engine = std::thread::Builder::new().name("engine".to_owned()).spawn(move || core.run(&heard))?;
    let user_channel = wires.user_channel(venue, &access)?;
    pulse::watch(&venue.client, &wires.inbox);
    tokio::spawn(endings::watch(venue.client.clone(), wires.inbox.clone(), wires.listing.clone()));
    tokio::spawn(venue.discovery.clone().watch(wires.listing.clone(), wires.inbox.clone()));
    wires.beat(venue);
    records::read(&wires, venue, recorded, told);
    let (words, asked) = Words::new(Some((sandbox.clone(), config.strategies_dir.clone())));
    tokio::spawn(wires.strategies(config, &db, sandbox, holders).run(reports, asked));
    let claims = claims::open(&wires, config, &db, venue);
    let control = Control::new(wires.inbox.clone(), Some(access.clone())).with_words(words).with_claims(claims);
    let Wires { signer, inbox, latest, picture, journal, .. } = wires;
    Ok(Session {
        started,
        mode,
        signer,
        inbox,
        latest,
        picture,
        journal,
        supervisor,
        access,
        control,
        db,
        engine,
        _user_channel: user_channel,
    })
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
        opening: paper::Opening,
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
            alerts: self.picture.alerts().clone(),
        };
        let latest = Arc::clone(&self.latest);
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
            latest: Arc::clone(&self.latest),
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
        Strategies::new(strategies::Tools {
            data_dir: config.data_dir.clone(),
            strategies_dir: config.strategies_dir.clone(),
            db: db.clone(),
            inbox: self.inbox.clone(),
            picture: self.picture.clone(),
            latest: Arc::clone(&self.latest),
            starts: self.starts.clone(),
            listing: self.listing.clone(),
            states: self.states.clone(),
            sandbox,
            arming: strategies::Arming::of(config),
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
            crate::config::Mode::Demo => Mode::Demo,
            crate::config::Mode::Paper => Mode::Paper,
            crate::config::Mode::Live => Mode::Live,
        },
        cash: venue.cash,
        day_start: opening.map(|value| (now.day(), value)),
        limits,
        salt_seed: u64::from_be_bytes(seed),
        halted: db.halted(funder).await?.is_some(),
    })
}

/// Reads what the last session on this account left.
async fn past(config: &Config, signer: &signer::Client) -> anyhow::Result<Option<Past>> {
    let (data_dir, funder) = (config.data_dir.clone(), signer.account().funder.to_string());
    let read = tokio::task::spawn_blocking(move || crate::journal::last_of(&data_dir, &funder));
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
        build: crate::build_name(),
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
    crate::compile::sandbox(sandbox::Settings::default(), Some(&config.data_dir))
}

/// Starts the bot when both channels are up.
async fn start(session: &Session) {
    let asked = Instant::now();
    loop {
        let bot = session.picture.bot();
        if (bot.market_channel_up && bot.user_channel_up) || asked.elapsed() > CHANNELS_WITHIN {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if let Err(error) = session.control.command(Command::Start).await {
        complain(&format!("the bot stays STOPPED: {error}"));
    }
}

/// Stops, checks, and closes everything in order.
async fn end(session: Session) -> anyhow::Result<Outcome> {
    finish::stop(&session.control, &session.latest).await;
    let end = finish::check(&session.access, &session.latest).await;
    let Session { started, mode, inbox, picture, journal, supervisor, db, engine, .. } = session;
    end.alert().into_iter().for_each(|alert| picture.alerts().raise(alert));
    let closed = tokio::task::spawn_blocking(move || {
        supervisor.shutdown();
        inbox.close();
        let ended = engine.join();
        journal.close(clock::now());
        (ended, journal.failure())
    });
    let (ended, journal_failure) = closed.await.context("closing the host")?;
    db.close(ROWS_WITHIN).await;
    picture.alerts().close(CLOSE_WITHIN).await;
    let Ok(Ended { engine, counts }) = ended else { bail!("the engine's thread panicked") };
    if let Some(failure) = journal_failure {
        complain(&format!("the journal failed: {failure}"));
    }
    Ok(Outcome::new(mode, started.elapsed(), &engine.summary(), &counts, end))
}
