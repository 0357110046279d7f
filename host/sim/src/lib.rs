//! A simulated venue as a pure state machine: books seen from both outcome tokens, accounts, matching with mints and
//! merges, external depth from recordings, and a seeded order flow. Pure and `no_std`: time is passed in and randomness
//! comes from a seed, so the same calls always produce the same events. Start reading in [`venue`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod flow;
pub mod member;
pub mod paper;
pub mod rng;
mod shared_map;
pub mod soak;
pub mod venue;

pub use flow::Flow;
pub use member::Member;
pub use paper::{FillModel, Latency, Paper};
pub use rng::Rng;
pub use venue::{
    AccountId, Balance, Change, Conversion, Event, MarketError, OpenOrder, Order, Part, Placed, Reject, Trade,
    TurnError, Turned, Venue,
};
