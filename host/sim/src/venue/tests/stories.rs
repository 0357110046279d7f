#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "test code may fail loudly")]

use super::*;

#[test]
fn a_taker_pays_the_resting_price_and_the_fee_on_top() {
    let (mut venue, accounts) = venue(2, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 48, 100, POST_ONLY)).unwrap();
    let placed = venue.place(NOW, accounts[1], &order(2, YES, Side::Buy, 50, 60, GTC)).unwrap();
    // 60 * 0.48 = 28.80; fee 60 * 0.07 * 0.48 * 0.52 = 1.048320.
    assert_eq!((placed.value, placed.fee, placed.resting), (Usd(28_800_000), Usd(1_048_320), false));
    assert_eq!(venue.cash(accounts[0]).total, 1_028_800_000);
    assert_eq!(venue.cash(accounts[1]).total, 1_000_000_000 - 28_800_000 - 1_048_320);
    assert_eq!(venue.shares(accounts[0], YES), Balance { total: 940_000_000, reserved: 40_000_000 });
    assert_eq!(venue.shares(accounts[1], YES).total, 1_060_000_000);
    assert_eq!(venue.last_trade(MarketIx(0)), Some((YES, price(48), Side::Buy, Size::shares(60))));
}

#[test]
fn buyers_of_both_tokens_mint_a_set_and_sellers_merge_one() {
    let (mut venue, accounts) = venue(2, 1_000);
    venue.place(NOW, accounts[0], &order(1, NO, Side::Buy, 55, 10, POST_ONLY)).unwrap();
    assert_eq!(venue.best(YES, Side::Sell).map(|level| level.price), Some(price(45)));
    venue.drain();
    venue.place(NOW, accounts[1], &order(2, YES, Side::Buy, 47, 10, GTC)).unwrap();
    let events = venue.drain();
    let trade = trades(&events)[0];
    assert_eq!((trade.price, trade.parts[0].price, trade.parts[0].token), (price(45), price(55), NO));
    assert_eq!(trade.parts[0].side, Side::Buy);
    assert_eq!(venue.cash(accounts[0]).total, 994_500_000);
    assert_eq!(venue.cash(accounts[1]).total, 1_000_000_000 - 4_500_000 - trade.fee.micros());
    assert_eq!(venue.sets(MarketIx(0)), 10_000_000);
    venue.place(NOW, accounts[0], &order(3, NO, Side::Sell, 55, 10, GTC)).unwrap();
    venue.place(NOW, accounts[1], &order(4, YES, Side::Sell, 40, 10, GTC)).unwrap();
    assert_eq!(venue.sets(MarketIx(0)), 0);
    assert_eq!(venue.cash(accounts[0]).total, 1_000_000_000);
}

#[test]
fn the_better_price_goes_first_and_at_one_price_who_came_first() {
    let (mut venue, accounts) = venue(3, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 50, 10, GTC)).unwrap();
    venue.place(NOW, accounts[1], &order(2, NO, Side::Buy, 50, 10, GTC)).unwrap();
    venue.place(NOW, accounts[0], &order(3, YES, Side::Sell, 49, 10, GTC)).unwrap();
    venue.drain();
    venue.place(NOW, accounts[2], &order(4, YES, Side::Buy, 52, 25, GTC)).unwrap();
    let events = venue.drain();
    let met: Vec<_> = trades(&events).iter().flat_map(|trade| trade.parts.iter().map(|part| part.order)).collect();
    assert_eq!(met, [Some(id(3)), Some(id(1)), Some(id(2))]);
    assert_eq!(trades(&events).len(), 2, "one trade for each price");
    assert_eq!(venue.order(id(2)).map(OpenOrder::rest), Some(Size::shares(5)));
}

