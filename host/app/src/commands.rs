//! The commands of the program, one module each.

pub(crate) mod alert;
pub(crate) mod backtest;
pub(crate) mod bench;
pub(crate) mod compile;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod kill;
pub(crate) mod positions;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod strategy;
pub(crate) mod tokens;
