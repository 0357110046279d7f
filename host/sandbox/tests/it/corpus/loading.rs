//! Files that are not strategies, have forbidden imports, or fail in `describe`.

use super::{Fate, Row, text};
use crate::guest::{Guest, VERSION, answer};

fn imports(imports: &'static str) -> Vec<u8> {
    Guest { imports, ..Guest::default() }.core()
}

fn items(items: &str) -> Vec<u8> {
    Guest { items: items.to_owned(), ..Guest::default() }.core()
}

pub(super) fn describe(describe: &str) -> Vec<u8> {
    Guest { describe: describe.to_owned(), ..Guest::default() }.core()
}

/// Returns a guest whose manifest has these values at these offsets.
pub(super) fn manifest(fields: &[(u32, u32)]) -> Vec<u8> {
    let stores = fields.iter().map(|(at, value)| format!("(i32.store (i32.const {}) (i32.const {value}))", 1024 + at));
    describe(&(stores.collect::<String>() + "(i32.const 1024)"))
}

pub(super) fn rows() -> Vec<Row> {
    [nothing(), proposals(), wants(), asked(), written()].concat()
}

/// Files that are not modules, or do not follow the contract.
fn nothing() -> Vec<Row> {
    let refused = Fate::Refused;
    let whole = Guest::default().core();
    let half = whole[..whole.len() / 2].to_vec();
    // The last section describes the guest.
    let mut torn = whole.clone();
    torn.truncate(whole.len() - 20);
    // The first section's length and number.
    let mut corrupt = whole.clone();
    corrupt[8..16].fill(0xff);
    let wrong = Guest { version: "9.0.0", ..Guest::default() };
    vec![
        ("empty-file", Vec::new(), refused("not a WebAssembly module")),
        ("no-module", b"#!/bin/sh\nrm -rf /\n".to_vec(), refused("not a WebAssembly module")),
        ("another-version", b"\0asm\x02\0\0\0".to_vec(), refused("not a WebAssembly module")),
        ("half-a-file", half, refused("invalid")),
        ("torn-end", torn, refused("invalid")),
        ("corrupt-bytes", corrupt, refused("invalid")),
        ("badly-typed", text("(module (func (result i32)))"), refused("invalid")),
        ("empty-module", text("(module)"), refused("contract")),
        ("empty-component", text("(component)"), refused("`describe`")),
        ("senseless-description", text(r#"(module (@custom "component-type:x" "\ff\ff\ff\ff"))"#), refused("contract")),
        ("another-contract", wrong.core(), refused("follows polytrader:strategy@9.0.0; this host supports")),
        ("another-layout", Guest { layout: 9, ..Guest::default() }.core(), refused("layout 9")),
    ]
}

/// WebAssembly proposals that this host has disabled.
fn proposals() -> Vec<Row> {
    let refused = Fate::Refused("invalid");
    let relaxed = "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))";
    let atomic = "(memory $s 1 1 shared) (func (drop (i32.atomic.load $s (i32.const 0))))";
    vec![
        ("relaxed-simd", items(relaxed), refused),
        ("threads", items(atomic), refused),
        ("memory64", items("(memory i64 1)"), refused),
        ("garbage-collection", items("(type (struct (field i32)))"), refused),
        ("function-references", items("(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))"), refused),
        ("exceptions", items("(tag $t) (func (throw $t))"), refused),
    ]
}

/// Modules that import more than the log function.
fn wants() -> Vec<Row> {
    let refused = Fate::Refused;
    let types = format!("polytrader:strategy/types@{VERSION}");
    let sudo = format!(r#"(component (import "{types}" (instance (export "sudo" (func)))))"#);
    let component = |name: &str| text(&format!(r#"(component (import "{name}" (instance (export "f" (func)))))"#));
    vec![
        (
            "wasi-preview-1",
            imports(r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#),
            refused("wasi_snapshot_preview1::fd_write"),
        ),
        ("wasi-preview-2", component("wasi:sockets/tcp@0.2.0"), refused("wasi:sockets/tcp@0.2.0")),
        ("unknown-interface", imports(r#"(import "evil:host/files" "read" (func))"#), refused("evil:host/files::read")),
        ("function-among-types", text(&sudo), refused("sudo")),
        (
            "another-log",
            text(r#"(component (import "log" (func (param "path" string) (result u64))))"#),
            refused("log"),
        ),
        ("imported-memory", imports(r#"(import "env" "memory" (memory 1))"#), refused("env::memory")),
    ]
}

/// Modules that fail before they trade.
fn asked() -> Vec<Row> {
    let refused = Fate::Refused;
    vec![
        ("start-function-loops", items("(func $s (loop $l (br $l))) (start $s)"), refused("fuel")),
        ("start-function-traps", items("(func $s unreachable) (start $s)"), refused("crashed")),
        (
            "start-function-grows",
            items("(func $s (drop (memory.grow (i32.const 20000))) unreachable) (start $s)"),
            refused("more memory than"),
        ),
        ("describe-traps", describe("unreachable"), refused("crashed")),
        ("describe-loops", describe("(loop $l (br $l)) (i32.const 0)"), refused("fuel")),
        ("describe-out-of-range", describe("(i32.const -16)"), refused("`describe`")),
        ("describe-unaligned", describe("(i32.const 1025)"), refused("aligned")),
        (
            "describe-post-return-traps",
            items("(func (export \"cabi_post_describe\") (param i32) unreachable)"),
            refused("crashed"),
        ),
        // The first byte of the name is overwritten with one that is not UTF-8.
        (
            "name-is-no-text",
            describe(
                "(i32.store8 (i32.const 5000) (i32.const 255)) (i32.store (i32.const 1024) (i32.const 5000))
                 (i32.store (i32.const 1028) (i32.const 1)) (i32.const 1024)",
            ),
            refused("utf-8"),
        ),
        ("name-out-of-range", manifest(&[(0, 0xffff_0000), (4, 0xffff)]), refused("`describe`")),
        (
            "schema-of-megabytes",
            Guest {
                memory: "(memory (export \"memory\") 200)",
                describe:
                    "(i32.store (i32.const 1056) (i32.const 65536)) (i32.store (i32.const 1060) (i32.const 5000000))
                           (i32.const 1024)"
                        .to_owned(),
                ..Guest::default()
            }
            .core(),
            refused("`describe`"),
        ),
        ("schema-is-no-json", manifest(&[(32, 65_536), (36, 5)]), Fate::Lives),
        ("wants-four-billion-markets", manifest(&[(40, u32::MAX)]), Fate::Lives),
    ]
}

/// A text that would clear a screen, forge a log line, and change the text direction.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;mine\u{7}good\r\nforged line \u{202e}\u{9b}31m";

/// Texts that attack their display.
fn written() -> Vec<Row> {
    let bytes: String = ESCAPES.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = u32::try_from(ESCAPES.len()).unwrap();
    let at = 5_000u32;
    // Name, version, author and description, each an address and a length.
    let texts = [0u32, 8, 16, 24].map(|field| [(field, at), (field + 4, length)]);
    let stores = texts.concat().into_iter().map(|(place, value)| {
        let place = 1024 + place;
        format!("(i32.store (i32.const {place}) (i32.const {value}))")
    });
    let forges = Guest {
        imports: "(import \"$root\" \"log\" (func $log (param i32 i32 i32)))",
        items: format!("(data (i32.const {at}) \"{bytes}\")"),
        describe: stores.collect::<String>() + "(i32.const 1024)",
        on_events: format!("(call $log (i32.const 1) (i32.const {at}) (i32.const {length}))") + &answer(1, 0),
        ..Guest::default()
    };
    vec![("words-that-act-on-terminals", forges.core(), Fate::Lives)]
}
