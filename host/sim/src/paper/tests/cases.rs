//! The fill cases of the research contract, by name. "Ahead" is the depth before us in shares.

use super::*;

const MODELS: [FillModel; 3] = [FillModel::Pessimistic, FillModel::Queue, FillModel::Optimistic];
const SECOND: u64 = 1_000_000;

fn cents(levels: &[(u32, u64)]) -> Vec<Level> {
    levels.iter().map(|(price, shares)| level(*price, *shares)).collect()
}

impl Story {
    fn book(&mut self, bids: &[(u32, u64)], asks: &[(u32, u64)]) {
        self.hear(YES, MarketEventKind::Book { bids: cents(bids), asks: cents(asks) });
    }

    /// Returns the depth ahead of our only order.
    fn ahead(&self) -> Size {
        let [place] = self.paper.queue.of_market(MarketIx(0)) else { panic!("not one order") };
        place.ahead
    }

    /// Sends levels as one frame.
    fn frame(&mut self, levels: &[(Side, u32, u64)]) {
        for (side, cents, shares) in levels {
            let kind = MarketEventKind::Level { side: *side, price: price(*cents), size: Size::shares(*shares) };
            self.paper.stage(self.now, &MarketEvent { token: YES, venue_time: self.now, kind }).unwrap();
        }
        self.paper.settle_frame(self.now);
    }
}

#[test]
fn e1_a_book_that_precedes_its_trade_counts_once() {
    for model in [FillModel::Pessimistic, FillModel::Queue] {
        let mut story = Story::of(model);
        story.book(&[(40, 100)], &[(42, 80)]);
        story.bid(1, 40, 10);
        assert_eq!(story.ahead(), Size::shares(100));
        story.book(&[(40, 60)], &[(42, 80)]);
        story.pass(SECOND / 2);
        story.trade(YES, Side::Sell, 40, 40);
        assert_eq!((story.ahead(), story.filled()), (Size::shares(60), Size::ZERO), "{model:?}");
    }
}

#[test]
fn e2_a_level_that_left_the_book_before_its_trade_gives_nothing_until_the_next_trade() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.book(&[], &[(42, 80)]);
    story.pass(SECOND / 2);
    story.trade(YES, Side::Sell, 40, 60);
    assert_eq!(story.filled(), Size::ZERO);
    story.pass(10 * SECOND);
    story.trade(YES, Side::Sell, 40, 4);
    assert_eq!(story.filled(), Size::shares(4));
}

#[test]
fn e3_a_trade_reported_for_both_tokens_counts_once() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.trade(NO, Side::Buy, 60, 40);
    assert_eq!(story.ahead(), Size::shares(60), "a buyer of NO at 60 cents sells YES at 40");
    story.trade(YES, Side::Sell, 40, 40);
    assert_eq!(story.ahead(), Size::shares(60), "the mirrored report");
    story.trade(YES, Side::Sell, 40, 40);
    assert_eq!(story.ahead(), Size::shares(20), "another trade of the same size");
}

#[test]
fn e5_frames_of_the_other_token_are_never_applied() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.hear(NO, MarketEventKind::Book { bids: cents(&[(70, 5)]), asks: cents(&[(60, 1)]) });
    story.hear(NO, MarketEventKind::Level { side: Side::Buy, price: price(65), size: Size::shares(9) });
    assert_eq!((story.ahead(), story.filled()), (Size::shares(100), Size::ZERO));
    assert_eq!(story.paper.top(YES), (Some(price(40)), Some(price(42))));
    assert_eq!(story.paper.top(NO), (Some(price(58)), Some(price(60))));
}

#[test]
fn e6_an_order_matches_the_book_of_the_time_of_its_arrival() {
    let mut story = Story::of(FillModel::Optimistic);
    story.book(&[(40, 100)], &[(60, 80)]);
    let begin = story.now;
    let at = |millis: u64| begin.plus_millis(millis);
    story.now = at(1_000);
    story.level(Side::Sell, 50, 100);
    // Heard 125 ms later; the order takes 50 ms.
    story.now = at(1_125);
    story.order(1, Side::Buy, 50, 10, OrderKind::Fak);
    story.now = at(1_150);
    story.level(Side::Sell, 50, 0);
    story.pass(SECOND);
    assert_eq!(story.filled(), Size::ZERO);
}

