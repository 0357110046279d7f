//! Limits of strategies.

/// The maximum size of a module file in bytes. An interpreter with its memory has 18 MB, a typical strategy a hundredth
/// of that.
pub const MODULE_MAX: usize = 32 * 1024 * 1024;

/// Resource limits of strategies. All of them are shown to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The maximum size of a module file, in bytes.
    pub module_max: usize,
    /// Limits on the parts of a module.
    pub shape: Shape,
    /// Limits on its compilation.
    pub compile: Compile,
    /// Fuel of one call of `on-events`; about one unit an instruction.
    pub fuel: u64,
    /// Fuel of `describe`, `start` and `save`, and of the start functions of core modules, which run first.
    pub fuel_other: u64,
    /// The wall clock limit of a call in milliseconds, the last resort if fuel does not end it.
    pub deadline_ms: u64,
    /// Bytes of all memories together.
    pub memory_max: usize,
    /// Elements of all tables together.
    pub table_max: usize,
    /// Bytes that one call may pass to the host. Lists and strings are copied and may overlap in a strategy's memory,
    /// so its memory is not a bound.
    pub answer_max: usize,
    /// Maximum number of intents in one answer.
    pub intents_max: usize,
    /// Maximum size of a saved state, in bytes.
    pub state_max: usize,
    /// Log lines kept per call; further lines are counted.
    pub log_lines_max: usize,
    /// Interval at which a running strategy's state is saved, in milliseconds.
    pub save_every_ms: u64,
    /// Limits per second.
    pub rates: Rates,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            module_max: MODULE_MAX,
            shape: Shape::default(),
            compile: Compile::default(),
            fuel: 50_000_000,
            fuel_other: 500_000_000,
            deadline_ms: 100,
            memory_max: 64 * 1024 * 1024,
            table_max: 20_000,
            answer_max: 4 * 1024 * 1024,
            intents_max: 256,
            state_max: 1024 * 1024,
            log_lines_max: 100,
            save_every_ms: 60_000,
            rates: Rates::default(),
        }
    }
}

/// Sustained limits per second of an instance, with a burst of some seconds' worth. An instance that exceeds them
/// fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// The burst, in seconds' worth of the rate.
    pub burst_s: u64,
    /// Intents. A strategy that repeats its quotes at each change of a top has a few dozen.
    pub intents: u64,
    /// Additional intents per granted market.
    pub intents_each_market: u64,
    /// Refused intents. A strategy that waits after a refusal, as it should, has a few.
    pub refusals: u64,
    /// Additional refusals per granted market: the engine itself retries a refused standing quote once a second, and a
    /// market has two tokens with two sides each.
    pub refusals_each_market: u64,
    /// Log lines that are kept, with a burst of one second's worth; further lines are counted.
    pub log_lines: u64,
    /// Bytes of log lines that are kept, with the same burst.
    pub log_bytes: u64,
    /// Multiple of the kept lines or bytes that may be logged; an instance that logs more fails.
    pub log_excess: u64,
}

impl Rates {
    /// Returns the intents per second of an instance with `markets` markets.
    pub fn intents_of(&self, markets: usize) -> u64 {
        with_markets(self.intents, self.intents_each_market, markets)
    }

    /// Returns the refusals per second of an instance with `markets` markets.
    pub fn refusals_of(&self, markets: usize) -> u64 {
        with_markets(self.refusals, self.refusals_each_market, markets)
    }
}

fn with_markets(base: u64, each: u64, markets: usize) -> u64 {
    base.saturating_add(each.saturating_mul(u64::try_from(markets).unwrap_or(u64::MAX)))
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            burst_s: 5,
            intents: 500,
            intents_each_market: 25,
            refusals: 200,
            refusals_each_market: 4,
            log_lines: 100,
            log_bytes: 64 * 1024,
            log_excess: 10,
        }
    }
}

/// Limits on the parts of a module, counted over all nested modules. They are checked before compilation, because
/// compiling takes time and memory for each part. They leave room for an interpreter linked from many parts; a typical
/// strategy needs a hundredth of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Nesting depth of components and core modules.
    pub nesting_max: u32,
    /// Core modules and components.
    pub modules_max: u32,
    /// Instances of either.
    pub instances_max: u32,
    /// Types, of core modules and of components.
    pub types_max: u32,
    /// Imports.
    pub imports_max: u32,
    /// Exports.
    pub exports_max: u32,
    /// Functions with a body.
    pub functions_max: u32,
    /// Bytes of one function's body: compilation time grows faster than function size.
    pub body_max: u32,
    /// Globals.
    pub globals_max: u32,
    /// Memories.
    pub memories_max: u32,
    /// Tables.
    pub tables_max: u32,
    /// Segments of data and of elements.
    pub segments_max: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            nesting_max: 8,
            modules_max: 64,
            instances_max: 256,
            types_max: 20_000,
            imports_max: 20_000,
            exports_max: 20_000,
            functions_max: 50_000,
            body_max: 512 * 1024,
            globals_max: 20_000,
            memories_max: 8,
            tables_max: 16,
            segments_max: 20_000,
        }
    }
}

/// Limits of compiling one module, in its own process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compile {
    /// Wall clock time in milliseconds, after which the process is killed.
    pub time_ms: u64,
    /// Processor time in seconds.
    pub processor_s: u64,
    /// Address space in bytes.
    pub memory_max: u64,
    /// Size of the native code in bytes.
    pub native_max: u64,
}

impl Default for Compile {
    fn default() -> Self {
        // An interpreter takes 6 s on a fast processor, and longer on a busy machine.
        Self { time_ms: 60_000, processor_s: 30, memory_max: 2 * 1024 * 1024 * 1024, native_max: 128 * 1024 * 1024 }
    }
}
