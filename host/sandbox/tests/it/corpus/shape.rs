//! Modules with too many parts of one kind.

use super::{Fate, Row, text};
use crate::guest::Guest;

/// Returns a core module with `count` numbered items.
fn many(count: usize, item: impl Fn(usize) -> String) -> Vec<u8> {
    let items: String = (0..count).map(item).collect();
    text(&format!("(module {items})"))
}

/// Returns components nested `depth` deep, built in binary because the text format cannot nest that deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut whole = Vec::new();
    for _ in 0..depth {
        let mut outer = b"\0asm\x0d\0\x01\0".to_vec();
        if !whole.is_empty() {
            outer.push(4);
            length(whole.len(), &mut outer);
            outer.append(&mut whole);
        }
        whole = outer;
    }
    whole
}

/// Appends the length of a section.
fn length(mut length: usize, to: &mut Vec<u8>) {
    while length >= 0x80 {
        to.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    to.push(u8::try_from(length).unwrap());
}

/// Returns a file with `bytes` bytes in a single ignored section.
fn giant(bytes: usize) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0\0".to_vec();
    length(bytes, &mut module);
    module.resize(module.len() + bytes, 0);
    module
}

/// Returns a valid guest with additional items.
fn with(items: &str) -> Vec<u8> {
    Guest { items: items.to_owned(), ..Guest::default() }.core()
}

pub(super) fn rows() -> Vec<Row> {
    let refused = Fate::Refused;
    let instances = "(core instance (instantiate 0))".repeat(257);
    let imports: String = (0..20_001).map(|number| format!("(import \"a\" \"{number}\" (func))")).collect();
    let body = "(drop (i32.const 70000))".repeat(140_000);
    vec![
        ("giant-file", giant(33 << 20), refused("more than 33554432")),
        ("many-functions", many(50_001, |_| "(func)".into()), refused("50001 functions, more than 50000")),
        ("many-types", many(20_001, |_| "(type (func))".into()), refused("20001 types, more than 20000")),
        (
            "many-globals",
            many(20_001, |_| "(global i32 (i32.const 0))".into()),
            refused("20001 globals, more than 20000"),
        ),
        (
            "many-exports",
            many(
                20_001,
                |number| if number == 0 { "(func)".into() } else { format!("(export \"{number}\" (func 0))") },
            ),
            // Exactly at the limit, so it fails at the contract instead.
            refused("contract"),
        ),
        (
            "too-many-exports",
            many(
                20_002,
                |number| if number == 0 { "(func)".into() } else { format!("(export \"{number}\" (func 0))") },
            ),
            refused("20001 exports, more than 20000"),
        ),
        (
            "many-imports",
            text(&format!("(component (core module {imports}))")),
            refused("20001 imports, more than 20000"),
        ),
        ("many-data-segments", many(20_001, |_| "(data \"\")".into()), refused("20001 segments")),
        ("many-element-segments", many(20_001, |_| "(elem func)".into()), refused("20001 segments")),
        ("huge-function", with(&format!("(func {body})")), refused("bytes in one function, more than 524288")),
        ("many-memories", many(9, |_| "(memory 1)".into()), refused("9 memories, more than 8")),
        ("huge-memory", with("(memory 65535)"), refused("bytes of memory at the start, more than 67108864")),
        (
            "memories-in-pieces",
            text(&format!("(component {})", "(core module (memory 300))".repeat(5))),
            refused("78643200 bytes of memory at the start"),
        ),
        ("many-tables", many(17, |_| "(table 1 funcref)".into()), refused("17 tables, more than 16")),
        ("huge-table", with("(table 4000000000 funcref)"), refused("4000000000 elements of tables")),
        ("nested", nested(9), refused("9 levels of nested modules, more than 8")),
        ("nested-to-no-end", nested(5_000), refused("9 levels of nested modules, more than 8")),
        (
            "many-modules",
            text(&format!("(component {})", "(core module)".repeat(64))),
            refused("65 core modules and components"),
        ),
        (
            "many-instances",
            text(&format!("(component (core module) {instances})")),
            refused("257 instances, more than 256"),
        ),
        (
            "huge-data",
            with(&format!("(memory $big 1000) (data (memory $big) (i32.const 0) \"{}\")", "x".repeat(1 << 20))),
            Fate::Lives,
        ),
    ]
}
