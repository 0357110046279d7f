//! Strategies that start correctly and give invalid answers.

use super::{Fate, Row};
use crate::guest::{Guest, answer};

/// Address of an answer's intents; each is 88 bytes long.
const INTENTS: u32 = 4096;

fn body(on_events: &str) -> Vec<u8> {
    Guest { on_events: on_events.to_owned(), ..Guest::default() }.core()
}

/// Fields of an intent: width in bytes, offset, and value.
pub(super) type Fields<'a> = &'a [(u8, u32, u64)];

fn intent(fields: Fields<'_>) -> Vec<u8> {
    body(&one_intent(fields))
}

/// Returns an answer of one intent with these fields.
pub(super) fn one_intent(fields: Fields<'_>) -> String {
    let stores = fields.iter().map(|(width, at, value)| {
        let at = INTENTS + at;
        match width {
            1 => format!("(i32.store8 (i32.const {at}) (i32.const {value}))"),
            4 => format!("(i32.store (i32.const {at}) (i32.const {value}))"),
            _ => format!("(i64.store (i32.const {at}) (i64.const {value}))"),
        }
    });
    stores.collect::<String>() + &answer(1, 1)
}

/// Returns a guest that places a valid order in which these fields are overwritten. Offsets in `place`: token 32, side
/// 36, price 40, size 48, kind 56, until 64.
fn place(fields: Fields<'_>) -> Vec<u8> {
    body(&one_place(fields))
}

pub(super) fn one_place(fields: Fields<'_>) -> String {
    let good: [(u8, u32, u64); 2] = [(4, 40, 400_000), (8, 48, 5_000_000)];
    one_intent(&[&good, fields].concat())
}

pub(super) fn rows() -> Vec<Row> {
    [calls(), answers(), orders(), logs()].concat()
}

/// Failures in the call itself.
fn calls() -> Vec<Row> {
    let fails = Fate::Fails;
    let table = Guest {
        memory: "(table $t 1 funcref) (memory (export \"memory\") 4)",
        on_events: "(drop (table.grow $t (ref.null func) (i32.const 100000))) unreachable".to_owned(),
        ..Guest::default()
    };
    let recursion = Guest {
        items: "(func $f (param i64 i64 i64) (call $f (local.get 0) (local.get 1) (local.get 2)))".to_owned(),
        on_events: "(call $f (i64.const 0) (i64.const 0) (i64.const 0)) unreachable".to_owned(),
        ..Guest::default()
    };
    let indirect = Guest {
        items: "(type $f (func)) (table $t 1 funcref)".to_owned(),
        on_events: "(call_indirect $t (type $f) (i32.const 7)) unreachable".to_owned(),
        ..Guest::default()
    };
    let itself = Guest {
        items: "(func $again (call $hear)) (func $hear (call $again))".to_owned(),
        on_events: "(call $again) unreachable".to_owned(),
        ..Guest::default()
    };
    let post = "(func (export \"cabi_post_on-events\") (param i32) unreachable)";
    // Fills its whole memory repeatedly, which would cost little fuel if it counted as one instruction.
    let fills = "(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 262144)) (br $l)) unreachable";
    let floats = "(f64.store (i32.const 8) (f64.div (f64.const 0) (f64.const 0)))
        (f64.store (i32.const 16) (f64.sqrt (f64.const -1))) (f32.store (i32.const 24) (f32.const nan:0x200000))
        (drop (i64.trunc_sat_f64_u (f64.const inf))) (drop (f64.min (f64.const nan) (f64.const 1)))";
    vec![
        ("traps", body("unreachable"), fails("crashed")),
        ("loops", body("(loop $l (br $l)) (i32.const 0)"), fails("fuel")),
        ("fills-memory-for-ever", body(fills), fails("fuel")),
        ("recurs", recursion.core(), fails("crashed")),
        ("calls-itself-in-turns", itself.core(), fails("crashed")),
        ("divides-by-nothing", body("(i32.div_u (i32.const 1) (i32.const 0))"), fails("crashed")),
        ("reads-beyond-its-memory", body("(i32.load (i32.const -8))"), fails("crashed")),
        ("calls-what-is-not-there", indirect.core(), fails("crashed")),
        ("grows-at-once", body("(drop (memory.grow (i32.const 10000))) unreachable"), fails("more memory than")),
        (
            "grows-step-by-step",
            body("(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"),
            fails("more memory than"),
        ),
        ("grows-its-table", table.core(), fails("tables of more than 20000")),
        ("post-return-traps", Guest { items: post.to_owned(), ..Guest::default() }.core(), fails("crashed")),
        ("computes-with-what-is-no-number", body(&(floats.to_owned() + &answer(1, 0))), Fate::Lives),
        ("turns-nan-into-a-whole-number", body("(i32.trunc_f64_s (f64.const nan))"), fails("crashed")),
    ]
}

