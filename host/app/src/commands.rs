//! The commands of the program, one module each.

pub(crate) mod alert;
pub(crate) mod backtest;
pub(crate) mod compile;
pub(crate) mod host;
pub(crate) mod replay;
