#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

mod cases;

use super::*;
use alloc::string::String;
use alloc::vec;
use model::event::{MarketEvent, MarketEventKind};
use model::input::VenueStatus;
use model::{FeeRate, Level, OrderKind, Price, Side, StrategyId};

const YES: TokenIx = TokenIx(0);
const NO: TokenIx = TokenIx(1);
const START: Time = Time(1_000_000_000);
const WAY: u64 = Latency::DEFAULT.one_way;

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).unwrap()
}

fn level(cents: u32, shares: u64) -> Level {
    Level { price: price(cents), size: Size::shares(shares) }
}

fn market() -> Market {
    Market { fee: FeeRate { rate_micros: 70_000 }, ..testkit::market(1) }
}

/// A story: the paper venue and the clock.
struct Story {
    paper: Paper,
    now: Time,
    inputs: Vec<InputKind>,
}

impl Story {
    /// Returns a story with 100 dollars and 50 shares of YES; bids of 100 at 40 cents, asks of 80 at 42.
    fn new() -> Self {
        let mut story = Self::of(FillModel::Pessimistic);
        story.hear(YES, MarketEventKind::Book { bids: vec![level(40, 100)], asks: vec![level(42, 80)] });
        story
    }

    /// Returns a story with the same account and an unknown book.
    fn of(model: FillModel) -> Self {
        let owned = [(YES, Size::shares(50))];
        let paper = Paper::new(Latency::DEFAULT, [market()], Usd::dollars(100), &owned).unwrap().with_model(model);
        Self { paper, now: START, inputs: Vec::new() }
    }

    fn hear(&mut self, token: TokenIx, kind: MarketEventKind) {
        self.paper.on_market_event(self.now, &MarketEvent { token, venue_time: self.now, kind }).unwrap();
    }

    fn level(&mut self, side: Side, cents: u32, shares: u64) {
        self.hear(YES, MarketEventKind::Level { side, price: price(cents), size: Size::shares(shares) });
    }

    fn trade(&mut self, token: TokenIx, taker: Side, cents: u32, shares: u64) {
        self.hear(token, MarketEventKind::Trade { side: taker, price: price(cents), size: Size::shares(shares) });
    }

    fn order(&mut self, id: u64, side: Side, cents: u32, shares: u64, kind: OrderKind) {
        let (strategy, tag) = (StrategyId(1), 0);
        let (id, price, size) = (OrderId(id), price(cents), Size::shares(shares));
        let order = NewOrder { id, strategy, tag, token: YES, side, price, size, kind };
        let mut venue = [0; 32];
        venue[..8].copy_from_slice(&id.0.to_be_bytes());
        self.paper.place(self.now, &order, VenueOrderId(venue));
    }

    fn bid(&mut self, id: u64, cents: u32, shares: u64) {
        self.order(id, Side::Buy, cents, shares, OrderKind::Gtc { post_only: false });
        self.pass(2 * WAY);
    }

    fn pass(&mut self, micros: u64) {
        self.now = self.now.plus_micros(micros);
        self.paper.advance(self.now, &mut self.inputs);
    }

    /// Returns the shares of all trades first reported since the last call.
    fn filled(&mut self) -> Size {
        self.pass(WAY);
        let sizes = self.inputs.drain(..).filter_map(|body| match body {
            InputKind::Trade(update) if update.settlement == Settlement::Matched => Some(update.size),
            _ => None,
        });
        sizes.fold(Size::ZERO, Size::saturating_add)
    }
}

#[test]
fn an_order_takes_effect_one_way_later_and_is_answered_two_ways_later() {
    let mut story = Story::new();
    story.order(1, Side::Buy, 42, 10, OrderKind::Fak);
    story.pass(WAY - 1);
    // The price seen when the order was sent is gone when it arrives.
    story.level(Side::Sell, 42, 0);
    story.pass(WAY);
    assert_eq!(story.inputs, vec![], "the answer is in flight");
    story.pass(1);
    let refused: Vec<String> = story
        .inputs
        .iter()
        .filter_map(|body| match body {
            InputKind::Placed { outcome: PlaceOutcome::Refused { reason }, .. } => Some(reason.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(refused, ["no orders found to match with FAK order"]);
}

#[test]
fn a_taker_pays_the_price_and_the_fee_and_the_depth_stays_taken() {
    let mut story = Story::new();
    story.order(1, Side::Buy, 42, 60, OrderKind::Fak);
    assert_eq!((story.pass(2 * WAY), story.filled()), ((), Size::shares(60)));
    // 60 at 0.42, and 60 x 0.07 x 0.42 x 0.58 of fees.
    let paid = Usd(25_200_000 + 1_023_120);
    assert_eq!(story.paper.view().cash, Usd::dollars(100).saturating_sub(paid));
    assert_eq!(story.paper.view().shares, [(YES, Size::shares(110))]);
    story.order(2, Side::Buy, 42, 60, OrderKind::Fak);
    assert_eq!((story.pass(2 * WAY), story.filled()), ((), Size::shares(20)));
}

#[test]
fn what_stood_before_us_trades_first() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.trade(YES, Side::Sell, 40, 70);
    assert_eq!(story.filled(), Size::ZERO, "100 were ahead of us");
    story.trade(YES, Side::Sell, 40, 36);
    assert_eq!(story.filled(), Size::shares(6));
    story.trade(YES, Side::Sell, 40, 500);
    assert_eq!(story.filled(), Size::shares(4), "never more than the order");
    assert_eq!(story.paper.open_orders().count(), 0);
}

#[test]
fn a_trade_that_the_level_showed_before_does_not_count_twice() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.level(Side::Buy, 40, 30);
    story.trade(YES, Side::Sell, 40, 70);
    story.trade(YES, Side::Sell, 40, 30);
    assert_eq!(story.filled(), Size::ZERO, "the remaining 30 ahead of us traded");
    story.trade(YES, Side::Sell, 40, 5);
    assert_eq!(story.filled(), Size::shares(5));
}

#[test]
fn depth_that_goes_without_a_trade_moves_us_forward_only_as_far_as_it_must() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.level(Side::Buy, 40, 60);
    // New depth queues behind us.
    story.level(Side::Buy, 40, 200);
    story.pass(3_000_000);
    story.trade(YES, Side::Sell, 40, 65);
    assert_eq!(story.filled(), Size::shares(5));
}

