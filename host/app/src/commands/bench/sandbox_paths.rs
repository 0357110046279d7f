//! Events through a Rust strategy in WebAssembly.

use super::engine_paths::Rig;
use super::{Figure, time};
use anyhow::Context;
use model::{Budget, Level, Limits, MarketIx, MarketNote, NoteKind, Price, Size, Time, Usd};
use sandbox::{Batch, Compiler, Grants, Instance, Sandbox, Session, Settings};
use std::path::Path;

/// Events of a large batch.
const BATCH: u32 = 256;

/// Starts a shipped strategy on the first market of the rig.
pub(super) fn start(rig: &Rig, strategies: &Path, name: &str) -> anyhow::Result<Instance> {
    let bytes = super::module(strategies, name)?;
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline)?;
    let module = sandbox.load(&bytes)?;
    Ok(Instance::start(&sandbox, &module, session(rig)?)?)
}

/// Returns a session for a strategy that may trade the first market of the rig.
pub(super) fn session(rig: &Rig) -> anyhow::Result<Session> {
    let market = rig.market(MarketIx(0))?.clone();
    Ok(Session {
        now: rig.now(),
        parameters: "{}".to_owned(),
        grants: Grants::new(vec![(MarketIx(0), market)]),
        positions: Vec::new(),
        orders: Vec::new(),
        limits: Limits::DEFAULT,
        budget: Budget::NONE.within(&Limits::DEFAULT, Usd::dollars(1_000)),
        fuel: None,
        restored: None,
    })
}

/// Measures one event per call, and 256.
pub(super) fn measure(strategies: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let rig = Rig::new(&[], engine::Purpose::Simulate)?;
    let mut instance = start(&rig, strategies, "template.wasm")?;
    let note = "template.wasm, receives book tops and does not trade".to_owned();
    for (events, path, budget) in [
        (1, "event -> WASM -> intents, one event a call", 500),
        (BATCH, "event -> WASM -> intents, batches of 256, one event", 15),
    ] {
        let mut batch = Batch::default();
        for number in 0..events {
            batch.market(instance.grants(), &top(rig.now(), number)?);
        }
        let mut first = 1;
        let mut failed = None;
        let rounds_each = if events == 1 { 500 } else { 50 };
        let (p50, p99) = time(500, rounds_each, || match instance.on_events(first, &mut batch) {
            Ok(reaction) => first = first.saturating_add(u64::from(reaction.consumed)),
            Err(fault) => failed = Some(fault),
        });
        if let Some(fault) = failed {
            return Err(fault.into());
        }
        let per_event = |nanos: u64| nanos.checked_div(u64::from(events)).unwrap_or(nanos);
        let (p50_ns, p99_ns) = (per_event(p50), per_event(p99));
        figures.push(Figure { path, p50_ns, p99_ns, budget_ns: Some(budget), note: note.clone() });
    }
    Ok(())
}

/// Returns the top of the first market's YES book; `number` makes each one different.
pub(super) fn top(at: Time, number: u32) -> anyhow::Result<MarketNote> {
    let level = |micros| -> anyhow::Result<Option<Level>> {
        let price = Price::from_micros(micros).context("a price")?;
        Ok(Some(Level { price, size: Size::shares(u64::from(number).saturating_add(1)) }))
    };
    let kind = NoteKind::Top { bid: level(400_000)?, ask: level(440_000)? };
    Ok(MarketNote { token: MarketIx(0).token(0), venue_time: at, host_time: at, kind })
}
