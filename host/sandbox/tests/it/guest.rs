//! Small guests in the text format, and events for them.

use model::{
    Book, Budget, DEPTH_MAX, Depth, Level, Limits, MarketIx, MarketNote, NoteKind, OwnEvent, Price, Signal, Size, Time,
    Usd,
};
use sandbox::{Batch, Compiler, Grants, Sandbox, Session, Settings};
use std::path::Path;
use testkit::market;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A guest that starts, consumes each batch completely and returns no intents. Tests replace single parts of it.
pub(crate) struct Guest {
    pub(crate) imports: &'static str,
    /// Further items of the module.
    pub(crate) items: String,
    pub(crate) describe: String,
    pub(crate) start: String,
    pub(crate) on_events: String,
    pub(crate) save: String,
    pub(crate) realloc: String,
    pub(crate) memory: &'static str,
    pub(crate) layout: u8,
    /// The contract version that it declares.
    pub(crate) version: &'static str,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: "",
            items: String::new(),
            describe: "(i32.const 1024)".to_owned(),
            start: "(i32.const 3000)".to_owned(),
            on_events: answer(1, 0),
            save: "(i32.const 3000)".to_owned(),
            realloc: REALLOC.to_owned(),
            memory: "(memory (export \"memory\") 4)",
            layout: 2,
            version: VERSION,
        }
    }
}

/// A bump allocator that never frees.
pub(crate) const REALLOC: &str =
    "(global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get 3)))";

/// The current contract version, and the previous one.
pub(crate) const VERSION: &str = "0.2.0";
pub(crate) const OLD_VERSION: &str = "0.1.0";

/// Returns the text of the contract for a declared version. An unknown version gets the current text with that version
/// number.
fn contract(version: &str) -> String {
    let (file, ours) = match version {
        OLD_VERSION => ("since-0.1.0/strategy.wit", OLD_VERSION),
        _ => ("strategy.wit", VERSION),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/wit").join(file);
    let line = format!("package polytrader:strategy@{ours};");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(&line), "{line}");
    text.replace(&line, &format!("package polytrader:strategy@{version};"))
}

/// Returns a body of `on-events` with this answer.
pub(crate) fn answer(consumed: u32, intents: u32) -> String {
    format!(
        "(i32.store (i32.const 2048) (i32.const {consumed}))
         (i32.store (i32.const 2052) (i32.const 4096))
         (i32.store (i32.const 2056) (i32.const {intents}))
         (i32.const 2048)"
    )
}

/// The number of intents in each answer of [`storming`]; the last one is a cancel.
pub(crate) const STORM: u32 = 250;

/// Returns a guest that answers every event with orders of a hundredth of a share, which no gate approves, and never
/// pauses.
pub(crate) fn storming() -> Guest {
    storm_of(STORM)
}

/// Same as [`storming`], with `intents` intents in each answer.
pub(crate) fn storm_of(intents: u32) -> Guest {
    let (places, end) = (intents - 1, 4096 + 88 * (intents - 1));
    Guest {
        items: "(global $yes (mut i32) (i32.const 0))".into(),
        // The YES token's handle of the first market of the session.
        start: "(global.set $yes (i32.load offset=24 (i32.load offset=16 (local.get 0)))) (i32.const 3000)".into(),
        on_events: format!(
            "(local $at i32)
             (local.set $at (i32.const 4096))
             (loop $more
                (i64.store offset=8 (local.get $at) (i64.const 0))
                (i64.store offset=24 (local.get $at) (i64.const 0))
                (i32.store offset=32 (local.get $at) (global.get $yes))
                (i64.store offset=40 (local.get $at) (i64.const 10000))
                (i64.store offset=48 (local.get $at) (i64.const 10000))
                (local.set $at (i32.add (local.get $at) (i32.const 88)))
                (br_if $more (i32.lt_u (local.get $at) (i32.const {end}))))
             (i64.store offset=24 (i32.const {end}) (i64.const 1))
             (i64.store offset=32 (i32.const {end}) (i64.const {places}))
             (global.set $next (i32.const 65536)) {}",
            answer(1, intents)
        ),
        ..Guest::default()
    }
}

