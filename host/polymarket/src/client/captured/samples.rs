//! Samples of the protocol notes: each response goes through the part of the client that would read it.

use super::documents::{gamma_events, gamma_market, gamma_page};
use super::fields::count_unread;
use super::{Apart, By, Line, Seen, UNUSED_ROUTE, assert_complete, read_all};
use crate::client::account::cancel_answer;
use crate::client::{place, transport};
use crate::parse::shared::shared;
use crate::parse::{self, Owner};
use crate::wire::account::{ApiKey, Heartbeat, Version};
use crate::wire::market::{Book, ClobMarket, Ending, Market};
use crate::wire::order::{Order, PostAnswer};
use crate::wire::trade::Trade;
use model::{ConditionId, Side, TokenId, VenueOrderId};
use order::Address;
use serde_json::Value;

const OURS: &str = "a request that we send, not venue data";
const IN_TESTS_OF_CHANNELS: &str = "a frame; read by the channel tests (tests/it/samples.rs)";

const ANSWERS: &[(&str, Line)] = &[
    ("rest/api_key.json", By(api_key, 1)),
    ("rest/api_keys.json", Apart(UNUSED_ROUTE)),
    ("rest/balance_allowance_collateral.json", By(balance, 1)),
    ("rest/balance_allowance_conditional.json", By(balance, 1)),
    ("rest/book.json", By(book, 1)),
    ("rest/book_empty.json", By(book, 1)),
    ("rest/books.json", By(books, 1)),
    ("rest/builder_fees.json", Apart(UNUSED_ROUTE)),
    ("rest/cancel_mixed.json", By(cancel, 2)),
    ("rest/cancel_ok.json", By(cancel, 1)),
    ("rest/clob_market.json", By(clob_market, 1)),
    ("rest/clob_market_negrisk_sports.json", By(clob_market, 1)),
    ("rest/closed_only.json", Apart(UNUSED_ROUTE)),
    ("rest/errors.json", By(errors, 20)),
    ("rest/fee_rate.json", Apart(UNUSED_ROUTE)),
    ("rest/heartbeat_invalid_http400.json", By(wrong_heartbeat, 1)),
    ("rest/heartbeat_ok.json", By(heartbeat, 1)),
    ("rest/last_trade_price.json", Apart(UNUSED_ROUTE)),
    ("rest/last_trade_price_never_traded.json", Apart(UNUSED_ROUTE)),
    ("rest/last_trades_prices.json", Apart(UNUSED_ROUTE)),
    ("rest/market.json", By(ending, 1)),
    ("rest/market_resolved.json", By(ending, 1)),
    ("rest/markets_by_token.json", Apart(UNUSED_ROUTE)),
    ("rest/markets_page.json", By(list, 1)),
    ("rest/midpoint.json", Apart(UNUSED_ROUTE)),
    ("rest/midpoints.json", Apart(UNUSED_ROUTE)),
    ("rest/neg_risk.json", Apart(UNUSED_ROUTE)),
    ("rest/notifications.json", Apart(UNUSED_ROUTE)),
    ("rest/ok.json", Apart(UNUSED_ROUTE)),
    ("rest/open_orders_page.json", By(open_orders, 1)),
    ("rest/order.json", By(open_order, 1)),
    ("rest/order_canceled.json", By(open_order, 1)),
    ("rest/order_matched.json", By(open_order, 1)),
    ("rest/order_scoring.json", Apart(UNUSED_ROUTE)),
    ("rest/orders_scoring.json", Apart(UNUSED_ROUTE)),
    ("rest/post_order_delayed.json", By(posted, 1)),
    ("rest/post_order_fok_killed.json", By(posted, 1)),
    ("rest/post_order_live.json", By(posted, 1)),
    ("rest/post_order_matched_async.json", By(posted, 1)),
    ("rest/post_order_matched_with_hash.json", By(posted, 1)),
    ("rest/post_order_request.json", Apart(OURS)),
    ("rest/post_order_unmatched.json", By(posted, 1)),
    ("rest/post_orders_mixed.json", By(posted_together, 2)),
    ("rest/price_side_buy.json", Apart(UNUSED_ROUTE)),
    ("rest/price_side_sell.json", Apart(UNUSED_ROUTE)),
    ("rest/prices.json", Apart(UNUSED_ROUTE)),
    ("rest/prices_history.json", Apart(UNUSED_ROUTE)),
    ("rest/rewards_markets_current.json", Apart(UNUSED_ROUTE)),
    ("rest/simplified_markets_page.json", Apart(UNUSED_ROUTE)),
    ("rest/spread.json", Apart(UNUSED_ROUTE)),
    ("rest/spreads.json", Apart(UNUSED_ROUTE)),
    ("rest/tick_size.json", Apart(UNUSED_ROUTE)),
    ("rest/time.json", By(time, 1)),
    ("rest/trade_maker_confirmed.json", By(trade, 1)),
    ("rest/trade_taker_confirmed.json", By(trade, 1)),
    ("rest/trade_taker_failed.json", By(trade, 1)),
    ("rest/trade_taker_pending.json", By(trade, 1)),
    ("rest/trades_page.json", By(trades, 1)),
    ("rest/version.json", By(version, 1)),
    ("gamma/event.json", By(gamma_event, 1)),
    ("gamma/market_resolved.json", By(gamma_market, 1)),
    ("gamma/market_v1.json", By(gamma_market, 1)),
    ("gamma/market_v2.json", By(other_generation, 1)),
    ("gamma/markets_keyset_last_page.json", By(last_page, 1)),
    ("gamma/markets_keyset_page.json", By(gamma_page, 1)),
];