/// Returns a guest whose answer has a hundred intents with the same megabyte as reason.
pub(super) fn overlap(guest: Guest) -> Vec<u8> {
    let fill = "(func $fill (local $at i32) (local.set $at (i32.const 4096)) (loop $l
            (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const 131072))
            (i32.store (i32.add (local.get $at) (i32.const 12)) (i32.const 1048576))
            (i32.store8 (i32.add (local.get $at) (i32.const 24)) (i32.const 2))
            (local.set $at (i32.add (local.get $at) (i32.const 88)))
            (br_if $l (i32.lt_u (local.get $at) (i32.const 12896)))))";
    let (memory, items) = ("(memory (export \"memory\") 40)", fill.to_owned());
    Guest { memory, items, on_events: "(call $fill)".to_owned() + &answer(1, 100), ..guest }.core()
}

/// Malformed answers.
fn answers() -> Vec<Row> {
    let fails = Fate::Fails;
    let many = Guest { memory: "(memory (export \"memory\") 200)", on_events: answer(1, 140_000), ..Guest::default() };
    vec![
        ("answers-from-nowhere", body("(i32.const -8)"), fails("contract")),
        ("answers-from-between", body("(i32.const 2049)"), fails("aligned")),
        ("consumed-nothing", body(&answer(0, 0)), fails("consumed 0 of 1")),
        ("consumed-too-much", body(&answer(2, 0)), fails("consumed 2 of 1")),
        ("consumed-everything-there-is", body(&answer(u32::MAX, 0)), fails("consumed 4294967295 of 1")),
        ("many-intents", body(&answer(1, 257)), fails("257 intents in one answer, more than 256")),
        ("huge-list", many.core(), fails("contract")),
        ("list-of-everything", body(&answer(1, u32::MAX)), fails("contract")),
        ("list-between", body(&(answer(1, 1).replace("(i32.const 4096)", "(i32.const 4097)"))), fails("aligned")),
        (
            "list-beyond-its-memory",
            body(&answer(1, 200).replace("(i32.const 4096)", "(i32.const 262136)")),
            fails("contract"),
        ),
        ("lists-over-each-other", overlap(Guest::default()), fails("contract")),
        ("reason-is-no-text", intent(&[(4, 8, 70_000), (4, 12, 2), (1, 65_904, 0xff), (1, 24, 2)]), fails("utf-8")),
        ("reason-from-nowhere", intent(&[(4, 8, 0xffff_0000), (4, 12, 4_000), (1, 24, 2)]), fails("contract")),
        ("an-intent-that-is-none", intent(&[(1, 24, 77)]), fails("contract")),
        ("an-option-that-is-neither", intent(&[(1, 16, 9), (1, 24, 2)]), fails("contract")),
    ]
}

