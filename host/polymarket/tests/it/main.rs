//! Parses the venue's own samples.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod leaving;
mod samples;
