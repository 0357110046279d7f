//! Integration tests of the program's parts with real files, databases and sockets.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod batch;
mod check;
mod compile;
#[path = "../../../sandbox/tests/it/guest.rs"]
#[allow(dead_code, reason = "the sandbox's own tests use the rest")]
mod guest;
mod replay;
mod reports;
