//! The signer over real sockets and in real processes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop; the switches for tests do not reach helpers outside of test functions"
)]

mod approvals;
mod client;
mod process;
