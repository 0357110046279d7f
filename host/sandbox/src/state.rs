//! Host state of each instance: resource usage and log lines.

use crate::bindings::StrategyImports;
use crate::bindings::polytrader::strategy::types;
use crate::fault::plain;
use crate::settings::Settings;
use wasmtime::ResourceLimiter;

/// The maximum length of a log line in bytes.
const LINE_MAX: usize = 1_000;
/// Fuel equivalent of a host call, in addition to one unit per byte.
const CALL_WORK: u64 = 100;

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Detail for the strategy's author.
    Debug,
    /// General information.
    Info,
    /// A possible problem.
    Warn,
    /// An error.
    Error,
}

/// A line of a strategy's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The severity.
    pub level: LogLevel,
    /// The text, cut to 1,000 bytes.
    pub text: String,
}

/// The limit that a call hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    Memory,
    Tables,
}

#[derive(Debug)]
pub(crate) struct State {
    settings: Settings,
    memory: usize,
    tables: usize,
    pub(crate) hit: Option<Hit>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) lost_lines: u64,
    /// The host's work for the strategy in this call, in units of fuel; it is not deducted from its fuel.
    pub(crate) work: u64,
}

impl State {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self { settings, memory: 0, tables: 0, hit: None, log: Vec::new(), lost_lines: 0, work: 0 }
    }

    /// Returns the bytes of all memories and the elements of all tables.
    pub(crate) const fn used(&self) -> (usize, usize) {
        (self.memory, self.tables)
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.settings.memory_max {
            self.hit = Some(Hit::Memory);
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.tables.saturating_sub(current).saturating_add(desired);
        if total > self.settings.table_max {
            self.hit = Some(Hit::Tables);
            return Ok(false);
        }
        self.tables = total;
        Ok(true)
    }
}

impl types::Host for State {}

impl StrategyImports for State {
    fn log(&mut self, level: types::Level, text: String) {
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.work = self.work.saturating_add(CALL_WORK).saturating_add(bytes);
        if self.log.len() >= self.settings.log_lines_max {
            self.lost_lines = self.lost_lines.saturating_add(1);
            return;
        }
        let level = match level {
            types::Level::Debug => LogLevel::Debug,
            types::Level::Info => LogLevel::Info,
            types::Level::Warn => LogLevel::Warn,
            types::Level::Error => LogLevel::Error,
        };
        self.log.push(LogLine { level, text: plain(&text, LINE_MAX) });
    }
}
