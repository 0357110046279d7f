//! The last phase of a start: the engine thread, the channels, and all other tasks.

use super::connect::Login;
use super::opening::{Opened, sandbox_of};
use super::{Session, Venue, storage};
use crate::account::heartbeat::{Heart, LastBeat};
use crate::account::venue_account::VenueAccount;
use crate::account::{activity, claim_executor, venue_health};
use crate::effects::{EffectExecutor, Seen};
use crate::engine_thread::{Ended, EngineThread};
use crate::handles::Handles;
use crate::market_data::feeds::MarketFeeds;
use crate::market_data::resolutions;
use crate::order_trace::OrderTrace;
use crate::orders::execution_client::ExecutionClient;
use crate::orders::paper::{Opening, PaperVenue};
use crate::orders::submitter::{OrderSubmitter, SubmitterParts};
use crate::row_writer::Rows;
use crate::strategy_figures::StrategyFigures;
use crate::watchdog::{Means, Pulse, Watchdog};
use crate::{daily_summary, dead_man};
use alerts::RecordAlerts;
use config::Config;
use control::inbox::Inbox;
use control::{ClaimRequests, Control, OpenOrders, StrategyCommands};
use lifecycle::{REPORTS_MAX, Strategies, supervise};
use model::{SessionId, Size, StrategyId, Time};
use sandbox::{Sandbox, Supervisor};
use signer::process::Parent;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use store::db::{AccountScope, SessionRow};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

impl Opened {
    /// Starts all parts of a session.
    ///
    /// # Errors
    /// If the strategies folder, an address or a system thread is not available.
    pub fn start(self, config: &Config, parent: Parent) -> anyhow::Result<Session> {
        let Self { started, mode, venue, handles, carried, row } = self;
        let access = execution_client(&handles, config, &venue, carried.opening, (carried.since, carried.went_on))?;
        let (sink, reports) = mpsc::channel(REPORTS_MAX);
        let sandbox = sandbox_of(config)?;
        let supervisor = supervise(config, sandbox.clone(), &handles.inbox, handles.states.clone(), sink)?;
        let pulse = Pulse::default();
        let watchdog = Watchdog::start(pulse.clone(), means(&handles, &venue, parent))?;
        let core = core(&handles, &venue, &access, &supervisor, &row)?;
        #[cfg(debug_assertions)]
        let core = core.with_fault(&config.data_dir);
        let engine = engine_thread(core, handles.inbox.clone(), &pulse)?;
        let user_channel = user_channel(&venue, &access)?;
        watch_venue(&handles, &venue, &watchdog, config);
        storage::watch(&handles, config);
        dead_man::start(&handles, &watchdog, config);
        daily_summary::start(&handles, config);
        if venue.login.is_some() {
            activity::read(&handles, venue.records.clone(), carried.recorded, carried.known);
        }
        let (words, asked) = StrategyCommands::new(Some((sandbox.clone(), config.strategies_dir.clone())));
        tokio::spawn(strategies(&handles, config, sandbox, carried.holders).run(reports, asked));
        let venue_orders: Arc<dyn OpenOrders> = Arc::new(access.clone());
        let control = Control::new(handles.inbox.clone(), Some(venue_orders))
            .with_words(words)
            .with_claims(claims(&handles, config, &venue))
            .with_halts(handles.halts.clone())
            .with_last_resort(Arc::new(watchdog.clone()))
            .with_journal(handles.journal.clone());
        Ok(Session {
            started,
            mode,
            handles,
            supervisor,
            access,
            control,
            engine,
            watchdog,
            _user_channel: user_channel,
        })
    }
}

/// Opens the execution client: the venue's, or the paper venue. The paper venue's first inputs come after the
/// carry-over.
fn execution_client(
    handles: &Handles,
    config: &Config,
    venue: &Venue,
    opening: Opening,
    (since, went_on): (Time, bool),
) -> anyhow::Result<ExecutionClient> {
    let Some(Login { account: client, foreign, .. }) = &venue.login else {
        let (inbox, index, journal) = (handles.inbox.clone(), handles.index.clone(), handles.journal.clone());
        let paper = PaperVenue::start(config.paper_latency, &venue.markets, opening, inbox, index, journal)?;
        return Ok(ExecutionClient::Paper(paper));
    };
    let tools = SubmitterParts { handles: handles.clone(), account: client.clone(), runtime: Handle::current() };
    let account = VenueAccount::new(
        client.clone(),
        handles.inbox.clone(),
        handles.index.clone(),
        handles.latest.clone(),
        handles.listing.clone(),
        since,
    );
    for order in foreign {
        // Trades from before the account's first session are in its opening balance.
        account.adopt(order, if went_on { Size::ZERO } else { order.matched });
    }
    Ok(ExecutionClient::Venue { desk: Box::new(OrderSubmitter::start(tools)), account: Box::new(account) })
}

