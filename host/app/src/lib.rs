//! The program: configuration, database, tokens and the command line around the engine.
//! Start reading in [`config`] for what a user can set and [`db`] for what is kept.

mod bench;
mod cli;
mod commands;
mod console;
pub mod dispatch;
mod doctor;
mod keys;
mod kill;
mod logging;
mod positions;
mod run;
mod strategy;
