#![allow(clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

use super::*;
use model::input::{Command, HostFault, Settlement, TradeUpdate};
use model::{Intent, IntentKind, OrderId, Price, Size, StrategyId, TokenIx, TradeId};

const SOON: Duration = Duration::from_millis(1);

fn alive(token: u32) -> InputKind {
    InputKind::BookConfirmed { token: TokenIx(token) }
}

fn looked(order: u64) -> InputKind {
    InputKind::OrderQueried { order: OrderId(order), not_found: true, asked: Time(1) }
}

/// Returns an answer with `intents` cancels, starting at `order`.
fn answer(order: u64, intents: u64) -> InputKind {
    let cancel = |order| Intent {
        tag: 0,
        reason: String::new(),
        fair: None,
        kind: IntentKind::Cancel { order: OrderId(order) },
    };
    let intents = (0..intents).map(|number| cancel(order + number)).collect();
    InputKind::Intents(StrategyAnswer::to_one(StrategyId(1), intents))
}

fn fill() -> InputKind {
    let (order, settlement) = (OrderId(1), Settlement::Matched);
    let (maker_price, size) = (Price::from_micros(400_000).unwrap(), Size::shares(5));
    let trade = TradeId([1; 16]);
    InputKind::Trade(TradeUpdate { trade, part: 0, order, settlement, maker_price, size, maker: true, crossed: false })
}

/// Takes one round, and returns its inputs.
fn round(inbox: &Inbox, market_max: usize) -> Vec<InputKind> {
    let mut taken = Taken::default();
    inbox.next_round(&mut taken, market_max, SOON);
    taken.arrivals.into_iter().map(|arrival| arrival.body).collect()
}

#[test]
fn the_opening_is_what_waits_of_the_account_in_its_order_and_nothing_else() {
    let inbox = Inbox::default();
    inbox.market(Time(1), std::iter::once(InputKind::Clock));
    for at in 2..5 {
        inbox.account(Time(at), InputKind::Clock);
    }
    let times: Vec<Time> = inbox.take_opening().into_iter().map(|arrival| arrival.at).collect();
    assert_eq!(times, [Time(2), Time(3), Time(4)]);
    let mut taken = Taken::default();
    inbox.next_round(&mut taken, 10, Duration::ZERO);
    assert_eq!(taken.arrivals.len(), 1);
}

#[test]
fn account_inputs_are_taken_first_then_the_market_then_strategies() {
    let inbox = Inbox::default();
    inbox.market(Time(1), [alive(1), alive(2)].into_iter());
    inbox.strategy(Time(1), answer(1, 1));
    inbox.account(Time(2), looked(1));
    assert_eq!(round(&inbox, 1), vec![looked(1), alive(1), answer(1, 1)]);
    assert_eq!(round(&inbox, 10), vec![alive(2)]);
}

#[test]
fn market_inputs_that_do_not_fit_are_reported_once() {
    let inbox = Inbox::default();
    let flood: Vec<InputKind> = (0..u32::try_from(MARKET_MAX).unwrap()).map(alive).collect();
    inbox.market(Time(1), flood.into_iter());
    inbox.market(Time(1), [alive(1)].into_iter());
    let mut taken = Taken::default();
    inbox.next_round(&mut taken, usize::MAX, SOON);
    assert!(taken.market_lost && taken.arrivals.len() == MARKET_MAX);
    inbox.next_round(&mut taken, usize::MAX, SOON);
    assert!(!taken.market_lost && taken.arrivals.is_empty());
}

#[test]
fn an_emergency_stop_among_65_536_answers_is_taken_at_once_and_nothing_is_lost() {
    let inbox = Inbox::default();
    inbox.strategy(Time(1), answer(1, 256));
    (1..STRATEGY_MAX).for_each(|_| inbox.strategy(Time(1), answer(1, 1)));
    let (reply, _answer) = tokio::sync::oneshot::channel();
    let stop = InputKind::Command(Command::EmergencyStop { reason: "now".to_owned() });
    inbox.command(Time(2), stop.clone(), reply);
    let fault = InputKind::HostFault { fault: HostFault::Journal };
    inbox.account(Time(2), fault.clone());
    inbox.account(Time(2), looked(7));
    let mut taken = Taken::default();
    inbox.next_round(&mut taken, 256, SOON);
    assert!(!taken.account_lost);
    let first: Vec<InputKind> = taken.arrivals.drain(..).map(|arrival| arrival.body).collect();
    assert_eq!(first[..3], [stop, fault, looked(7)]);
    assert_eq!(first.len(), 4, "one answer with 256 intents fills the round");
}

#[test]
fn a_round_is_bounded_and_every_queue_has_its_part_of_it() {
    let inbox = Inbox::default();
    (0..10_000).for_each(|number| inbox.account(Time(1), looked(number)));
    (0..1_000).for_each(|number| inbox.strategy(Time(1), answer(number * 1_000, 100)));
    (0..1_000).for_each(|number| inbox.market(Time(1), [alive(number)].into_iter()));
    let (mut orders, mut answers, mut market) = (Vec::new(), 0, 0);
    for _ in 0..1_000 {
        let bodies = round(&inbox, 256);
        let intents: usize = bodies.iter().filter(|body| matches!(body, InputKind::Intents(_))).map(weight).sum();
        let markets = bodies.iter().filter(|body| matches!(body, InputKind::BookConfirmed { .. })).count();
        assert!(intents < INTENTS_ROUND + 256 && markets <= 256, "{intents} intents, {markets} market inputs");
        let account = bodies.len() - intents / 100 - markets;
        assert!(account <= ACCOUNT_ROUND, "{account}");
        orders.extend(bodies.iter().filter_map(|body| match body {
            InputKind::OrderQueried { order, .. } => Some(order.0),
            _ => None,
        }));
        (answers, market) = (answers + intents / 100, market + markets);
    }
    assert_eq!((orders, answers, market), ((0..10_000).collect::<Vec<u64>>(), 1_000, 1_000), "all inputs in order");
}

#[test]
fn what_is_not_asked_for_again_has_room_where_other_account_inputs_have_none() {
    let inbox = Inbox::default();
    (0..=65_536).for_each(|number| inbox.account(Time(1), looked(number)));
    let stop = InputKind::Command(Command::EmergencyStop { reason: "now".to_owned() });
    let fault = InputKind::HostFault { fault: HostFault::Journal };
    let kept = [stop, fault, fill()];
    kept.iter().for_each(|body| inbox.account(Time(2), body.clone()));
    let mut taken = Taken::default();
    inbox.next_round(&mut taken, 0, SOON);
    assert!(taken.account_lost, "one input did not fit");
    let mut last = Vec::new();
    for _ in 0..ACCOUNT_MAX / ACCOUNT_ROUND {
        last = round(&inbox, 0);
    }
    assert_eq!(last, kept);
}

#[test]
fn a_closed_inbox_is_emptied_before_its_end() {
    let inbox = Inbox::default();
    (0..10).for_each(|number| inbox.strategy(Time(1), answer(number, 256)));
    inbox.close();
    let mut taken = Taken::default();
    for number in 0..10 {
        inbox.next_round(&mut taken, 0, SOON);
        assert_eq!((taken.arrivals.len(), taken.closed), (1, number == 9));
    }
}
