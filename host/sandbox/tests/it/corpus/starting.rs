//! Strategies that fail when they start, allocate memory for their input, or save their state.

use super::{Fate, Row};
use crate::guest::Guest;

fn start(start: &str) -> Vec<u8> {
    Guest { start: start.to_owned(), ..Guest::default() }.core()
}

fn save(save: &str) -> Vec<u8> {
    Guest { save: save.to_owned(), memory: "(memory (export \"memory\") 40)", ..Guest::default() }.core()
}

fn realloc(realloc: &str) -> Vec<u8> {
    Guest { realloc: realloc.to_owned(), ..Guest::default() }.core()
}

/// Returns a guest that saves `length` bytes at an address.
fn state(at: u32, length: u32) -> Vec<u8> {
    save(&format!(
        "(i32.store (i32.const 3000) (i32.const {at})) (i32.store (i32.const 3004) (i32.const {length})) (i32.const 3000)"
    ))
}

/// Returns a guest that refuses to start with this text.
fn refusal(at: u32, length: u32, first: u32) -> Vec<u8> {
    start(&refuses(at, length, first))
}

pub(super) fn refuses(at: u32, length: u32, first: u32) -> String {
    format!(
        "(i32.store8 (i32.const 3000) (i32.const 1)) (i32.store8 (i32.const 70000) (i32.const {first}))
         (i32.store (i32.const 3004) (i32.const {at})) (i32.store (i32.const 3008) (i32.const {length})) (i32.const 3000)"
    )
}

const LOG: &str = r#"(import "$root" "log" (func $log (param i32 i32 i32)))"#;

pub(super) fn rows() -> Vec<Row> {
    let fails = Fate::Fails;
    let calls_out = Guest {
        imports: LOG,
        realloc: "(call $log (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 65536)".to_owned(),
        ..Guest::default()
    };
    vec![
        ("start-traps", start("unreachable"), fails("crashed")),
        ("start-loops", start("(loop $l (br $l)) (i32.const 0)"), fails("fuel")),
        ("start-refuses", refusal(70_000, 1, 0x6e), fails("refused to start: n")),
        ("start-refuses-in-no-text", refusal(70_000, 1, 0xff), fails("utf-8")),
        ("start-refuses-out-of-range", refusal(0xffff_0000, 0xffff, 0), fails("contract")),
        (
            "start-says-neither",
            start("(i32.store8 (i32.const 3000) (i32.const 7)) (i32.const 3000)"),
            fails("contract"),
        ),
        ("realloc-traps", realloc("unreachable"), fails("crashed")),
        ("realloc-loops", realloc("(loop $l (br $l)) (i32.const 0)"), fails("fuel")),
        ("realloc-out-of-range", realloc("(i32.const -16)"), fails("contract")),
        ("realloc-unaligned", realloc("(i32.const 65537)"), fails("aligned")),
        (
            "realloc-grows-for-ever",
            realloc("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable"),
            fails("more memory than"),
        ),
        ("realloc-gives-the-same-again", realloc("(i32.const 65536)"), Fate::Lives),
        ("realloc-gives-its-own-code", realloc("(i32.const 1024)"), Fate::Lives),
        ("realloc-calls-the-host", calls_out.core(), fails("crashed")),
        ("save-traps", save("unreachable"), fails("crashed")),
        ("save-loops", save("(loop $l (br $l)) (i32.const 0)"), fails("fuel")),
        ("state-of-a-gigabyte", state(0, 1 << 30), fails("contract")),
        ("state-beyond-its-limit", state(0, (1 << 20) + 1), fails("a state of 1048577 bytes, more than 1048576")),
        ("state-at-the-end-of-memory", state(u32::MAX, u32::MAX), fails("contract")),
    ]
}