/// Invalid orders and unusual valid ones.
fn orders() -> Vec<Row> {
    let fails = Fate::Fails;
    vec![
        ("price-of-nothing", place(&[(4, 40, 0)]), fails("a price of 0 micro-dollars")),
        ("price-of-a-dollar", place(&[(4, 40, 1_000_000)]), fails("a price of 1000000 micro-dollars")),
        ("negative-price", place(&[(4, 40, 0xffff_fffe)]), fails("a price of 4294967294 micro-dollars")),
        ("fair-value-of-nothing", place(&[(1, 16, 1), (4, 20, 0)]), fails("a price of 0 micro-dollars")),
        ("foreign-token", place(&[(4, 32, 77)]), fails("token 77")),
        ("token-beyond-all", place(&[(4, 32, 0xffff_ffff)]), fails("token 4294967295")),
        ("cancels-a-foreign-token", intent(&[(1, 24, 2), (1, 32, 1), (4, 36, 77)]), fails("token 77")),
        ("quotes-a-foreign-token", intent(&[(1, 24, 3), (4, 32, 9)]), fails("token 9")),
        ("quotes-at-a-dollar", intent(&[(1, 24, 3), (1, 40, 1), (4, 48, 1_000_000)]), fails("a price of 1000000")),
        ("a-side-that-is-neither", place(&[(1, 36, 2)]), fails("contract")),
        ("a-kind-of-order-that-is-none", place(&[(1, 56, 4)]), fails("contract")),
        ("until-the-end-of-time", place(&[(1, 64, 1), (8, 72, u64::MAX)]), fails("after the year 2105")),
        (
            "rests-although-it-cannot",
            place(&[(1, 56, 3), (1, 64, 1), (8, 72, 2_000_000_000_000_000)]),
            fails("cannot rest"),
        ),
        ("size-beyond-all", place(&[(8, 48, u64::MAX)]), Fate::Lives),
        ("negative-size", place(&[(8, 48, u64::MAX - 4_999_999)]), Fate::Lives),
        ("size-of-nothing", place(&[(8, 48, 0)]), Fate::Lives),
        ("until-long-ago", place(&[(1, 64, 1), (8, 72, 1)]), Fate::Lives),
        ("cancels-an-unknown-order", intent(&[(1, 24, 1), (8, 32, u64::MAX)]), Fate::Lives),
        ("cancels-the-first-order", intent(&[(1, 24, 1), (8, 32, 1)]), Fate::Lives),
        (
            "timer-at-the-end-of-time",
            intent(&[(1, 24, 4), (4, 32, u64::from(u32::MAX)), (8, 40, u64::MAX)]),
            Fate::Lives,
        ),
        ("timer-long-ago", intent(&[(1, 24, 4), (4, 32, 1), (8, 40, 1)]), Fate::Lives),
        ("tag-beyond-all", place(&[(8, 0, u64::MAX), (8, 48, u64::MAX)]), Fate::Lives),
    ]
}

const LOG: &str = r#"(import "$root" "log" (func $log (param i32 i32 i32)))"#;

/// Returns a guest that runs `calls` of the log function before it answers, with this memory.
fn log(calls: &str, memory: &'static str) -> Vec<u8> {
    Guest { imports: LOG, memory, on_events: calls.to_owned() + &answer(1, 0), ..Guest::default() }.core()
}

/// Abuse of the log.
fn logs() -> Vec<Row> {
    let fails = Fate::Fails;
    let small = "(memory (export \"memory\") 4)";
    let large = "(memory (export \"memory\") 200)";
    let say = |at: u32, length: u32| format!("(call $log (i32.const 1) (i32.const {at}) (i32.const {length}))");
    let level = "(call $log (i32.const 9) (i32.const 0) (i32.const 0))";
    let no_text = "(i32.store8 (i32.const 70000) (i32.const 255))".to_owned() + &say(70_000, 1);
    vec![
        ("logs-many-lines", log(&say(0, 8).repeat(2_000), small), Fate::Lives),
        ("logs-a-huge-line", log(&say(131_072, 100_000), small), Fate::Lives),
        ("logs-more-than-may-be-passed", log(&say(131_072, 9_000_000), large), fails("contract")),
        ("logs-from-nowhere", log(&say(0xffff_0000, 70_000), small), fails("contract")),
        ("logs-no-text", log(&no_text, small), fails("utf-8")),
        ("logs-at-a-level-that-is-none", log(level, small), fails("contract")),
        ("logs-for-ever", log(&format!("(loop $l {} (br $l))", say(0, 100)), small), fails("fuel")),
    ]
}
