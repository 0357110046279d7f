#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

use super::*;
use crate::events::{EventSource, GapCause, TapeEvent, TapeEventKind};
use model::event::MarketEventKind;
use model::{ConditionId, MarketIx, Price, Side, Size, TickSize};
use std::path::Path;
use tape::manifest::{HindsightEntry, MarketEntry, TickEntry};
use tape::record::{Cause, Origin};
use tape::{Manifest, Pace, Record, Stamp, Writer, slice};
use testkit::Scratch;

/// Time of the first frame in milliseconds.
const START: u64 = 1_795_424_400_000;

fn condition(number: u8) -> ConditionId {
    ConditionId([number; 32])
}

/// Returns the token of a market: `10` and `11` of the first one.
fn token(market: u8, outcome: u8) -> String {
    (10 * u32::from(market) + u32::from(outcome)).to_string()
}

fn entry(market: u8) -> MarketEntry {
    MarketEntry {
        tokens: [token(market, 0), token(market, 1)],
        slug: format!("market-{market}"),
        has_books: true,
        ..MarketEntry::default()
    }
}

fn manifest(markets: &[u8]) -> Manifest {
    let mut manifest = Manifest::new("test", "recorded");
    for market in markets {
        manifest.markets.insert(condition(*market).to_string(), entry(*market));
    }
    manifest
}

fn at(offset_ms: u64) -> u64 {
    (START + offset_ms) * 1_000
}

fn frame(offset_ms: u64, json: String) -> Record {
    let stamp = Stamp::venue(at(offset_ms));
    Record::Frame { stamp, connection: 0, origin: Origin::Feed, bytes: json.into_bytes() }
}

