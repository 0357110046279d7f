//! Every limit of a strategy.

/// What strategies may use. All of it is shown to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The largest module file, in bytes.
    pub module_max: usize,
    /// Fuel of one call of `on-events`; about one unit an instruction.
    pub fuel: u64,
    /// Fuel of `describe`, `start` and `save`.
    pub fuel_other: u64,
    /// The last resort when fuel did not end a call, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes of all memories together.
    pub memory_max: usize,
    /// Elements of all tables together.
    pub table_max: usize,
    /// Intents of one answer.
    pub intents_max: usize,
    /// Bytes of a saved state.
    pub state_max: usize,
    /// Log lines kept between two looks; more are counted.
    pub log_lines_max: usize,
    /// How often a running strategy is asked for its state, in milliseconds.
    pub save_every_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            module_max: 16 * 1024 * 1024,
            fuel: 50_000_000,
            fuel_other: 500_000_000,
            deadline_ms: 100,
            memory_max: 64 * 1024 * 1024,
            table_max: 10_000,
            intents_max: 256,
            state_max: 1024 * 1024,
            log_lines_max: 100,
            save_every_ms: 60_000,
        }
    }
}
