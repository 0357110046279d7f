//! Replaces each field of each sample, one at a time, with every other kind of JSON value, null, empty and absent. Only
//! two outcomes are correct: it parses as before, or the element that it belongs to is refused by name. Its siblings
//! are always read.

use crate::client::place;
use crate::parse::shared::shared;
use crate::parse::{self, Items, Owner, TokenMap, parse_elements, parse_user_parts};
use model::{ConditionId, MarketEventKind, MarketIx, Side, TokenId, VenueOrderId};
use order::Address;
use serde_json::{Value, json};
use std::fmt::Debug;

const UP: &str = "80115633646367339699475248800343367663167908877586879904098815053665872762211";
const DOWN: &str = "101214106164990974020450533076709311672374551358614972805266890634958255353600";

/// The result of reading an element: its debug output, or the reason why it was refused.
type Outcome = Result<String, String>;
/// Reads an element. For an element of a list, the reader also asserts that its siblings still parse.
type Reader = fn(&Value) -> Outcome;

/// One kind of element: its sample, its reader, and the fields that may be absent or hold another value without harm.
struct Case {
    file: &'static str,
    /// Path of the element in the sample.
    at: &'static str,
    read: Reader,
    /// Fields that may be absent, null or empty: texts for display, and fields that the venue omits.
    optional: &'static [&'static str],
}

const TIMES: &[&str] =
    &["created_at", "timestamp", "match_time", "matchtime", "last_update", "size_matched", "expiration"];
const CATALOG: &[&str] =
    &["version", "slug", "question", "endDate", "liquidityNum", "closed", "archived", "negRisk", "negRiskMarketID"];
const RECORDS: &[&str] = &[
    "transaction_hash",
    "transactionHash",
    "condition_id",
    "conditionId",
    "size",
    "is_combo",
    "usdc_size",
    "usdcSize",
];

const CASES: &[Case] = &[
    Case { file: "gamma/market_v1.json", at: "", read: catalog, optional: CATALOG },
    Case { file: "gamma/markets_keyset_page.json", at: "/markets/0", read: catalog, optional: CATALOG },
    Case {
        file: "rest/markets_page.json",
        at: "/data/0",
        read: clob_list,
        optional: &["market_slug", "question", "end_date_iso", "closed", "archived", "neg_risk", "neg_risk_market_id"],
    },
    Case { file: "rest/clob_market.json", at: "", read: clob_market, optional: &["c", "o", "e", "to", "fd"] },
    Case {
        file: "rest/clob_market_negrisk_sports.json",
        at: "",
        read: clob_market,
        optional: &["c", "o", "e", "to", "fd"],
    },
    Case { file: "rest/market.json", at: "", read: resolution, optional: &["is_50_50_outcome"] },
    Case { file: "rest/market_resolved.json", at: "", read: resolution, optional: &["is_50_50_outcome"] },
    Case { file: "rest/book.json", at: "", read: book, optional: &["timestamp", "tick_size"] },
    Case { file: "rest/books.json", at: "/0", read: book, optional: &["timestamp", "tick_size"] },
    Case { file: "rest/open_orders_page.json", at: "/data/0", read: open_order, optional: &["created_at"] },
    Case { file: "rest/order_matched.json", at: "", read: open_order, optional: &["created_at"] },
    Case { file: "rest/order_canceled.json", at: "", read: open_order, optional: &["created_at", "size_matched"] },
    Case { file: "rest/trades_page.json", at: "/data/0", read: trade, optional: TIMES },
    Case { file: "rest/trade_maker_confirmed.json", at: "", read: trade, optional: TIMES },
    Case { file: "rest/trade_taker_confirmed.json", at: "", read: trade, optional: TIMES },
    Case { file: "rest/trade_taker_failed.json", at: "", read: trade, optional: TIMES },
    Case { file: "ws_user/order_placement.json", at: "", read: user, optional: &["timestamp"] },
    Case { file: "ws_user/order_update_partial_fill.json", at: "", read: user, optional: &["timestamp"] },
    Case {
        file: "ws_user/order_cancellation.json",
        at: "",
        read: user,
        optional: &["timestamp", "size_matched", "status"],
    },
    Case {
        file: "ws_user/order_fok_killed.json",
        at: "",
        read: user,
        optional: &["timestamp", "size_matched", "status"],
    },
    Case { file: "ws_user/trade_maker_matched.json", at: "", read: user, optional: TIMES },
    Case { file: "ws_user/trade_taker_mined.json", at: "", read: user, optional: TIMES },
    Case { file: "ws_market/book.json", at: "", read: market, optional: &["tick_size"] },
    Case { file: "ws_market/price_change.json", at: "", read: market, optional: &[] },
    Case { file: "ws_market/last_trade_price.json", at: "", read: market, optional: &[] },
    Case { file: "ws_market/tick_size_change.json", at: "", read: market, optional: &[] },
    Case { file: "ws_market/market_resolved.json", at: "", read: market, optional: &["winning_asset_id"] },
    Case { file: "data/v1_activity.json", at: "/0", read: deed, optional: RECORDS },
    Case { file: "data/v2_activity.json", at: "/data/0", read: deed, optional: RECORDS },
    Case {
        file: "data/v2_activity.json",
        at: "/data/1",
        read: deed,
        optional: &["condition_id", "size", "is_combo", "transaction_hash"],
    },
    Case { file: "data/v1_positions.json", at: "/0", read: holding, optional: &[] },
    Case { file: "data/v2_positions.json", at: "/data/0", read: holding, optional: &[] },
    Case {
        file: "rest/post_order_matched_async.json",
        at: "",
        read: posted,
        optional: &["success", "errorMsg", "takingAmount", "tradeIDs"],
    },
    Case { file: "rest/post_order_live.json", at: "", read: posted, optional: &["success", "errorMsg", "tradeIDs"] },
    Case { file: "rest/balance_allowance_collateral.json", at: "", read: balance, optional: &["allowances"] },
];