/// Returns a guest that logs 100 lines of 1,000 bytes at every event.
pub(crate) fn logging() -> Guest {
    Guest {
        imports: r#"(import "$root" "log" (func $log (param i32 i32 i32)))"#,
        on_events: format!(
            "(local $left i32)
             (local.set $left (i32.const 100))
             (loop $more
                (call $log (i32.const 1) (i32.const 8192) (i32.const 1000))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $more (local.get $left)))
             (global.set $next (i32.const 65536)) {}",
            answer(1, 0)
        ),
        ..Guest::default()
    }
}

/// The output of a [`pacing`] guest per interval.
pub(crate) struct Pace {
    /// Orders of a hundredth of a share, which no gate approves.
    pub(crate) places: u32,
    /// Cancels of orders that do not exist, each with a different id.
    pub(crate) cancels: u32,
    /// Intents that set the next timer; at least one.
    pub(crate) timers: u32,
    /// Log lines of 600 bytes.
    pub(crate) lines: u32,
    /// The interval in microseconds.
    pub(crate) every: u64,
}

/// Returns a guest that produces this output at each timer interval, and nothing for the events that result from it.
pub(crate) fn pacing(pace: &Pace) -> Guest {
    let Pace { places, cancels, timers, lines, every } = *pace;
    let repeat = |count: u32, body: &str| {
        format!(
            "(local.set $left (i32.const {count}))
             (block $done (loop $more
                (br_if $done (i32.eqz (local.get $left)))
                {body}
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br $more)))"
        )
    };
    // An intent's tag, reason and fair value stay zero.
    let intent = |fields: &str| format!("{fields} (local.set $at (i32.add (local.get $at) (i32.const 88)))");
    let place = intent(
        "(i64.store offset=24 (local.get $at) (i64.const 0)) (i32.store offset=32 (local.get $at) (global.get $yes))
         (i64.store offset=40 (local.get $at) (i64.const 10000)) (i64.store offset=48 (local.get $at) (i64.const 10000))",
    );
    let cancel = intent(
        "(i64.store offset=24 (local.get $at) (i64.const 1))
         (i64.store offset=32 (local.get $at) (i64.extend_i32_u (local.get $left)))",
    );
    let timer = intent(
        "(i64.store offset=24 (local.get $at) (i64.const 4)) (i32.store offset=32 (local.get $at) (i32.const 1))
         (i64.store offset=40 (local.get $at) (local.get $next_at))",
    );
    let wants = [
        repeat(lines, "(call $log (i32.const 1) (i32.const 49152) (i32.const 600))"),
        repeat(timers, &timer),
        repeat(places, &place),
        repeat(cancels, &cancel),
    ];
    let half = every / 2;
    Guest {
        imports: r#"(import "$root" "log" (func $log (param i32 i32 i32)))"#,
        items: format!(
            "(global $yes (mut i32) (i32.const 0)) (global $due (mut i64) (i64.const 0)) (data (i32.const 49152) \"{}\")",
            "x".repeat(600)
        ),
        start: "(global.set $yes (i32.load offset=24 (i32.load offset=16 (local.get 0)))) (i32.const 3000)".into(),
        on_events: format!(
            "(local $at i32) (local $left i32) (local $now i64) (local $next_at i64)
             (global.set $next (i32.const 65536))
             (local.set $at (i32.const 4096))
             (if (local.get 4) (then (local.set $now (i64.load offset=8 (local.get 3)))))
             (if (result i32) (i64.gt_u (local.get $now) (global.get $due))
                (then
                    (global.set $due (i64.add (local.get $now) (i64.const {half})))
                    (local.set $next_at (i64.add (local.get $now) (i64.const {every})))
                    {} {})
                (else {}))",
            wants.join(" "),
            answer(1, places + cancels + timers),
            answer(1, 0)
        ),
        ..Guest::default()
    }
}

impl Guest {
    /// Returns a guest of the previous contract version.
    pub(crate) fn old() -> Self {
        Self { version: OLD_VERSION, layout: 1, ..Self::default() }
    }

