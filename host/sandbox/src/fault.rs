//! What goes wrong with strategies, as sentences.

/// Why a file is no strategy that can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It is too large.
    #[error("the module has {got} bytes, more than {limit}")]
    Size {
        /// Its size.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// It is neither a component nor a core module.
    #[error("this is no WebAssembly module")]
    NotWasm,
    /// A core module that does not follow the contract.
    #[error("the module does not follow the contract polytrader:strategy@0.2.0: {0}")]
    Contract(String),
    /// It follows another version of the contract.
    #[error("the file speaks polytrader:strategy@{got}; this host speaks 0.2 and 0.1")]
    Version {
        /// Its version.
        got: String,
    },
    /// It asks for what nobody gets.
    #[error("the manifest asks for {what}: {got}, and {limit} is the limit")]
    Manifest {
        /// What.
        what: &'static str,
        /// How much of it.
        got: u64,
        /// How much there is.
        limit: u64,
    },
    /// It cannot be compiled.
    #[error("the module is invalid: {0}")]
    Invalid(String),
    /// It wants something that strategies do not get.
    #[error("the module imports `{0}`; a strategy gets nothing but `log`")]
    Import(String),
    /// It reads another layout of market words.
    #[error("the strategy reads market words of layout {got}; this host writes layout {ours}")]
    Layout {
        /// Its layout.
        got: u32,
        /// Ours.
        ours: u32,
    },
    /// It failed when asked what it is.
    #[error("asking the strategy what it is: {0}")]
    Describe(Fault),
    /// The sandbox itself failed.
    #[error("the sandbox failed: {0}")]
    Host(String),
}

/// How a call of a strategy ended badly. The batch is lost, and the instance must not be called again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It ran too long.
    #[error("it used up its fuel of {limit} for one call: an endless loop?")]
    Fuel {
        /// The limit.
        limit: u64,
    },
    /// It took too much of the wall clock although it had fuel left.
    #[error("it did not answer within {limit_ms} ms")]
    Deadline {
        /// The limit.
        limit_ms: u64,
    },
    /// It wanted too much memory.
    #[error("it wanted more memory than {limit} bytes")]
    Memory {
        /// The limit.
        limit: usize,
    },
    /// It wanted too large tables.
    #[error("it wanted tables of more than {limit} elements")]
    Tables {
        /// The limit.
        limit: usize,
    },
    /// It trapped: a panic, a bad access.
    #[error("it crashed: {0}")]
    Trap(String),
    /// Its answer breaks the contract.
    #[error("its answer breaks the contract: {0}")]
    Answer(String),
    /// It refused to start, in its own words.
    #[error("it refused to start: {0}")]
    Start(String),
}

/// The most bytes of a strategy's words in an error.
const WORDS_MAX: usize = 500;

/// Cuts words to a length that fits a line.
pub(crate) fn cut(words: &str, max: usize) -> String {
    let mut end = words.len().min(max);
    while !words.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    words.get(..end).unwrap_or_default().to_owned()
}

/// Cuts words for an error.
pub(crate) fn words(text: &str) -> String {
    cut(text, WORDS_MAX)
}
