//! The last phase of a start: the engine's thread, the channels, and every task beside them.

use super::connect::Login;
use super::opening::{Opened, sandbox_of};
use super::{Session, Venue};
use crate::account::heartbeat::Heart;
use crate::account::venue_account::VenueAccount;
use crate::account::{activity, claim_executor, venue_health};
use crate::effects::{Duties, Seen};
use crate::engine_thread::{Core, Ended};
use crate::handles::Handles;
use crate::market_data::feeds::MarketFeeds;
use crate::market_data::resolutions;
use crate::orders::execution_client::Access;
use crate::orders::paper::{Opening, PaperVenue};
use crate::orders::submitter::{Desk, Tools};
use crate::row_writer::Rows;
use alerts::RecordAlerts;
use config::Config;
use control::{Control, Door, OpenOrders, Words};
use lifecycle::{REPORTS_MAX, Strategies, supervise};
use model::{Size, StrategyId, Time};
use sandbox::{Sandbox, Supervisor};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use store::db::SessionRow;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

impl Opened {
    /// Starts everything that a session is made of.
    ///
    /// # Errors
    /// If the strategies folder, an address or the system's threads cannot be had.
    pub fn start(self, config: &Config) -> anyhow::Result<Session> {
        let Self { started, mode, venue, handles, carried, row } = self;
        let access = execution_client(&handles, config, &venue, carried.opening, (carried.since, carried.went_on))?;
        let (sink, reports) = mpsc::channel(REPORTS_MAX);
        let sandbox = sandbox_of(config)?;
        let supervisor = supervise(config, sandbox.clone(), &handles.inbox, handles.states.clone(), sink)?;
        let engine = engine_thread(&handles, &venue, &access, &supervisor, &row)?;
        let user_channel = user_channel(&venue, &access)?;
        watch_venue(&handles, &venue);
        if venue.login.is_some() {
            activity::read(&handles, venue.records.clone(), carried.recorded, carried.known);
        }
        let (words, asked) = Words::new(Some((sandbox.clone(), config.strategies_dir.clone())));
        tokio::spawn(strategies(&handles, config, sandbox, carried.holders).run(reports, asked));
        let venue_orders: Arc<dyn OpenOrders> = Arc::new(access.clone());
        let control = Control::new(handles.inbox.clone(), Some(venue_orders))
            .with_words(words)
            .with_claims(claims(&handles, config, &venue))
            .with_halts(handles.halts.clone());
        Ok(Session { started, mode, handles, supervisor, access, control, engine, _user_channel: user_channel })
    }
}

/// Opens the way to the account: the venue's, or paper in its place. What paper says first comes after the carry-over.
fn execution_client(
    handles: &Handles,
    config: &Config,
    venue: &Venue,
    opening: Opening,
    (since, went_on): (Time, bool),
) -> anyhow::Result<Access> {
    let Some(Login { account: client, foreign, .. }) = &venue.login else {
        let (inbox, index, journal) = (handles.inbox.clone(), handles.index.clone(), handles.journal.clone());
        let paper = PaperVenue::start(config.paper_latency, &venue.markets, opening, inbox, index, journal)?;
        return Ok(Access::Paper(paper));
    };
    let tools = Tools { handles: handles.clone(), account: client.clone(), runtime: Handle::current() };
    let account = VenueAccount::new(
        client.clone(),
        handles.inbox.clone(),
        handles.index.clone(),
        handles.latest.clone(),
        handles.listing.clone(),
        since,
    );
    for order in foreign {
        // What they traded before the first session of this account is in its opening balance.
        account.adopt(order, if went_on { Size::ZERO } else { order.matched });
    }
    Ok(Access::Venue { desk: Box::new(Desk::start(tools)), account: Box::new(account) })
}

/// Starts the engine's thread with what executes its effects.
fn engine_thread(
    handles: &Handles,
    venue: &Venue,
    access: &Access,
    supervisor: &Supervisor,
    row: &SessionRow,
) -> anyhow::Result<JoinHandle<Ended>> {
    let client = venue.client.clone();
    let picture = handles.picture.clone();
    let duties = Duties {
        feeds: MarketFeeds::start(venue.listen.clone(), &venue.markets, &handles.inbox, client.clone(), picture)?,
        rows: Rows::new(handles, Handle::current(), row),
        alerts: RecordAlerts::new(handles.alerts.clone()),
        handles: handles.clone(),
        supervisor: supervisor.clone(),
        venue: client,
        access: access.clone(),
        seen: Seen::default(),
    };
    let core = Core::new(duties);
    let inbox = handles.inbox.clone();
    Ok(std::thread::Builder::new().name("engine".to_owned()).spawn(move || core.run(&inbox))?)
}

/// Connects the user channel, if there is one.
fn user_channel(venue: &Venue, access: &Access) -> anyhow::Result<Option<polymarket::Feed>> {
    match (access, &venue.login) {
        (Access::Venue { account, .. }, Some(login)) => {
            Ok(Some(account.start(venue.listen.feed.clone(), login.credentials.clone())?))
        }
        _ => Ok(None),
    }
}

/// Starts what watches the venue, and the heartbeat if it is wanted.
fn watch_venue(handles: &Handles, venue: &Venue) {
    let (inbox, listing) = (handles.inbox.clone(), handles.listing.clone());
    venue_health::watch(&venue.client, &inbox);
    tokio::spawn(resolutions::watch(venue.client.clone(), inbox.clone(), listing.clone()));
    tokio::spawn(venue.discovery.clone().watch(listing, inbox));
    if let Some(login) = &venue.login
        && let Some(id) = login.heartbeat.clone()
    {
        let heart = Heart { handles: handles.clone(), client: login.account.clone(), id };
        tokio::spawn(heart.run());
    }
}

fn strategies(handles: &Handles, config: &Config, sandbox: Sandbox, holders: BTreeSet<StrategyId>) -> Strategies {
    let Handles { db, inbox, picture, alerts, latest, starts, listing, names, states, .. } = handles.clone();
    let session = picture.bot().session;
    Strategies::new(lifecycle::Tools {
        data_dir: config.data_dir.clone(),
        strategies_dir: config.strategies_dir.clone(),
        db,
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
        keep_versions: config.keep_versions,
        session,
        holders,
    })
}

/// Starts what executes claims, or says why there is none.
fn claims(handles: &Handles, config: &Config, venue: &Venue) -> Door {
    match &venue.login {
        None => Door::closed("on paper there is nothing to claim"),
        Some(login) => claim_executor::open(handles, &login.account, venue.relayer.as_ref(), config.claims_automatic),
    }
}
