//! The database over real servers and files.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod acknowledgements;
mod audit;
mod backup;
mod ceilings;
mod db;
mod decisions;
mod living;
mod lots;
mod pages;
mod pooler;
mod postgres;
mod powerloss;
mod research;
mod rows;
mod server;
mod upgrade;
mod valuations;
