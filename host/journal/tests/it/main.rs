//! The codec as its users see it: records survive a round trip, and no bytes make it panic.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod golden;
mod inputs;
mod reading;
