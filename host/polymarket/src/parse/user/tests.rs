use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY: &str = "11111111-2222-4333-8444-555555555555";
const OTHER: &str = "99999999-2222-4333-8444-555555555555";
const FUNDER: &str = "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47";
const STRANGER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const TRADE: &str = "8edd4540-9232-450c-8afc-16def4898c37";

fn owner() -> Owner {
    Owner { api_key: KEY.to_owned(), funder: Address::parse(FUNDER).unwrap() }
}

fn id(digit: u8) -> VenueOrderId {
    VenueOrderId([digit; 32])
}

fn parse(frame: &Value) -> Result<(Vec<UserEvent>, UserCounts), ParseError> {
    let mut out = Vec::new();
    let counts = parse_user(frame.to_string().as_bytes(), &owner(), &mut out)?;
    Ok((out, counts))
}

fn order(action: &str, status: &str, matched: &str) -> Value {
    json!({"event_type": "order", "id": id(1).to_string(), "owner": KEY, "asset_id": "12", "side": "BUY",
        "original_size": "100", "size_matched": matched, "price": "0.42", "associate_trades": null, "type": action,
        "created_at": "", "status": status, "timestamp": "1795424401023"})
}

fn maker(order: u8, owner: &str, address: &str, asset: &str, price: &str, size: &str) -> Value {
    json!({"order_id": id(order).to_string(), "owner": owner, "maker_address": address, "asset_id": asset,
        "price": price, "matched_amount": size, "fee_rate_bps": "0", "outcome": "", "side": "SELL"})
}

fn trade(trader_side: &str, status: &str, makers: &[Value]) -> Value {
    json!({"event_type": "trade", "type": "TRADE", "id": TRADE, "taker_order_id": id(9).to_string(), "asset_id": "12",
        "side": "BUY", "size": "30", "price": "0.48", "status": status, "matchtime": "1795424401",
        "last_update": "1795424409000", "owner": OTHER, "maker_address": STRANGER, "maker_orders": makers,
        "trader_side": trader_side})
}

