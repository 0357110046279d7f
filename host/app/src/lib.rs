//! The program `polytrader`: the command line, one module per command, and the stored keys, which no other crate can
//! reach. It composes the crates of the host and contains no trading decisions. Start reading in [`dispatch`], which
//! lists every command.

mod cli;
mod commands;
mod console;
mod descriptors;
pub mod dispatch;
mod exit;
mod log_files;
mod logging;
// The tests of the gate include it, so that the release has nothing that is only compiled there.
#[cfg(any(test, feature = "otel"))]
#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "the layer is installed in the release only"))]
mod otel;
mod output;
mod platform;
