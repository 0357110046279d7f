//! What goes wrong with strategies, as sentences.

use crate::settings::Settings;
use std::borrow::Cow;

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
    /// There is too much of something in it.
    #[error("the module has {got} {what}, more than {limit}")]
    Over {
        /// Of what.
        what: Measure,
        /// How much there is, as far as it was counted.
        got: u64,
        /// The limit.
        limit: u64,
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
    /// Compiling it took too long.
    #[error("compiling the module took more than {limit_ms} ms")]
    CompileTime {
        /// The limit, of the wall clock or of the processor.
        limit_ms: u64,
    },
    /// Compiling it took too much memory.
    #[error("compiling the module took more memory than {limit} bytes")]
    CompileMemory {
        /// The limit.
        limit: u64,
    },
    /// The process that compiled it ended without an answer.
    #[error("compiling the module ended the compiler: {0}")]
    CompileCrash(String),
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

impl LoadError {
    /// Says whether more bytes may cure it: a file that is still being written looks like this. Anything else stays as it is.
    pub const fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::NotWasm | Self::Invalid(_) | Self::Contract(_))
    }

    /// Says whether it is no fault of the file: the same bytes may load a moment later.
    pub const fn is_of_the_machine(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Describe(Fault::Starved { .. } | Fault::AddressSpace(_)))
    }
}

/// What is counted in a module. Each has a limit of its own in [`Settings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// How deep components and core modules lie in each other.
    Nesting,
    /// Core modules and components.
    Modules,
    /// Instances of either.
    Instances,
    /// Types.
    Types,
    /// Imports, and what components take from each other.
    Imports,
    /// Exports.
    Exports,
    /// Functions.
    Functions,
    /// Bytes of one function's body.
    Body,
    /// Globals.
    Globals,
    /// Memories.
    Memories,
    /// Bytes of memories at the start.
    MemoryBytes,
    /// Tables.
    Tables,
    /// Elements of tables at the start.
    TableElements,
    /// Segments of data and of elements.
    Segments,
    /// Bytes of native code.
    Native,
}

impl Measure {
    /// Returns its limit.
    pub fn limit(self, settings: &Settings) -> u64 {
        let shape = &settings.shape;
        let wide = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX);
        match self {
            Self::Nesting => shape.nesting_max.into(),
            Self::Modules => shape.modules_max.into(),
            Self::Instances => shape.instances_max.into(),
            Self::Types => shape.types_max.into(),
            Self::Imports => shape.imports_max.into(),
            Self::Exports => shape.exports_max.into(),
            Self::Functions => shape.functions_max.into(),
            Self::Body => shape.body_max.into(),
            Self::Globals => shape.globals_max.into(),
            Self::Memories => shape.memories_max.into(),
            Self::MemoryBytes => wide(settings.memory_max),
            Self::Tables => shape.tables_max.into(),
            Self::TableElements => wide(settings.table_max),
            Self::Segments => shape.segments_max.into(),
            Self::Native => settings.compile.native_max,
        }
    }
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nesting => "levels of nested modules",
            Self::Modules => "core modules and components",
            Self::Instances => "instances",
            Self::Types => "types",
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Functions => "functions",
            Self::Body => "bytes in one function",
            Self::Globals => "globals",
            Self::Memories => "memories",
            Self::MemoryBytes => "bytes of memory at the start",
            Self::Tables => "tables",
            Self::TableElements => "elements of tables at the start",
            Self::Segments => "segments of data and elements",
            Self::Native => "bytes of native code",
        })
    }
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
    #[error("it did not answer within {limit_ms} ms, in which it used {used} of fuel")]
    Deadline {
        /// The limit.
        limit_ms: u64,
        /// The fuel that it used.
        used: u64,
    },
    /// The wall clock went on while it could hardly run: this machine had no time for it. No fault of its own.
    #[error("this machine did not let it run: {used} of fuel in {limit_ms} ms")]
    Starved {
        /// The limit.
        limit_ms: u64,
        /// The fuel that it used.
        used: u64,
    },
    /// The system gave no address space for it. No fault of its own.
    #[error("{0}")]
    AddressSpace(AddressSpace),
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

