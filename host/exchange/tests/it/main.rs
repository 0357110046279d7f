//! Tests the exchange over real sockets with raw HTTP, and compares it with the venue's samples.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod channels;
mod client;
mod data;
mod delays;
mod events;
mod faults;
mod many;
mod mutations;
mod orders;
mod priced;
mod relayer;
mod samples;
