//! A simulated venue as a pure state machine: books seen from both outcome tokens, accounts, matching with mints and merges,
//! foreign depth for recordings, and a seeded flow of orders. Pure and `no_std`: time is passed in and randomness is a seed,
//! so the same calls always give the same events. Start reading in [`venue`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod flow;
pub mod member;
pub mod paper;
pub mod rng;
pub mod soak;
pub mod venue;

pub use flow::Flow;
pub use member::Member;
pub use paper::{Latency, Paper};
pub use rng::Rng;
pub use venue::{
    AccountId, Balance, Change, Event, MarketError, OpenOrder, Order, Part, Placed, Reject, Trade, Turn, TurnError,
    Turned, Venue,
};
