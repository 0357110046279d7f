//! Tests with the venue's own vectors.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code may fail loudly; the allow-in-tests switches do not cover helpers outside of test functions"
)]

mod shared;
mod vectors;
