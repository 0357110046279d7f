//! The commands of the program, one module each.

pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod backtest;
pub(crate) mod bench;
pub(crate) mod bot;
pub(crate) mod compare;
pub(crate) mod compile;
pub(crate) mod configuration;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod generate;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod lookahead;
pub(crate) mod lots;
pub(crate) mod positions;
pub(crate) mod profit;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod runs;
#[cfg(unix)]
pub(crate) mod service;
#[cfg(windows)]
pub(crate) mod service_windows;
#[cfg(windows)]
pub(crate) use service_windows as service;
pub(crate) mod status;
pub(crate) mod strategy;
pub(crate) mod sweep;
pub(crate) mod tape;
pub(crate) mod tax;
pub(crate) mod tokens;
pub(crate) mod what_if;
