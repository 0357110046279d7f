//! The program: configuration, database, tokens and the command line around the engine.
//! Start reading in [`config`] for what a user can set and [`db`] for what is kept.

pub mod auth;
mod backtest;
mod bench;
mod cli;
mod commands;
mod console;
pub mod dispatch;
mod doctor;
mod host;
pub mod http;
mod keys;
mod kill;
mod logging;
mod measure;
mod positions;
mod remote;
mod replay;
mod run;
pub mod settings;
mod strategy;
