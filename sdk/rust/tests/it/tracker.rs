//! Tests of the tracker with single events.

use polytrader_sdk::harness::session;
use polytrader_sdk::units::SHARE;
use polytrader_sdk::{
    Event, FillEvent, MarketState, OpenOrder, OrderEvent, OrderState, OwnEvent, OwnKind, Position, Quote, Session,
    SessionState, Settlement, SettlementEvent, Side, Status, Top, Tracker,
};

const YES: u32 = 0;
const NO: u32 = 1;

fn started() -> Session {
    let mut session = session(2);
    session.positions.push(Position { token: YES, size: 10 * SHARE, cost: 4_000_000 });
    session.orders.push(OpenOrder {
        order: 5,
        tag: 1,
        token: YES,
        side: Side::Sell,
        price: 500_000,
        size: 4 * SHARE,
        filled: SHARE,
        state: OrderState::Live,
    });
    session
}

fn own(what: OwnKind) -> Event {
    Event::Own(OwnEvent { after: 0, at: 7, what })
}

fn top(token: u32, bid: u32, ask: u32) -> Event {
    let side = |price| Some(Quote { price, size: 100 * SHARE });
    Event::Top(Top { token, bid: side(bid), ask: side(ask), venue_time: 1, host_time: 2 })
}

fn order(order: u64, token: u32, side: Side, price: u32, filled: u64, state: OrderState) -> Event {
    let (tag, size) = (1, 5 * SHARE);
    own(OwnKind::Order(OrderEvent { order, tag, token, side, price, size, filled, state }))
}

#[test]
fn it_begins_with_the_sessions_positions_and_orders() {
    let tracker = Tracker::new(&started());
    assert_eq!(
        (tracker.held(YES), tracker.free(YES), tracker.open(YES, Side::Sell)),
        (10 * SHARE, 7 * SHARE, 3 * SHARE)
    );
    assert_eq!((tracker.cash(), tracker.invested()), (-4_000_000, 4_000_000));
    assert!(!tracker.trading());
    assert_eq!(tracker.market(3).unwrap().slug, "market-1");
    assert!(tracker.market(4).is_none());
}

#[test]
fn it_finds_tokens_whatever_their_handles_are() {
    // As after a restart in which some markets had ended: handles with gaps, not in ascending order.
    let mut session = session(6);
    session.markets = [5, 1, 4].map(|place| session.markets[place].clone()).to_vec();
    let mut tracker = Tracker::new(&session);
    for market in &session.markets {
        for token in [&market.yes, &market.no] {
            let price = 10_000 * (token.handle + 1);
            tracker.update(&top(token.handle, price, price + 10_000));
        }
    }
    let bid = |handle: u32| tracker.bid(handle).map(|bid| bid.price);
    let bids: Vec<Option<u32>> = (0..13).map(bid).collect();
    let known = |handle: u32| [2, 3, 8, 9, 10, 11].contains(&handle).then_some(10_000 * (handle + 1));
    assert_eq!(bids, (0..13).map(known).collect::<Vec<_>>());
    assert_eq!(bid(u32::MAX), None);
    assert_eq!(tracker.token(9).unwrap().other, 8);
}

#[test]
fn it_follows_prices_until_a_market_is_blind() {
    let mut tracker = Tracker::new(&started());
    assert_eq!(tracker.mid(YES), None);
    tracker.update(&top(YES, 400_000, 450_000));
    assert_eq!((tracker.bid(YES).unwrap().price, tracker.ask(YES).unwrap().price), (400_000, 450_000));
    assert_eq!((tracker.mid(YES), tracker.mid(NO)), (Some(425_000), None));
    assert_eq!(tracker.profit(), 0);
    let status =
        |state| Event::Status(Status { token: YES, state, tick: 1_000, pays: None, venue_time: 1, host_time: 2 });
    tracker.update(&status(MarketState::Blind));
    assert_eq!((tracker.mid(YES), tracker.token(YES).unwrap().tick), (None, 1_000));
    tracker.update(&status(MarketState::Open));
    assert_eq!(tracker.mid(YES), None, "a price from before the blind spell does not count");
}

