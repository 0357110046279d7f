//! One trading session: the engine's thread, the execution of its effects, orders, market data and the account. It holds no key, serves no
//! HTTP, and takes commands from [`control`] alone.
//! Start reading in [`session`], which begins and ends one; then `engine_thread`, which steps, and `effects`, which acts.

mod account;
mod effects;
#[cfg(debug_assertions)]
mod engine_fault;
mod engine_thread;
mod handles;
mod listed_orders;
mod market_data;
mod order_ids;
mod orders;
pub mod rebuild;
mod refusal_sums;
mod row_maker;
mod row_writer;
pub mod session;
mod spacing;
mod sweeps;
mod unrecordable;
mod watchdog;

pub use account::venue_health::skew;