#[test]
fn what_the_venue_refuses_changes_nothing() {
    let (mut venue, accounts) = venue(2, 100);
    let (maker, taker) = (accounts[0], accounts[1]);
    venue.place(NOW, maker, &order(1, YES, Side::Sell, 50, 50, GTC)).unwrap();
    venue.drain();
    let before = venue.clone();
    let tick = Order { price: Price::from_micros(505_000).unwrap(), ..order(2, YES, Side::Buy, 50, 10, GTC) };
    let spend = Order { spend: Some(Usd::dollars(5)), ..order(2, YES, Side::Buy, 50, 10, GTC) };
    let needed = |needed| Reject::Balance { balance: 100_000_000, reserved: 0, needed };
    let cases = [
        (tick, Reject::Tick { price: tick.price, tick: TickSize::CENT }),
        (spend, Reject::Range),
        (order(2, YES, Side::Buy, 40, 4, GTC), Reject::Small { size: Size::shares(4), min: Size::shares(5) }),
        (order(1, YES, Side::Buy, 40, 10, GTC), Reject::Duplicate),
        (order(2, YES, Side::Buy, 50, 10, POST_ONLY), Reject::PostOnly),
        (order(2, YES, Side::Buy, 50, 51, OrderKind::Fok), Reject::FokKilled),
        (order(2, YES, Side::Buy, 49, 10, OrderKind::Fak), Reject::FakKilled),
        (order(2, YES, Side::Buy, 50, 1, OrderKind::Fak), Reject::SmallMarketable { value: Usd(500_000) }),
        (order(2, YES, Side::Sell, 90, 101, GTC), needed(101_000_000)),
        (order(2, YES, Side::Buy, 40, 251, GTC), needed(100_400_000)),
        // 197 * 0.50 fits, but not with the fee that a taker may have to pay.
        (order(2, YES, Side::Buy, 50, 197, GTC), needed(98_500_000 + 3_447_500)),
        (order(2, TokenIx(2), Side::Buy, 50, 10, GTC), Reject::UnknownToken),
    ];
    for (order, reject) in cases {
        assert_eq!(venue.place(NOW, taker, &order), Err(reject));
    }
    assert_eq!(alloc::format!("{venue:?}"), alloc::format!("{before:?}"));
}

#[test]
fn a_buy_in_dollars_stops_at_the_dollars_and_at_the_exact_ratio() {
    let (mut venue, accounts) = venue(2, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 33, 20, GTC)).unwrap();
    // 9.90 dollars for 30 shares: exactly 0.33 a share, so the 20 shares match.
    let fits = Order { spend: Some(Usd(9_900_000)), ..order(2, YES, Side::Buy, 33, 30, OrderKind::Fak) };
    let placed = venue.place(NOW, accounts[1], &fits).unwrap();
    assert_eq!((placed.matched, placed.value), (Size::shares(20), Usd(6_600_000)));
    venue.place(NOW, accounts[0], &order(3, YES, Side::Sell, 33, 20, GTC)).unwrap();
    // A millionth of a dollar less is below 0.33 a share.
    let below = Order { spend: Some(Usd(9_899_999)), ..order(4, YES, Side::Buy, 33, 30, OrderKind::Fak) };
    assert_eq!(venue.place(NOW, accounts[1], &below), Err(Reject::FakKilled));
}

#[test]
fn a_buy_in_dollars_is_judged_by_its_dollars() {
    for kind in [OrderKind::Fak, OrderKind::Fok] {
        let buy = |number, spend, shares| Order {
            spend: Some(Usd(spend)),
            ..order(number, YES, Side::Buy, 50, shares, kind)
        };
        let (mut venue, accounts) = venue(2, 100);
        let (maker, taker) = (accounts[0], accounts[1]);
        venue.place(NOW, maker, &order(1, YES, Side::Sell, 40, 100, GTC)).unwrap();
        // Ten shares at its price would be five dollars.
        let value = Usd(999_999);
        assert_eq!(venue.place(NOW, taker, &buy(2, 999_999, 10)), Err(Reject::SmallMarketable { value }));
        // Two hundred shares at its price would be 100 dollars.
        let fee = market(1, None).fee.taker_fee_worst(price(50), Size::shares(200)).unwrap().micros();
        let needed = 97_000_000 + fee;
        assert!(needed > 100_000_000, "{fee}");
        let refused = Reject::Balance { balance: 100_000_000, reserved: 0, needed };
        assert_eq!(venue.place(NOW, taker, &buy(3, 97_000_000, 200)), Err(refused));
        let placed = venue.place(NOW, taker, &buy(4, 4_000_000, 10)).unwrap();
        assert_eq!((placed.matched, placed.value), (Size::shares(10), Usd::dollars(4)));
    }
}