/// Returns the engine with the parts that execute its effects.
fn core(
    handles: &Handles,
    venue: &Venue,
    access: &ExecutionClient,
    supervisor: &Supervisor,
    row: &SessionRow,
) -> anyhow::Result<EngineThread> {
    let client = venue.client.clone();
    let picture = handles.picture.clone();
    let duties = EffectExecutor {
        feeds: MarketFeeds::start(venue.listen.clone(), &venue.markets, &handles.inbox, client.clone(), picture)?,
        rows: Rows::new(handles, row),
        alerts: RecordAlerts::new(handles.alerts.clone()),
        handles: handles.clone(),
        supervisor: supervisor.clone(),
        venue: client,
        access: access.clone(),
        seen: Seen::default(),
        trace: OrderTrace::new(SessionId(row.session)),
        figures: StrategyFigures::new(handles.picture.paths().clone(), handles.names.clone()),
    };
    Ok(EngineThread::new(duties))
}

fn engine_thread(core: EngineThread, inbox: Inbox, pulse: &Pulse) -> std::io::Result<JoinHandle<Ended>> {
    let beat = pulse.beat();
    std::thread::Builder::new().name("engine".to_owned()).spawn(move || core.run(&inbox, beat))
}

/// Returns the watchdog's resources for losing the engine.
fn means(handles: &Handles, venue: &Venue, parent: Parent) -> Means {
    let orders = venue.login.as_ref().map(|login| login.account.clone());
    Means {
        lock_signer: Box::new(move || {
            let locked = parent.lock();
            // Orders that are already signed are not sent.
            if let Some(orders) = &orders {
                orders.hold_orders();
            }
            locked
        }),
        venue: venue.login.as_ref().map(|login| login.reserve.clone()),
        alerts: handles.alerts.clone(),
        heartbeat: venue.login.as_ref().is_some_and(|login| login.heartbeat.is_some()),
    }
}

/// Connects the user channel, if there is one.
fn user_channel(venue: &Venue, access: &ExecutionClient) -> anyhow::Result<Option<polymarket::Feed>> {
    match (access, &venue.login) {
        (ExecutionClient::Venue { account, .. }, Some(login)) => {
            Ok(Some(account.start(venue.listen.feed.clone(), login.credentials.clone())?))
        }
        _ => Ok(None),
    }
}

/// Starts the tasks that watch the venue, and the heartbeat if it is on.
fn watch_venue(handles: &Handles, venue: &Venue, watchdog: &Watchdog, config: &Config) {
    let (inbox, listing) = (handles.inbox.clone(), handles.listing.clone());
    venue_health::watch(&venue.client, &inbox);
    tokio::spawn(resolutions::watch(venue.client.clone(), inbox.clone(), listing.clone()));
    tokio::spawn(venue.discovery.clone().watch(listing, inbox));
    if let Some(login) = &venue.login
        && let Some(id) = login.heartbeat.clone()
    {
        let (client, watchdog) = (login.account.clone(), watchdog.clone());
        let kept = LastBeat::new(&config.data_dir, &handles.signer.account().funder.to_string());
        let heart = Heart { handles: handles.clone(), client, watchdog, id, kept, lost_answer: false };
        tokio::spawn(heart.run());
    }
}

fn strategies(handles: &Handles, config: &Config, sandbox: Sandbox, holders: BTreeSet<StrategyId>) -> Strategies {
    let Handles { db, inbox, picture, alerts, latest, starts, listing, names, states, .. } = handles.clone();
    let session = picture.bot().session;
    let scope = AccountScope::new(config.mode.as_str(), &handles.signer.account().funder.to_string());
    Strategies::new(lifecycle::LifecycleParts {
        data_dir: config.data_dir.clone(),
        strategies_dir: config.strategies_dir.clone(),
        db,
        scope,
        inbox,
        picture,
        alerts,
        latest,
        starts,
        listing,
        names,
        states,
        sandbox,
        arming: lifecycle::Arming::of(config),
        promotion: lifecycle::Promotion::of(config),
        keep_versions: config.keep_versions,
        log_per_day: config.storage.strategy_log_per_day,
        session,
        holders,
    })
}

/// Starts the claim executor, or returns handles that give the reason why there is none.
fn claims(handles: &Handles, config: &Config, venue: &Venue) -> ClaimRequests {
    match &venue.login {
        None => ClaimRequests::closed("there is nothing to claim in paper mode"),
        Some(login) => claim_executor::open(handles, &login.account, venue.relayer.as_ref(), config.claims_automatic),
    }
}