/// Fields whose text may also be a number: names and texts for display.
const WORDS: &[&str] =
    &["slug", "question", "market_slug", "o", "transaction_hash", "transactionHash", "status", "type"];

/// Fields that do not affect the result: trades arrive on the channel, and allowances are only printed by `doctor`.
const HINTS: &[&str] = &["/tradeIDs", "/allowances"];

fn pair(element: &Value, sound: &Value) -> [Value; 2] {
    [element.clone(), sound.clone()]
}

/// Reads a list of the element and the original sample; returns the outcome of the first.
fn beside<T: Debug>(
    element: &Value,
    read: impl Fn(&[u8]) -> Items<T>,
    document: impl Fn(&[Value]) -> Value,
) -> Outcome {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let alone = read(document(std::slice::from_ref(&sound)).to_string().as_bytes());
    let both = read(document(&pair(element, &sound)).to_string().as_bytes());
    assert!(alone.items.len() == 1 && alone.refused.is_empty(), "the sample itself: {alone:?}");
    let last = both.items.last().map(|item| format!("{item:?}"));
    assert_eq!(last, Some(format!("{:?}", alone.items[0])), "the sibling of {element} is lost");
    match (&both.items[..], &both.refused[..]) {
        ([first, _], []) => Ok(format!("{first:?}")),
        ([_], [refused]) => {
            assert!(!refused.name.is_empty());
            Err(refused.reason.clone())
        }
        ([_], []) => Ok("nothing".to_owned()),
        other => panic!("{other:?}"),
    }
}

thread_local! {
    /// The original sample.
    static SOUND: std::cell::RefCell<Value> = const { std::cell::RefCell::new(Value::Null) };
}

fn catalog(element: &Value) -> Outcome {
    beside(element, |bytes| parse::catalog_page(bytes).unwrap(), |rows| json!({"markets": rows}))
}

fn clob_list(element: &Value) -> Outcome {
    beside(element, |bytes| parse::market_page(bytes).unwrap(), |rows| json!({"data": rows}))
}

fn clob_market(element: &Value) -> Outcome {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let condition = ConditionId::parse(sound["c"].as_str().unwrap()).unwrap();
    let neg_risk = Some(sound["nr"] == true);
    let listed =
        parse::Tradable { condition, slug: "s".into(), question: "q".into(), end: None, event: None, neg_risk };
    parse::clob_market(element.to_string().as_bytes(), listed).map(|market| format!("{market:?}")).map_err(why)
}

fn resolution(element: &Value) -> Outcome {
    let tokens = [UP, DOWN].map(|token| TokenId::parse(token).unwrap());
    parse::resolution(element.to_string().as_bytes(), &tokens).map(|pays| format!("{pays:?}")).map_err(why)
}

fn book(element: &Value) -> Outcome {
    beside(element, |bytes| parse::books(bytes).unwrap(), |books| json!(books))
}

fn open_order(element: &Value) -> Outcome {
    beside(element, |bytes| parse::open_order_page(bytes).unwrap(), |rows| json!({"data": rows}))
}

fn owner() -> Owner {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let makers = sound["maker_orders"].as_array();
    let ours = makers.filter(|_| sound["trader_side"] == "MAKER").and_then(|makers| makers.first()).unwrap_or(&sound);
    let funder = ours["maker_address"].as_str().and_then(Address::parse).unwrap();
    Owner { api_key: ours["owner"].as_str().unwrap().to_owned(), funder }
}

