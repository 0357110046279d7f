//! Files of other contract versions, and hostile uses of the features that are new in the current one.

use super::answering::{one_intent, one_place, overlap};
use super::loading::{describe, manifest};
use super::starting::refuses;
use super::{Fate, Row, text};
use crate::guest::{Guest, LEVELS_BYTES, PARAMETERS_BYTES, REALLOC, SIGNAL_BYTES, VERSION, answer};

const LARGE: &str = "(memory (export \"memory\") 200)";

pub(super) fn rows() -> Vec<Row> {
    [versions(), slugs(), subscriptions(), oversized_inputs(), old_files(), old_answers()].concat()
}

/// Returns a file in which one name of the contract is replaced by another of the same length.
fn renamed(mut file: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut found = 0;
    for at in 0..=file.len() - from.len() {
        if file[at..].starts_with(from.as_bytes()) {
            file[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from}");
    file
}

/// Returns a component that imports the contract's types in these versions.
fn types(versions: &[&str]) -> Vec<u8> {
    let import = |version| format!("(import \"polytrader:strategy/types@{version}\" (instance))");
    text(&format!("(component {})", versions.iter().map(import).collect::<String>()))
}

fn versions() -> Vec<Row> {
    let refused = Fate::Refused;
    let clock = r#"(import "$root" "now" (func (result i64)))"#;
    let of = |version| Guest { version, ..Guest::default() }.core();
    let (old, new) = (Guest::old().core(), Guest::default().core());
    vec![
        (
            "the-contract-of-tomorrow",
            of("0.3.0"),
            refused("follows polytrader:strategy@0.3.0; this host supports 0.2 and 0.1"),
        ),
        ("a-contract-that-looks-like-ours", of("0.20.0"), refused("follows polytrader:strategy@0.20.0; this host")),
        ("a-contract-not-yet-made", of("0.2.0-rc.1"), refused("follows polytrader:strategy@0.2.0-rc.1; this host")),
        // It also has a forbidden import; the version is checked first.
        (
            "the-contract-of-tomorrow-with-a-clock",
            Guest { version: "0.3.0", imports: clock, ..Guest::default() }.core(),
            refused("follows polytrader:strategy@0.3.0"),
        ),
        ("types-of-another-contract", types(&["9.0.0"]), refused("follows polytrader:strategy@9.0.0")),
        ("types-of-two-contracts", types(&[VERSION, "9.0.0"]), refused("imports `polytrader:strategy/types@9.0.0`")),
        ("types-of-no-contract", types(&[VERSION, "0.2.x"]), refused("imports `polytrader:strategy/types@0.2.x`")),
        ("a-version-beyond-all", types(&["0.2.99999999999999999999999999"]), refused("invalid")),
        ("new-under-the-old-name", renamed(new, "@0.2.0", "@0.1.0"), refused("`describe`")),
        ("old-under-the-new-name", renamed(old, "@0.1.0", "@0.2.0"), refused("`describe`")),
    ]
}

/// Returns a manifest with a list of slug prefixes, in its bytes 44 to 51: position and count.
fn listed(at: u32, count: u32) -> Vec<u8> {
    manifest(&[(44, at), (48, count)])
}

/// Returns a guest with `count` slug prefixes that all point to the same bytes.
fn the_same(count: u32, at: u32, length: u32) -> Guest {
    let fill = format!(
        "(local $at i32) (local.set $at (i32.const 8192)) (loop $l
            (i32.store (local.get $at) (i32.const {at})) (i32.store offset=4 (local.get $at) (i32.const {length}))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $at) (i32.const {}))))
         (i32.store (i32.const 1068) (i32.const 8192)) (i32.store (i32.const 1072) (i32.const {count}))
         (i32.const 1024)",
        8192 + 8 * count
    );
    Guest { describe: fill, memory: LARGE, ..Guest::default() }
}

