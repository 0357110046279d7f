//! The hidden `polytrader host`: composes one session with the API and the page, and ends it in order. Start reading in `trade`.

mod signals;

use crate::cli::HostArgs;
use crate::console::{complain, say};
use anyhow::Context;
use api::Parts;
use api::auth::Auth;
use api::runtime_limits::Settings;
use api::server::{Served, forget_last_run};
use control::clock;
use model::input::Mode;
use secrecy::ExposeSecret;
use signals::{Told, announce, wait};
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
use trading::session::{Opened, Outcome, Venue, VenueAddresses, past};

/// How long tasks may take to end after everything was said.
const GRACE: Duration = Duration::from_secs(2);
/// Threads that answer requests. The second answers an operator while the first writes a large answer.
const SERVING_THREADS: usize = 2;
/// Their priority: readers as fast as they can be get a third of what a thread that trades gets on a busy processor.
#[cfg(target_os = "linux")]
const SERVING_NICE: i32 = 5;

/// Runs the hidden `polytrader host`.
///
/// # Errors
/// What keeps it from trading, as a sentence.
pub(crate) fn run(args: &HostArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    signer::process::harden().context("closing this process to others")?;
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
    say(&if args.common.json { serde_json::to_string(&outcome)? } else { outcome.to_string() });
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Gives the threads of trading the processor first. On Linux the priority is that of the calling thread, elsewhere of the process.
fn yield_to_trading() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, SERVING_NICE) {
        tracing::debug!(%error, "priority of a thread of the API not lowered");
    }
}

async fn trade(args: &HostArgs, serving: (&Handle, u64)) -> anyhow::Result<Outcome> {
    // First: a signal before its handler would end this process with orders open.
    let told = Told::listen()?;
    let parent = Parent::of_host();
    // A gate with a silent rule must not trade.
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
    let db = Db::open_when_there(config.database_url.expose_secret(), plaintext, config.database_wait).await?;
    let lease = lease(&db, &account, &config).await?;
    let auth = Auth::open(&db, scope.clone(), &config.data_dir, clock::now()).await?;
    let past = past(&config, &signer).await?;
    let venue = Venue::open(&addresses(args), common.adopt, &config, &signer, past.as_ref()).await?;
    let settings = Settings::open(&config, &db, scope).await?;
    let opened = Opened::new(&config, settings.limits().await, signer, db, venue, past).await?;
    let session = opened.start(&config, parent)?;
    let code = auth.login_code(auth.owner(), clock::now())?;
    let parts = Parts {
        picture: session.read_model().clone(),
        alerts: session.alerts().clone(),
        control: session.control().clone(),
        auth,
        db: session.db().clone(),
        settings,
        chain: order::Chain::from_id(config.chain_id),
        account,
        keep_versions: config.keep_versions,
        session: session.read_model().bot().session,
        remote: config.api_allow_remote,
        lost_lines: crate::output::lost,
        clock: clock::now,
    };
    let served = Served::start(&config, Arc::new(parts), &args.exchange, &code, serving).await?;
    announce_page(&served, session.mode());
    complain(&format!(
        "api:       {} (token in {})",
        served.api,
        api::auth::admin_token_path(&config.data_dir).display()
    ));
    // With real money somebody looks first.
    if !common.stopped && session.mode() != Mode::Live {
        session.start_bot().await;
    }
    let why = wait(&session, told, common.run_for, &lease).await;
    let alerts = session.alerts().clone();
    // The end begins before anything is said about it.
    let (outcome, ()) = tokio::join!(biased; session.end(lease), announce(&alerts, &why));
    served.stop();
    outcome
}

/// Says where the page is. The link makes its reader an admin: it is shown to the person at the terminal, never kept in a log, and not at all
/// where real money is.
fn announce_page(served: &Served, mode: Mode) {
    if mode != Mode::Live && std::io::stderr().is_terminal() {
        complain(&format!("dashboard: {} (this link logs in once)", served.login));
    } else {
        complain(&format!("dashboard: {} (`polytrader login` prints a link that logs in)", served.dashboard));
    }
}

/// Takes the account in the database, which another machine may use too.
async fn lease(db: &Db, account: &str, config: &config::Config) -> anyhow::Result<Lease> {
    let claimant = Claimant::of_this_process(account, config.mode.as_str(), &config.data_dir);
    Ok(Lease::take(db, claimant.context("asking the system for randomness")?).await?)
}

/// Takes the account for this process, which may have to cancel its orders after its parent has died.
fn account_lock(account: &str) -> anyhow::Result<AccountLock> {
    let name = std::env::var(account_lock::VARIABLE).context("this process is started by `polytrader run` only")?;
    Ok(AccountLock::take_for_host(account, &name)?)
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