fn trade(element: &Value) -> Outcome {
    let owner = owner();
    beside(element, |bytes| parse::trade_page(bytes, &owner).unwrap(), |rows| json!({"data": rows}))
}

fn user(element: &Value) -> Outcome {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    let frame = json!(pair(element, &sound)).to_string();
    parse_user_parts(frame.as_bytes(), &owner(), &mut events, &mut refused).unwrap();
    let mut alone = Vec::new();
    parse_user_parts(sound.to_string().as_bytes(), &owner(), &mut alone, &mut Vec::new()).unwrap();
    assert_eq!(events.last(), alone.last(), "the sibling of {element} is lost");
    match (&events[..], &refused[..]) {
        ([first, _], []) => Ok(format!("{first:?}")),
        ([_], [refused]) => Err(refused.reason.clone()),
        ([_], []) => Ok("nothing".to_owned()),
        other => panic!("{other:?}"),
    }
}

fn market(element: &Value) -> Outcome {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let mut tokens = TokenMap::default();
    for (text, place) in [(UP, 0), (DOWN, 1)] {
        tokens.insert(&TokenId::parse(text).unwrap(), MarketIx(0).token(place)).unwrap();
    }
    tokens.name_market(ConditionId::parse(sound["market"].as_str().unwrap()).unwrap(), MarketIx(0));
    let read = |frame: &Value| {
        let (mut events, mut odd) = (Vec::new(), Vec::new());
        parse_elements(frame.to_string().as_bytes(), &tokens, &mut events, &mut Vec::new(), &mut odd).unwrap();
        (events, odd)
    };
    let (alone, _) = read(&sound);
    let (mut events, odd) = read(&json!(pair(element, &sound)));
    let beside = events.split_off(events.len() - alone.len());
    assert_eq!(beside, alone, "the sibling of {element} is lost");
    let unread = events.iter().any(|event| matches!(event.kind, MarketEventKind::Unread { .. }));
    match odd.first() {
        Some(odd) => {
            assert!(unread || odd.is_vague, "{odd:?} affects no book");
            Err(odd.error.explained())
        }
        None => Ok(format!("{events:?}")),
    }
}

fn deed(element: &Value) -> Outcome {
    record(element, |bytes| parse::deeds(bytes).map(|(items, counts)| (debugs(items), counts)))
}

fn holding(element: &Value) -> Outcome {
    record(element, |bytes| parse::holdings(bytes).map(|(items, counts)| (debugs(items), counts)))
}

fn debugs<T: Debug>(items: Items<T>) -> Vec<String> {
    items.items.iter().map(|item| format!("{item:?}")).collect()
}

fn record(
    element: &Value,
    read: impl Fn(&[u8]) -> Result<(Vec<String>, parse::RecordCounts), parse::ParseError>,
) -> Outcome {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let (alone, _) = read(json!([sound]).to_string().as_bytes()).unwrap();
    let (both, counts) = read(json!(pair(element, &sound)).to_string().as_bytes()).unwrap();
    assert_eq!(both.last(), alone.last(), "the sibling of {element} is lost");
    match (&both[..], &counts.refused[..]) {
        ([first, _], []) => Ok(first.clone()),
        ([_], [refused]) => Err(refused.reason.clone()),
        // An unknown kind is listed among the unknown kinds.
        ([_], []) => Err(format!("type is_combo {:?}", counts.unknown_kinds)),
        other => panic!("{other:?}"),
    }
}