#[test]
fn a_trade_beyond_our_price_and_a_book_that_crosses_us_reach_us_whatever_stood_before() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.bid(2, 41, 5);
    // A buyer of NO at 61 cents is a seller of YES at 39.
    story.trade(NO, Side::Buy, 61, 12);
    assert_eq!(story.filled(), Size::shares(12), "5 at 41 cents, then 7 at 40");
    story.level(Side::Sell, 40, 2);
    assert_eq!(story.filled(), Size::shares(2));
    let cash = story.paper.view().cash;
    assert_eq!(
        cash,
        Usd::dollars(100).saturating_sub(Usd(5 * 410_000 + 9 * 400_000)),
        "each at its own price, no fees"
    );
}

#[test]
fn a_cancel_that_loses_the_race_is_answered_with_not_open() {
    let mut story = Story::new();
    story.bid(1, 41, 10);
    story.inputs.clear();
    story.paper.cancel(story.now, OrderId(1));
    story.trade(YES, Side::Sell, 41, 10);
    story.pass(2 * WAY);
    let lost = InputKind::CancelAnswer { order: OrderId(1), outcome: CancelOutcome::NotOpen };
    assert!(story.inputs.contains(&lost), "{:?}", story.inputs);
    assert_eq!(story.filled(), Size::shares(10));
}

#[test]
fn a_lost_channel_and_a_resolved_market_fill_nothing() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.paper.lose_books();
    story.order(2, Side::Buy, 42, 10, OrderKind::Fak);
    assert_eq!((story.pass(2 * WAY), story.filled()), ((), Size::ZERO));
    story.hear(YES, MarketEventKind::Resolved { pays: Usd::dollars(1) });
    story.pass(WAY);
    let (order, matched) = (OrderId(1), Size::ZERO);
    let gone = InputKind::OrderUpdate { order, status: VenueStatus::Cancelled, matched };
    assert!(story.inputs.contains(&gone), "{:?}", story.inputs);
    story.bid(3, 40, 10);
    assert_eq!(story.paper.open_orders().count(), 0, "a resolved market has no open orders");
}

#[test]
fn trades_settle_and_questions_are_answered() {
    let mut story = Story::new();
    story.order(1, Side::Buy, 42, 5, OrderKind::Fak);
    story.pass(2 * WAY + 4_000_000);
    let settled: Vec<Settlement> = story
        .inputs
        .drain(..)
        .filter_map(|body| if let InputKind::Trade(update) = body { Some(update.settlement) } else { None })
        .collect();
    assert_eq!(settled, [Settlement::Matched, Settlement::Mined, Settlement::Confirmed]);
    story.paper.query_order(story.now, OrderId(1));
    story.paper.query_order(story.now, OrderId(2));
    story.pass(2 * WAY);
    let denied = story
        .inputs
        .iter()
        .any(|body| matches!(body, InputKind::OrderQueried { order: OrderId(2), not_found: true, .. }));
    let confirmed = story
        .inputs
        .iter()
        .any(|body| matches!(body, InputKind::Trade(update) if update.settlement == Settlement::Confirmed));
    assert!(denied && confirmed, "{:?}", story.inputs);
}

#[test]
fn an_order_with_an_end_is_cancelled_by_the_venue_then() {
    let mut story = Story::new();
    let until_s = u32::try_from(story.now.seconds() + 200).unwrap();
    story.order(1, Side::Buy, 40, 10, OrderKind::Gtd { post_only: true, until_s });
    story.pass(2 * WAY);
    assert_eq!(story.paper.open_orders().count(), 1);
    let left = u64::from(until_s) * 1_000_000 - story.now.0;
    story.pass(left - 1);
    assert_eq!(story.paper.open_orders().count(), 1);
    story.pass(1);
    assert_eq!(story.paper.open_orders().count(), 0);
}
