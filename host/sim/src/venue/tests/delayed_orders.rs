use super::*;
use alloc::vec;

const LATER: Time = Time(NOW.0 + 3_000_000);

fn changes(events: &[Event]) -> Vec<Change> {
    let changes = events.iter().filter_map(|event| match event {
        Event::Order { change, order, .. } if order.id == id(9) => Some(*change),
        _ => None,
    });
    changes.collect()
}

/// Returns a venue with a sale of ten shares at 40 cents, and the order that would take it.
fn asked(kind: OrderKind) -> (Venue, [AccountId; 2], Order) {
    let (mut venue, accounts) = venue(2, 100);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 40, 10, GTC)).unwrap();
    venue.drain();
    (venue, [accounts[0], accounts[1]], order(9, YES, Side::Buy, 40, 10, kind))
}

#[test]
fn a_held_order_matches_when_its_time_is_over_and_not_before() {
    let (mut venue, [_, taker], order) = asked(OrderKind::Fak);
    assert!(venue.is_marketable(taker, &order));
    venue.hold(NOW, taker, &order, LATER).unwrap();
    assert_eq!(changes(&venue.drain()), [Change::Delayed]);
    assert!(venue.cash(taker).reserved >= 4_000_000, "its cost and the fee are reserved");
    assert!(!venue.cancel(NOW, taker, id(9)), "it cannot be cancelled");
    assert!(venue.cancel_all(NOW, taker).is_empty() && venue.is_held(id(9)));
    assert_eq!(venue.place(NOW, taker, &order), Err(Reject::Duplicate));
    venue.release(Time(LATER.0 - 1));
    assert!(venue.drain().is_empty());
    venue.release(LATER);
    let events = venue.drain();
    assert_eq!((changes(&events), trades(&events).len()), (vec![Change::Update], 1));
    assert_eq!((venue.cash(taker).reserved, venue.shares(taker, YES).total), (0, 110_000_000));
    assert!(!venue.is_held(id(9)));
}

#[test]
fn what_it_would_have_met_is_gone_so_it_rests_or_is_refused() {
    let (mut venue, [maker, taker], order) = asked(GTC);
    venue.hold(NOW, taker, &order, LATER).unwrap();
    venue.cancel(NOW, maker, id(1));
    venue.drain();
    venue.release(LATER);
    assert_eq!(changes(&venue.drain()), [Change::Unmatched]);
    assert_eq!(venue.order(id(9)).map(|order| order.created), Some(NOW));
    assert!(venue.cancel(LATER, taker, id(9)), "it rests, so it can be cancelled");
    for (kind, reject) in [(OrderKind::Fak, Reject::FakKilled), (OrderKind::Fok, Reject::FokKilled)] {
        let (mut venue, [maker, taker], order) = asked(kind);
        venue.hold(NOW, taker, &order, LATER).unwrap();
        venue.cancel(NOW, maker, id(1));
        venue.drain();
        venue.release(LATER);
        assert_eq!(changes(&venue.drain()), [Change::Refused(reject)]);
        assert_eq!((venue.cash(taker).reserved, venue.cash(taker).total), (0, 100_000_000));
    }
}

#[test]
fn what_is_held_for_one_order_is_not_there_for_another() {
    let (mut venue, [_, taker], order) = asked(GTC);
    let large = Order { size: Size::shares(230), ..order };
    venue.hold(NOW, taker, &large, LATER).unwrap();
    let other = Order { id: id(10), size: Size::shares(20), ..order };
    assert!(matches!(venue.place(NOW, taker, &other), Err(Reject::Balance { .. })));
    let other = Order { id: id(11), size: Size::shares(10), ..order };
    assert!(matches!(venue.hold(NOW, taker, &other, LATER), Err(Reject::Balance { .. })));
    // Its market is resolved during the delay.
    venue.resolve(NOW, MarketIx(0), [Usd::dollars(1), Usd::ZERO]).unwrap();
    venue.drain();
    venue.release(LATER);
    assert_eq!(changes(&venue.drain()), [Change::Refused(Reject::Closed)]);
    assert_eq!(venue.cash(taker).free(), 100_000_000);
}
