//! The shipped strategies, as built.

use crate::guest::{session, top};
use model::{IntentKind, OwnEvent, SessionState, Time};
use sandbox::{Batch, Compiler, Instance, Sandbox, Settings};
use std::path::PathBuf;

/// Returns a built strategy, or prints that the test cannot run. In CI that is a failure.
pub(crate) fn built(name: &str) -> Option<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/strategies");
    let folder = std::env::var_os("POLYTRADER_STRATEGIES").map_or_else(|| PathBuf::from(folder), PathBuf::from);
    let bytes = std::fs::read(folder.join(name)).ok();
    if bytes.is_none() {
        eprintln!("NOT RUN: the test of {name} needs the strategies built (cargo xtask strategies)");
        assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: {name} is not built");
    }
    bytes
}

/// Starts trading, and sends the strategy a top each second until it returns intents.
fn first_intents(name: &str) -> Option<Vec<IntentKind>> {
    let bytes = built(name)?;
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let module = sandbox.load(&bytes).unwrap();
    assert!(!module.manifest().name.is_empty());
    let mut instance = Instance::start(&sandbox, &module, session()).unwrap();
    let mut consumed_total = 0;
    let mut orders = Vec::new();
    let mut show = |instance: &mut Instance, mut batch: Batch| {
        let reaction = instance.on_events(consumed_total, &mut batch).unwrap();
        consumed_total += u64::from(reaction.consumed);
        let wants = reaction.intents.into_iter().map(|intent| intent.kind);
        orders.extend(wants.filter(|kind| !matches!(kind, IntentKind::SetTimer { .. })));
        orders.clone()
    };
    for second in 2..60 {
        let at = Time(second * 1_000_000);
        let own = [OwnEvent::Session { state: SessionState::Running }, OwnEvent::Timer { timer: 1 }];
        for event in own {
            let mut batch = Batch::default();
            batch.own(instance.grants(), at, &event);
            show(&mut instance, batch);
        }
        let mut batch = Batch::default();
        batch.market(instance.grants(), &top(second));
        let orders = show(&mut instance, batch);
        if !orders.is_empty() {
            return Some(orders);
        }
    }
    panic!("{name} returned no intents for a minute");
}

#[test]
fn the_quoter_quotes_the_market_that_it_is_shown() {
    let Some(intents) = first_intents("quoter.wasm") else { return };
    assert!(intents.iter().any(|kind| matches!(kind, IntentKind::Quote { bid: Some(_), .. })), "{intents:?}");
}

#[test]
fn the_template_places_an_order() {
    let Some(intents) = first_intents("template.wasm") else { return };
    let trades = |kind: &IntentKind| matches!(kind, IntentKind::Place { .. } | IntentKind::Quote { .. });
    assert!(intents.iter().any(trades), "{intents:?}");
}