fn level(side: &str, price: &str, size: &str) -> String {
    format!(r#"{{"price":"{price}","size":"{size}","side":"{side}"}}"#)
}

/// Returns a book with these levels: side, price, size.
fn book(market: u8, outcome: u8, offset_ms: u64, levels: &[(&str, &str, &str)]) -> Record {
    let side = |wanted: &str| {
        let levels = levels.iter().filter(|(side, ..)| *side == wanted);
        levels.map(|(side, price, size)| level(side, price, size)).collect::<Vec<_>>().join(",")
    };
    frame(
        offset_ms,
        format!(
            r#"{{"event_type":"book","market":"{}","asset_id":"{}","timestamp":"{}","bids":[{}],"asks":[{}]}}"#,
            condition(market),
            token(market, outcome),
            START + offset_ms,
            side("BUY"),
            side("SELL")
        ),
    )
}

fn change(market: u8, outcome: u8, offset_ms: u64, (side, price, size): (&str, &str, &str)) -> Record {
    frame(
        offset_ms,
        format!(
            r#"{{"event_type":"price_change","market":"{}","price_changes":[{{"asset_id":"{}","price":"{price}","size":"{size}","side":"{side}"}}],"timestamp":"{}"}}"#,
            condition(market),
            token(market, outcome),
            START + offset_ms,
        ),
    )
}

fn trade(market: u8, outcome: u8, offset_ms: u64, (side, price, size): (&str, &str, &str), hash: &str) -> Record {
    frame(
        offset_ms,
        format!(
            r#"{{"event_type":"last_trade_price","market":"{}","asset_id":"{}","price":"{price}","size":"{size}","side":"{side}","fee_rate_bps":"","timestamp":"{}","transaction_hash":"{hash}"}}"#,
            condition(market),
            token(market, outcome),
            START + offset_ms,
        ),
    )
}

fn write(path: &Path, manifest: Manifest, records: &[Record]) {
    let mut writer = Writer::create(path, Pace::WHOLE, manifest).unwrap();
    records.iter().for_each(|record| writer.append(record).unwrap());
    writer.finish().unwrap();
}

/// Returns all events, those of both tokens apart.
fn events(dataset: &mut Dataset) -> Vec<TapeEvent> {
    let apart = |event: TapeEvent| {
        let of_markets: Vec<_> = event.kind.market_events().collect();
        if of_markets.is_empty() {
            return vec![event];
        }
        of_markets
            .into_iter()
            .map(|of| TapeEvent { kind: TapeEventKind::Market(Box::new(of)), ..event.clone() })
            .collect()
    };
    std::iter::from_fn(|| dataset.next_event().unwrap()).flat_map(apart).collect()
}

fn opened(records: &[Record]) -> (Dataset, Vec<TapeEvent>) {
    let dir = Scratch::new("dataset");
    let path = dir.join("a.tape");
    write(&path, manifest(&[1]), records);
    let mut dataset = open(&[path], None, None).unwrap();
    let events = events(&mut dataset);
    (dataset, events)
}

fn count(dataset: &Dataset, kind: &str) -> u64 {
    let quality = &dataset.descriptions()[0].quality;
    quality.iter().find(|(name, _)| name == kind).map_or(0, |(_, count)| *count)
}

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

/// Returns the market events of an outcome.
fn of(events: &[TapeEvent], outcome: u32) -> Vec<&MarketEventKind> {
    let kinds = events.iter().filter_map(|event| match &event.kind {
        TapeEventKind::Market(event) if event.token.outcome() == outcome => Some(&event.kind),
        _ => None,
    });
    kinds.collect()
}

const BOOK: &[(&str, &str, &str)] = &[("BUY", "0.40", "100"), ("SELL", "0.45", "30.5")];
const MIRROR: &[(&str, &str, &str)] = &[("SELL", "0.60", "100"), ("BUY", "0.55", "30.5")];

#[test]
fn one_canonical_book_comes_from_the_first_token_and_is_mirrored() {
    let (dataset, events) = opened(&[
        book(1, 1, 0, MIRROR),
        book(1, 0, 0, BOOK),
        change(1, 0, 100, ("BUY", "0.41", "7")),
        change(1, 1, 100, ("SELL", "0.59", "7")),
        // The second token disagrees, and the first one has a frame without mirror.
        change(1, 1, 200, ("SELL", "0.58", "9")),
        change(1, 0, 300, ("BUY", "0.39", "5")),
    ]);
    assert!(matches!(&events[0].kind, TapeEventKind::Listed(listed) if !listed.fee_known && listed.has_books));
    let first = of(&events, 0);
    assert_eq!(first.len(), 3, "{first:?}");
    assert_eq!(*first[1], MarketEventKind::Level { side: Side::Buy, price: price("0.41"), size: Size::shares(7) });
    let second = of(&events, 1);
    let derived = MarketEventKind::Level { side: Side::Sell, price: price("0.59"), size: Size::shares(7) };
    assert_eq!((second.len(), second[1]), (3, &derived));
    let MarketEventKind::Book { bids, asks } = second[0] else { panic!("{second:?}") };
    assert_eq!((bids[0].price, asks[0].price), (price("0.55"), price("0.60")));
    assert_eq!((count(&dataset, "mirror_differs"), count(&dataset, "mirror_missing")), (1, 1));
    // Both tokens' events of a frame have its number.
    let numbers: Vec<u64> = events.iter().map(|event| event.frame).collect();
    assert_eq!(numbers, [0, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn a_tape_with_books_of_the_second_token_alone_uses_those() {
    let (_, events) = opened(&[book(1, 1, 0, MIRROR), change(1, 1, 100, ("SELL", "0.59", "7"))]);
    let level = MarketEventKind::Level { side: Side::Buy, price: price("0.41"), size: Size::shares(7) };
    assert_eq!(of(&events, 0)[1], &level);
    assert_eq!(of(&events, 1).len(), 2);
}

#[test]
fn a_trade_reported_for_both_tokens_comes_once() {
    let (dataset, events) = opened(&[
        book(1, 0, 0, BOOK),
        trade(1, 1, 500, ("BUY", "0.60", "40"), "0xaa"),
        trade(1, 0, 500, ("SELL", "0.40", "40"), "0xaa"),
        trade(1, 0, 500, ("SELL", "0.40", "40"), "0xbb"),
        trade(1, 0, 500, ("SELL", "0.40", "40"), "0xbb"),
    ]);
    let trades =
        |outcome| of(&events, outcome).into_iter().filter(|kind| matches!(kind, MarketEventKind::Trade { .. })).count();
    assert_eq!((trades(0), trades(1)), (1, 1));
    assert_eq!((count(&dataset, "mirrored_trade"), count(&dataset, "duplicate")), (1, 1));
}

#[test]
fn a_silence_is_blind_at_the_last_frame_plus_a_minute_and_not_before() {
    let (dataset, events) = opened(&[
        book(1, 0, 0, BOOK),
        change(1, 0, 59_000, ("BUY", "0.41", "7")),
        change(1, 0, 359_000, ("BUY", "0.41", "8")),
    ]);
    let blind: Vec<_> = events.iter().filter(|event| matches!(event.kind, TapeEventKind::Blind { .. })).collect();
    let cause = GapCause::Silence;
    assert_eq!(blind.len(), 1);
    assert_eq!(blind[0].kind, TapeEventKind::Blind { markets: vec![MarketIx(0)], cause });
    assert_eq!(blind[0].venue_at.0, at(59_000) + SILENCE_US);
    assert_eq!(count(&dataset, "gap"), 1);
    let order: Vec<u64> = events.iter().map(|event| event.venue_at.0).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_marked_gap_is_blind_and_level_changes_wait_for_the_next_book() {
    let gap = |cause, markets| Record::Gap { stamp: Stamp::venue(at(150)), cause, since_us: at(100), markets };
    let (_, events) = opened(&[
        change(1, 0, 0, ("BUY", "0.30", "1")),
        book(1, 0, 0, BOOK),
        gap(Cause::Dropped, vec![condition(9)]),
        change(1, 0, 110, ("BUY", "0.41", "7")),
        gap(Cause::Disconnected, Vec::new()),
        change(1, 0, 160, ("BUY", "0.42", "7")),
        book(1, 0, 170, BOOK),
    ]);
    let blind = TapeEventKind::Blind { markets: Vec::new(), cause: GapCause::Disconnected };
    assert_eq!(events.iter().filter(|event| event.kind == blind).count(), 1);
    let shape: Vec<bool> = of(&events, 0).iter().map(|kind| matches!(kind, MarketEventKind::Book { .. })).collect();
    assert_eq!(shape, [true, false, true]);
}

#[test]
fn the_grid_is_inferred_at_the_first_price_off_it_and_not_before() {
    let (dataset, events) = opened(&[
        book(1, 0, 0, BOOK),
        change(1, 0, 100, ("BUY", "0.415", "7")),
        change(1, 0, 200, ("BUY", "0.425", "7")),
    ]);
    let ticks: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            TapeEventKind::Market(market) if matches!(market.kind, MarketEventKind::TickSize { .. }) => {
                Some((event.frame, market.token.outcome(), market.kind.clone()))
            }
            _ => None,
        })
        .collect();
    let tick = MarketEventKind::TickSize { tick: TickSize::from_micros(5_000).unwrap() };
    assert_eq!(ticks, [(2, 0, tick.clone()), (2, 1, tick)]);
    assert_eq!(count(&dataset, "tick_inferred"), 1);
    assert_eq!(dataset.markets()[0].listed.market.tick, TickSize::CENT);
}

#[test]
fn hindsight_does_not_change_what_comes_before_the_resolution() {
    let dir = Scratch::new("hindsight");
    let records = [book(1, 0, 0, BOOK), change(1, 0, 100, ("BUY", "0.41", "7"))];
    let all = [None, Some((1_000_000, false)), Some((0, true))].map(|outcome| {
        let mut manifest = manifest(&[1]);
        if let Some((pays, implied)) = outcome {
            let (pays_micros, end_us) = (Some(pays), Some(5));
            let entry = HindsightEntry { pays_micros, implied, end_us, ..HindsightEntry::default() };
            manifest.hindsight.insert(condition(1).to_string(), entry);
        }
        let path = dir.join(format!("{}.tape", manifest.hindsight.len() + manifest.damage.len()));
        std::fs::remove_file(&path).ok();
        write(&path, manifest, &records);
        let mut dataset = open(&[path], None, None).unwrap();
        let events = events(&mut dataset);
        (events, dataset.markets().to_vec(), dataset.hindsight().len())
    });
    assert_eq!(all[0].0, all[1].0);
    assert_eq!(all[1].0, all[2].0);
    assert_eq!(all[0].1, all[2].1);
    assert_eq!([all[0].2, all[1].2, all[2].2], [0, 1, 1]);
}

#[test]
fn two_tapes_merge_by_receipt_and_number_markets_by_listing() {
    let dir = Scratch::new("two-tapes");
    let (one, two) = (dir.join("1.tape"), dir.join("2.tape"));
    write(&one, manifest(&[2]), &[book(2, 0, 0, BOOK), change(2, 0, 500, ("BUY", "0.41", "7"))]);
    let mut late = manifest(&[1, 2]);
    let ticks = vec![TickEntry { from_us: 0, tick_micros: 1_000 }];
    late.markets.insert(condition(1).to_string(), MarketEntry { ticks, listed_us: Some(at(200)), ..entry(1) });
    write(&two, late, &[book(1, 0, 300, BOOK), change(2, 0, 400, ("BUY", "0.40", "9"))]);
    let mut dataset = open(&[two.clone(), one.clone()], None, None).unwrap();
    assert_eq!(
        dataset.markets().iter().map(|m| m.listed.market.slug.clone()).collect::<Vec<_>>(),
        ["market-2", "market-1"]
    );
    assert_eq!(dataset.markets()[1].listed.market.tick, TickSize::MILL);
    let all = events(&mut dataset);
    let order: Vec<(u64, bool)> =
        all.iter().map(|e| ((e.venue_at.0 - at(0)) / 1_000, matches!(e.kind, TapeEventKind::Listed(_)))).collect();
    let expected =
        [(0, true), (0, false), (0, false), (200, true), (300, false), (300, false), (400, false), (400, false)];
    assert_eq!(order[..8], expected);
    assert_eq!(of(&all, 0).len(), 4);

    // From a time on, everything known by then is listed at it, and levels wait for a book.
    let mut part = open(&[one, two], Some(Time(at(250))), Some(Time(at(450)))).unwrap();
    let part = events(&mut part);
    let listed =
        part.iter().filter(|event| matches!(event.kind, TapeEventKind::Listed(_))).map(|event| event.venue_at.0);
    assert_eq!(listed.collect::<Vec<_>>(), [at(250), at(250)]);
    assert_eq!(of(&part, 0).len(), 1, "the level of market 2 has no book yet");
}

#[test]
fn an_end_after_the_last_frame_of_one_tape_cuts_no_other_one() {
    let dir = Scratch::new("end-of-two-tapes");
    let (one, two) = (dir.join("1.tape"), dir.join("2.tape"));
    let level = |market, ms| change(market, 0, ms, ("BUY", "0.41", "7"));
    write(&one, manifest(&[1]), &[book(1, 0, 0, BOOK), level(1, 250), level(1, 400)]);
    write(&two, manifest(&[2]), &[book(2, 0, 10, BOOK), level(2, 280), level(2, 500)]);
    let mut dataset = open(&[one, two], None, Some(Time(at(300)))).unwrap();
    let mut all = std::collections::VecDeque::new();
    while dataset.read(&mut all, 1_000).unwrap() {}
    let levels = all.iter().filter(|event| matches!(event.kind, TapeEventKind::Level(_)));
    let times: Vec<u64> = levels.map(|event| (event.venue_at.0 - at(0)) / 1_000).collect();
    assert_eq!(times, [250, 280]);
}

#[test]
fn slices_of_a_tape_give_its_events() {
    let dir = Scratch::new("slices");
    let path = dir.join("a.tape");
    let mut records = vec![book(1, 0, 0, BOOK)];
    let prices = ["0.30", "0.31", "0.32", "0.33"];
    records.extend(
        (1..400u64).map(|n| change(1, 0, n * 50, ("BUY", prices[usize::try_from(n).unwrap() % 4], &n.to_string()))),
    );
    write(&path, manifest(&[1]), &records);
    let whole = events(&mut open(std::slice::from_ref(&path), None, None).unwrap());
    let tape = Tape::open(&path).unwrap();
    let parts = [(0, at(7_010)), (at(7_010), u64::MAX)].map(|(from, to)| {
        let part = dir.join(format!("{from}.tape"));
        slice(&tape, from, to, &part).unwrap();
        part
    });
    let joined = events(&mut open(&parts, None, None).unwrap());
    assert_eq!(joined, whole);
}

#[test]
fn the_cache_is_used_and_rebuilt_when_it_is_damaged_or_of_another_tape() {
    let dir = Scratch::new("cache");
    let path = dir.join("a.tape");
    write(&path, manifest(&[1]), &[book(1, 0, 0, BOOK)]);
    let first = events(&mut open(std::slice::from_ref(&path), None, None).unwrap());
    let cache = cache::beside(&path);
    let made = std::fs::metadata(&cache).unwrap().modified().unwrap();
    assert_eq!(events(&mut open(std::slice::from_ref(&path), None, None).unwrap()), first);
    assert_eq!(std::fs::metadata(&cache).unwrap().modified().unwrap(), made, "it was used");
    std::fs::write(&cache, b"PTEVENT1 but damaged").unwrap();
    assert_eq!(events(&mut open(std::slice::from_ref(&path), None, None).unwrap()), first);
    std::fs::remove_file(&path).unwrap();
    write(&path, manifest(&[1]), &[book(1, 0, 0, BOOK), change(1, 0, 100, ("BUY", "0.41", "7"))]);
    let other = events(&mut open(std::slice::from_ref(&path), None, None).unwrap());
    assert_eq!(other.len(), first.len() + 2);
}

#[test]
fn own_orders_and_fills_are_taken_out_of_depth_and_trades() {
    let own = |offset_ms, open| Record::OwnOrder {
        stamp: Stamp::received(at(offset_ms)),
        token: model::TokenId::parse(&token(1, 0)).unwrap(),
        side: Side::Buy,
        price: price("0.40"),
        open: Size::shares(open),
        order: [7; 32],
    };
    let fill = |offset_ms, maker| Record::OwnFill {
        stamp: Stamp::received(at(offset_ms)),
        token: model::TokenId::parse(&token(1, 1)).unwrap(),
        side: Side::Sell,
        price: price("0.60"),
        size: Size::shares(10),
        maker,
    };
    let (dataset, events) = opened(&[
        book(1, 0, 0, BOOK),
        // Our order is reported before its level, and at its end after it.
        own(100, 10),
        change(1, 0, 200, ("BUY", "0.40", "110")),
        trade(1, 0, 800, ("SELL", "0.40", "12"), "0xcc"),
        own(850, 0),
        fill(860, true),
        change(1, 0, 900, ("BUY", "0.40", "98")),
        change(1, 0, 1_000, ("BUY", "0.40", "108")),
        own(1_050, 10),
        change(1, 0, 1_100, ("BUY", "0.40", "98")),
        own(1_150, 0),
        // Our taker.
        trade(1, 0, 1_200, ("SELL", "0.40", "10"), "0xdd"),
        fill(1_250, false),
        // A level that never shows our order.
        own(1_300, 10),
        change(1, 0, 9_000, ("BUY", "0.40", "97")),
    ]);
    let sizes: Vec<String> = of(&events, 0)
        .iter()
        .filter_map(|kind| match kind {
            MarketEventKind::Level { size, .. } => Some(format!("level {size}")),
            MarketEventKind::Trade { size, .. } => Some(format!("trade {size}")),
            _ => None,
        })
        .collect();
    let expected = ["level 100", "trade 12", "level 98", "level 108", "level 98", "level 88", "level 98", "level 87"];
    assert_eq!(sizes, expected);
    assert_eq!((count(&dataset, "own_trade"), count(&dataset, "own_order")), (1, 5));
}

#[test]
fn bad_input_is_refused_in_a_sentence() {
    let dir = Scratch::new("bad-dataset");
    let error = |paths: &[PathBuf]| format!("{:#}", open(paths, None, None).unwrap_err());
    assert_eq!(error(&[]), "no tape was named");
    let empty = dir.join("empty.tape");
    write(&empty, manifest(&[1]), &[]);
    assert_eq!(
        error(std::slice::from_ref(&empty)),
        format!("{}: the tape is empty, expected at least one record", empty.display())
    );
    let mut swapped = manifest(&[1]);
    swapped.markets.values_mut().for_each(|entry| entry.tokens.reverse());
    let (one, two) = (dir.join("1.tape"), dir.join("2.tape"));
    write(&one, manifest(&[1]), &[book(1, 0, 0, BOOK)]);
    write(&two, swapped, &[book(1, 0, 0, BOOK)]);
    assert!(error(&[one, two]).contains("other tokens or another order of them than in"));
    let mut bad = manifest(&[1]);
    bad.markets.insert("slug".to_owned(), entry(3));
    let path = dir.join("bad.tape");
    write(&path, bad, &[book(1, 0, 0, BOOK)]);
    assert!(error(&[path]).contains("market \"slug\": expected 0x and 64 digits"));
}
