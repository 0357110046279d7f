//! End-to-end tests with real processes and sockets: exchange, signer, host and strategies.
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
mod alert_channels;
mod alerts;
mod arming;
mod audit;
mod authors;
mod backtest;
mod behind_nginx;
mod claims;
mod compare;
mod connections;
#[path = "../../../sandbox/tests/it/corpus.rs"]
#[allow(dead_code, reason = "the sandbox's own tests check the effect of each")]
mod corpus;
mod crash;
mod credentials;
mod crowd;
mod delays;
mod demo;
mod discovery;
mod edges;
mod engine_lost;
mod everything;
mod exclusive;
mod external_orders;
mod faults;
mod feeds;
mod figures;
#[path = "../../../sandbox/tests/it/guest.rs"]
#[allow(dead_code, reason = "the sandbox's own tests use the rest")]
mod guest;
mod hostile;
mod live;
mod login_link;
mod memory;
mod modes;
mod one_engine;
mod operations;
mod orphans;
mod outputs;
mod paper;
mod parameters;
mod person;
#[path = "../../../store/tests/it/postgres.rs"]
#[allow(dead_code, reason = "the store's own tests use the rest")]
mod postgres;
mod process;
mod promotion;
mod proxy;
mod rebuild;
mod recordings;
mod reload;
mod remembered;
mod restore_drill;
mod runbook;
mod runbook_rows;
mod service;
mod stops;
mod strategies;
mod sweep;
mod tapes;
mod tutorial;
mod versions;
