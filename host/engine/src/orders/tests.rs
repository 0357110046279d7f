use super::*;
use model::{OrderKind, Price};

const NOW: Time = Time(1_000_000);

fn entry(number: u64, state: OrderState) -> OrderEntry {
    let (id, strategy, token, side) = (OrderId(number), StrategyId(1), TokenIx(0), Side::Buy);
    let (price, size) = (Price::from_micros(400_000).unwrap(), Size::shares(10));
    let order = NewOrder { id, strategy, tag: 0, token, side, price, size, kind: OrderKind::Gtc { post_only: false } };
    OrderEntry::new(order, state, NOW)
}

fn key(number: u64) -> FillKey {
    let mut trade = [0; 16];
    trade[..8].copy_from_slice(&number.to_be_bytes());
    (TradeId(trade), 0, OrderId(number))
}

fn fill(settlement: Settlement, at: u64) -> Fill {
    let entry = FillEntry {
        strategy: StrategyId(1),
        token: TokenIx(0),
        side: Side::Buy,
        size: Size::shares(10),
        cost: Usd::dollars(4),
        fee: Usd::ZERO,
        basis: [Usd::ZERO; 2],
    };
    Fill { entry, settlement, at: Time(at) }
}

fn none(_: &OrderEntry) -> Reserve {
    Reserve::default()
}

/// Adds a closed order.
fn end(orders: &mut Orders, number: u64) {
    orders.insert(entry(number, OrderState::Live), Reserve::default());
    orders.update(OrderId(number), none, |entry| entry.state = OrderState::Cancelled);
}

#[test]
fn a_fill_that_is_not_settled_is_remembered_however_many_come_after_it() {
    let mut orders = Orders::default();
    orders.remember(key(1), fill(Settlement::Mined, 1), NOW);
    for number in 2..=20_002 {
        orders.remember(key(number), fill(Settlement::Confirmed, number), NOW);
    }
    assert!(orders.fill(&key(1)).is_some_and(|fill| !fill.is_final()));
    assert_eq!(orders.oldest_unsettled(), Some(Time(1)));
    assert!(orders.overdue(Time(9_000_000), 1).contains(&OrderId(1)));
    // The oldest settled fills were forgotten, and the time of the latest of them is known.
    assert_eq!((orders.fill_counts(), orders.forgotten()), ((20_000, 1), Time(3)));
    assert!(orders.fill(&key(3)).is_none() && orders.fill(&key(4)).is_some());
    orders.remember(key(1), fill(Settlement::Confirmed, 1), NOW);
    orders.remember(key(20_003), fill(Settlement::Confirmed, 20_003), NOW);
    assert_eq!(orders.fill_counts(), (20_000, 0));
}

#[test]
fn a_settled_fill_is_remembered_as_long_as_its_order_may_be_asked_for() {
    let mut orders = Orders { room: Room { fills: 2, ..Room::default() }, ..Orders::default() };
    orders.insert(entry(1, OrderState::Live), Reserve::default());
    orders.remember(key(1), fill(Settlement::Confirmed, 1), NOW);
    (2..=5).for_each(|number| orders.remember(key(number), fill(Settlement::Confirmed, number), NOW));
    assert!(orders.fill(&key(1)).is_some(), "its order is open: a query reports its trades again");
    orders.update(OrderId(1), none, |entry| entry.state = OrderState::Cancelled);
    (6..=9).for_each(|number| orders.remember(key(number), fill(Settlement::Confirmed, number), NOW));
    assert!(orders.fill(&key(1)).is_none());
}

#[test]
fn orders_of_which_something_may_come_are_never_forgotten() {
    let mut orders = Orders { room: Room { done: 3, ..Room::default() }, ..Orders::default() };
    // One order with shares whose trade was not reported, and one with a trade that has not settled.
    orders.insert(entry(1, OrderState::Live), Reserve::default());
    orders.update(OrderId(1), none, |entry| {
        (entry.state, entry.matched) = (OrderState::Cancelled, Size::shares(3));
    });
    orders.remember(key(2), fill(Settlement::Mined, 1), NOW);
    (2..=20).for_each(|number| end(&mut orders, number));
    assert!(orders.get(OrderId(1)).is_some() && orders.get(OrderId(2)).is_some());
    assert_eq!(orders.all().count(), 3);
    assert!(orders.is_done(OrderId(20)) && orders.is_done(OrderId(5)) && !orders.is_done(OrderId(2)));
}

#[test]
fn a_table_of_orders_that_all_wait_for_trades_comes_to_an_end() {
    let mut orders = Orders { room: Room { done: 3, ..Room::default() }, ..Orders::default() };
    for number in 1..=9 {
        orders.insert(entry(number, OrderState::Live), Reserve::default());
        orders.update(OrderId(number), none, |entry| {
            (entry.state, entry.matched) = (OrderState::Cancelled, Size::shares(3));
        });
    }
    assert_eq!((orders.all().count(), orders.at_risk_count(), orders.open_count()), (9, 9, 0));
    for number in 1..=9 {
        orders.update(OrderId(number), none, |entry| entry.traded = entry.matched);
    }
    assert_eq!(orders.at_risk_count(), 0);
    end(&mut orders, 10);
    assert_eq!(orders.all().count(), 3);
}
