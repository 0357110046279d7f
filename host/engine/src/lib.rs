//! The engine: inputs in, effects out. It owns books, orders, the ledger, the risk gate, breakers and guards.
//! It performs no IO and has no clock, threads or randomness; everything unrepeatable arrives as an `Input`, or as an
//! argument of [`Engine::step_level`] in a backtest.
//! Start reading in [`Engine::step`], then [`risk`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod breakers;
mod checkpoint;
mod conduct;
mod digest;
pub mod effect;
mod execution_reports;
mod external_orders;
mod guards;
mod ledger;
mod locks;
mod market_books;
mod markets;
mod notifications;
mod orders;
mod pending_activity;
mod price_jumps;
mod reallocation;
mod recovery;
pub mod risk;
mod standing_quotes;
mod step;
mod strategies;
mod strategy_pnl;
mod transfers;

pub use checkpoint::Checkpoint;
pub use digest::digest;
pub use effect::{BotState, Effect, Effects, EngineEvent, Restriction};
pub use ledger::{Ledger, LedgerError};
pub use markets::MARKETS_MAX;
pub use model::Position;
pub use risk::{Approved, Placement, Refusal, Rule, refusal_sentence, self_test};
pub use step::{Engine, Purpose, Summary};
pub use strategy_pnl::StrategyPnl;
