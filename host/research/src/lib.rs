//! Backtests and replays: the live trading engine with recorded or generated events. Time is that of the events;
//! nothing here can sign. Start reading in [`backtest`], [`what_if`] or [`replay`].

pub mod backtest;
pub mod compare;
pub mod dataset;
pub mod events;
pub mod export;
pub mod import;
pub mod inspect;
pub mod measure;
pub mod parquet_file;
pub mod replay;
pub mod report;
pub mod run;
pub mod statistics;
pub mod sweep;
pub mod what_if;