#[test]
fn a_market_buy_spends_its_dollars_and_a_better_price_gives_more_shares() {
    for kind in [OrderKind::Fak, OrderKind::Fok] {
        let (mut venue, accounts) = venue(2, 1_000);
        venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 44, 20, GTC)).unwrap();
        // Ten shares at 0.50 are five dollars; at 0.44 that buys 11.363637 shares, for five dollars to the millionth.
        let placed = venue.place(NOW, accounts[1], &order(2, YES, Side::Buy, 50, 10, kind)).unwrap();
        assert_eq!((placed.matched, placed.value, placed.whole), (Size(11_363_637), Usd::dollars(5), true));
        assert_eq!(venue.cash(accounts[1]).total, 995_000_000 - placed.fee.micros());
        assert_eq!(venue.shares(accounts[1], YES).total, 1_011_363_637);
        venue.drain();
        // The rest of that level, then one whose sellers bid for the other token: 3.80 dollars and 1.20 dollars.
        venue.place(NOW, accounts[0], &order(3, NO, Side::Buy, 55, 20, GTC)).unwrap();
        let placed = venue.place(NOW, accounts[1], &order(4, YES, Side::Buy, 50, 10, kind)).unwrap();
        assert_eq!((placed.matched, placed.value), (Size(8_636_363 + 2_666_668), Usd::dollars(5)));
        assert_eq!(changes_of(&venue.drain(), 4), [Change::Placement, Change::Update, Change::Update]);
    }
}

#[test]
fn a_market_buy_is_whole_when_its_dollars_are_spent_whatever_the_shares() {
    let (mut venue, accounts) = venue(2, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 40, 12, GTC)).unwrap();
    // Twelve shares are more than the ten that it names, but cost only 4.80 of its five dollars.
    assert_eq!(
        venue.place(NOW, accounts[1], &order(2, YES, Side::Buy, 50, 10, OrderKind::Fok)),
        Err(Reject::FokKilled)
    );
    venue.drain();
    let placed = venue.place(NOW, accounts[1], &order(3, YES, Side::Buy, 50, 10, OrderKind::Fak)).unwrap();
    assert_eq!((placed.matched, placed.value, placed.whole), (Size::shares(12), Usd(4_800_000), false));
    assert_eq!(changes_of(&venue.drain(), 3), [Change::Placement, Change::Update, Change::Cancellation]);
    // The very last share of the level is the last that its dollars buy.
    venue.place(NOW, accounts[0], &order_of(4, YES, Side::Sell, 40, Size(12_500_000), GTC)).unwrap();
    assert!(venue.place(NOW, accounts[1], &order(5, YES, Side::Buy, 50, 10, OrderKind::Fok)).unwrap().whole);
    // A missing millionth of a share is rounding.
    venue.place(NOW, accounts[0], &order_of(6, YES, Side::Sell, 40, Size(12_499_999), GTC)).unwrap();
    assert!(venue.place(NOW, accounts[1], &order(7, YES, Side::Buy, 50, 10, OrderKind::Fok)).unwrap().whole);
}

#[test]
fn every_other_order_gets_no_more_shares_than_it_names() {
    let (mut venue, accounts) = venue(2, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 40, 100, GTC)).unwrap();
    let placed = venue.place(NOW, accounts[1], &order(2, YES, Side::Buy, 50, 10, GTC)).unwrap();
    assert_eq!((placed.matched, placed.value, placed.resting), (Size::shares(10), Usd::dollars(4), false));
    venue.place(NOW, accounts[0], &order(3, YES, Side::Buy, 39, 100, GTC)).unwrap();
    for (number, kind) in [(4, OrderKind::Fak), (5, OrderKind::Fok), (6, GTC)] {
        let placed = venue.place(NOW, accounts[1], &order(number, YES, Side::Sell, 30, 10, kind)).unwrap();
        assert_eq!((placed.matched, placed.value), (Size::shares(10), Usd(3_900_000)));
    }
    // A market BUY without dollars, and a resting one with dollars, are invalid.
    let nameless = Order { spend: None, ..order(7, YES, Side::Buy, 50, 10, OrderKind::Fak) };
    assert_eq!(venue.place(NOW, accounts[1], &nameless), Err(Reject::Range));
}

