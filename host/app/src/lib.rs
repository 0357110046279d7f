//! The program `polytrader`: the command line, one module for each command, and the keys at rest, which no other crate can reach.
//! It composes the crates of the host and decides nothing about trading.
//! Start reading in [`dispatch`], which names every command.

mod cli;
mod commands;
mod console;
mod descriptors;
pub mod dispatch;
mod logging;
mod output;
