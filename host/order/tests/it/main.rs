//! The venue's own test vectors.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop; the switches for tests do not reach helpers outside of test functions"
)]

mod shared;
mod vectors;
