//! Time per event of a strategy, compared in one run: a bare call of its component, the same call in the sandbox with
//! all limits, and the same strategy as native code (`strategies/template/benches/native.rs`). Run with `cargo bench -p
//! sandbox`, after `cargo xtask strategies`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "a benchmark may fail loudly"
)]

use model::{Budget, Level, Limits, MarketIx, MarketNote, NoteKind, Price, Size, Time, Usd};
use sandbox::{Batch, Compiler, Grants, Instance, Sandbox, Session, Settings};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use testkit::market;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};
use wit_component::ComponentEncoder;

/// Events of the large batch.
const BATCH: u32 = 256;
const ROUNDS: usize = 300;
const NOW: Time = Time(1_795_424_400_000_000);

mod bare {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::restriction,
        clippy::pedantic,
        reason = "generated code"
    )]
    wasmtime::component::bindgen!({ path: "../../sdk/wit", world: "strategy" });
}

use bare::polytrader::strategy::types;

/// The host of a bare component, which ignores log lines.
struct EmptyHost;

impl types::Host for EmptyHost {}

impl bare::StrategyImports for EmptyHost {
    fn log(&mut self, _: types::Level, _: String) {}
}

fn main() {
    let bytes = std::fs::read(strategies().join("template.wasm")).unwrap();
    let native = native();
    println!(
        "{:38} {:>10} {:>10} {:>10} {:>14} {:>14}",
        "ns an event", "bare", "sandbox", "native", "sandbox/bare", "sandbox/native"
    );
    for ((events, name), native) in [(1, "one event a call"), (BATCH, "256 events a call")].into_iter().zip(native) {
        let (bare, ours) = (bare_call(&bytes, events), our_call(&bytes, events));
        let ratio = |to: f64| format!("{:.2}", ours / to);
        println!("{name:38} {bare:>10.1} {ours:>10.1} {native:>10.1} {:>14} {:>14}", ratio(bare), ratio(native));
    }
}

/// Returns the median time of one event, in nanoseconds.
fn time(events: u32, mut call: impl FnMut()) -> f64 {
    let calls = if events == 1 { 500 } else { 20 };
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            (0..calls).for_each(|_| call());
            started.elapsed().as_secs_f64() * 1e9 / f64::from(calls * events)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// Measures the component with Wasmtime's default settings: without fuel, deadline or memory limit.
fn bare_call(bytes: &[u8], events: u32) -> f64 {
    let engine = Engine::default();
    let component = ComponentEncoder::default().module(bytes).unwrap().encode().unwrap();
    let component = Component::new(&engine, component).unwrap();
    let mut linker = Linker::new(&engine);
    bare::Strategy::add_to_linker::<_, HasSelf<_>>(&mut linker, |host: &mut EmptyHost| host).unwrap();
    let mut store = Store::new(&engine, EmptyHost);
    let strategy = bare::Strategy::instantiate(&mut store, &component, &linker).unwrap();
    strategy.call_start(&mut store, &bare_session()).unwrap().unwrap();
    let words = (0..events).flat_map(words).collect();
    let mut batch = types::Batch { first: 1, words, own: Vec::new() };
    time(events, || {
        let answer = strategy.call_on_events(&mut store, &batch).unwrap();
        assert!(answer.consumed == events && answer.intents.is_empty());
        batch.first += u64::from(events);
    })
}

fn our_call(bytes: &[u8], events: u32) -> f64 {
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let module = sandbox.load(bytes).unwrap();
    let mut instance = Instance::start(&sandbox, &module, session()).unwrap();
    let mut batch = Batch::default();
    (0..events).for_each(|number| batch.market(instance.grants(), &top(number)));
    let mut first = 1;
    time(events, || {
        let answer = instance.on_events(first, &mut batch).unwrap();
        assert!(answer.consumed == events && answer.intents.is_empty());
        first += u64::from(events);
    })
}

/// Runs the strategy's native benchmark and returns the figures that it prints.
fn native() -> [f64; 2] {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies/Cargo.toml");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["bench", "--quiet", "-p", "template", "--bench", "native", "--manifest-path"]).arg(manifest);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut figures = text.split_whitespace().map(|figure| figure.parse().unwrap());
    [figures.next().unwrap(), figures.next().unwrap()]
}

fn strategies() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/strategies");
    std::env::var_os("POLYTRADER_STRATEGIES").map_or_else(|| PathBuf::from(built), PathBuf::from)
}

/// Returns a top in the contract's words; the number makes it unique.
fn words(number: u32) -> [u64; 6] {
    let prices = (400_000 << 32) | 440_000;
    let size = 1_000_000 * (u64::from(number) + 1);
    [(1 << 56) | (6 << 48), NOW.0, NOW.0, prices, size, size]
}

/// Returns the same top for the sandbox.
fn top(number: u32) -> MarketNote {
    let size = Size::shares(u64::from(number) + 1);
    let level = |micros| Some(Level { price: Price::from_micros(micros).unwrap(), size });
    let kind = NoteKind::Top { bid: level(400_000), ask: level(440_000) };
    MarketNote { token: MarketIx(0).token(0), venue_time: NOW, host_time: NOW, kind }
}

fn bare_session() -> types::Session {
    let token = |handle, outcome: &str| types::Token { handle, outcome: outcome.into() };
    let market = types::Market {
        condition: "0x01".into(),
        slug: "bench".into(),
        question: String::new(),
        yes: token(0, "Yes"),
        no: token(1, "No"),
        tick: 10_000,
        min_size: 5_000_000,
        fee_rate: 0,
        end: 0,
        event: None,
        neg_risk: false,
    };
    let budget = types::Budget { capital: 1_000_000_000, max_loss: 20_000_000, max_orders_per_minute: 300 };
    types::Session {
        now: NOW.0,
        parameters: "{}".into(),
        markets: vec![market],
        positions: Vec::new(),
        orders: Vec::new(),
        limits: types::Limits { max_order: 100_000_000, max_market: 100_000_000, max_open_orders: 100, budget },
        restored: None,
    }
}

fn session() -> Session {
    Session {
        now: NOW,
        parameters: "{}".into(),
        grants: Grants::new(vec![(MarketIx(0), market(1))]),
        positions: Vec::new(),
        orders: Vec::new(),
        limits: Limits::DEFAULT,
        budget: Budget::NONE.within(&Limits::DEFAULT, Usd::dollars(1_000)),
        fuel: None,
        restored: None,
    }
}