#[test]
fn e7_depth_that_crosses_the_book_is_not_taken_and_fills_what_rests() {
    for (model, taken) in [(FillModel::Pessimistic, 0), (FillModel::Queue, 0), (FillModel::Optimistic, 10)] {
        let mut story = Story::of(model);
        story.book(&[(55, 100)], &[(57, 80)]);
        story.frame(&[(Side::Sell, 54, 50)]);
        story.order(1, Side::Sell, 55, 10, OrderKind::Fak);
        story.pass(3 * SECOND);
        assert_eq!(story.filled(), Size::shares(taken), "{model:?}");

        let mut story = Story::of(model);
        story.book(&[(55, 100)], &[(57, 80)]);
        story.bid(1, 54, 10);
        let cash = story.paper.view().cash;
        story.frame(&[(Side::Sell, 54, 50)]);
        assert_eq!(story.filled(), Size::shares(10), "{model:?}");
        assert_eq!(story.paper.view().cash, cash.saturating_sub(Usd(10 * 540_000)), "at our own price");
    }
}

#[test]
fn e7_the_changes_of_a_frame_apply_together() {
    let mut story = Story::of(FillModel::Pessimistic);
    story.book(&[(55, 100)], &[(57, 80)]);
    story.bid(1, 54, 10);
    story.frame(&[(Side::Sell, 54, 50), (Side::Sell, 54, 0)]);
    assert_eq!(story.filled(), Size::ZERO, "nothing crosses at the end of the frame");
    story.frame(&[(Side::Sell, 54, 50), (Side::Buy, 55, 0)]);
    assert_eq!(story.filled(), Size::shares(10));
}

#[test]
fn e8_after_a_gap_a_book_beyond_our_price_fills_us_and_another_one_does_not() {
    for model in MODELS {
        for (bid, ask, filled) in [(34, 36, 10), (44, 46, 0)] {
            let mut story = Story::of(model);
            story.book(&[(40, 100)], &[(42, 80)]);
            story.bid(1, 40, 10);
            story.pass(60 * SECOND);
            story.paper.lose_book(MarketIx(0));
            story.pass(240 * SECOND);
            story.book(&[(bid, 3)], &[(ask, 3)]);
            assert_eq!(story.filled(), Size::shares(filled), "{model:?}");
            let paid = Usd(i64::try_from(filled).unwrap() * 400_000);
            assert_eq!(story.paper.view().cash, Usd::dollars(100).saturating_sub(paid));
        }
    }
}

#[test]
fn e9_a_trade_through_our_price_fills_us_whatever_is_ahead() {
    for (model, shares) in [(FillModel::Pessimistic, 3), (FillModel::Queue, 3), (FillModel::Optimistic, 3)] {
        let mut story = Story::of(model);
        story.book(&[(40, 100)], &[(42, 80)]);
        story.bid(1, 40, 10);
        story.trade(YES, Side::Sell, 39, 3);
        assert_eq!(story.filled(), Size::shares(shares), "{model:?}");
        assert_eq!(story.paper.view().cash, Usd::dollars(100).saturating_sub(Usd(3 * 400_000)));
    }
}

#[test]
fn e10_depth_that_we_took_is_gone_until_the_level_is_reported_with_another_size() {
    for model in MODELS {
        let mut story = Story::of(model);
        story.book(&[(40, 100)], &[(50, 10), (52, 10)]);
        let buy = |story: &mut Story, id| {
            story.order(id, Side::Buy, 50, 10, OrderKind::Fak);
            story.pass(2 * WAY);
            story.filled()
        };
        assert_eq!(buy(&mut story, 1), Size::shares(10));
        story.pass(SECOND);
        assert_eq!(buy(&mut story, 2), Size::ZERO, "{model:?}");
        story.level(Side::Sell, 50, 10);
        story.book(&[(40, 100)], &[(50, 10), (52, 10)]);
        assert_eq!(buy(&mut story, 3), Size::ZERO, "the same size does not count as a new report");
        story.level(Side::Sell, 50, 11);
        assert_eq!(buy(&mut story, 4), Size::shares(10));
    }
}

