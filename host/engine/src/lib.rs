//! The engine: inputs in, effects out. It owns books, orders, the ledger, the risk gate, breakers and guards.
//! It never reaches out: no IO, clock, threads or randomness; what cannot be repeated arrives as an `Input`.
//! Start reading in [`Engine::step`], then [`risk`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod assigning;
mod breakers;
mod by_hand;
mod conduct;
mod digest;
pub mod effect;
mod events;
mod guards;
mod jumps;
mod ledger;
mod markets;
mod orders;
mod recovery;
pub mod risk;
mod scores;
mod step;
mod strategies;
mod targets;
mod telling;
mod told;
mod transfers;

pub use digest::digest;
pub use effect::{BotState, Effect, Effects, Record, Restriction};
pub use ledger::{Ledger, LedgerError};
pub use markets::MARKETS_MAX;
pub use model::Position;
pub use risk::{Approved, Placement, Refusal, Rule, self_test};
pub use scores::Gain;
pub use step::{Engine, Purpose, Summary};
