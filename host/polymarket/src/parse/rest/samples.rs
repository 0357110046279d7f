//! Responses recorded from the venue, read with the client's parsers.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

use super::super::shared::shared;
use super::*;

/// Reads a sample, if the samples folder is available.
fn sample(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(shared(&format!("polymarket/samples/rest/{name}"))?).unwrap())
}

#[test]
fn books_are_read_with_every_level() {
    let Some(bytes) = sample("book.json") else { return };
    let read = book(&bytes).unwrap();
    assert_eq!((read.bids.len(), read.asks.len()), (3, 3));
    let best = read.bids.iter().map(|level| level.price).max().unwrap();
    assert_eq!((best, read.tick), (Price::parse("0.45").unwrap(), TickSize::parse("0.01")));
    assert_eq!(read.venue_time.millis(), 1_795_424_400_123);
    let empty = book(&sample("book_empty.json").unwrap()).unwrap();
    assert!(empty.bids.is_empty() && empty.asks.is_empty());
    assert!(!books(&sample("books.json").unwrap()).unwrap().items.is_empty());
}

#[test]
fn orders_are_read_in_every_state() {
    let states = [
        ("order.json", VenueStatus::Live, "25"),
        ("order_canceled.json", VenueStatus::Cancelled, "25"),
        ("order_matched.json", VenueStatus::Matched, "100"),
    ];
    for (name, status, matched) in states {
        let Some(bytes) = sample(name) else { return };
        let order = open_order(&bytes).unwrap().unwrap();
        assert_eq!((order.status, order.matched), (status, Size::parse(matched).unwrap()), "{name}");
        assert_eq!(order.price, Price::parse("0.42").unwrap());
    }
    let page = open_order_page(&sample("open_orders_page.json").unwrap()).unwrap();
    assert_eq!((page.items.len(), page.next), (1, None), "LTE= is the end");
}

#[test]
fn balances_are_read_and_unlimited_allowances_do_not_overflow() {
    let Some(bytes) = sample("balance_allowance_collateral.json") else { return };
    let read = balance(&bytes).unwrap();
    assert_eq!(read.balance, 1_000_000_000);
    assert_eq!(read.allowances.len(), 3);
    assert!(read.allowances.iter().all(|(_, amount)| *amount == u64::MAX));
}

#[test]
fn markets_are_read_from_the_list_and_their_own_page() {
    let Some(bytes) = sample("markets_page.json") else { return };
    let mut page = market_page(&bytes).unwrap();
    assert_eq!((page.items.len(), page.next.clone()), (1, None));
    let listed = page.items.pop().unwrap();
    assert_eq!(listed.slug, "btc-updown-5m-1795424400");
    let market = clob_market(&sample("clob_market.json").unwrap(), listed).unwrap();
    assert_eq!((market.tick, market.min_size), (TickSize::CENT, Size::shares(5)));
    assert_eq!((market.fee.rate_micros, market.neg_risk, market.event), (70_000, false, None));
    assert_eq!(market.outcomes, ["Up", "Down"]);
}

#[test]
fn trades_are_read_for_every_party() {
    let Some(bytes) = sample("trades_page.json") else { return };
    let text: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let api_key = text["data"][0]["owner"].as_str().unwrap().to_owned();
    let address = Address::parse(text["data"][0]["maker_address"].as_str().unwrap()).unwrap();
    let owner = Owner { api_key, funder: address };
    let page = trade_page(&bytes, &owner).unwrap();
    assert!(!page.items.is_empty());
    assert!(page.items.iter().all(|trade| !trade.parts.is_empty()));
}

/// Reads a recorded page of the venue.
fn recorded(name: &str) -> Option<Vec<u8>> {
    use std::io::Read;
    let packed = std::fs::read(shared(&format!("data/borat14011-rest/{name}"))?).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn a_recorded_page_of_markets_that_trade_is_read_whole() {
    let Some(bytes) = recorded("clob_sampling.json.gz") else { return };
    let page = market_page(&bytes).unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let tradable = |row: &&serde_json::Value| {
        let is = |name: &str| row[name] == true;
        is("enable_order_book") && is("active") && is("accepting_orders") && !is("closed") && !is("archived")
    };
    let rows = whole["data"].as_array().unwrap();
    assert_eq!((rows.len(), page.items.len()), (1_000, rows.iter().filter(tradable).count()));
    assert!(page.items.len() > 900, "{}", page.items.len());
    assert_eq!(page.items.iter().filter(|listed| listed.event.is_some()).count(), 621, "exclusive ones have an event");
    assert!(page.next.is_some());
}

#[test]
fn the_outcome_of_every_recorded_market_is_read() {
    let Some(bytes) = recorded("clob_response_bytes.json.gz") else { return };
    let whole: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let (mut decided, mut open) = (0, 0);
    for row in whole["data"].as_array().unwrap() {
        let tokens = [0, 1].map(|place| TokenId::parse(row["tokens"][place]["token_id"].as_str().unwrap_or_default()));
        let [Some(yes), Some(no)] = tokens else { continue };
        let pays = resolution(row.to_string().as_bytes(), &[yes, no]).unwrap();
        let won = [0, 1].map(|place| row["tokens"][place]["winner"] == true);
        match pays {
            Some([yes, no]) => {
                decided += 1;
                assert_eq!(yes.checked_add(no), Some(Usd::dollars(1)), "{row}");
                assert!(won == [yes > no, no > yes] && row["closed"] == true, "{row}");
            }
            None => open += 1,
        }
    }
    assert!(decided > 500 && open > 100, "{decided} decided, {open} not");
}
