//! The hidden `polytrader host`: composes one session with the API and the dashboard, and shuts it down in order. Start
//! reading in `trade`.

mod signals;

use crate::cli::{CommonArgs, HostArgs};
use crate::console::{eprintln, eprintln_secret, println};
use crate::platform::ShutdownSignals;
use alerts::{Acknowledgement, Alerts, Severity};
use anyhow::Context;
use api::auth::Auth;
use api::runtime_limits::RuntimeLimits;
use api::server::{Served, forget_last_run};
use api::{AppParts, Reread};
use control::clock;
use control::service_manager::ServiceManager;
use engine::BotState;
use model::Time;
use model::input::Mode;
use secrecy::ExposeSecret;
use signals::{announce, wait};
use signer::process::Parent;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::account_lock::{self, AccountLock};
use store::db::engines::{Claimant, Lease};
use store::db::{AccountScope, Db, Plaintext};
use store::journal_files::RunLock;
use tokio::runtime::Handle;
use trading::session::{Opened, Outcome, Session, Venue, VenueAddresses, past};

/// Time limit for background tasks to end after the shutdown.
const GRACE: Duration = Duration::from_secs(2);
/// Threads of the API's runtime. The second serves an operator while the first writes a large response.
const SERVING_THREADS: usize = 2;
/// Nice value of these threads: on a busy processor, the fastest readers get a third of the time of a trading thread.
#[cfg(target_os = "linux")]
const SERVING_NICE: i32 = 5;

/// Runs the hidden `polytrader host`.
///
/// # Errors
/// The reason why the session cannot start or did not end cleanly.
pub(crate) fn run(args: &HostArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start_for_host(&args.common.reload_config());
    signer::process::harden().context("protecting this process from other processes")?;
    let files = crate::descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let serving = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVING_THREADS)
        .thread_name("api")
        .on_thread_start(yield_to_trading)
        .enable_all()
        .build()
        .context("starting the API's runtime")?;
    let outcome = runtime.block_on(async {
        let outcome = trade(args, (serving.handle(), files)).await;
        if let Err(error) = &outcome {
            signals::failed(args, error).await;
        }
        outcome
    });
    serving.shutdown_timeout(GRACE);
    runtime.shutdown_timeout(GRACE);
    let outcome = outcome?;
    println(&if args.common.json { serde_json::to_string(&outcome)? } else { outcome.to_string() });
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Gives trading threads priority on the processor. On Linux the priority belongs to the calling thread, elsewhere to
/// the process.
fn yield_to_trading() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, SERVING_NICE) {
        tracing::debug!(%error, "lowering an API thread's priority failed");
    }
}

async fn trade(args: &HostArgs, serving: (&Handle, u64)) -> anyhow::Result<Outcome> {
    // First: without its handler, a signal would end this process while orders are open.
    let shutdown_signals = ShutdownSignals::listen()?;
    let parent = Parent::of_host();
    let manager = ServiceManager::of_this_process();
    // The host must not trade if a rule of the risk gate does not work.
    engine::self_test().map_err(anyhow::Error::msg)?;
    let common = &args.common;
    let config = common.reload_config().context("reading the configuration")?;
    store::private_file::make_folder(&config.data_dir)
        .with_context(|| format!("creating the data folder {}", config.data_dir.display()))?;
    let _folder = RunLock::of_folder(&config.data_dir)?;
    forget_last_run(&config.data_dir)?;
    let signer = Arc::new(signer::Client::connect_inherited().await.context("connecting to the signer")?);
    let account = signer.account().funder.to_string();
    let _account = account_lock(&account)?;
    let scope = AccountScope::new(config.mode.as_str(), &account);
    let plaintext = if config.database_plaintext { Plaintext::Allowed } else { Plaintext::Refused };
    let backups = (config.data_dir.join("backups"), clock::wall());
    let url = config.database_url.expose_secret();
    let db = Db::open_upgraded(url, plaintext, config.database_wait, (&backups.0, backups.1)).await?;
    let lease = lease(&db, &account, &config).await?;
    let auth = Auth::open(&db, scope.clone(), &config.data_dir, clock::now()).await?;
    let past = past(&config, &signer).await?;
    let left = past.as_ref().map(|past| past.bot);
    let venue = Venue::open(&addresses(args), common.adopt, &config, &signer, past.as_ref()).await?;
    let settings = RuntimeLimits::open(&config, &db, scope).await?;
    let opened = Opened::new(&config, settings.limits().await, signer, db, venue, past).await?;
    let session = opened.start(&config, parent)?;
    restore_acknowledgements(session.alerts(), session.db(), settings.scope()).await?;
    let code = auth.login_code(auth.owner(), clock::now())?;
    let parts = AppParts {
        picture: session.read_model().clone(),
        alerts: session.alerts().clone(),
        control: session.control().clone(),
        auth,
        db: session.db().clone(),
        settings,
        reread: reread(args),
        chain: order::Chain::from_id(config.chain_id),
        account,
        keep_versions: config.keep_versions,
        session: session.read_model().bot().session,
        remote: config.api_allow_remote,
        trusted_proxies: config.api_trusted_proxies.clone(),
        lost_lines: crate::output::lost,
        clock: clock::now,
    };
    let parts = Arc::new(parts);
    listen_to_telegram(&config, common, &parts)?;
    let served = Served::start(&config, parts, &args.exchange, &code, serving).await?;
    announce_page(&served, session.mode());
    eprintln(&format!(
        "api:       {} (token in {})",
        served.api,
        api::auth::admin_token_path(&config.data_dir).display()
    ));
    manager.ready(&format!("trades in {} mode", config.mode.as_str()));
    begin(&session, common.stopped, left.filter(|_| config.operations.same_state)).await;
    let why = wait(&session, shutdown_signals, common.run_for, &lease).await;
    let alerts = session.alerts().clone();
    manager.stopping();
    // The shutdown starts before it is announced.
    let (outcome, ()) = tokio::join!(biased; session.end(lease), announce(&alerts, &why));
    served.stop();
    outcome
}

