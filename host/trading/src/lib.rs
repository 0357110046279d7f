//! One trading session: the engine thread, effect execution, orders, market data and the account. The crate holds no
//! key, serves no HTTP, and accepts commands through [`control`] alone.
//! Start reading in [`session`], which begins and ends a session; then `engine_thread`, which steps the engine, and
//! `effects`, which executes effects.

mod account;
mod daily_summary;
mod dead_man;
mod effects;
#[cfg(debug_assertions)]
mod engine_fault;
mod engine_thread;
mod handles;
mod listed_orders;
mod market_data;
pub mod market_terms;
mod order_ids;
mod order_trace;
mod orders;
pub mod rebuild;
mod refusal_sums;
mod row_maker;
mod row_writer;
pub mod session;
mod spacing;
mod strategy_figures;
mod sweeps;
mod unrecordable;
mod watchdog;

pub use account::venue_health::skew;
pub use session::STOPS_WITHIN;
pub use watchdog::ENDS_WITHOUT_ENGINE_WITHIN;
