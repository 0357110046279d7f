//! The signer over real sockets and in real processes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic; the settings for tests do not apply to helpers outside of test functions"
)]

mod approvals;
mod client;
mod process;