/// Starts the session's trading: in the state in which operators left it, if that is configured, otherwise at once
/// where no real money is used. With real money, an operator starts the bot.
async fn begin(session: &Session, stopped: bool, left: Option<BotState>) {
    match left {
        _ if stopped => {}
        Some(left) => {
            tracing::info!(state = left.as_str(), "bot continues in the state in which it was left (start.state)");
            session.resume_bot(left).await;
        }
        None if session.mode() != Mode::Live => session.start_bot().await,
        None => {}
    }
}

/// Prints the address of the dashboard. The login link grants admin rights: it is printed only to a terminal, never to
/// a log or a log file, and not at all in live mode.
fn announce_page(served: &Served, mode: Mode) {
    let address = format!("dashboard: {} (`polytrader login` prints a link that logs in)", served.dashboard);
    if mode != Mode::Live && std::io::stderr().is_terminal() {
        eprintln_secret(&format!("dashboard: {} (this link logs in once)", served.login), &address);
    } else {
        eprintln(&address);
    }
}

/// Restores the acknowledgements of alerts that operators made before this start.
async fn restore_acknowledgements(alerts: &Alerts, db: &Db, scope: &AccountScope) -> anyhow::Result<()> {
    let rows = db.acknowledgements(scope, clock::now().millis()).await.context("reading acknowledgements of alerts")?;
    alerts.restore(rows.into_iter().map(|row| Acknowledgement {
        // An unknown severity covers nothing above a warning.
        severity: Severity::parse(&row.severity).unwrap_or_default(),
        kind: row.kind,
        subject: row.subject,
        who: row.who,
        until: Time::from_millis(row.until_ms),
    }));
    Ok(())
}

/// Starts to accept Telegram commands on the trading runtime, if they are configured.
fn listen_to_telegram(config: &config::Config, common: &CommonArgs, parts: &Arc<AppParts>) -> anyhow::Result<()> {
    let Some(telegram) = &config.alerts.telegram else { return Ok(()) };
    let common = common.clone();
    let read = move || common.reload_config().map(|config| config.entries()).map_err(|error| format!("{error:#}"));
    api::telegram::start(parts, telegram, api::telegram::Reload::new(read)).map(drop)
}

/// Takes the account's lease in the database, which engines on other machines may use too.
async fn lease(db: &Db, account: &str, config: &config::Config) -> anyhow::Result<Lease> {
    let claimant = Claimant::of_this_process(account, config.mode.as_str(), &config.data_dir);
    Ok(Lease::acquire(db, claimant.context("reading randomness from the system")?).await?)
}

/// Takes the account lock for this process, which may have to cancel orders after its parent has died.
fn account_lock(account: &str) -> anyhow::Result<AccountLock> {
    let name = std::env::var(account_lock::VARIABLE).context("this command can only be started by `polytrader run`")?;
    Ok(AccountLock::acquire_for_host(account, &name)?)
}

/// Returns the function that reads the configuration again, from the sources of this start.
fn reread(args: &HostArgs) -> Reread {
    let common = args.common.clone();
    Reread(Box::new(move || common.reload_config().context("reading the configuration")))
}

fn addresses(args: &HostArgs) -> VenueAddresses {
    VenueAddresses {
        exchange: args.exchange.clone(),
        channels: args.channels.clone(),
        catalog: args.catalog.clone(),
        records: args.records.clone(),
        relayer: args.relayer.clone(),
    }
}