    /// Returns the core module, as a guest toolchain builds it.
    pub(crate) fn core(&self) -> Vec<u8> {
        let Self { imports, items, describe, start, on_events, save, realloc, memory, layout, version } = self;
        // In the previous version the arguments of `start` are passed as parameters, and the manifest is shorter.
        let (session, layout_at) = match *version {
            OLD_VERSION => ("i64 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32 i32", 1068),
            _ => ("i32", 1096),
        };
        let text = format!(
            r#"(module {imports} {memory} {items}
            (global $next (mut i32) (i32.const 65536))
            (data (i32.const {layout_at}) "\{layout:02x}")
            (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "describe") (result i32) {describe})
            (func (export "start") (param {session}) (result i32) {start})
            (func (export "on-events") (param i64 i32 i32 i32 i32) (result i32) {on_events})
            (func (export "save") (result i32) {save}))"#
        );
        let mut module = wat::parse_str(text).unwrap();
        let mut resolve = Resolve::default();
        let package = resolve.push_str("strategy.wit", &contract(version)).unwrap();
        let world = resolve.select_world(&[package], Some("strategy")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }
}

pub(crate) fn sandbox() -> Sandbox {
    let settings = Settings { fuel: 1_000_000, memory_max: 1024 * 1024, ..Settings::default() };
    Sandbox::new(settings, Compiler::Inline).unwrap()
}

/// Returns limits under which hostile guests end early: they run out of fuel long before the wall clock limit.
pub(crate) fn corpus_settings() -> Settings {
    Settings { fuel: 2_000_000, fuel_other: 2_000_000, ..Settings::default() }
}

pub(crate) fn session() -> Session {
    Session {
        now: Time(1_000_000),
        parameters: "{}".into(),
        grants: Grants::new(vec![(MarketIx(4), market(1))]),
        positions: Vec::new(),
        orders: Vec::new(),
        limits: Limits::DEFAULT,
        budget: Budget::NONE.within(&Limits::DEFAULT, Usd::dollars(1_000)),
        fuel: None,
        restored: None,
    }
}

/// Returns a top of the first market's YES book at this time.
pub(crate) fn top(seconds: u64) -> MarketNote {
    let level = |micros| Some(Level { price: Price::from_micros(micros).unwrap(), size: Size::shares(500) });
    let at = Time(seconds * 1_000_000);
    let kind = NoteKind::Top { bid: level(400_000), ask: level(440_000) };
    MarketNote { token: MarketIx(4).token(0), venue_time: at, host_time: at, kind }
}

/// Returns a batch with one event.
pub(crate) fn one_event(grants: &Grants) -> Batch {
    let mut batch = Batch::default();
    batch.market(grants, &top(2));
    batch
}

/// Returns the maximum number of levels of that book: [`LEVELS_BYTES`] of words.
pub(crate) fn levels() -> MarketNote {
    let side = |first: u32| {
        let cents = first..first + u32::from(DEPTH_MAX);
        let level = |cent| Level { price: Price::from_micros(cent * 10_000).unwrap(), size: Size::shares(9) };
        cents.map(level).collect::<Vec<_>>()
    };
    let book = Book::from_levels(&side(21), &side(44)).unwrap();
    MarketNote { kind: NoteKind::Depth(Depth::of(&book, DEPTH_MAX)), ..top(2) }
}

/// Bytes of four words, plus two words for each of 20 levels a side.
pub(crate) const LEVELS_BYTES: usize = 8 * (4 + 2 * 2 * 20);
/// The lengths of [`own_events`], which no other list or string sent to a guest has.
pub(crate) const PARAMETERS_BYTES: usize = 901;
pub(crate) const SIGNAL_BYTES: usize = 501;

/// Returns events with texts from operators and programs.
pub(crate) fn own_events() -> [OwnEvent; 2] {
    let signal = Signal { name: "score".into(), value: "s".repeat(SIGNAL_BYTES) };
    [OwnEvent::Parameters { text: "p".repeat(PARAMETERS_BYTES) }, OwnEvent::Signal(signal)]
}