impl Fault {
    /// Says whether it counts against the strategy.
    pub const fn is_strike(&self) -> bool {
        !matches!(self, Self::Starved { .. } | Self::AddressSpace(_))
    }
}

/// The limit of the system that left no room for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSpace {
    /// The most bytes of address space that this process may have; none if there is no such limit.
    limit: Option<u64>,
    /// The system's words.
    words: String,
}

impl AddressSpace {
    /// Returns the limit that an error speaks of; none if the error is another.
    pub(crate) fn of(error: &wasmtime::Error) -> Option<Self> {
        let text = format!("{error:#}");
        let is_mapping = text.contains("mmap failed") || text.contains("mprotect failed");
        let words = words(&text);
        is_mapping.then(|| Self { limit: address_space_max(), words })
    }
}

impl std::fmt::Display for AddressSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this machine left no room for its memory: ")?;
        match self.limit {
            Some(limit) => {
                let mebibytes = limit.checked_div(1024 * 1024).unwrap_or(0);
                write!(
                    f,
                    "the limit of address space of this process, {mebibytes} MiB, is too small; raise it (ulimit -v, LimitAS=)"
                )?;
            }
            None => f.write_str("raise vm.max_map_count, or let memory be overcommitted (vm.overcommit_memory)")?,
        }
        write!(f, "; the system says: {}", self.words)
    }
}

#[cfg(unix)]
fn address_space_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
const fn address_space_max() -> Option<u64> {
    None
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

/// Takes a strategy's words for people: cut, and harmless wherever they are shown.
pub(crate) fn words(text: &str) -> String {
    plain(text, WORDS_MAX)
}

/// Takes a strategy's words for people, cut to so many bytes. Everything that a strategy says and the host keeps goes through here, so
/// that no log, page or terminal has to distrust it again.
pub(crate) fn plain(text: &str, max: usize) -> String {
    // An escaped text is never shorter, so what is cut off first would be cut off anyway.
    let text = cut(text, max);
    cut(&visible(&text), max)
}

/// Returns a text of which everything can be seen: what would move a cursor, change a colour, end a line or turn the direction of what
/// is written is spelled out, as in `\\u{1b}[2J`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    for letter in text.chars() {
        if is_hidden(letter) { out.extend(letter.escape_default()) } else { out.push(letter) }
    }
    Cow::Owned(out)
}

/// Says whether a letter acts on what shows it instead of being shown.
fn is_hidden(letter: char) -> bool {
    let directs =
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    letter.is_control() || directs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_address_space_names_the_limit_and_is_no_strike() {
        let error = wasmtime::Error::msg("mmap failed to reserve 0x104000000 bytes").context("making an instance");
        let mut room = AddressSpace::of(&error).unwrap();
        room.limit = Some(12 << 30);
        let text = Fault::AddressSpace(room.clone()).to_string();
        assert!(
            text.contains("12288 MiB, is too small") && text.contains("ulimit -v") && text.contains("0x104000000"),
            "{text}"
        );
        assert!(!text.contains("contract"), "{text}");
        room.limit = None;
        assert!(room.to_string().contains("vm.max_map_count"), "{room}");
        assert!(!Fault::AddressSpace(room.clone()).is_strike());
        assert!(LoadError::Describe(Fault::AddressSpace(room)).is_of_the_machine());
        assert_eq!(AddressSpace::of(&wasmtime::Error::msg("it answered nonsense")), None);
    }

    #[test]
    fn what_would_act_on_a_terminal_is_spelled_out_and_cut_like_the_rest() {
        assert_eq!(plain("Zoë buys 5 ≥ 0.40", 100), "Zoë buys 5 ≥ 0.40");
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e", 100), "a\\u{1b}[2Jb\\nc\\u{9b}d\\u{202e}e");
        assert_eq!(plain("\u{1b}\u{1b}\u{1b}", 7), "\\u{1b}\\");
        assert_eq!(plain("éé", 3), "é");
    }
}
