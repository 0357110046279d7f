//! Parsing a `price_change` frame, and applying it to the engine's book.

use super::engine_paths::Rig;
use super::{Figure, time};
use anyhow::{Context, ensure};
use model::{InputKind, MarketIx};
use polymarket::{TokenMap, parse_market};
use serde_json::json;

/// Entries in one frame; the venue's frames have from 2 to a few dozen.
const ENTRIES: u32 = 20;

/// Measures parsing and applying; figures are per entry.
pub(super) fn measure(figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let mut rig = Rig::new(&[], engine::Purpose::Simulate)?;
    let mut map = TokenMap::default();
    let [yes, no] = rig.market(MarketIx(0))?.tokens;
    map.insert(&yes, MarketIx(0).token(0))?;
    map.insert(&no, MarketIx(0).token(1))?;
    let frames: Vec<String> = (1..=7u32).map(|size| frame(&yes.to_string(), &no.to_string(), size)).collect();
    let mut events = Vec::new();
    parse_market(frames.first().context("a frame")?.as_bytes(), &map, &mut events)?;
    ensure!(u32::try_from(events.len()) == Ok(ENTRIES), "the frame has {} entries", events.len());
    let mut turn = 0usize;
    let (p50, p99) = time(2_000, 50, || {
        turn = turn.wrapping_add(1);
        let Some(frame) = frames.get(turn.checked_rem(frames.len()).unwrap_or(0)) else { return };
        events.clear();
        if parse_market(frame.as_bytes(), &map, &mut events).is_ok() {
            events.drain(..).for_each(|event| rig.step(InputKind::Event(event)));
        }
    });
    let per_entry = |nanos: u64| nanos.checked_div(u64::from(ENTRIES)).unwrap_or(nanos);
    figures.push(Figure {
        path: "parse a price_change frame and apply it, one entry",
        p50_ns: per_entry(p50),
        p99_ns: per_entry(p99),
        budget_ns: Some(1_000),
        note: format!("frames of {ENTRIES} entries"),
    });
    Ok(())
}

/// Returns a frame in the venue's format, with each level on both tokens.
pub(super) fn frame(yes: &str, no: &str, size: u32) -> String {
    let entry = |asset: &str, price: u32, side: &str| {
        json!({
            "asset_id": asset,
            "price": model::Usd(i64::from(price).saturating_mul(10_000)).to_string(),
            "size": size.saturating_add(price).to_string(),
            "side": side,
            "hash": "0123456789abcdef0123456789abcdef01234567",
            "best_bid": "0.4",
            "best_ask": "0.42",
        })
    };
    let pairs = (0..ENTRIES / 2).flat_map(|step| {
        let price = 40u32.saturating_sub(step);
        [entry(yes, price, "BUY"), entry(no, 100u32.saturating_sub(price), "SELL")]
    });
    json!({
        "market": "0x7d952222f137be0fa2fc4b082f0c47870c4494c5d8715a7427526fd67faeb9cd",
        "price_changes": pairs.collect::<Vec<_>>(),
        "timestamp": "1795424400163",
        "event_type": "price_change",
    })
    .to_string()
}
