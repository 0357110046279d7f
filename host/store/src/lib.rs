//! What outlives the process: the journal's files, the database, the archive of modules, saved states and private files. It decides nothing and
//! sends nothing. Only this crate knows SQL.
//! Start reading in [`journal_files`], the truth, and [`db`], its projections and the primary tables.

pub mod account_lock;
pub mod build_id;
pub mod db;
mod free_space;
pub mod journal_files;
pub mod module_archive;
pub mod private_file;
pub mod strategy_state;

pub use free_space::free_space;
