//! Arguments of `polytrader sweep` and `worker`.

use super::CommonArgs;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// `polytrader sweep`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SweepArgs {
    /// The sweep file: strategy, tapes, parameters, search and objective as TOML.
    #[arg(value_name = "FILE", value_parser = super::file)]
    pub(crate) file: PathBuf,
    /// The folder for the trials and the report. Default: sweeps/NAME-ID in the data directory. A sweep that was
    /// interrupted continues from the trials that are there.
    #[arg(long, value_name = "DIR", value_parser = super::place)]
    pub(crate) out: Option<PathBuf>,
    /// Backtests at the same time; 0 stands for one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1_024))]
    pub(crate) threads: u16,
    /// Hand the backtests to the workers of this NATS server with JetStream: nats://HOST:PORT, beyond this machine
    /// tls://USER:PASSWORD@HOST:PORT.
    #[arg(long, value_name = "URL", env = "POLYTRADER_QUEUE", hide_env_values = true, conflicts_with = "threads")]
    pub(crate) queue: Option<String>,
    /// With --queue: a certificate of this client, in place of a login.
    #[arg(long, value_name = "FILE", requires = "key", value_parser = super::file)]
    pub(crate) certificate: Option<PathBuf>,
    /// With --queue: the private key of the certificate.
    #[arg(long, value_name = "FILE", requires = "certificate", value_parser = super::file)]
    pub(crate) key: Option<PathBuf>,
    /// With --queue: the certificate of the server's authority, if it is not one of the system's.
    #[arg(long, value_name = "FILE", value_parser = super::file)]
    pub(crate) authority: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `polytrader worker`.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkerArgs {
    /// Arguments of `polytrader-worker work`, such as --queue nats://127.0.0.1:4222 --jobs 4.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}