/// Folders in which no file is for the client.
const FOLDERS_APART: &[(&str, &str)] =
    &[("ws_market/", IN_TESTS_OF_CHANNELS), ("ws_user/", IN_TESTS_OF_CHANNELS), ("data/", UNUSED_ROUTE)];

fn value(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn read(rows: usize) -> Seen {
    Seen { read: rows, ..Seen::default() }
}

fn api_key(bytes: &[u8]) -> Result<Seen, String> {
    let key: ApiKey<'_> = serde_json::from_slice(bytes).map_err(text)?;
    let (id, secret, passphrase) = (key.api_key.as_str(), key.secret.as_str(), key.passphrase.as_str());
    crate::auth::Credentials::new(id, secret, passphrase).map_err(text)?;
    Ok(read(1))
}

fn balance(bytes: &[u8]) -> Result<Seen, String> {
    let parsed = parse::balance(bytes).map_err(text)?;
    Ok(read(usize::from(parsed.balance > 0 || !parsed.allowances.is_empty())))
}

fn book(bytes: &[u8]) -> Result<Seen, String> {
    let mut seen = read(1);
    count_unread::<Book<'_>>(&value(bytes)?, &mut seen);
    parse::book(bytes).map_err(text)?;
    Ok(seen)
}

fn books(bytes: &[u8]) -> Result<Seen, String> {
    Ok(read(parse::books(bytes).map_err(text)?.items.len()))
}

fn cancel(bytes: &[u8]) -> Result<Seen, String> {
    let parsed = cancel_answer(bytes).map_err(text)?;
    Ok(read(parsed.cancelled.len() + parsed.not_cancelled.len()))
}

fn clob_market(bytes: &[u8]) -> Result<Seen, String> {
    let whole = value(bytes)?;
    let mut seen = read(1);
    count_unread::<ClobMarket<'_>>(&whole, &mut seen);
    let condition = ConditionId::parse(whole["c"].as_str().unwrap_or_default()).ok_or("no condition")?;
    let listed = parse::Tradable {
        condition,
        slug: String::new(),
        question: String::new(),
        end: None,
        event: None,
        neg_risk: None,
    };
    let market = parse::clob_market(bytes, listed).map_err(text)?;
    if market.neg_risk != (whole["nr"] == true) { Err(format!("{market:?}")) } else { Ok(seen) }
}

/// Checks that every documented error text is extracted, so that it can be classified.
fn errors(bytes: &[u8]) -> Result<Seen, String> {
    let mut seen = Seen::default();
    for error in value(bytes)?.as_array().ok_or("not a list")? {
        let body = &error["body"];
        let (reason, _) = transport::reason(body.to_string().as_bytes());
        if reason.is_empty() || reason != parse::cut(body["error"].as_str().unwrap_or_default()) {
            return Err(format!("read {reason:?} from {body}"));
        }
        seen.read += 1;
    }
    Ok(seen)
}

fn heartbeat(bytes: &[u8]) -> Result<Seen, String> {
    let parsed: Heartbeat<'_> = serde_json::from_slice(bytes).map_err(text)?;
    Ok(read(usize::from(!parsed.heartbeat_id.is_empty())))
}

fn wrong_heartbeat(bytes: &[u8]) -> Result<Seen, String> {
    let (reason, expected) = transport::reason(bytes);
    if reason.is_empty() || expected.is_empty() { Err(format!("{reason:?}, {expected:?}")) } else { Ok(read(1)) }
}

fn ending(bytes: &[u8]) -> Result<Seen, String> {
    let whole = value(bytes)?;
    let mut seen = read(1);
    count_unread::<Ending<'_>>(&whole, &mut seen);
    let token = |place: usize| TokenId::parse(whole["tokens"][place]["token_id"].as_str().unwrap_or_default());
    let tokens = [token(0).ok_or("no first token")?, token(1).ok_or("no second token")?];
    let ended = parse::resolution(bytes, &tokens).map_err(text)?.is_some();
    if ended == (whole["closed"] == true) { Ok(seen) } else { Err(format!("ended: {ended}")) }
}

fn list(bytes: &[u8]) -> Result<Seen, String> {
    let page = parse::market_page(bytes).map_err(text)?;
    if !page.refused.is_empty() {
        return Err(format!("{:?}", page.refused));
    }
    let mut seen = read(page.items.len());
    value(bytes)?["data"].as_array().into_iter().flatten().for_each(|row| count_unread::<Market<'_>>(row, &mut seen));
    Ok(seen)
}

fn open_orders(bytes: &[u8]) -> Result<Seen, String> {
    let page = parse::open_order_page(bytes).map_err(text)?;
    if page.refused.is_empty() { Ok(read(page.items.len())) } else { Err(format!("{:?}", page.refused)) }
}

fn open_order(bytes: &[u8]) -> Result<Seen, String> {
    let mut seen = read(usize::from(parse::open_order(bytes).map_err(text)?.is_some()));
    count_unread::<Order<'_>>(&value(bytes)?, &mut seen);
    Ok(seen)
}

fn posted(bytes: &[u8]) -> Result<Seen, String> {
    let whole = value(bytes)?;
    let mut seen = read(1);
    count_unread::<PostAnswer<'_>>(&whole, &mut seen);
    // A killed order has no id; the response is about the order that was sent.
    let id = VenueOrderId::parse(whole["orderID"].as_str().unwrap_or_default()).unwrap_or(VenueOrderId([7; 32]));
    let parsed = place::parse_placement(bytes, id, Side::Buy).map_err(text)?;
    match parsed {
        Ok(ack) if whole["success"] == true && ack.id == id => Ok(seen),
        Err(place::PlaceError::Refused { .. }) if whole["errorMsg"] != "" => Ok(seen),
        other => Err(format!("{other:?}")),
    }
}

fn posted_together(bytes: &[u8]) -> Result<Seen, String> {
    let whole = value(bytes)?;
    let parts = whole.as_array().ok_or("not a list")?;
    let id = |part: &Value| VenueOrderId::parse(part["orderID"].as_str().unwrap_or_default());
    let asked: Vec<_> = parts.iter().map(|part| (id(part).unwrap_or(VenueOrderId([7; 32])), Side::Buy)).collect();
    let parsed = place::parse_placements(bytes, &asked).map_err(text)?;
    for (part, answer) in parts.iter().zip(&parsed) {
        if (part["errorMsg"].as_str().unwrap_or_default().is_empty()) != answer.is_ok() {
            return Err(format!("read {answer:?} from {part}"));
        }
    }
    Ok(read(parsed.len()))
}

fn time(bytes: &[u8]) -> Result<Seen, String> {
    serde_json::from_slice::<u64>(bytes).map_err(text)?;
    Ok(read(1))
}

fn version(bytes: &[u8]) -> Result<Seen, String> {
    serde_json::from_slice::<Version<'_>>(bytes).map_err(text)?;
    Ok(read(1))
}

/// Reads one trade, as it appears in a page.
fn trade(bytes: &[u8]) -> Result<Seen, String> {
    let page = serde_json::json!({"data": [value(bytes)?], "next_cursor": "LTE="});
    trades(page.to_string().as_bytes())
}

/// Reads each trade for every party: the taker, or each maker.
fn trades(bytes: &[u8]) -> Result<Seen, String> {
    let whole = value(bytes)?;
    let mut seen = Seen::default();
    for row in whole["data"].as_array().ok_or("not a list")? {
        count_unread::<Trade<'_>>(row, &mut seen);
        // An account's own list says on which side the account was.
        let made = row["trader_side"] == "MAKER";
        let makers = row["maker_orders"].as_array().into_iter().flatten().filter(|_| made);
        for party in std::iter::once(row).filter(|_| !made).chain(makers) {
            let api_key = party["owner"].as_str().unwrap_or_default().to_owned();
            let owner = Owner { api_key, funder: Address([0; 20]) };
            let page = parse::trade_page(bytes, &owner).map_err(text)?;
            if !page.refused.is_empty() {
                return Err(format!("{:?}", page.refused));
            }
            if page.items.is_empty() || page.items.iter().any(|trade| trade.parts.is_empty()) {
                return Err(format!("{party} has no part in {row}"));
            }
        }
        seen.read += 1;
    }
    Ok(seen)
}

fn gamma_event(bytes: &[u8]) -> Result<Seen, String> {
    gamma_events(Value::Array(vec![value(bytes)?]).to_string().as_bytes())
}

fn last_page(bytes: &[u8]) -> Result<Seen, String> {
    if parse::catalog_page(bytes).map_err(text)?.next.is_some() {
        return Err("the last page has a cursor".to_owned());
    }
    gamma_page(bytes)
}

/// Reads a market of the other protocol generation, which must parse and be ignored.
fn other_generation(bytes: &[u8]) -> Result<Seen, String> {
    let page = serde_json::json!({"markets": [value(bytes)?]});
    let found = parse::catalog_page(page.to_string().as_bytes()).map_err(text)?.items.len();
    if found == 0 { Ok(read(1)) } else { Err("a market of the other generation was read as one of ours".to_owned()) }
}

#[test]
fn every_sample_has_a_parser_or_a_reason() {
    let Some(folder) = shared("polymarket/samples") else { return };
    assert_complete(&folder, &[ANSWERS], FOLDERS_APART);
}

#[test]
fn every_sample_of_an_answer_is_read() {
    let Some(folder) = shared("polymarket/samples") else { return };
    read_all(&folder, ANSWERS);
}
