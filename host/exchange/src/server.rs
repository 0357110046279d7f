//! Starting and stopping the exchange.

use crate::clock::now;
use crate::recording::{ReadError, read_file, read_markets, read_prices};
use crate::world::{Inside, Settling, Shared, Source, SourceError};
use sha2::{Digest, Sha256};
use sim::Flow;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Interval between actions of the other traders.
const STEP: Duration = Duration::from_millis(50);
/// Pause between two parts of a step, in which clients get the lock.
const BREATH: Duration = Duration::from_millis(1);
/// Time that connections have to end on shutdown.
const GRACE: Duration = Duration::from_millis(500);

/// Configuration of an exchange.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seed of the flow, the ids and the API keys.
    pub seed: u64,
    /// Number of markets that the seeded flow invents, at most [`crate::INVENTED_MAX`].
    pub invented: usize,
    /// Recordings of real books; without any, the other traders are the seeded flow.
    pub recordings: Vec<PathBuf>,
    /// A recorded price and the markets that it decided, used instead of both; see [`crate::recording::prices`].
    pub priced: Option<PricedFiles>,
    /// Seconds from the start until the seeded flow's event resolves; its other markets never do.
    pub event_lasts_s: u64,
    /// Playback speed of recordings and activity of the seeded flow, in millionths of real time.
    pub speed_micros: u64,
    /// Folder for `exchange.json` with the actual address; not written if `None`.
    pub data_dir: Option<PathBuf>,
    /// Milliseconds from a match to MINED.
    pub mined_ms: u64,
    /// Milliseconds from a match to CONFIRMED.
    pub confirmed_ms: u64,
}

/// Paths of a recorded price and its markets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedFiles {
    /// The prices, CSV.
    pub prices: PathBuf,
    /// The markets, JSON Lines.
    pub markets: PathBuf,
}

impl Config {
    /// Returns a seeded exchange on a free loopback port that settles within a second.
    pub fn seeded(seed: u64) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed,
            invented: sim::flow::INVENTED,
            recordings: Vec::new(),
            priced: None,
            event_lasts_s: 3_600,
            speed_micros: 1_000_000,
            data_dir: None,
            mined_ms: 500,
            confirmed_ms: 1_000,
        }
    }
}

/// Reasons why the exchange cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A recording cannot be read.
    #[error("reading {path}")]
    Recording {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: ReadError,
    },
    /// A market cannot be listed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The port is in use, or the address is not local.
    #[error("listening on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The state file cannot be written.
    #[error("writing {path}")]
    State {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// A running exchange; dropping it stops it.
#[derive(Debug)]
pub struct Running {
    /// Its listen address.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    clock: JoinHandle<()>,
}

impl Running {
    /// Stops the exchange and waits until its connections have ended.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        // Channels do not end by themselves; those left after the grace period are cut.
        let stopped = tokio::time::timeout(GRACE, self.server).await;
        if stopped.is_err() {
            tracing::debug!("connections were cut");
        }
        self.clock.abort();
    }
}

/// Starts an exchange.
///
/// # Errors
/// [`StartError`] for invalid recordings, an unusable address or an unwritable folder.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let source = source(&config)?;
    let root = Sha256::new().chain_update(b"exchange").chain_update(config.seed.to_be_bytes()).finalize();
    let settling = Settling { mined_ms: config.mined_ms, confirmed_ms: config.confirmed_ms };
    let shared = Shared::new(Inside::new(source, root.into(), settling)?);
    let listening = |source| StartError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
    let addr = listener.local_addr().map_err(listening)?;
    if let Some(dir) = &config.data_dir {
        write_state(dir, addr)?;
    }
    while !shared.lock().step() {}
    let (stop, stopped) = watch::channel(false);
    let clock = tokio::spawn(step_world(shared.clone()));
    let server = tokio::spawn(serve(listener, shared, stopped));
    Ok(Running { addr, stop, server, clock })
}

fn source(config: &Config) -> Result<Source, StartError> {
    if let Some(files) = &config.priced {
        return priced(files, config);
    }
    if config.recordings.is_empty() {
        let lasts = config.event_lasts_s.saturating_mul(1_000_000);
        let flow = Flow::with_markets(config.seed, config.invented).with_event_lasting(lasts);
        return Ok(Source::Flow(flow.at_pace(config.speed_micros)));
    }
    let mut recordings = Vec::with_capacity(config.recordings.len());
    for path in &config.recordings {
        let recording = read_file(path).map_err(|source| StartError::Recording { path: path.clone(), source })?;
        warn_of_damage(path, recording.torn_lines, "", &recording.ends_early);
        recordings.push(recording);
    }
    Ok(Source::recordings(&recordings, config.speed_micros, now()))
}

/// Logs once which parts of a file are not played.
fn warn_of_damage(path: &std::path::Path, lines: u64, first: &str, ends_early: &str) {
    if lines > 0 {
        tracing::warn!(path = %path.display(), lines, first, "torn lines skipped");
    }
    if !ends_early.is_empty() {
        tracing::warn!(path = %path.display(), reason = ends_early, "file ends early; complete lines are played");
    }
}

fn priced(files: &PricedFiles, config: &Config) -> Result<Source, StartError> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| StartError::Recording { path, source }
    };
    let prices = read_prices(&files.prices).map_err(failed(&files.prices))?;
    let markets = read_markets(&files.markets).map_err(failed(&files.markets))?;
    warn_of_damage(&files.prices, prices.torn_lines, "", &prices.ends_early);
    warn_of_damage(&files.markets, markets.torn_lines, &markets.first_torn, &markets.ends_early);
    Ok(Source::priced(prices, markets, config.speed_micros, config.seed))
}

/// Writes the listen address to the state file, atomically.
fn write_state(dir: &std::path::Path, addr: SocketAddr) -> Result<(), StartError> {
    let path = dir.join("exchange.json");
    let text = serde_json::json!({"address": format!("http://{addr}"), "pid": std::process::id()}).to_string();
    let part = dir.join("exchange.json.part");
    let write = || {
        std::fs::create_dir_all(dir)?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = files::open_with(options.write(true).create(true).truncate(true), &part, files::Links::Refuse)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(&part, &path)
    };
    write().map_err(|source| StartError::State { path: path.clone(), source })
}

async fn step_world(shared: Shared) {
    let mut ticks = tokio::time::interval(STEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        // The lock is not fair: waiting clients get it only while this loop does not request it.
        while !shared.lock().step() {
            tokio::time::sleep(BREATH).await;
        }
    }
}

async fn serve(listener: TcpListener, shared: Shared, mut stopped: watch::Receiver<bool>) {
    let until = async move {
        // The sender lives as long as the exchange; if it is gone, the exchange has stopped.
        drop(stopped.wait_for(|stopped| *stopped).await);
    };
    let served = axum::serve(listener, crate::http::router(shared)).with_graceful_shutdown(until).await;
    if let Err(error) = served {
        tracing::error!(%error, "exchange stopped serving");
    }
}
