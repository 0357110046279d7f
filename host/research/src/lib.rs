//! Backtests and replays: the engine of live trading on what was recorded or generated. Time is that of the events; nothing here can sign.
//! Start reading in [`backtest`] or [`replay`].

pub mod backtest;
pub mod measure;
pub mod replay;
