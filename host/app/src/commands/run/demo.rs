//! Demo mode: a local exchange and initial strategies.

use crate::cli::{ExchangeArgs, FlowArgs, RunArgs};
use crate::console::eprintln;
use crate::platform;
use anyhow::{Context, bail, ensure};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Time limit for the exchange to start; most of it is for reading recordings.
const EXCHANGE_START: Duration = Duration::from_secs(30);
/// Maximum size of `exchange.json`, which contains the exchange's address.
const STATE_MAX: u64 = 4_096;
/// Time that the exchange keeps serving a host after its parent was killed.
const ORPHANED_FOR: Duration = Duration::from_secs(5);
/// Time limit for the exchange to end after SIGTERM.
const EXCHANGE_END: Duration = Duration::from_secs(3);

/// The exchange that the session trades on.
pub(super) struct Venue {
    address: String,
    /// The exchange's process, if this run started it.
    child: Option<Child>,
}

impl Venue {
    /// Returns the base address, without a trailing slash.
    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// Starts a local exchange, or uses a running one.
pub(super) fn venue(args: &RunArgs) -> anyhow::Result<Venue> {
    if let Some(address) = &args.exchange {
        return Ok(Venue { address: running(address)?.to_owned(), child: None });
    }
    let dir = args.common.data_dir.join("exchange");
    fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let state = dir.join("exchange.json");
    if state.exists() {
        fs::remove_file(&state).with_context(|| format!("removing the old {}", state.display()))?;
    }
    let mut child = exchange_command(&dir, &args.flow)?.spawn().context("starting the local exchange")?;
    match await_address(&mut child, &state) {
        Ok(address) => Ok(Venue { address, child: Some(child) }),
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    }
}

/// Returns the address of a running exchange, without a trailing slash.
pub(super) fn running(address: &str) -> anyhow::Result<&str> {
    ensure!(
        address.starts_with("http://"),
        "--exchange takes an address such as http://127.0.0.1:8100, not `{address}`"
    );
    Ok(address.trim_end_matches('/'))
}

fn exchange_command(dir: &Path, flow: &FlowArgs) -> anyhow::Result<Command> {
    let mut command = super::children::this_program()?;
    command.arg("exchange").args(["--listen", "127.0.0.1:0", "--with-parent", "--data-dir"]).arg(dir);
    command.args(["--seed", &flow.seed.to_string(), "--speed", &flow.speed.to_string()]);
    if flow.invented != exchange::INVENTED {
        command.args(["--invented", &flow.invented.to_string()]);
    }
    for file in &flow.recording {
        ensure!(file.exists(), "recording {} does not exist", file.display());
        command.arg("--recording").arg(file);
    }
    if let Some(files) = priced(flow) {
        for (option, file) in [("--prices", &files.prices), ("--markets", &files.markets)] {
            ensure!(file.exists(), "file {}, passed with {option}, does not exist", file.display());
            command.arg(option).arg(file);
        }
    }
    // Its output would mix with ours; errors stay visible. Its own process group keeps Ctrl-C from it, because the host
    // still needs the exchange. It ends when its standard input closes, whose other end only this process holds: also
    // if this process is killed.
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    platform::detach_from_ctrl_c(&mut command);
    Ok(command)
}

fn priced(flow: &FlowArgs) -> Option<exchange::PricedFiles> {
    Some(exchange::PricedFiles { prices: flow.prices.clone()?, markets: flow.markets.clone()? })
}

/// Waits for `exchange.json`, and returns the address in it.
fn await_address(child: &mut Child, state: &Path) -> anyhow::Result<String> {
    let started = Instant::now();
    while started.elapsed() < EXCHANGE_START {
        if let Some(status) = child.try_wait().context("checking the local exchange")? {
            bail!("the local exchange exited immediately ({status}); its error is above");
        }
        if let Ok(text) = files::read(state, files::Links::Refuse, STATE_MAX)
            && let Ok(value) = serde_json::from_slice::<serde_json::Value>(&text)
            && let Some(address) = value.get("address").and_then(serde_json::Value::as_str)
        {
            return Ok(address.trim_end_matches('/').to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("the local exchange did not start within {} s", EXCHANGE_START.as_secs())
}

/// Ends a child process with SIGTERM, and kills it after a time limit.
fn end(child: &mut Child) {
    if let Err(error) = platform::terminate(child.id()) {
        tracing::debug!(%error, "local exchange already ended");
    }
    let started = Instant::now();
    while started.elapsed() < EXCHANGE_END {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if let Err(error) = child.kill().and_then(|()| child.wait().map(drop)) {
        tracing::warn!(%error, "local exchange did not end");
    }
}

/// Copies the shipped strategies into the strategies folder if it does not exist yet, so that a demo has something to
/// run. An existing folder is left unchanged.
pub(super) fn offer_strategies(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        return Ok(());
    }
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    let Some(source) = shipped_strategies() else { return Ok(()) };
    let entries = fs::read_dir(&source).with_context(|| format!("reading {}", source.display()))?;
    for entry in entries {
        let from = entry.with_context(|| format!("reading {}", source.display()))?.path();
        if from.extension().is_some_and(|extension| extension == "wasm")
            && let Some(name) = from.file_name()
        {
            let copy = files::open(&from, files::Links::Follow)
                .and_then(|mut from| io::copy(&mut from, &mut fs::File::create_new(dir.join(name))?));
            copy.with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}

/// Returns the `strategies` folder beside the program, or one level up (as in a build).
pub(crate) fn shipped_strategies() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let dir = program.parent()?;
    [Some(dir), dir.parent()].into_iter().flatten().map(|dir| dir.join("strategies")).find(|dir| dir.is_dir())
}

/// Returns a receiver that resolves when standard input closes. A plain thread waits for it: the runtime's shutdown
/// would wait for a blocking task.
fn parent_gone() -> anyhow::Result<oneshot::Receiver<()>> {
    let (gone, closed) = oneshot::channel();
    let wait = move || {
        let _ended = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _sent = gone.send(());
    };
    std::thread::Builder::new().name("parent".to_owned()).spawn(wait).context("starting a thread")?;
    Ok(closed)
}

/// Resolves a few seconds after the parent has ended, if there is one; the host cancels its orders in that time.
async fn orphaned(parent: Option<oneshot::Receiver<()>>) {
    match parent {
        Some(parent) => {
            let _gone = parent.await;
            tokio::time::sleep(ORPHANED_FOR).await;
        }
        None => std::future::pending().await,
    }
}

/// Serves the local exchange until SIGINT or SIGTERM, or until its parent has ended.
pub(super) fn serve_exchange(args: &ExchangeArgs) -> anyhow::Result<()> {
    let config = exchange::Config {
        listen: args.listen,
        recordings: args.flow.recording.clone(),
        priced: priced(&args.flow),
        event_lasts_s: args.event_lasts,
        speed_micros: args.flow.speed.0,
        data_dir: Some(args.data_dir.clone()),
        invented: args.flow.invented,
        ..exchange::Config::seeded(args.flow.seed)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let mut interrupts = platform::Interrupts::listen()?;
        let parent = if args.with_parent { Some(parent_gone()?) } else { None };
        let running = exchange::start(config).await?;
        eprintln(&format!("the exchange listens on http://{}", running.addr));
        tokio::select! {
            () = interrupts.next() => {}
            () = orphaned(parent) => {}
        }
        running.shutdown().await;
        Ok(())
    })
}
