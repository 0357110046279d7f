//! Counts the parts of a module before any of it is validated, compiled or run. Only headers are read: the cost is one
//! pass over the file, whatever its content.

use crate::fault::{LoadError, Measure, sanitize};
use crate::settings::Settings;
use std::collections::BTreeMap;
use wasmparser::{ComponentTypeRef, Encoding, MemoryType, Parser, Payload, TableType, TypeBounds, TypeRef};

/// The version bytes of core modules and of components, after the four magic bytes of every WebAssembly file.
const CORE: &[u8] = &[1, 0, 0, 0];
const COMPONENT: &[u8] = &[13, 0, 1, 0];
/// Module names from which a core module imports its component's imports, in the two conventions of guest toolchains.
const ROOTS: [&str; 2] = ["$root", "cm32p2"];

/// The kind of a WebAssembly file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Core,
    Component,
}

/// Returns the kind of a file from its first bytes.
pub(crate) fn kind(bytes: &[u8]) -> Result<Kind, LoadError> {
    match bytes.strip_prefix(b"\0asm").and_then(|rest| rest.get(..4)) {
        Some(CORE) => Ok(Kind::Core),
        Some(COMPONENT) => Ok(Kind::Component),
        _ => Err(LoadError::NotWasm),
    }
}

/// The imports that strategies may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// Allowed functions, by name.
    pub(crate) functions: &'static [&'static str],
    /// Returns whether an interface is allowed: only those that contain nothing but types.
    pub(crate) types: fn(&str) -> bool,
}

impl Allowed {
    /// Returns whether a component may import this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.functions.contains(&name) || (self.types)(name)
    }

    fn core(&self, module: &str, name: &str) -> bool {
        ROOTS.contains(&module) && self.functions.contains(&name)
    }
}

/// Checks the size of a file and returns its kind.
///
/// # Errors
/// If it is too large, or not WebAssembly.
pub(crate) fn file(bytes: &[u8], settings: &Settings) -> Result<Kind, LoadError> {
    let limit = settings.module_max;
    if bytes.len() > limit {
        return Err(LoadError::Size { got: bytes.len(), limit });
    }
    kind(bytes)
}

/// Counts the parts of a module.
///
/// # Errors
/// The first exceeded limit, the first import that is not allowed, or a parse error.
pub(crate) fn check(bytes: &[u8], settings: &Settings, allowed: &Allowed) -> Result<(), LoadError> {
    let mut count = Count { settings, allowed, counts: BTreeMap::new(), open: Vec::new() };
    for payload in Parser::new(0).parse_all(bytes) {
        count.payload(payload.map_err(invalid)?)?;
    }
    Ok(())
}

fn invalid(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid(sanitize(&error.to_string()))
}

struct Count<'a> {
    settings: &'a Settings,
    allowed: &'a Allowed,
    counts: BTreeMap<Measure, u64>,
    /// The encodings of the modules being read, the outermost first.
    open: Vec<Encoding>,
}

