//! The whole line as real processes over real sockets: exchange, signer, host and strategies.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod authors;
mod backtest;
mod by_hand;
mod claims;
mod crash;
mod delays;
mod demo;
mod discovery;
mod exclusive;
mod faults;
mod feeds;
mod live;
mod memory;
mod paper;
mod person;
mod process;
mod recordings;
mod strategies;
