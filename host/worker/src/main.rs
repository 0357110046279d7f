//! `polytrader-worker`: runs the jobs of sweeps that come over NATS, or hands a sweep's jobs out for `polytrader sweep
//! --queue`. It has neither a keystore nor a connection to the venue.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use research::backtest::Runner;
use research::sweep::{Backtests, Files};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use worker::{Address, Interrupts, QueueLead, Worker};

/// Runs sweeps of strategies on several machines.
#[derive(Debug, Parser)]
#[command(name = "polytrader-worker", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take jobs from a queue until Ctrl-C. Jobs in progress then go back to the queue.
    Work(WorkArgs),
    /// Hand out the jobs on standard input, lines of JSON; started by `polytrader sweep --queue`.
    Lead(LeadArgs),
    /// Compile the module on standard input to native code on standard output; started by this program itself.
    #[command(hide = true)]
    Compile,
}

/// The queue.
#[derive(Debug, Args)]
struct QueueArgs {
    /// The NATS server with JetStream: nats://HOST:PORT, beyond this machine tls://USER:PASSWORD@HOST:PORT. In the
    /// environment it is not visible to other users.
    #[arg(long, value_name = "URL", env = "POLYTRADER_QUEUE", hide_env_values = true)]
    queue: String,
    /// A certificate of this client, in place of a login.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The private key of the certificate.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// The certificate of the server's authority, if it is not one of the system's.
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct WorkArgs {
    #[command(flatten)]
    queue: QueueArgs,
    /// Jobs at the same time; 0 stands for one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    jobs: usize,
    /// The worker's name in logs and in the list of poisoned jobs. Default: its process number.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The folder for modules, tapes and native code.
    #[arg(long, value_name = "DIR", default_value = "polytrader-worker")]
    cache: PathBuf,
}

#[derive(Debug, Args)]
struct LeadArgs {
    #[command(flatten)]
    queue: QueueArgs,
    /// The strategy's module.
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// A tape; once for each, in their order.
    #[arg(long, value_name = "FILE", required = true)]
    tape: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let done = match command {
        Command::Compile => compile(),
        Command::Work(args) => work(args),
        Command::Lead(args) => lead(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without standard error there is no place for the message.
            writeln!(std::io::stderr(), "polytrader-worker: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn compile() -> anyhow::Result<()> {
    sandbox::work(std::io::stdin().lock(), std::io::stdout().lock()).context("compiling for another process")
}

fn address(args: QueueArgs) -> anyhow::Result<Address> {
    Address::parse(&args.queue, args.certificate.zip(args.key), args.authority)
}

fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,async_nats=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn work(args: WorkArgs) -> anyhow::Result<()> {
    log();
    let address = address(args.queue)?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = if args.jobs == 0 { cores() } else { args.jobs };
    if jobs > 1_024 {
        bail!("--jobs is {jobs}, expected at most 1024");
    }
    std::fs::create_dir_all(&args.cache).with_context(|| format!("creating {}", args.cache.display()))?;
    let runner = Runner::of_own_program(Some(&args.cache)).context("starting the sandbox")?;
    let evaluate = Arc::new(Backtests::with(runner));
    let name = args.name.unwrap_or_else(|| format!("process {}", std::process::id()));
    let worker = Worker { address, name, jobs, cache: args.cache.join("objects") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting threads")?;
    runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let mut interrupts = Interrupts::listen()?;
        let signals = async {
            interrupts.next().await;
            // The worker may have ended already.
            stop.send(true).ok();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            worked = worker::work(&worker, evaluate, stopped) => worked,
            () = signals => Ok(()),
        }
    })?;
    // Jobs that were returned to the queue may still run on threads.
    runtime.shutdown_background();
    Ok(())
}

fn lead(args: LeadArgs) -> anyhow::Result<()> {
    let address = address(args.queue)?;
    let files = Files { module: args.module, tapes: args.tape };
    let stop = Arc::new(AtomicBool::new(false));
    let mut lead = QueueLead::connect(&address, &files, stop.clone())?;
    lead.on_interrupt(move || stop.store(true, Ordering::Relaxed))?;
    research::sweep::pipe::serve(&mut lead, std::io::stdin().lock(), std::io::stdout().lock())
}
