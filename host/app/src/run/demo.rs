//! What demo mode brings with it: a local exchange, a fresh key, and strategies to begin with.

use crate::cli::{ExchangeArgs, FlowArgs, RunArgs, complain};
use anyhow::{Context, bail, ensure};
use order::SigningKey;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How long the exchange may take to come up; reading recordings is most of it.
const EXCHANGE_START: Duration = Duration::from_secs(30);
/// How long it may take to end after it was told to.
const EXCHANGE_END: Duration = Duration::from_secs(3);

/// The exchange that the session trades on.
pub(super) struct Venue {
    address: String,
    /// The exchange's process, if we started it.
    child: Option<Child>,
}

impl Venue {
    /// Returns the base address, without a slash at the end.
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

/// Starts an exchange of our own, or takes the one that runs already.
pub(super) fn venue(args: &RunArgs) -> anyhow::Result<Venue> {
    if let Some(address) = &args.exchange {
        let address = address.trim_end_matches('/').to_owned();
        ensure!(
            address.starts_with("http://"),
            "--exchange takes an address such as http://127.0.0.1:8100, not `{address}`"
        );
        return Ok(Venue { address, child: None });
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

fn exchange_command(dir: &Path, flow: &FlowArgs) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.arg("exchange").args(["--listen", "127.0.0.1:0"]).arg("--data-dir").arg(dir);
    command.args(["--seed", &flow.seed.to_string(), "--speed", &flow.speed.to_string()]);
    for file in &flow.recording {
        ensure!(file.exists(), "there is no recording {}", file.display());
        command.arg("--recording").arg(file);
    }
    // Its output would mix with ours; errors stay visible. A Ctrl-C is for the host, which still needs the exchange.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok(command)
}

/// Waits for the file in which the exchange tells its address.
fn await_address(child: &mut Child, state: &Path) -> anyhow::Result<String> {
    let started = Instant::now();
    while started.elapsed() < EXCHANGE_START {
        if let Some(status) = child.try_wait().context("looking after the local exchange")? {
            bail!("the local exchange ended at once ({status}); its error is above");
        }
        if let Ok(text) = fs::read_to_string(state)
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(&text)
            && let Some(address) = value.get("address").and_then(serde_json::Value::as_str)
        {
            return Ok(address.trim_end_matches('/').to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("the local exchange did not come up within {} s", EXCHANGE_START.as_secs())
}

/// Ends a child: politely, then for sure.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::TERM)
    {
        tracing::debug!(%error, "the local exchange is gone already");
    }
    let started = Instant::now();
    while started.elapsed() < EXCHANGE_END {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if let Err(error) = child.kill().and_then(|()| child.wait().map(drop)) {
        tracing::warn!(%error, "the local exchange did not end");
    }
}

/// Puts the strategies that came with the program into the strategies folder if there is none yet, so that the demo has
/// something to show; a folder that is there is left alone.
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
            fs::copy(&from, dir.join(name)).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}

/// Returns `strategies` beside the program, or one folder up (where a build leaves them).
pub(crate) fn shipped_strategies() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let dir = program.parent()?;
    [Some(dir), dir.parent()].into_iter().flatten().map(|dir| dir.join("strategies")).find(|dir| dir.is_dir())
}

/// Returns the key of the run. A new exchange gives any new address play money, so its key is new too; an exchange that was there
/// before knows us by the key of the last run, which stands in the data folder. It is worth nothing anywhere else.
pub(super) fn key(args: &RunArgs) -> anyhow::Result<SigningKey> {
    if args.exchange.is_none() {
        return fresh_key();
    }
    let path = args.common.data_dir.join("demo.key");
    match fs::read_to_string(&path) {
        Ok(text) => {
            parse_key(text.trim()).with_context(|| format!("{} holds no key: 64 hexadecimal digits", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (key, text) = drawn_key()?;
            crate::private::replace(&path, &text).with_context(|| format!("writing {}", path.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn parse_key(text: &str) -> Option<SigningKey> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    model::id::parse_hex(text, bytes.as_mut())?;
    SigningKey::from_bytes(&bytes).ok()
}

/// Makes a key for one run: the local exchange gives any new address play money. It is never written anywhere.
pub(crate) fn fresh_key() -> anyhow::Result<SigningKey> {
    drawn_key().map(|(key, _)| key)
}

/// Draws a key, and returns it as text too.
fn drawn_key() -> anyhow::Result<(SigningKey, zeroize::Zeroizing<String>)> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    // All but one in 2^128 draws are keys.
    for _ in 0..4 {
        getrandom::fill(bytes.as_mut()).context("asking the system for randomness")?;
        if let Ok(key) = SigningKey::from_bytes(&bytes) {
            let text = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            return Ok((key, zeroize::Zeroizing::new(text)));
        }
    }
    bail!("the system's randomness made no key four times running")
}

/// Serves the local exchange until SIGINT or SIGTERM.
pub(super) fn serve_exchange(args: &ExchangeArgs) -> anyhow::Result<()> {
    let config = exchange::Config {
        listen: args.listen,
        recordings: args.flow.recording.clone(),
        speed_micros: args.flow.speed.0,
        data_dir: Some(args.data_dir.clone()),
        ..exchange::Config::seeded(args.flow.seed)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let running = exchange::start(config).await?;
        complain(&format!("the exchange listens on http://{}", running.addr));
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        running.shutdown().await;
        Ok(())
    })
}