#[test]
fn e11_orders_and_their_queue_stay_when_the_tick_changes() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.trade(YES, Side::Sell, 40, 30);
    story.hear(YES, MarketEventKind::TickSize { tick: model::TickSize::MILL });
    assert_eq!((story.ahead(), story.paper.open_orders().count()), (Size::shares(70), 1));
    story.trade(YES, Side::Sell, 40, 75);
    assert_eq!(story.filled(), Size::shares(5));
}

#[test]
fn e12_two_orders_at_one_price_share_one_queue() {
    let mut story = Story::new();
    story.bid(1, 40, 10);
    story.bid(2, 40, 10);
    story.trade(YES, Side::Sell, 40, 105);
    assert_eq!(story.filled(), Size::shares(5), "no share is filled twice");
    story.trade(YES, Side::Sell, 40, 8);
    assert_eq!(story.filled(), Size::shares(8), "5 of the first order, then 3 of the second");
    let left: Vec<Size> = story.paper.open_orders().map(|(order, _)| order.rest()).collect();
    assert_eq!(left, [Size::shares(7)]);
}

#[test]
fn e13_a_partial_fill_is_reported_at_once() {
    let mut story = Story::new();
    story.bid(1, 41, 10);
    story.inputs.clear();
    story.trade(YES, Side::Sell, 41, 4);
    story.pass(WAY);
    let parts = story.inputs.iter().filter(|input| matches!(input, InputKind::Trade(_))).count();
    let matched = Size::shares(4);
    let update = InputKind::OrderUpdate { order: OrderId(1), status: VenueStatus::Live, matched };
    assert_eq!((parts, story.inputs.contains(&update)), (1, true), "{:?}", story.inputs);
    assert_eq!(story.paper.view().shares, [(YES, Size::shares(54))]);
}

#[test]
fn the_models_differ_in_depth_that_is_removed() {
    // 100 at our price, 50 of them ahead of us; 40 go without a trade.
    for (model, ahead) in [(FillModel::Pessimistic, 50), (FillModel::Queue, 30)] {
        let mut story = Story::of(model);
        story.book(&[(40, 50)], &[(42, 80)]);
        story.bid(1, 40, 10);
        story.level(Side::Buy, 40, 100);
        story.level(Side::Buy, 40, 60);
        assert_eq!(story.ahead(), Size::shares(ahead), "{model:?}");
        // The removal turns out to be a trade: it came from the front.
        story.trade(YES, Side::Sell, 40, 40);
        let front = if model == FillModel::Queue { 10 } else { 50 };
        assert_eq!(story.ahead(), Size::shares(front), "{model:?}");
    }
    let mut story = Story::of(FillModel::Optimistic);
    story.book(&[(40, 50)], &[(42, 80)]);
    story.bid(1, 40, 10);
    story.level(Side::Buy, 40, 44);
    assert_eq!(story.filled(), Size::shares(6));
    story.trade(YES, Side::Sell, 40, 1);
    assert_eq!(story.filled(), Size::shares(4));
}

#[test]
fn measured_latencies_keep_the_order_of_requests() {
    let mut story = Story::new();
    story.paper = story.paper.clone().with_delays(Delays::new(vec![1_000, 90_000], 3).unwrap());
    for id in 1..=20 {
        story.order(id, Side::Buy, 40, 10, OrderKind::Gtc { post_only: false });
        story.paper.cancel(story.now, OrderId(id));
        story.pass(100);
    }
    story.pass(SECOND);
    assert_eq!(story.paper.open_orders().count(), 0, "no cancel arrives before its order");
    assert!(Delays::new(Vec::new(), 1).is_none());
}

#[test]
fn a_market_pays_out_whatever_its_event_pays() {
    let mut story = Story::new();
    story.paper.close(story.now, MarketIx(0)).unwrap();
    story.paper.pay_out(story.now, MarketIx(0), [Usd(500_000); 2]).unwrap();
    let view = story.paper.view();
    assert_eq!((view.cash, view.shares), (Usd::dollars(125), vec![]));
    assert!(story.paper.pay_out(story.now, MarketIx(0), [Usd(500_000); 2]).is_err(), "once");
}
