use super::*;
use model::{TokenId, Usd};
use proptest::prelude::*;
use serde_json::{Value, json};

const UP: &str = "80115633646367339699475248800343367663167908877586879904098815053665872762211";
const DOWN: &str = "101214106164990974020450533076709311672374551358614972805266890634958255353600";

fn tokens() -> TokenMap {
    let mut tokens = TokenMap::default();
    tokens.insert(&TokenId::parse(UP).unwrap(), TokenIx(0)).unwrap();
    tokens.insert(&TokenId::parse(DOWN).unwrap(), TokenIx(1)).unwrap();
    tokens
}

fn parse(frame: &str) -> Result<(Vec<MarketEvent>, MarketCounts), ParseError> {
    let mut out = Vec::new();
    let counts = parse_market(frame.as_bytes(), &tokens(), &mut out)?;
    Ok((out, counts))
}

fn refused(frame: &str) -> String {
    let mut out = vec![MarketEvent {
        token: TokenIx(9),
        venue_time: Time(1),
        kind: MarketEventKind::Resolved { pays: Usd::dollars(1) },
    }];
    let error = parse_market(frame.as_bytes(), &tokens(), &mut out).unwrap_err();
    assert_eq!(out.len(), 1, "a refused frame appends nothing");
    error.to_string()
}

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

fn level(side: Side, at: &str, size: &str) -> MarketEventKind {
    MarketEventKind::Level { side, price: price(at), size: Size::parse(size).unwrap() }
}

fn change(asset: &str, at: &str, size: &str, side: &str) -> Value {
    json!({"asset_id": asset, "price": at, "size": size, "side": side, "hash": "9f18", "best_bid": "", "best_ask": "0.48"})
}

#[test]
fn level_changes_of_both_tokens_carry_the_time_that_stands_after_them() {
    let frame = json!({"event_type": "price_change", "market": "0x7d", "price_changes": [
        change(UP, "0.43", "75.5", "BUY"), change(DOWN, ".57", "0", "SELL"), change("5", "0.1", "1", "BUY"),
    ], "timestamp": "1795424400163"});
    let (events, counts) = parse(&frame.to_string()).unwrap();
    let venue_time = Time(1_795_424_400_163_000);
    assert_eq!(
        events,
        [
            MarketEvent { token: TokenIx(0), venue_time, kind: level(Side::Buy, "0.43", "75.5") },
            MarketEvent { token: TokenIx(1), venue_time, kind: level(Side::Sell, "0.57", "0") },
        ]
    );
    assert_eq!(counts, MarketCounts { foreign: 1, ..MarketCounts::default() });
}

#[test]
fn the_kind_may_stand_first_or_last() {
    let last = format!(
        r#"{{ "price_changes" : [ {{ "side":"BUY", "size": 75.5, "price":0.43, "asset_id":"{UP}" }} ], "timestamp":1795424400163, "event_type":"price_change" }}"#
    );
    let (events, _) = parse(&last).unwrap();
    assert_eq!(events[0].kind, level(Side::Buy, "0.43", "75.5"));
    assert_eq!(events[0].venue_time, Time(1_795_424_400_163_000));
}

#[test]
fn a_frame_may_be_an_array_and_unknown_kinds_are_counted() {
    let trade = json!({"event_type": "last_trade_price", "asset_id": UP, "price": "0.48", "size": "20", "side": "SELL",
        "fee_rate_bps": "", "timestamp": "1795424401323"});
    let tick = json!({"event_type": "tick_size_change", "asset_id": DOWN, "old_tick_size": "0.01",
        "new_tick_size": "0.001", "timestamp": "1795424401323"});
    let other = json!({"event_type": "weather", "price_changes": [change(UP, "0.43", "1", "BUY")], "x": {"y": [1, 2]}});
    let best = json!({"event_type": "best_bid_ask", "asset_id": UP});
    let (events, counts) = parse(&json!([trade, other, best, tick]).to_string()).unwrap();
    assert_eq!(counts, MarketCounts { unused: 1, unknown: 1, ..MarketCounts::default() });
    assert_eq!(events.len(), 2);
    assert_eq!(
        events[0].kind,
        MarketEventKind::Trade { side: Side::Sell, price: price("0.48"), size: Size::shares(20) }
    );
    assert_eq!(events[1].token, TokenIx(1));
    assert_eq!(events[1].kind, MarketEventKind::TickSize { tick: TickSize::MILL });
    assert!(parse("[]").unwrap().0.is_empty());
}

