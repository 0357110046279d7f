//! Tests of the SDK from outside, as an author uses it.
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
