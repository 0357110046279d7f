//! The engine from outside: stories as text tables, and properties over random inputs.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod budgets;
mod cancels;
mod conduct;
mod controls;
mod dollars;
mod guards;
mod moves;
mod notifications;
mod pending_activity;
mod properties;
mod reallocation;
mod recovery;
mod reload;
mod scenarios;
mod soaked;
mod story;