fn slugs() -> Vec<Row> {
    let refused = Fate::Refused;
    let half_a_million = Guest {
        memory: LARGE,
        describe: "(i32.store (i32.const 1068) (i32.const 65536)) (i32.store (i32.const 1072) (i32.const 500000))
            (i32.const 1024)"
            .to_owned(),
        ..Guest::default()
    };
    let no_text = "(i32.store8 (i32.const 5008) (i32.const 255)) (i32.store (i32.const 5000) (i32.const 5008))
        (i32.store (i32.const 5004) (i32.const 1)) (i32.store (i32.const 1068) (i32.const 5000))
        (i32.store (i32.const 1072) (i32.const 1)) (i32.const 1024)";
    vec![
        ("slugs-from-nowhere", listed(0xffff_0000, 4), refused("`describe`")),
        ("slugs-from-between", listed(65_537, 1), refused("aligned")),
        ("slugs-without-end", listed(65_536, u32::MAX), refused("`describe`")),
        ("slugs-by-the-million", half_a_million.core(), refused("`describe`")),
        ("slugs-too-many", listed(65_536, 65), refused("slug prefixes: 65; the limit is 64")),
        ("slugs-over-each-other", the_same(64, 65_536, 1 << 20).core(), refused("`describe`")),
        ("slug-too-long", the_same(64, 65_536, 257).core(), refused("bytes in a slug prefix: 257; the limit is 256")),
        ("slug-is-no-text", describe(no_text), refused("utf-8")),
        ("slugs-as-many-and-as-long-as-may-be", the_same(64, 65_536, 256).core(), Fate::Lives),
    ]
}

/// Subscriptions. Bytes of a manifest: 56 tops, 57 trades, 60 levels, 64 microseconds of the regular timer.
fn subscriptions() -> Vec<Row> {
    let refused = Fate::Refused;
    vec![
        ("hears-a-level-too-many", manifest(&[(60, 21)]), refused("requests levels: 21; the limit is 20")),
        ("hears-all-levels", manifest(&[(60, u32::MAX)]), refused("requests levels: 4294967295; the limit is")),
        ("wakes-all-the-time", manifest(&[(64, 1)]), refused("a timer interval in microseconds: 1; the")),
        ("wakes-never", manifest(&[(64, u32::MAX), (68, u32::MAX)]), Fate::Lives),
        ("hears-seven-times", manifest(&[(56, 0x0707), (60, 20), (64, 100_000)]), Fate::Lives),
        ("wants-whole-events-of-nothing", manifest(&[(40, u32::MAX), (52, 0xffff)]), Fate::Lives),
    ]
}

/// Returns a guest that runs `does` when it is to allocate `bytes` bytes or more.
fn on_alloc_of_at_least(bytes: usize, does: &str) -> Vec<u8> {
    let realloc = format!("(if (i32.ge_u (local.get 3) (i32.const {bytes})) (then {does})) {REALLOC}");
    Guest { realloc, ..Guest::default() }.core()
}

/// Returns a guest that runs `does` when it is to allocate exactly `bytes` bytes.
fn on_alloc_of(bytes: usize, does: &str) -> Vec<u8> {
    let realloc = format!("(if (i32.eq (local.get 3) (i32.const {bytes})) (then {does})) {REALLOC}");
    Guest { realloc, ..Guest::default() }.core()
}

fn oversized_inputs() -> Vec<Row> {
    let fails = Fate::Fails;
    let grows = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) unreachable";
    vec![
        ("sent-levels-and-traps", on_alloc_of_at_least(LEVELS_BYTES, "unreachable"), fails("crashed")),
        ("sent-parameters-and-loops", on_alloc_of(PARAMETERS_BYTES, "(loop $l (br $l))"), fails("fuel")),
        ("sent-parameters-out-of-range", on_alloc_of(PARAMETERS_BYTES, "(return (i32.const -16))"), fails("contract")),
        ("sent-parameters-at-the-end", on_alloc_of(PARAMETERS_BYTES, "(return (i32.const 262000))"), fails("contract")),
        ("sent-a-signal-and-traps", on_alloc_of(SIGNAL_BYTES, "unreachable"), fails("crashed")),
        ("sent-a-signal-and-grows", on_alloc_of(SIGNAL_BYTES, grows), fails("more memory than")),
        ("sent-a-signal-where-it-answers", on_alloc_of(SIGNAL_BYTES, "(return (i32.const 2048))"), Fate::Lives),
    ]
}