#[test]
fn undocumented_fields_are_counted_and_skipped() {
    let mut entry = change(UP, "0.43", "75.5", "BUY");
    entry["mood"] = json!({"of": ["the", "maker"]});
    let changes = json!({"event_type": "price_change", "market": "0x7d", "price_changes": [entry], "seq": 7,
        "timestamp": "1795424400163"});
    let (events, counts) = parse(&changes.to_string()).unwrap();
    assert_eq!((events.len(), counts), (1, MarketCounts { fields: 2, ..MarketCounts::default() }));
    // Events that are not used may have any fields.
    let born = json!({"event_type": "new_market", "slug": "s", "group_item_title": "g"});
    assert_eq!(parse(&born.to_string()).unwrap().1, MarketCounts { unused: 1, ..MarketCounts::default() });
}

#[test]
fn a_book_has_its_levels_in_the_order_of_the_frame() {
    let book = json!({"event_type": "book", "asset_id": UP, "timestamp": "1795424400123", "hash": "fd",
        "bids": [{"price": "0.3", "size": "500"}, {"size": "20.5", "price": "0.45"}], "asks": []});
    // Books of other tokens are not parsed at all.
    let foreign = r#"{"event_type": "book", "asset_id": "7", "timestamp": "1", "bids": "?", "asks": "?"}"#;
    let (events, counts) = parse(&format!("[{book},{foreign}]")).unwrap();
    assert_eq!(counts.foreign, 1);
    let level = |at, size| Level { price: price(at), size: Size::parse(size).unwrap() };
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0].kind,
        MarketEventKind::Book { bids: vec![level("0.3", "500"), level("0.45", "20.5")], asks: vec![] }
    );
}

