//! Tests of the SDK's public API, as a strategy author uses it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may fail loudly"
)]

mod guide;
mod parameters;
mod stage;
mod tracker;
