//! Small guests written as text, and what they are shown.

use model::{
    Budget, ConditionId, FeeRate, Level, Limits, Market, MarketIx, MarketNote, NoteKind, Price, Size, TickSize, Time,
    TokenId, Usd,
};
use sandbox::{Batch, Grants, Sandbox, Session, Settings};
use std::path::Path;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A guest that starts, hears each batch whole and wants nothing, but for what a test puts in place of its functions.
pub(crate) struct Guest {
    pub(crate) imports: &'static str,
    pub(crate) start: String,
    pub(crate) save: String,
    pub(crate) on_events: String,
    pub(crate) memory: &'static str,
    pub(crate) layout: u8,
    /// The version of the contract that it says it speaks.
    pub(crate) version: &'static str,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            imports: "",
            start: "(i32.const 3000)".into(),
            save: "(i32.const 3000)".into(),
            on_events: answer(1, 0),
            memory: "(memory (export \"memory\") 4)",
            layout: 2,
            version: "0.2.0",
        }
    }
}

/// A body of `on-events` that says this and nothing else.
pub(crate) fn answer(consumed: u32, intents: u32) -> String {
    format!(
        "(i32.store (i32.const 2048) (i32.const {consumed}))
         (i32.store (i32.const 2052) (i32.const 4096))
         (i32.store (i32.const 2056) (i32.const {intents}))
         (i32.const 2048)"
    )
}

impl Guest {
    /// The core module, as the compiler of a guest makes it.
    pub(crate) fn core(&self) -> Vec<u8> {
        let Self { imports, start, save, on_events, memory, layout, version } = self;
        let text = format!(
            r#"(module {imports} {memory}
            (global $next (mut i32) (i32.const 65536))
            (global $count (mut i64) (i64.const 0))
            (data (i32.const 1096) "\{layout:02x}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "describe") (result i32) (i32.const 1024))
            (func (export "start") (param i32) (result i32) {start})
            (func (export "on-events") (param i64 i32 i32 i32 i32) (result i32) {on_events})
            (func (export "save") (result i32) {save}))"#
        );
        let mut module = wat::parse_str(text).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/wit/strategy.wit");
        let contract =
            std::fs::read_to_string(&path).unwrap().replace("strategy@0.2.0;", &format!("strategy@{version};"));
        let mut resolve = Resolve::default();
        let package = resolve.push_str(&path, &contract).unwrap();
        let world = resolve.select_world(&[package], Some("strategy")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        module
    }
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(Settings { fuel: 1_000_000, memory_max: 1024 * 1024, ..Settings::default() }).unwrap()
}

fn market(name: &str, byte: u8) -> Market {
    Market {
        condition: ConditionId([byte; 32]),
        tokens: [TokenId([byte; 32]), TokenId([byte + 100; 32])],
        outcomes: ["Yes".into(), "No".into()],
        slug: name.into(),
        question: format!("Will {name}?"),
        tick: TickSize::CENT,
        min_size: Size::shares(5),
        neg_risk: false,
        event: None,
        fee: FeeRate::default(),
        end: None,
    }
}

pub(crate) fn session() -> Session {
    Session {
        now: Time(1_000_000),
        parameters: "{}".into(),
        grants: Grants::new(vec![(MarketIx(4), market("one", 1))]),
        positions: Vec::new(),
        orders: Vec::new(),
        limits: Limits::DEFAULT,
        budget: Budget::NONE.within(&Limits::DEFAULT, Usd::dollars(1_000)),
        restored: None,
    }
}

/// The top of the first market's YES book, at this time.
pub(crate) fn top(seconds: u64) -> MarketNote {
    let level = |micros| Some(Level { price: Price::from_micros(micros).unwrap(), size: Size::shares(500) });
    let at = Time(seconds * 1_000_000);
    let kind = NoteKind::Top { bid: level(400_000), ask: level(440_000) };
    MarketNote { token: MarketIx(4).token(0), venue_time: at, host_time: at, kind }
}

/// A batch with one event.
pub(crate) fn one_event(grants: &Grants) -> Batch {
    let mut batch = Batch::default();
    batch.market(grants, &top(2));
    batch
}
