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

mod access;
mod alerts;
mod arming;
mod authors;
mod backtest;
mod behind_nginx;
mod by_hand;
mod claims;
mod connections;
#[path = "../../../sandbox/tests/it/corpus.rs"]
#[allow(dead_code, reason = "what the host makes of each is the sandbox's own test")]
mod corpus;
mod crash;
mod crowd;
mod delays;
mod demo;
mod discovery;
mod edges;
mod engine_lost;
mod everything;
mod exclusive;
mod faults;
mod feeds;
#[path = "../../../sandbox/tests/it/guest.rs"]
#[allow(dead_code, reason = "the sandbox's own tests use the rest")]
mod guest;
mod hostile;
mod live;
mod memory;
mod modes;
mod one_engine;
mod orphans;
mod outputs;
mod paper;
mod parameters;
mod person;
mod process;
mod proxy;
mod rebuild;
mod recordings;
mod reload;
mod remembered;
mod stops;
mod strategies;
mod versions;
