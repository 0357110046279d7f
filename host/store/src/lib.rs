//! Persistent data: journal files, the database, the module archive, saved strategy states and private files. The crate
//! makes no decisions and sends nothing. It is the only crate that knows SQL.
//! Start reading in [`journal_files`], the source of truth, and [`db`], its projections and the primary tables.

pub mod account_lock;
pub mod build_id;
pub mod db;
mod free_space;
pub mod journal_files;
pub mod module_archive;
mod platform;
pub mod private_file;
pub mod strategy_state;

pub use free_space::free_space;
