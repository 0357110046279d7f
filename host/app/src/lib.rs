//! The program: configuration, database, tokens and the command line around the engine.
//! Start reading in [`config`] for what a user can set and [`db`] for what is kept.

mod alerts;
pub mod auth;
mod backtest;
mod bench;
mod build_id;
mod cli;
mod commands;
pub mod config;
mod console;
pub mod control;
pub mod db;
pub mod dispatch;
mod doctor;
mod host;
pub mod http;
mod journal;
mod keys;
mod kill;
mod logging;
mod measure;
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
