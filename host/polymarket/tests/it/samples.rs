//! Checks that every event sample of both channels parses. Frames that clients send are left out.

use model::{TokenId, TokenIx};
use order::Address;
use polymarket::{Owner, TokenMap, UserEvent, parse_market, parse_user};
use serde_json::Value;
use std::path::PathBuf;

/// Reads the samples of a channel, or prints that the test cannot run. In CI that is a failure.
fn samples(channel: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("POLYTRADER_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = shared.join("polymarket/samples").join(channel);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("NOT RUN: the samples of {channel} need the shared folder (set POLYTRADER_SHARED)");
        assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: {} is missing", folder.display());
        return None;
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let read =
        paths.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()));
    let found: Vec<_> = read.filter(|(name, _)| !name.starts_with("client_")).collect();
    assert!(found.len() > 5, "only {} samples in {}", found.len(), folder.display());
    Some(found)
}

/// Collects every text under one of these keys, anywhere in a value.
fn texts(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, keys, found)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text.clone()),
                    field => texts(field, keys, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_sample_of_the_market_channel_is_understood() {
    let Some(samples) = samples("ws_market") else { return };
    for (name, bytes) in samples {
        let mut ids = Vec::new();
        texts(&serde_json::from_slice(&bytes).unwrap(), &["asset_id", "winning_asset_id"], &mut ids);
        let mut tokens = TokenMap::default();
        for (id, place) in ids.iter().zip(0..) {
            tokens.insert(&TokenId::parse(id).unwrap(), TokenIx(place)).unwrap();
        }
        let mut events = Vec::new();
        let counts = parse_market(&bytes, &tokens, &mut events).unwrap_or_else(|error| panic!("{name}: {error}"));
        let unused = matches!(name.as_str(), "best_bid_ask.json" | "new_market.json");
        assert_eq!(events.is_empty(), unused, "{name}: {events:?}");
        assert_eq!((counts.unknown, counts.unused), (0, u32::from(unused)), "{name}: {counts:?}");
    }
}

#[test]
fn every_sample_of_the_user_channel_is_understood() {
    let Some(samples) = samples("ws_user") else { return };
    for (name, bytes) in samples {
        let mut owners = Vec::new();
        texts(&serde_json::from_slice(&bytes).unwrap(), &["owner"], &mut owners);
        let owner = Owner { api_key: owners[0].clone(), funder: Address([0; 20]) };
        let mut events = Vec::new();
        parse_user(&bytes, &owner, &mut events).unwrap_or_else(|error| panic!("{name}: {error}"));
        let trade = matches!(events.as_slice(), [UserEvent::Trade(trade)] if !trade.parts.is_empty());
        let order = matches!(events.as_slice(), [UserEvent::Order(_)]);
        assert_eq!((trade, order), (name.starts_with("trade_"), name.starts_with("order_")), "{name}: {events:?}");
    }
}