fn parts(frame: &Value) -> Vec<Part> {
    let (events, _) = parse(frame).unwrap();
    match &events[..] {
        [] => vec![],
        [UserEvent::Trade(event)] => event.parts.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn order_states_are_read_from_every_word_of_the_venue() {
    let cases = [
        ("PLACEMENT", "LIVE", VenueStatus::Live),
        ("PLACEMENT", "DELAYED", VenueStatus::Live),
        ("UPDATE", "ORDER_STATUS_LIVE", VenueStatus::Live),
        ("UPDATE", "MATCHED", VenueStatus::Matched),
        ("UPDATE", "INVALID", VenueStatus::Invalid),
        ("CANCELLATION", "CANCELED", VenueStatus::Cancelled),
        ("CANCELLATION", "CANCELED_order couldn't be fully filled.", VenueStatus::Cancelled),
        ("CANCELLATION", "ORDER_STATUS_CANCELED_MARKET_RESOLVED", VenueStatus::Cancelled),
        ("CANCELLATION", "LIVE", VenueStatus::Cancelled),
        ("CANCELLATION", "MATCHED", VenueStatus::Matched),
    ];
    for (action, status, expected) in cases {
        // The venue leaves it empty only for an order that is done.
        let is_over = matches!(expected, VenueStatus::Cancelled | VenueStatus::Invalid);
        assert_eq!(parse(&order(action, status, "")).is_ok(), is_over, "{action} {status}");
        let (events, _) = parse(&order(action, status, if is_over { "" } else { "0" })).unwrap();
        let [UserEvent::Order(event)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((event.status, event.matched), (expected, Size::ZERO), "{action} {status}");
        assert_eq!((event.id, event.time), (id(1), Time(1_795_424_401_023_000)));
    }
}

#[test]
fn an_unknown_status_is_an_error_and_not_a_guess() {
    let error = parse(&order("UPDATE", "SLEEPING", "0")).unwrap_err();
    assert_eq!(error.to_string(), r#"field status is "SLEEPING""#);
    assert!(parse(&order("DANCE", "LIVE", "0")).is_err());
    assert!(parse(&order("UPDATE", "LIVE", "many")).is_err());
    assert!(parse(&trade("MAKER", "WON", &[maker(1, KEY, FUNDER, "12", "0.4", "1")])).is_err());
}

#[test]
fn a_taker_has_one_part_for_each_maker_and_knows_which_were_crossed() {
    let makers = [maker(2, OTHER, STRANGER, "12", "0.48", "20"), maker(3, OTHER, STRANGER, "13", "0.52", "10")];
    let parts = parts(&trade("TAKER", "MATCHED", &makers));
    assert_eq!(
        parts,
        [
            Part {
                part: 0,
                order: id(9),
                maker_price: Price::parse("0.48").unwrap(),
                size: Size::shares(20),
                maker: false,
                crossed: false
            },
            Part {
                part: 1,
                order: id(9),
                maker_price: Price::parse("0.52").unwrap(),
                size: Size::shares(10),
                maker: false,
                crossed: true
            },
        ]
    );
}

#[test]
fn a_maker_takes_its_own_entries_only() {
    let makers = [
        maker(2, OTHER, STRANGER, "12", "0.48", "20"),
        maker(3, KEY, STRANGER, "12", "0.48", "4"),
        maker(4, OTHER, &FUNDER.to_lowercase(), "13", "0.52", "6"),
    ];
    let parts = parts(&trade("MAKER", "MINED", &makers));
    let seen: Vec<_> = parts.iter().map(|part| (part.part, part.order, part.maker, part.crossed)).collect();
    assert_eq!(seen, [(1, id(3), true, false), (2, id(4), true, true)]);
}

#[test]
fn a_trade_with_ourselves_has_both_sides() {
    let parts = parts(&trade("TAKER", "MATCHED", &[maker(2, KEY, FUNDER, "12", "0.48", "20")]));
    assert_eq!(parts.iter().map(|part| (part.order, part.maker)).collect::<Vec<_>>(), [(id(9), false), (id(2), true)]);
}

#[test]
fn a_trade_of_others_is_counted_and_dropped() {
    let (events, counts) = parse(&trade("MAKER", "MATCHED", &[maker(2, OTHER, STRANGER, "12", "0.48", "20")])).unwrap();
    assert!(events.is_empty());
    assert_eq!(counts, UserCounts { foreign: 1, unknown: 0 });
    assert!(parse(&trade("TAKER", "MATCHED", &[])).is_err(), "a fill without makers cannot be booked");
}

#[test]
fn settlement_is_read_with_and_without_the_prefix() {
    let cases = [
        ("MATCHED", Settlement::Matched),
        ("TRADE_STATUS_MATCHED_NOT_BROADCASTED", Settlement::Matched),
        ("TRADE_STATUS_MINED", Settlement::Mined),
        ("CONFIRMED", Settlement::Confirmed),
        ("RETRYING", Settlement::Retrying),
        ("FAILED", Settlement::Failed),
    ];
    for (word, expected) in cases {
        let (events, _) = parse(&trade("MAKER", word, &[maker(2, KEY, FUNDER, "12", "0.48", "20")])).unwrap();
        let [UserEvent::Trade(event)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(event.settlement, expected, "{word}");
        assert_eq!(
            (event.matched_at, event.updated_at),
            (Time::from_millis(1_795_424_401_000), Time::from_millis(1_795_424_409_000))
        );
    }
}

#[test]
fn one_bad_event_does_not_swallow_its_neighbours() {
    let frame = json!([order("UPDATE", "LIVE", "25"), order("UPDATE", "?", "25"), {"event_type": "weather"}, order("CANCELLATION", "CANCELED", "25")]);
    let mut out = Vec::new();
    assert!(parse_user(frame.to_string().as_bytes(), &owner(), &mut out).is_err());
    assert_eq!(out.len(), 2);
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    assert_eq!(cut(&"é".repeat(500)).len(), REASON_MAX);
    assert_eq!(cut("short"), "short");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _read = parse_user(&bytes, &owner(), &mut Vec::new());
    }

    #[test]
    fn a_mutated_frame_never_panics(at in 0usize..600, byte in any::<u8>()) {
        let makers = [maker(2, KEY, STRANGER, "12", "0.48", "20")];
        let mut frame = json!([trade("MAKER", "MATCHED", &makers), order("UPDATE", "LIVE", "1")]).to_string().into_bytes();
        let place = at.checked_rem(frame.len()).unwrap();
        frame[place] = byte;
        let _read = parse_user(&frame, &owner(), &mut Vec::new());
        frame.truncate(place);
        prop_assert!(parse_user(&frame, &owner(), &mut Vec::new()).is_err());
    }
}
