//! The engine: inputs in, effects out. It owns books, orders, the ledger, the risk gate, breakers and guards.
//! It never reaches out: no IO, clock, threads or randomness; what cannot be repeated arrives as an `Input`.
//! Start reading in `Engine::step`, then [`risk`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod effect;
pub mod risk;

pub use effect::{Effect, Effects};
pub use risk::{Approved, Placement, Refusal, Rule};