#[test]
fn it_follows_orders_from_their_start_to_their_end() {
    let mut tracker = Tracker::new(&session(1));
    tracker.update(&order(1, YES, Side::Buy, 400_000, 0, OrderState::Pending));
    tracker.update(&order(2, NO, Side::Sell, 600_000, 0, OrderState::Live));
    assert_eq!(tracker.open(YES, Side::Buy), 5 * SHARE);
    assert_eq!(tracker.resting(YES, Side::Buy, 400_000), 10 * SHARE, "a SELL of NO at 0.60 is a bid for YES at 0.40");
    assert_eq!(tracker.resting(NO, Side::Sell, 600_000), 10 * SHARE);
    tracker.update(&order(1, YES, Side::Buy, 400_000, 2 * SHARE, OrderState::PartlyFilled));
    assert_eq!((tracker.open(YES, Side::Buy), tracker.orders().len()), (3 * SHARE, 2));
    for state in [OrderState::Filled, OrderState::Cancelled, OrderState::Refused] {
        tracker.update(&order(1, YES, Side::Buy, 400_000, 2 * SHARE, OrderState::Unknown));
        assert_eq!(tracker.orders().len(), 2, "an order whose outcome is unknown may be live");
        tracker.update(&order(1, YES, Side::Buy, 400_000, 2 * SHARE, state));
        tracker.update(&order(1, YES, Side::Buy, 400_000, 2 * SHARE, state));
        assert_eq!(tracker.orders().len(), 1, "{state:?}");
    }
}

#[test]
fn fills_move_cash_and_positions_are_what_is_reported() {
    let mut tracker = Tracker::new(&session(1));
    let fill = |side, price, size, fee| {
        own(OwnKind::Fill(FillEvent { order: 1, tag: 1, token: YES, side, price, size, fee, trade: String::new() }))
    };
    tracker.update(&fill(Side::Buy, 400_000, 10 * SHARE, 100));
    tracker.update(&own(OwnKind::Position(Position { token: YES, size: 10 * SHARE, cost: 4_000_000 })));
    assert_eq!((tracker.cash(), tracker.held(YES)), (-4_000_100, 10 * SHARE));
    tracker.update(&fill(Side::Sell, 500_000, 4 * SHARE, 50));
    tracker.update(&own(OwnKind::Position(Position { token: YES, size: 6 * SHARE, cost: 2_400_000 })));
    assert_eq!((tracker.cash(), tracker.invested()), (-2_000_150, 2_400_000));
    tracker.update(&top(YES, 450_000, 480_000));
    assert_eq!(tracker.profit(), 699_850);
}

#[test]
fn a_failed_match_is_taken_back_and_a_resolved_market_pays() {
    let mut tracker = Tracker::new(&session(1));
    let (order, tag, token, side, price, size) = (1, 1, YES, Side::Buy, 400_000, 10 * SHARE);
    let trade = || "t".to_owned();
    let held = |size, cost| own(OwnKind::Position(Position { token: YES, size, cost }));
    tracker.update(&own(OwnKind::Fill(FillEvent { order, tag, token, side, price, size, fee: 0, trade: trade() })));
    tracker.update(&held(size, 4_000_000));
    for (state, cash) in [(Settlement::Mined, -4_000_000), (Settlement::Failed, 0)] {
        let settled = SettlementEvent { order, tag, token, side, price, size, trade: trade(), state };
        tracker.update(&own(OwnKind::Settlement(settled)));
        assert_eq!(tracker.cash(), cash, "{state:?}");
    }
    let (state, tick, pays) = (MarketState::Resolved, 10_000, Some(1_000_000));
    tracker.update(&Event::Status(Status { token: YES, state, tick, pays, venue_time: 1, host_time: 2 }));
    assert_eq!((tracker.cash(), tracker.profit()), (0, 10_000_000));
    tracker.update(&held(0, 0));
    assert_eq!((tracker.cash(), tracker.profit()), (10_000_000, 10_000_000));
}

#[test]
fn foreign_tokens_and_huge_numbers_harm_nothing() {
    let mut tracker = Tracker::new(&session(1));
    tracker.update(&top(99, 400_000, 450_000));
    tracker.update(&own(OwnKind::Position(Position { token: 99, size: 1, cost: 1 })));
    let (side, price, size, fee) = (Side::Buy, u32::MAX, u64::MAX, i64::MAX);
    for _ in 0..3 {
        tracker.update(&own(OwnKind::Fill(FillEvent {
            order: 1,
            tag: 1,
            token: 99,
            side,
            price,
            size,
            fee,
            trade: String::new(),
        })));
    }
    tracker.update(&own(OwnKind::Session(SessionState::Running)));
    assert!(tracker.token(99).is_none() && tracker.trading());
    assert_eq!((tracker.cash(), tracker.now()), (i64::MIN, session(1).now));
}
