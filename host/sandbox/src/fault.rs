//! Errors of strategies.

use crate::settings::Settings;
use std::borrow::Cow;

/// Error: a file cannot be loaded as a strategy.
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
    /// It has too many parts of one kind.
    #[error("the module has {got} {what}, more than {limit}")]
    Over {
        /// The kind of part.
        what: Measure,
        /// The count, as far as counted.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// It is neither a component nor a core module.
    #[error("not a WebAssembly module")]
    NotWasm,
    /// A core module that does not follow the contract.
    #[error("the module does not follow the contract polytrader:strategy@0.2.0: {0}")]
    Contract(String),
    /// It follows an unsupported version of the contract.
    #[error("the module follows polytrader:strategy@{got}; this host supports 0.2 and 0.1")]
    Version {
        /// Its version.
        got: String,
    },
    /// Its manifest requests more than any strategy may have.
    #[error("the manifest requests {what}: {got}; the limit is {limit}")]
    Manifest {
        /// The requested item.
        what: &'static str,
        /// The requested amount.
        got: u64,
        /// The limit.
        limit: u64,
    },
    /// It is invalid and cannot be compiled.
    #[error("the module is invalid: {0}")]
    Invalid(String),
    /// Compiling it took too long.
    #[error("compiling the module took more than {limit_ms} ms")]
    CompileTime {
        /// The limit, of wall clock or processor time.
        limit_ms: u64,
    },
    /// Compiling it took too much memory.
    #[error("compiling the module took more memory than {limit} bytes")]
    CompileMemory {
        /// The limit.
        limit: u64,
    },
    /// The compiler process ended without a valid answer.
    #[error("the compiler process failed on the module: {0}")]
    CompileCrash(String),
    /// It has an import that strategies may not have.
    #[error("the module imports `{0}`; a strategy may import only `log`")]
    Import(String),
    /// It reads an unsupported layout of market words.
    #[error("the strategy reads market words of layout {got}; this host writes layout {ours}")]
    Layout {
        /// Its layout.
        got: u32,
        /// Ours.
        ours: u32,
    },
    /// Its `describe` call failed.
    #[error("calling the strategy's `describe`: {0}")]
    Describe(Fault),
    /// The sandbox itself failed.
    #[error("the sandbox failed: {0}")]
    Host(String),
}

impl LoadError {
    /// Returns whether more bytes may resolve it, as in a file that is still being written. No other error changes with
    /// more bytes.
    pub const fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::NotWasm | Self::Invalid(_) | Self::Contract(_))
    }

    /// Returns whether the machine is the cause and not the file: the same bytes may load a moment later.
    pub const fn is_of_the_machine(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Describe(Fault::Starved { .. } | Fault::AddressSpace(_)))
    }
}

/// A counted property of a module. Each has its own limit in [`Settings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Nesting depth of components and core modules.
    Nesting,
    /// Core modules and components.
    Modules,
    /// Instances of either.
    Instances,
    /// Types.
    Types,
    /// Imports, and aliases in components.
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
    /// Initial bytes of memories.
    MemoryBytes,
    /// Tables.
    Tables,
    /// Initial elements of tables.
    TableElements,
    /// Segments of data and of elements.
    Segments,
    /// Bytes of native code.
    Native,
}

impl Measure {
    /// Returns the limit.
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

/// Error: a call of a strategy failed. The batch is lost, and the instance must not be called again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It used up its fuel.
    #[error("it used up its fuel of {limit} for one call: an endless loop?")]
    Fuel {
        /// The limit.
        limit: u64,
    },
    /// It exceeded the wall clock limit although it had fuel left.
    #[error("it did not answer within {limit_ms} ms, in which it used {used} of fuel")]
    Deadline {
        /// The limit.
        limit_ms: u64,
        /// The fuel that it used.
        used: u64,
    },
    /// It exceeded the wall clock limit while it hardly got to run, because this machine was too busy. Not the
    /// strategy's fault.
    #[error("this machine did not let it run: {used} of fuel in {limit_ms} ms")]
    Starved {
        /// The limit.
        limit_ms: u64,
        /// The fuel that it used.
        used: u64,
    },
    /// The system provided no address space for it. Not the strategy's fault.
    #[error("{0}")]
    AddressSpace(AddressSpace),
    /// It requested too much memory.
    #[error("it wanted more memory than {limit} bytes")]
    Memory {
        /// The limit.
        limit: usize,
    },
    /// It requested too large tables.
    #[error("it wanted tables of more than {limit} elements")]
    Tables {
        /// The limit.
        limit: usize,
    },
    /// It trapped, for example by a panic or an invalid access.
    #[error("it crashed: {0}")]
    Trap(String),
    /// Its answer breaks the contract.
    #[error("its answer breaks the contract: {0}")]
    Answer(String),
    /// It refused to start; with its own message.
    #[error("it refused to start: {0}")]
    Start(String),
}

impl Fault {
    /// Returns whether it counts against the strategy.
    pub const fn is_strike(&self) -> bool {
        !matches!(self, Self::Starved { .. } | Self::AddressSpace(_))
    }
}

/// A system limit that left no address space for an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressSpace {
    /// The maximum address space of this process in bytes; none without a limit.
    limit: Option<u64>,
    /// The system's message.
    words: String,
}

impl AddressSpace {
    /// Returns the limit behind an error; none if the error has another cause.
    pub(crate) fn of(error: &wasmtime::Error) -> Option<Self> {
        let text = format!("{error:#}");
        let is_mapping = text.contains("mmap failed") || text.contains("mprotect failed");
        let words = sanitize(&text);
        is_mapping.then(|| Self { limit: crate::platform::address_space_max(), words })
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

/// The maximum length of a strategy's text in an error, in bytes.
const WORDS_MAX: usize = 500;

/// Cuts a text to at most `max` bytes.
pub(crate) fn cut(words: &str, max: usize) -> String {
    let mut end = words.len().min(max);
    while !words.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    words.get(..end).unwrap_or_default().to_owned()
}

/// Sanitizes a strategy's text for display: cut, and harmless wherever it is shown.
pub(crate) fn sanitize(text: &str) -> String {
    plain(text, WORDS_MAX)
}

/// Sanitizes a strategy's text for display, cut to `max` bytes. Every text of a strategy that the host keeps goes
/// through here, so that logs, pages and terminals need not sanitize it again.
pub(crate) fn plain(text: &str, max: usize) -> String {
    // Escaping never shortens a text, so cutting first loses nothing more.
    let text = cut(text, max);
    cut(&visible(&text), max)
}

/// Escapes characters that are not visible: those that move a cursor, change a colour, end a line or change the text
/// direction are spelled out, as in `\\u{1b}[2J`.
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

/// Returns whether a character controls the display instead of being shown.
fn is_hidden(letter: char) -> bool {
    let directs =
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    letter.is_control() || directs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_about_address_space_names_the_limit_and_is_not_a_strike() {
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
        assert_eq!(AddressSpace::of(&wasmtime::Error::msg("an unrelated error")), None);
    }

    #[test]
    fn what_would_act_on_a_terminal_is_spelled_out_and_cut_like_the_rest() {
        assert_eq!(plain("Zoë buys 5 ≥ 0.40", 100), "Zoë buys 5 ≥ 0.40");
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e", 100), "a\\u{1b}[2Jb\\nc\\u{9b}d\\u{202e}e");
        assert_eq!(plain("\u{1b}\u{1b}\u{1b}", 7), "\\u{1b}\\");
        assert_eq!(plain("éé", 3), "é");
    }
}
