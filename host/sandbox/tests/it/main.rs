//! Well-behaved and hostile guests in the real sandbox.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod contract;
mod corpus;
mod folder;
mod guest;
mod hostile;
mod hostile_beside;
mod reload;
mod rerun;
mod shipped;
mod storm;