fn changes_of(events: &[Event], number: u64) -> Vec<Change> {
    let of = |event: &Event| match event {
        Event::Order { change, order, .. } if order.id == id(number) => Some(*change),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn external_depth_that_was_taken_stays_taken_until_the_level_changes() {
    let (mut venue, accounts) = venue(1, 1_000);
    venue.set_external(NOW, NO, Side::Buy, price(60), Size::shares(30)).unwrap();
    assert_eq!(venue.levels(YES, Side::Sell), [Level { price: price(40), size: Size::shares(30) }]);
    let placed = venue.place(NOW, accounts[0], &order(1, YES, Side::Buy, 40, 20, OrderKind::Fok)).unwrap();
    assert_eq!(placed.value, Usd::dollars(8));
    let left = |venue: &Venue| venue.best(YES, Side::Sell).map(|level| level.size);
    venue.set_external(NOW, YES, Side::Sell, price(40), Size::shares(30)).unwrap();
    assert_eq!(left(&venue), Some(Size::shares(10)));
    venue.set_external(NOW, YES, Side::Sell, price(40), Size::shares(25)).unwrap();
    assert_eq!(left(&venue), Some(Size::shares(25)));
}

#[test]
fn external_depth_that_crosses_a_resting_order_fills_it() {
    let (mut venue, accounts) = venue(1, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Sell, 50, 20, GTC)).unwrap();
    venue.drain();
    venue.set_external(NOW, YES, Side::Buy, price(52), Size::shares(15)).unwrap();
    let events = venue.drain();
    let trade = trades(&events)[0];
    assert_eq!((trade.order, trade.price, trade.size), (None, price(50), Size::shares(15)));
    assert_eq!(venue.order(id(1)).map(OpenOrder::rest), Some(Size::shares(5)));
    assert_eq!(venue.cash(accounts[0]).total, 1_007_500_000, "a maker pays no fee");
    assert_eq!(venue.best(YES, Side::Buy), None, "the external level was used up");
    let book = [Level { price: price(30), size: Size::shares(9) }];
    venue.replace_external(NOW, YES, &book, &[]).unwrap();
    assert_eq!(venue.drain(), [Event::BookReset { market: MarketIx(0) }]);
    assert_eq!(venue.levels(NO, Side::Sell), [Level { price: price(70), size: Size::shares(9) }]);
    venue.clear_external(MarketIx(0)).unwrap();
    assert_eq!(venue.best(YES, Side::Buy), None);
}

#[test]
fn cancels_free_what_orders_held() {
    let (mut venue, accounts) = venue(2, 1_000);
    venue.place(NOW, accounts[0], &order(1, YES, Side::Buy, 40, 100, GTC)).unwrap();
    venue.place(NOW, accounts[0], &order(2, NO, Side::Sell, 80, 100, GTC)).unwrap();
    venue.place(NOW, accounts[0], &order(3, NO, Side::Buy, 10, 100, GTC)).unwrap();
    assert_eq!(venue.cash(accounts[0]).reserved, 50_000_000);
    assert!(!venue.cancel(NOW, accounts[1], id(1)), "another account's order");
    assert_eq!(venue.cancel_market(NOW, accounts[0], MarketIx(0), Some(NO)), [id(2), id(3)]);
    assert_eq!(venue.cancel_all(NOW, accounts[0]), [id(1)]);
    assert_eq!((venue.cash(accounts[0]).reserved, venue.shares(accounts[0], NO).reserved), (0, 0));
    assert!(venue.levels(YES, Side::Buy).is_empty());
    let events = venue.drain();
    let cancelled =
        events.iter().filter(|event| matches!(event, Event::Order { change: Change::Cancellation, .. })).count();
    assert_eq!(cancelled, 3);
}

#[test]
fn an_order_with_an_end_is_cancelled_then_and_gives_back_what_it_held() {
    let (mut venue, accounts) = venue(2, 100);
    let until_s = 300;
    let until = |post_only| OrderKind::Gtd { post_only, until_s };
    venue.place(NOW, accounts[0], &order(1, YES, Side::Buy, 40, 10, until(true))).unwrap();
    venue.place(NOW, accounts[0], &order(2, YES, Side::Sell, 50, 10, until(false))).unwrap();
    venue.place(NOW, accounts[0], &order(3, YES, Side::Buy, 30, 10, GTC)).unwrap();
    let crossing = venue.place(NOW, accounts[1], &order(4, YES, Side::Buy, 50, 5, until(true)));
    assert_eq!(crossing, Err(Reject::PostOnly));
    venue.place(NOW, accounts[1], &order(5, YES, Side::Buy, 50, 10, until(false))).unwrap();
    venue.drain();
    let end = Time(u64::from(until_s) * 1_000_000);
    venue.expire(Time(end.0 - 1));
    assert_eq!(venue.drain(), []);
    venue.expire(end);
    let ended: Vec<_> = venue
        .drain()
        .iter()
        .filter_map(|event| match event {
            Event::Order { at, change: Change::Cancellation, order } => Some((*at, order.id)),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [(end, id(1))], "the sale was filled, and the other bid does not expire");
    assert_eq!(venue.cash(accounts[0]).reserved, 3_000_000);
    assert_eq!(venue.ending.len(), 0);
}

#[test]
fn a_resolved_market_ends_its_orders_pays_once_and_never_trades_again() {
    let (mut venue, accounts) = venue(2, 100);
    let [maker, taker] = [accounts[0], accounts[1]];
    venue.place(NOW, maker, &order(1, YES, Side::Sell, 40, 10, GTC)).unwrap();
    venue.place(NOW, taker, &order(2, YES, Side::Buy, 40, 5, GTC)).unwrap();
    venue.set_external(NOW, YES, Side::Buy, price(20), Size::shares(7)).unwrap();
    let before = [maker, taker].map(|account| venue.cash(account).total);
    assert_eq!(venue.resolve(NOW, MarketIx(0), [Usd(700_000), Usd(400_000)]), Err(MarketError::Resolved));
    assert_eq!(venue.redeem(MarketIx(0)), Err(MarketError::Unknown), "not before it is resolved");
    venue.drain();
    venue.resolve(NOW, MarketIx(0), [Usd::dollars(1), Usd::ZERO]).unwrap();
    let events = venue.drain();
    let pays = [Usd::dollars(1), Usd::ZERO];
    assert_eq!(events.last(), Some(&Event::Resolved { market: MarketIx(0), pays }));
    assert!(events.iter().any(|event| matches!(event, Event::Order { change: Change::Cancellation, .. })));
    assert_eq!(venue.orders(maker).count(), 0);
    assert_eq!(venue.resolve(NOW, MarketIx(0), pays), Err(MarketError::Resolved));
    assert_eq!(venue.place(NOW, taker, &order(3, YES, Side::Buy, 40, 5, GTC)), Err(Reject::Closed));
    venue.set_external(NOW, YES, Side::Buy, price(20), Size::shares(7)).unwrap();
    assert_eq!(venue.best(YES, Side::Buy), None, "further events of the recording have no effect");
    // 95 and 105 shares of YES at a dollar each; NO pays nothing.
    venue.redeem(MarketIx(0)).unwrap();
    venue.redeem(MarketIx(0)).unwrap();
    let after = [maker, taker].map(|account| venue.cash(account).total);
    assert_eq!([after[0] - before[0], after[1] - before[1]], [95_000_000, 105_000_000]);
    assert_eq!(venue.shares(taker, NO).total, 0);
}
