//! Every limit of a strategy.

/// The largest module file, in bytes: an interpreter with its memory has 18 MB, what a person writes a hundredth of that.
pub const MODULE_MAX: usize = 32 * 1024 * 1024;

/// What strategies may use. All of it is shown to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The largest module file, in bytes.
    pub module_max: usize,
    /// What a module may consist of.
    pub shape: Shape,
    /// What compiling it may take.
    pub compile: Compile,
    /// Fuel of one call of `on-events`; about one unit an instruction.
    pub fuel: u64,
    /// Fuel of `describe`, `start` and `save`, and of the start functions of core modules, which run before anything else does.
    pub fuel_other: u64,
    /// The last resort when fuel did not end a call, in milliseconds.
    pub deadline_ms: u64,
    /// Bytes of all memories together.
    pub memory_max: usize,
    /// Elements of all tables together.
    pub table_max: usize,
    /// Bytes that one call may hand to the host: lists and strings may overlap in a strategy's memory, and are copied out of it.
    pub answer_max: usize,
    /// Intents of one answer.
    pub intents_max: usize,
    /// Bytes of a saved state.
    pub state_max: usize,
    /// Log lines kept of one call; more are counted.
    pub log_lines_max: usize,
    /// How often a running strategy is asked for its state, in milliseconds.
    pub save_every_ms: u64,
    /// What it may do a second.
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

/// What an instance may do a second, for ever. So many seconds' worth may come at once; an instance that does more fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Seconds' worth that may come at once.
    pub burst_s: u64,
    /// Intents. A strategy that repeats its quotes at each change of a top has some tens.
    pub intents: u64,
    /// More of them for each granted market.
    pub intents_each_market: u64,
    /// Refused intents. A strategy that waits after a refusal, as the contract asks it to, has a few.
    pub refusals: u64,
    /// More of them for each granted market: the engine itself tries a refused standing quote again once a second, and a market has two
    /// tokens with two sides each.
    pub refusals_each_market: u64,
    /// Log lines that are kept, of one second's worth at once; the others are counted.
    pub log_lines: u64,
    /// Bytes of log lines that are kept, likewise.
    pub log_bytes: u64,
    /// So many times the lines or bytes that are kept may be logged; an instance that logs more fails.
    pub log_excess: u64,
}

impl Rates {
    /// Returns the intents a second of an instance with so many markets.
    pub fn intents_of(&self, markets: usize) -> u64 {
        with_markets(self.intents, self.intents_each_market, markets)
    }

    /// Returns the refusals a second of an instance with so many markets.
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

/// What a module may consist of, over everything that is nested in it. It is counted before anything is compiled, because compiling
/// takes time and memory for each of these. An interpreter that was linked from many parts has room; what a person writes needs
/// a hundredth of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How deep components and core modules lie in each other.
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
    /// Bytes of one function's body: a compiler's time grows faster than a function.
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

/// What compiling one module may take, in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compile {
    /// Milliseconds of the wall clock, after which the process is killed.
    pub time_ms: u64,
    /// Seconds of the processor.
    pub processor_s: u64,
    /// Bytes of address space.
    pub memory_max: u64,
    /// Bytes of native code.
    pub native_max: u64,
}

impl Default for Compile {
    fn default() -> Self {
        // An interpreter takes 6 s of a fast processor, and waits for its turn on a busy machine.
        Self { time_ms: 60_000, processor_s: 30, memory_max: 2 * 1024 * 1024 * 1024, native_max: 128 * 1024 * 1024 }
    }
}