impl Count<'_> {
    /// Adds to a count and checks it against its limit.
    fn add(&mut self, what: Measure, more: u64) -> Result<(), LoadError> {
        let count = self.counts.entry(what).or_default();
        *count = count.saturating_add(more);
        let (got, limit) = (*count, what.limit(self.settings));
        if got > limit { Err(LoadError::Over { what, got, limit }) } else { Ok(()) }
    }

    /// Checks a single value against its limit.
    fn hold(&self, what: Measure, got: u64) -> Result<(), LoadError> {
        let limit = what.limit(self.settings);
        if got > limit { Err(LoadError::Over { what, got, limit }) } else { Ok(()) }
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => {
                self.open.pop();
                Ok(())
            }
            Payload::TypeSection(section) => self.add(Measure::Types, section.count().into()),
            Payload::CoreTypeSection(section) => self.add(Measure::Types, section.count().into()),
            Payload::ComponentTypeSection(section) => self.add(Measure::Types, section.count().into()),
            Payload::InstanceSection(section) => self.add(Measure::Instances, section.count().into()),
            Payload::ComponentInstanceSection(section) => self.add(Measure::Instances, section.count().into()),
            Payload::ExportSection(section) => self.add(Measure::Exports, section.count().into()),
            Payload::ComponentExportSection(section) => self.add(Measure::Exports, section.count().into()),
            Payload::FunctionSection(section) => self.add(Measure::Functions, section.count().into()),
            // Functions that a component creates or aliases are compiled too.
            Payload::ComponentCanonicalSection(section) => self.add(Measure::Functions, section.count().into()),
            Payload::ComponentAliasSection(section) => self.add(Measure::Imports, section.count().into()),
            Payload::GlobalSection(section) => self.add(Measure::Globals, section.count().into()),
            Payload::ElementSection(section) => self.add(Measure::Segments, section.count().into()),
            Payload::DataSection(section) => self.add(Measure::Segments, section.count().into()),
            Payload::CodeSectionEntry(body) => {
                self.hold(Measure::Body, u64::try_from(body.range().len()).unwrap_or(u64::MAX))
            }
            Payload::ImportSection(section) => self.core_imports(section),
            Payload::ComponentImportSection(section) => self.imports(section),
            Payload::MemorySection(section) => {
                self.add(Measure::Memories, section.count().into())?;
                section.into_iter().try_for_each(|memory| self.memory(&memory.map_err(invalid)?))
            }
            Payload::TableSection(section) => {
                self.add(Measure::Tables, section.count().into())?;
                section.into_iter().try_for_each(|table| self.table(&table.map_err(invalid)?.ty))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), LoadError> {
        self.open.push(encoding);
        let depth = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        self.hold(Measure::Nesting, depth)?;
        self.add(Measure::Modules, 1)
    }

    /// Checks the imports of a core module. Only a core module that is the whole file imports from the host; one inside
    /// a component imports from its other parts.
    fn core_imports(&mut self, section: wasmparser::ImportSectionReader<'_>) -> Result<(), LoadError> {
        for import in section.into_imports() {
            let import = import.map_err(invalid)?;
            if self.open.len() == 1 && !self.allowed.core(import.module, import.name) {
                return Err(LoadError::Import(sanitize(&format!("{}::{}", import.module, import.name))));
            }
            self.add(Measure::Imports, 1)?;
            match import.ty {
                TypeRef::Memory(memory) => self.memory(&memory)?,
                TypeRef::Table(table) => self.table(&table)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn imports(&mut self, section: wasmparser::ComponentImportSectionReader<'_>) -> Result<(), LoadError> {
        for import in section {
            let import = import.map_err(invalid)?;
            // An alias of a known type grants nothing; a resource would.
            let is_name = matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_)));
            if self.open.len() == 1 && !is_name && !self.allowed.has(import.name.name) {
                return Err(LoadError::Import(sanitize(import.name.name)));
            }
            self.add(Measure::Imports, 1)?;
        }
        Ok(())
    }

    /// Adds a memory's initial size, which is allocated before the first instruction runs.
    fn memory(&mut self, memory: &MemoryType) -> Result<(), LoadError> {
        let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16)).unwrap_or(u64::MAX);
        self.add(Measure::MemoryBytes, memory.initial.saturating_mul(page))
    }

    fn table(&mut self, table: &TableType) -> Result<(), LoadError> {
        self.add(Measure::TableElements, table.initial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed { functions: &["log"], types: |name| name == "a:b/types" };

    fn checked(text: &str) -> Result<(), LoadError> {
        check(&wat::parse_str(text).unwrap(), &Settings::default(), &ALLOWED)
    }

    #[test]
    fn imports_are_held_to_the_list_only_where_they_come_from_the_host() {
        assert_eq!(checked(r#"(module (import "$root" "log" (func)))"#), Ok(()));
        assert_eq!(checked(r#"(module (import "cm32p2" "log" (func)))"#), Ok(()));
        let refused = |name: &str| Err(LoadError::Import(name.to_owned()));
        assert_eq!(checked(r#"(module (import "a:b/types" "log" (func)))"#), refused("a:b/types::log"));
        assert_eq!(checked(r#"(module (import "$root" "now" (func)))"#), refused("$root::now"));
        assert_eq!(checked(r#"(component (core module (import "x" "y" (func))))"#), Ok(()));
        assert_eq!(checked(r#"(component (import "log" (func)))"#), Ok(()));
        assert_eq!(checked(r#"(component (import "c:d/clock" (instance)))"#), refused("c:d/clock"));
        assert_eq!(checked(r#"(component (type $t (record (field "a" u8))) (import "t" (type (eq $t))))"#), Ok(()));
        assert_eq!(checked(r#"(component (import "file" (type (sub resource))))"#), refused("file"));
    }

    #[test]
    fn what_is_nested_is_counted_together() {
        let memories = "(core module (memory 300)) (core module (memory 300)) (core module (memory 300))";
        let over = checked(&format!("(component {memories} (component {memories}))")).unwrap_err();
        let limit = 64 * 1024 * 1024;
        assert_eq!(over, LoadError::Over { what: Measure::MemoryBytes, got: 1200 * 65_536, limit });
        let deep = "(component ".repeat(9) + &")".repeat(9);
        assert_eq!(checked(&deep), Err(LoadError::Over { what: Measure::Nesting, got: 9, limit: 8 }));
        assert_eq!(checked(&("(component ".repeat(8) + &")".repeat(8))), Ok(()));
    }
}