fn posted(element: &Value) -> Outcome {
    let sound = SOUND.with(|sound| sound.borrow().clone());
    let id = VenueOrderId::parse(sound["orderID"].as_str().unwrap()).unwrap();
    let asked = [(id, Side::Buy), (id, Side::Buy)];
    let answers = place::parse_placements(json!(pair(element, &sound)).to_string().as_bytes(), &asked).unwrap();
    assert!(answers[1].is_ok(), "the sibling of {element} is lost");
    match &answers[0] {
        Ok(ack) => Ok(format!("{ack:?}")),
        // Only an error text of the venue proves that there is no order.
        Err(place::PlaceError::Refused { reason }) => {
            assert!(element["errorMsg"] == **reason || element["success"] != true, "{element}: {reason}");
            Err(reason.clone())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn balance(element: &Value) -> Outcome {
    parse::balance(element.to_string().as_bytes()).map(|parsed| format!("{parsed:?}")).map_err(why)
}

fn why(error: parse::ParseError) -> String {
    error.explained()
}

/// Returns replacement values for one field, each with true if it is equivalent to the original.
fn replacements(was: &Value, key: &str) -> Vec<(Value, bool)> {
    let mut with: Vec<(Value, bool)> =
        vec![(json!([]), false), (json!({}), false), (json!([was]), false), (json!({"a": was}), false)];
    match was {
        Value::Bool(flag) => {
            with.extend([(json!(flag.to_string()), true), (json!(u8::from(*flag)), true)]);
            with.extend([(json!("x"), false), (json!(5), false)]);
        }
        Value::Number(number) => {
            with.extend([(json!(number.to_string()), true), (json!("x"), false), (json!(true), false)]);
        }
        Value::String(text) => {
            with.push((json!(true), false));
            // Digits of a token do not fit into this reader's numbers.
            match serde_json::from_str::<serde_json::Number>(text) {
                Ok(number) if text.len() < 16 => with.push((Value::Number(number), true)),
                // A number may be another token's id, and an empty field may mean anything.
                Ok(_) => {}
                _ if !WORDS.contains(&key) && !text.is_empty() => with.push((json!(5), false)),
                _ => {}
            }
            if serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_number()) {
                with.push((json!("x"), false));
            }
        }
        Value::Array(_) | Value::Object(_) => {
            with.extend([(json!("x"), false), (json!(5), false), (json!(true), false)]);
        }
        Value::Null => with.extend([(json!("x"), false), (json!(5), false), (json!(true), false)]),
    }
    with
}

/// Lists the paths of all fields of a value, nested ones included.
fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut add = |name: &str, inner: &Value| {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(place.clone());
        fields(inner, &place, found);
    };
    match value {
        Value::Object(inner) => inner.iter().for_each(|(name, inner)| add(name, inner)),
        Value::Array(inner) => inner.iter().enumerate().for_each(|(place, inner)| add(&place.to_string(), inner)),
        _ => {}
    }
}

fn without(whole: &Value, field: &str) -> Value {
    let mut whole = whole.clone();
    let (parent, name) = field.rsplit_once('/').unwrap();
    match whole.pointer_mut(parent).unwrap() {
        Value::Object(inner) => drop(inner.remove(name)),
        Value::Array(inner) => drop(inner.remove(name.parse().unwrap())),
        other => panic!("{other}"),
    }
    whole
}

#[test]
fn a_field_of_another_kind_is_understood_or_its_element_is_refused_by_name_and_no_other() {
    let (mut same, mut refused, mut wrong) = (0, 0, Vec::new());
    for Case { file, at, read, optional } in CASES {
        let Some(path) = shared(&format!("polymarket/samples/{file}")) else { return };
        let whole: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let element = whole.pointer(at).unwrap().clone();
        SOUND.with(|sound| *sound.borrow_mut() = element.clone());
        let before = read(&element).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut places = Vec::new();
        fields(&element, "", &mut places);
        for place in places {
            let key = place.rsplit('/').next().unwrap();
            if HINTS.iter().any(|hint| place.starts_with(hint)) {
                continue;
            }
            let was = element.pointer(&place).unwrap();
            let mut tries: Vec<(Value, bool, bool)> = Vec::new();
            for (with, stays) in replacements(was, key) {
                let mut changed = element.clone();
                *changed.pointer_mut(&place).unwrap() = with;
                tries.push((changed, stays, false));
            }
            for nothing in [Value::Null, json!("")] {
                let mut changed = element.clone();
                *changed.pointer_mut(&place).unwrap() = nothing;
                tries.push((changed, false, true));
            }
            tries.push((without(&element, &place), false, true));
            for (changed, stays, nothing) in tries {
                match read(&changed) {
                    Ok(now) if now == before => same += 1,
                    // Removing an entry of a list gives another valid list.
                    // A side of a book, or a list of changes, may be empty.
                    Ok(_) if changed.pointer(&place) == Some(&json!([])) && was.is_array() => same += 1,
                    Ok(_) if nothing && (optional.contains(&key) || key.parse::<usize>().is_ok()) => same += 1,
                    Err(reason) if !stays && !reason.is_empty() => refused += 1,
                    outcome => wrong.push(format!(
                        "{file}{place} as {}: {outcome:?}",
                        changed.pointer(&place).unwrap_or(&Value::Null)
                    )),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(same > 5_000 && refused > 2_000, "{same} the same, {refused} refused");
}

#[test]
fn an_element_that_is_not_an_object_is_refused_by_its_index() {
    for element in [json!(null), json!(5), json!("x"), json!([]), json!([1]), json!(true)] {
        for Case { file, at, read, .. } in CASES {
            let Some(path) = shared(&format!("polymarket/samples/{file}")) else { return };
            let whole: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            SOUND.with(|sound| *sound.borrow_mut() = whole.pointer(at).unwrap().clone());
            assert!(read(&element).is_err(), "{file}: {element}");
        }
    }
}