fn old(describe: &str) -> Guest {
    Guest { describe: describe.to_owned(), ..Guest::old() }
}

/// Files of the previous contract version, whose data is converted.
fn old_files() -> Vec<Row> {
    let (refused, fails) = (Fate::Refused, Fate::Fails);
    let no_text = "(i32.store8 (i32.const 5000) (i32.const 255)) (i32.store (i32.const 1024) (i32.const 5000))
        (i32.store (i32.const 1028) (i32.const 1)) (i32.const 1024)";
    let schema = "(i32.store (i32.const 1056) (i32.const 65536)) (i32.store (i32.const 1060) (i32.const 5000000))
        (i32.const 1024)";
    let state = "(i32.store (i32.const 3000) (i32.const 0)) (i32.store (i32.const 3004) (i32.const 1048577))
        (i32.const 3000)";
    let clock = r#"(import "$root" "now" (func (result i64)))"#;
    vec![
        ("old-and-good", Guest::old().core(), Fate::Lives),
        ("old-and-wants-a-clock", Guest { imports: clock, ..Guest::old() }.core(), refused("$root::now")),
        ("old-layout-of-tomorrow", Guest { layout: 9, ..Guest::old() }.core(), refused("layout 9")),
        ("old-describe-traps", old("unreachable").core(), refused("crashed")),
        ("old-describe-out-of-range", old("(i32.const -16)").core(), refused("`describe`")),
        ("old-name-is-no-text", old(no_text).core(), refused("utf-8")),
        ("old-schema-of-megabytes", Guest { memory: LARGE, ..old(schema) }.core(), refused("`describe`")),
        ("old-start-traps", Guest { start: "unreachable".to_owned(), ..Guest::old() }.core(), fails("crashed")),
        (
            "old-start-refuses-in-no-text",
            Guest { start: refuses(70_000, 1, 0xff), ..Guest::old() }.core(),
            fails("utf-8"),
        ),
        (
            "old-realloc-out-of-range",
            Guest { realloc: "(i32.const -16)".to_owned(), ..Guest::old() }.core(),
            fails("contract"),
        ),
        // Its name begins like those of the other files that fail only when they save their state.
        (
            "save-of-an-old-one-beyond-its-limit",
            Guest { save: state.to_owned(), memory: LARGE, ..Guest::old() }.core(),
            fails("a state of 1048577 bytes, more than 1048576"),
        ),
    ]
}

fn old_answers() -> Vec<Row> {
    let fails = Fate::Fails;
    let hears = |on_events: String| Guest { on_events, ..Guest::old() }.core();
    let many = Guest { memory: LARGE, on_events: answer(1, 140_000), ..Guest::old() };
    vec![
        ("old-loops", hears("(loop $l (br $l)) (i32.const 0)".to_owned()), fails("fuel")),
        ("old-consumed-too-much", hears(answer(2, 0)), fails("consumed 2 of 1")),
        ("old-many-intents", hears(answer(1, 257)), fails("257 intents in one answer, more than 256")),
        ("old-huge-list", many.core(), fails("contract")),
        ("old-list-of-everything", hears(answer(1, u32::MAX)), fails("contract")),
        ("old-lists-over-each-other", overlap(Guest::old()), fails("contract")),
        (
            "old-reason-is-no-text",
            hears(one_intent(&[(4, 8, 70_000), (4, 12, 2), (1, 65_904, 0xff), (1, 24, 2)])),
            fails("utf-8"),
        ),
        ("old-an-intent-that-is-none", hears(one_intent(&[(1, 24, 77)])), fails("contract")),
        ("old-price-of-a-dollar", hears(one_place(&[(4, 40, 1_000_000)])), fails("a price of 1000000 micro-dollars")),
        ("old-foreign-token", hears(one_place(&[(4, 32, 77)])), fails("token 77")),
        ("old-until-the-end-of-time", hears(one_place(&[(1, 64, 1), (8, 72, u64::MAX)])), fails("after the year 2105")),
        ("old-size-beyond-all", hears(one_place(&[(8, 48, u64::MAX)])), Fate::Lives),
    ]
}
