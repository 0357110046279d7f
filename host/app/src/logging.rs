//! Logging to standard error, and for a host also into files of its data directory; standard output is reserved for
//! results.

mod json;

use crate::log_files::{self, Keep, Stream};
use crate::output::ERR;
use config::Config;
use std::io::{self, IsTerminal, Write};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Warnings of every crate, and info messages of the host's crates.
const FILTER: &str = "warn,alerts=info,api=info,app=info,config=info,control=info,lifecycle=info,polytrader=info,readmodel=info,\
                      research=info,store=info,trading=info";
/// Additionally shown in the files: every order from its intent to its fills.
const IN_FILES: &str = "trading::order_trace=debug";

/// Starts the log. `RUST_LOG` overrides the filter. Safe to call twice.
pub(crate) fn start() {
    start_with(false, false);
}

/// Starts the log of a host, with its files. If the configuration cannot be read, which the start itself reports, the
/// log has only the console.
pub(crate) fn start_for_host(config: &anyhow::Result<Config>) {
    let Ok(config) = config else { return start() };
    let settings = config.operations;
    let keep = Keep { bytes_max: settings.logs_max, days: settings.logs_keep_days };
    let folder = config.data_dir.join("logs");
    let opened = log_files::open(&folder, keep);
    start_with(settings.logs_json, opened.is_ok());
    if let Err(error) = opened {
        tracing::error!(folder = %folder.display(), %error, "log files not opened; logging to the console only");
    }
}

fn start_with(json: bool, files: bool) {
    let console = layer(json, io::stderr().is_terminal(), Queued).with_filter(filter(""));
    let files = files.then(|| layer(json, false, Sorted).with_filter(filter(IN_FILES)));
    // A second start happens in tests and nested commands: the first log stays.
    let log = tracing_subscriber::registry().with(console).with(files);
    #[cfg(feature = "otel")]
    let log = log.with(crate::otel::layer());
    if let Err(error) = log.try_init() {
        tracing::debug!(%error, "logging is already initialized");
    }
}

fn filter(more: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{FILTER},{more}")))
}

fn layer<S, W>(json: bool, ansi: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // Otherwise a line that cannot be formatted is reported by `eprintln!`, which may panic or block.
    let layer = fmt::layer().log_internal_errors(false).with_writer(writer).with_ansi(ansi && !json).with_target(true);
    if json { layer.event_format(json::Json).boxed() } else { layer.boxed() }
}

/// Writer that queues lines for standard error. The log writes each line with one call.
#[derive(Debug, Clone, Copy)]
struct Queued;

impl Write for Queued {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ERR.enqueue(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Queued {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// Writer that queues lines for the files.
#[derive(Debug, Clone, Copy)]
struct Sorted;

/// Writer that queues the lines of one file.
#[derive(Debug)]
struct Into(Stream);

impl Write for Into {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        log_files::enqueue(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Sorted {
    type Writer = Into;

    fn make_writer(&self) -> Into {
        Into(Stream::WorkerOut)
    }

    fn make_writer_for(&self, about: &Metadata<'_>) -> Into {
        Into(Stream::of(about.target(), *about.level() <= tracing::Level::WARN))
    }
}