#[test]
fn a_resolution_names_its_winner_or_tells_nothing() {
    let frame = |winner: &str| {
        json!({"event_type": "market_resolved", "assets_ids": [UP, DOWN], "winning_asset_id": winner, "timestamp": "1795424710123"})
            .to_string()
    };
    let (events, _) = parse(&frame(DOWN)).unwrap();
    let won: Vec<_> = events.iter().map(|event| (event.token, event.kind.clone())).collect();
    assert_eq!(
        won,
        [
            (TokenIx(0), MarketEventKind::Resolved { pays: Usd::ZERO }),
            (TokenIx(1), MarketEventKind::Resolved { pays: Usd::dollars(1) }),
        ]
    );
    let (events, counts) = parse(&frame("")).unwrap();
    assert_eq!((events, counts.unused), (vec![], 1));
    assert_eq!(refused(&frame("5")), r#"field winning_asset_id is "5""#);
}

#[test]
fn invalid_values_refuse_the_whole_frame() {
    let frame = |entry: Value| {
        json!({"event_type": "price_change", "price_changes": [change(UP, "0.43", "1", "BUY"), entry], "timestamp": "1"})
            .to_string()
    };
    assert_eq!(refused(&frame(change(UP, "1.5", "1", "BUY"))), r#"field price is "1.5""#);
    assert_eq!(refused(&frame(change(UP, "0.4", "-1", "BUY"))), r#"field size is "-1""#);
    assert_eq!(refused(&frame(change(UP, "0.4", "NaN", "BUY"))), r#"field size is "NaN""#);
    assert_eq!(refused(&frame(change(UP, "0.4", "1", "HOLD"))), r#"field side is "HOLD""#);
    assert_eq!(refused(&frame(json!({"price": "0.4"}))), "field asset_id is missing");
    assert_eq!(refused(r#"{"event_type":"price_change","timestamp":"1"}"#), "field price_changes is missing");
    assert_eq!(refused(r#"{"event_type":"price_change","price_changes":[]}"#), r#"field timestamp is """#);
    assert_eq!(refused(r#"{"timestamp":"1"}"#), "field event_type is missing");
    for torn in ["", "PONG", "{", "[{}", r#"{"event_type":"book""#, r#"{"event_type":"x"}}"#, "[,]", "{}{}"] {
        assert!(parse(torn).is_err(), "{torn}");
    }
}

fn parts(frame: &Value) -> (Vec<(TokenIx, MarketEventKind)>, Vec<Odd>, MarketCounts) {
    let mut map = tokens();
    map.name_market(model::ConditionId([7; 32]), model::MarketIx(0));
    let (mut out, mut odd) = (Vec::new(), Vec::new());
    let counts = parse_elements(frame.to_string().as_bytes(), &map, &mut out, &mut Vec::new(), &mut odd).unwrap();
    (out.into_iter().map(|event| (event.token, event.kind)).collect(), odd, counts)
}

#[test]
fn what_is_odd_makes_its_token_blind_and_costs_no_other() {
    let blind = |token, grid| (TokenIx(token), MarketEventKind::Unread { grid });
    let condition = model::ConditionId([7; 32]).to_string();
    let changes = |entries: &[Value]| json!({"event_type": "price_change", "market": condition, "price_changes": entries, "timestamp": "1"});
    let good = change(DOWN, "0.4", "2", "SELL");
    let known = (TokenIx(1), level(Side::Sell, "0.4", "2"));
    let tick = |asset: Value, tick: &str| {
        json!({"event_type": "tick_size_change", "market": condition, "asset_id": asset,
        "old_tick_size": "0.01", "new_tick_size": tick, "timestamp": "1"})
    };
    for (frame, expected, reason) in [
        // A level at an impossible price, next to a valid one.
        (
            changes(&[change(UP, "1", "10", "SELL"), good.clone()]),
            vec![blind(0, false), known.clone()],
            "field price is \"1\"",
        ),
        (
            changes(&[good.clone(), json!({"asset_id": UP, "price": {}, "size": "1", "side": "BUY"})]),
            vec![known.clone(), blind(0, false)],
            "field price is \"{}\"",
        ),
        // Neither token is named: it is about the market.
        (
            changes(&[json!({"asset_id": null, "price": "0.4"}), good.clone()]),
            vec![blind(0, false), blind(1, false), known.clone()],
            "field asset_id is missing",
        ),
        (
            json!({"event_type": "price_change", "market": condition, "price_changes": "?", "timestamp": "1"}),
            vec![blind(0, false), blind(1, false)],
            "not the expected JSON at byte",
        ),
        // An invalid grid applies to the market.
        (tick(json!(UP), "0.02"), vec![blind(0, true), blind(1, true)], "field new_tick_size is \"0.02\""),
        (
            json!({"event_type": "book", "asset_id": DOWN, "timestamp": "1", "bids": [], "asks": [], "tick_size": "0.02"}),
            vec![blind(1, true), blind(0, true)],
            "field tick_size is \"0.02\"",
        ),
        (
            json!({"event_type": "book", "asset_id": UP, "timestamp": "1", "bids": [{"price": "0.3"}], "asks": []}),
            vec![blind(0, false)],
            "field size is \"\"",
        ),
        (
            json!({"event_type": "last_trade_price", "asset_id": UP, "price": "0.4", "size": "1", "side": "HOLD", "timestamp": "1"}),
            vec![blind(0, false)],
            "field side is \"HOLD\"",
        ),
        (
            json!({"event_type": "market_resolved", "assets_ids": [UP, DOWN], "winning_asset_id": "5", "timestamp": "1"}),
            vec![blind(0, false), blind(1, false)],
            "field winning_asset_id is \"5\"",
        ),
    ] {
        let (events, odd, _) = parts(&json!([frame, changes(std::slice::from_ref(&good))]));
        assert_eq!(events, [expected, vec![known.clone()]].concat(), "{frame}");
        assert!(odd.len() == 1 && odd[0].error.to_string().starts_with(reason) && !odd[0].is_vague, "{frame}: {odd:?}");
    }
}

#[test]
fn what_does_not_say_what_it_is_about_is_vague_and_what_is_about_others_is_theirs() {
    let other = model::ConditionId([8; 32]).to_string();
    for (element, vague, foreign) in [
        (json!(5), 1, 0),
        (json!({"event_type": ["book"], "bids": 5}), 1, 0),
        (json!({"event_type": "tick_size_change", "new_tick_size": "0.02", "timestamp": "1"}), 1, 0),
        (json!({"event_type": "tick_size_change", "market": other, "new_tick_size": "0.02", "timestamp": "1"}), 0, 1),
        (json!({"event_type": "tick_size_change", "asset_id": {}, "market": other, "timestamp": "1"}), 0, 1),
        // Events that are not used may have any values.
        (json!({"event_type": "best_bid_ask", "asset_id": [1]}), 0, 0),
        (json!({"event_type": "weather", "price_changes": 5}), 0, 0),
    ] {
        let (events, odd, counts) = parts(&json!([element, change_of(UP)]));
        assert_eq!(events.len(), 1, "{element}: {events:?}");
        assert!(odd.iter().all(|odd| odd.is_vague), "{odd:?}");
        assert_eq!((odd.len(), counts.foreign), (vague, foreign), "{element}");
    }
    let mut out = Vec::new();
    for torn in ["[{]", "[5 5]", "[{\"event_type\":\"book\",]", "[01x]"] {
        let read = parse_elements(torn.as_bytes(), &tokens(), &mut out, &mut Vec::new(), &mut Vec::new());
        assert!(read.is_err() && out.is_empty(), "{torn}");
    }
}

fn change_of(asset: &str) -> Value {
    json!({"event_type": "price_change", "price_changes": [change(asset, "0.43", "1", "BUY")], "timestamp": "1"})
}

/// Parses a frame of level changes with a slow reader that uses a JSON tree.
fn slow(frame: &Value) -> Option<Vec<MarketEvent>> {
    let time = frame["timestamp"].as_str()?.parse().ok().map(Time::from_millis)?;
    let mut events = Vec::new();
    for entry in frame["price_changes"].as_array()? {
        let Some(token) = tokens().get(entry["asset_id"].as_str()?.as_bytes()) else { continue };
        let side = match entry["side"].as_str()? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return None,
        };
        let kind = MarketEventKind::Level {
            side,
            price: Price::parse(entry["price"].as_str()?)?,
            size: Size::parse(entry["size"].as_str()?)?,
        };
        events.push(MarketEvent { token, venue_time: time, kind });
    }
    Some(events)
}

fn any_change() -> impl Strategy<Value = Value> {
    let asset = prop_oneof![Just(UP), Just(DOWN), Just("123")];
    let side = prop_oneof![8 => Just("BUY"), 8 => Just("SELL"), 1 => Just("")];
    (asset, 0u32..1_000_100, 0u64..1_000_000_000_000, side).prop_map(|(asset, at, size, side)| {
        let at = Price::from_micros(at).map_or_else(|| "1".to_owned(), |price| price.to_string());
        change(asset, &at, &Size(size).to_string(), side)
    })
}

proptest! {
    #[test]
    fn the_fast_reader_agrees_with_a_slow_one(
        changes in proptest::collection::vec(any_change(), 0..6),
        millis in 1_700_000_000_000u64..1_900_000_000_000,
        pretty in any::<bool>(),
    ) {
        let frame = json!({"event_type": "price_change", "market": "0x", "price_changes": changes, "timestamp": millis.to_string()});
        let text = if pretty { serde_json::to_string_pretty(&frame).unwrap() } else { frame.to_string() };
        prop_assert_eq!(parse(&text).ok().map(|(events, _)| events), slow(&frame));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _read = parse_market(&bytes, &tokens(), &mut Vec::new());
    }

    #[test]
    fn random_json_like_text_never_panics(text in r#"[\[\]{}",:\\a-e0-9. ]{0,120}"#) {
        let _read = parse(&text);
    }
}

#[test]
fn an_event_is_the_same_alone_and_among_others() {
    let one = |size: &str| json!({"event_type": "price_change", "market": "0x7d", "price_changes": [change(UP, "0.43", size, "BUY")], "timestamp": "1"});
    let foreign =
        json!({"event_type": "price_change", "price_changes": [change("5", "0.1", "1", "BUY")], "timestamp": "1"});
    let (mut out, mut elements) = (Vec::new(), Vec::new());
    let mut read = |frame: &Value, out: &mut Vec<MarketEvent>| {
        parse_elements(frame.to_string().as_bytes(), &tokens(), out, &mut elements, &mut Vec::new()).unwrap();
        elements.clone()
    };
    let alone = read(&one("7"), &mut out);
    assert_eq!(alone.iter().map(|element| element.end).collect::<Vec<_>>(), [1]);
    let among = read(&json!([one("8"), foreign, one("7")]), &mut out);
    assert_eq!(among.iter().map(|element| element.end).collect::<Vec<_>>(), [2, 3]);
    assert!(among[1].digest == alone[0].digest && among[0].digest != alone[0].digest);
}
