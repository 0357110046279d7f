//! The program: configuration, database, tokens and the command line around the engine.
//! Start reading in [`config`] for what a user can set and [`db`] for what is kept.

mod alerts;
pub mod auth;
mod backtest;
mod bench;
pub mod cli;
mod compile;
pub mod config;
pub mod control;
pub mod db;
mod doctor;
mod hex;
mod host;
pub mod http;
mod journal;
mod keys;
mod kill;
mod logging;
mod modules;
mod parameters;
pub mod picture;
mod positions;
mod private;
mod remote;
mod replay;
mod run;
pub mod settings;
mod strategy;

/// Returns what names this build: two builds of one name decide the same.
pub(crate) fn build_name() -> String {
    format!("polytrader {} engine {}", env!("CARGO_PKG_VERSION"), env!("ENGINE_BUILD"))
}
