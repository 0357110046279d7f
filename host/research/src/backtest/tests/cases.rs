//! Cases of the research contract that need a whole run.

#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::stories::{Story, at, line, scripted};
use super::*;
use crate::run::RunData;
use model::{MarketIx, OrderState, Side, Size};

fn position(data: &RunData) -> Vec<(Size, Usd)> {
    data.fills.iter().map(|fill| (fill.size, Usd(i64::from(fill.price.micros())))).collect()
}

#[test]
fn e6_an_order_that_was_decided_late_finds_the_depth_gone() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.level(1_000, market, Side::Sell, 50, 100);
    story.level(1_150, market, Side::Sell, 50, 0);
    story.level(9_000, market, Side::Sell, 61, 1);
    // Heard at 1125 ms, it arrives at 1175 ms.
    let order = line(1_100, "m", "0 buy 500000 10000000 fak");
    for fill in [FillModel::Pessimistic, FillModel::Queue, FillModel::Optimistic] {
        let Some(data) = story.run_as(&[&order], |job| Job { fill, ..job }) else { return };
        assert_eq!((data.orders.len(), data.fills.len()), (1, 0), "{fill:?}");
        assert_eq!(data.orders[0].placed_at, at(1_125));
        let order = Delay::Fixed(20_000);
        let fast = |job: Job| Job { fill, latency: Latency { order, ..job.latency }, ..job };
        let data = story.run_as(&[&line(1_100, "m", "0 buy 500000 10000000 fak")], fast).unwrap();
        assert_eq!(position(&data), [(Size::shares(10), Usd(500_000))], "{fill:?}: it arrives at 1145 ms");
        assert_eq!(data.fills[0].at, at(1_145));
    }
}

/// A market in which 10 shares are bought at 0.40 and that closes at 20 s.
fn bought(pays: Option<i64>, paid_at: Option<u64>) -> Story {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(38, 100)], &[(40, 100)]);
    story.book(10_000, market, &[(98, 5)], &[(99, 100)]);
    story.close(20_000, market);
    story.outcome(market, pays, paid_at);
    story
}

#[test]
fn e14_a_draw_pays_half_after_the_recorded_delay() {
    let order = line(600, "m", "0 buy 400000 10000000 gtc");
    let Some(data) = bought(Some(500_000), Some(3_600_000)).run(&[&order]) else { return };
    let totals = data.description.totals;
    assert_eq!((totals.realised, totals.profit_at_outcome), (Usd::dollars(1), Usd::dollars(1)));
    let cash = |millis: u64| data.equity.iter().rfind(|row| row.at <= at(millis)).unwrap().cash;
    assert_eq!((cash(3_540_000), cash(3_660_000)), (Usd::dollars(96), Usd::dollars(101)), "cash comes at its time");
    assert_eq!(data.markets[0].resolved_at, Some(at(3_600_000)));
}

#[test]
fn e14_without_a_recorded_time_the_payout_takes_two_hours() {
    let order = line(600, "m", "0 buy 400000 10000000 gtc");
    let Some(data) = bought(Some(1_000_000), None).run(&[&order]) else { return };
    assert_eq!(data.markets[0].resolved_at, Some(at(20_000 + 7_200_000)));
    assert_eq!(data.description.totals.realised, Usd::dollars(6));
}

#[test]
fn e14_an_unresolved_market_stays_open_at_any_book() {
    let order = line(600, "m", "0 buy 400000 10000000 gtc");
    let Some(data) = bought(None, None).run(&[&order]) else { return };
    let totals = data.description.totals;
    assert_eq!(totals.realised, Usd::ZERO);
    assert_eq!(totals.profit_at_zero, Usd::dollars(-4));
    // Five at 0.98 and nothing below: with size.
    assert_eq!(totals.profit_at_bid, Usd(4_900_000 - 4_000_000));
    assert_eq!(totals.profit_at_outcome, totals.profit_at_bid);
}

#[test]
fn e14_an_implied_outcome_counts_only_by_flag() {
    let order = line(600, "m", "0 buy 400000 10000000 gtc");
    let mut story = bought(Some(1_000_000), Some(30_000));
    story.hindsight[0].implied = true;
    let Some(data) = story.run(&[&order]) else { return };
    assert_eq!((data.markets[0].pays, data.description.totals.realised), (None, Usd::ZERO));
    let data = story.run_as(&[&order], |job| Job { implied: true, ..job }).unwrap();
    assert_eq!(data.description.totals.realised, Usd::dollars(6));
}

#[test]
fn e14_orders_are_cancelled_when_orders_stop_being_accepted() {
    let orders = line(600, "m", "0 buy 370000 10000000 gtc") + &line(20_200, "m", "0 buy 370000 10000000 gtc");
    let mut story = bought(None, None);
    story.book(21_000, MarketIx(0), &[(38, 100)], &[(40, 100)]);
    story.book(29_000, MarketIx(0), &[(38, 101)], &[(40, 100)]);
    let Some(data) = story.run(&[&orders]) else { return };
    let ends: Vec<_> = data.orders.iter().map(|order| (order.state, order.ended_at)).collect();
    assert_eq!(ends[0], (OrderState::Cancelled, Some(at(20_050))));
    assert_eq!(ends[1].0, OrderState::Refused, "{:?}", data.orders[1]);
}

#[test]
fn e15_a_basket_of_no_pays_for_all_but_the_winner() {
    for (winner, realised) in [(Some(1), 500_000), (None, 10_500_000)] {
        let mut story = Story::default();
        let markets: Vec<MarketIx> = ["a", "b", "c"].map(|slug| story.list(0, slug, Some(1))).to_vec();
        let mut orders = String::new();
        for (market, (slug, cents)) in markets.iter().zip([("a", 40), ("b", 35), ("c", 30)]) {
            // A bid for YES at p is an ask for NO at 1 - p.
            story.book(500, *market, &[(cents, 100)], &[(cents + 5, 100)]);
            orders += &line(1_600, slug, &format!("1 buy {} 10000000 gtc", 1_000_000 - cents * 10_000));
            let pays = if winner == Some(market.0) { 1_000_000 } else { 0 };
            story.outcome(*market, Some(pays), Some(60_000));
        }
        for market in &markets {
            let cents = [40, 35, 30][usize::try_from(market.0).unwrap()];
            story.book(1_500, *market, &[(cents, 101)], &[(cents + 5, 100)]);
        }
        markets.iter().for_each(|market| story.close(5_000, *market));
        let Some(data) = story.run(&[&orders]) else { return };
        let cost: i64 = data.fills.iter().map(|fill| fill.price.cost_floor(fill.size).unwrap().0).sum();
        assert_eq!((data.fills.len(), Usd(cost)), (3, Usd(19_500_000)));
        assert_eq!(data.description.totals.realised, Usd(realised), "the winner is {winner:?}");
    }
}

#[test]
fn e12_two_strategies_never_trade_with_each_other() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.book(1_500, market, &[(40, 90)], &[(60, 100)]);
    story.book(9_000, market, &[(40, 80)], &[(60, 100)]);
    let first = line(600, "m", "0 buy 500000 10000000 gtc");
    // Buying NO at 0.50 would meet the bid for YES at 0.50.
    let second = line(1_600, "m", "1 buy 500000 10000000 gtc");
    let Some(data) = story.run(&[&first, &second]) else { return };
    assert_eq!(data.fills, []);
    assert_eq!(data.description.refusals, [("self_trade".to_owned(), 1)]);
    let refused = data.orders.iter().find(|order| order.order == 0).unwrap();
    assert_eq!((refused.strategy, refused.state, refused.outcome), (1, OrderState::Refused, 1));
}

#[test]
fn nothing_before_a_resolution_depends_on_the_outcomes() {
    let order = line(600, "m", "0 buy 400000 10000000 gtc") + &line(10_100, "m", "0 sell 980000 5000000 gtc");
    let variants = [(None, None), (Some(0), Some(40_000)), (Some(1_000_000), None), (Some(500_000), Some(90_000_000))];
    let mut seen: Vec<RunData> = Vec::new();
    for (pays, paid_at) in variants {
        let Some(mut data) = bought(pays, paid_at).run_as(&[&order], |job| Job { to: Some(at(30_000)), ..job }) else {
            return;
        };
        for market in &mut data.markets {
            (market.pays, market.resolved_at) = (None, None);
        }
        data.description.totals.profit_at_outcome = Usd::ZERO;
        seen.push(data);
    }
    assert_eq!(seen[0].fills.len(), 2, "{:?}", seen[0].orders);
    assert!(seen.iter().all(|data| *data == seen[0]));
}

#[test]
fn markets_are_granted_at_their_listing() {
    let mut story = Story::default();
    let first = story.list(0, "a", None);
    story.book(500, first, &[(40, 100)], &[(60, 100)]);
    let second = story.list(5_000, "b", None);
    story.book(6_000, second, &[(40, 100)], &[(60, 100)]);
    story.book(9_000, second, &[(40, 90)], &[(60, 100)]);
    let orders = line(600, "a", "0 buy 600000 10000000 gtc") + &line(6_050, "b", "0 buy 600000 10000000 gtc");
    let Some(data) = story.run(&[&orders]) else { return };
    let placed: Vec<_> = data.orders.iter().map(|order| (order.market, order.placed_at)).collect();
    assert_eq!(placed, [(0, at(625)), (1, at(6_125))], "the second market is listed later; its state is kept");
    assert_eq!(data.markets.iter().map(|market| market.listed_at).collect::<Vec<_>>(), [at(0), at(5_000)]);
}

#[test]
fn a_gap_makes_a_market_blind_and_signals_arrive() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.blind(60_500, market);
    story.signal(61_000, "price.btcusd", "1");
    for millis in [100_000, 130_000, 135_000] {
        story.book(millis, market, &[(40, millis / 1_000)], &[(60, 100)]);
    }
    // The blind status is the first event after 60 s.
    let orders = line(60_000, "m", "0 buy 410000 10000000 gtc") + &line(130_100, "m", "0 buy 420000 10000000 gtc");
    let Some(data) = story.run(&[&orders]) else { return };
    assert_eq!(data.description.refusals, [("restricted".to_owned(), 1)], "stale data restricts the session");
    let states: Vec<_> = data.orders.iter().map(|order| order.state).collect();
    assert_eq!(states, [OrderState::Refused, OrderState::Live]);
    let Some(bytes) = built("fixtures/listener.wasm") else { return };
    let runner = Runner::new().unwrap();
    let job = one_market(&runner, &runner.load(&bytes).unwrap(), "{}");
    let options = Options { intents: true, ..Options::default() };
    let (_, details) = runner.run_with(&mut story.source(), &job, &Watch::default(), options).unwrap();
    assert!(details.intents.iter().any(|(_, when, intent)| *when == at(61_000) && intent.reason == "price.btcusd: 1"));
}

#[test]
fn equity_rises_with_the_bid_before_the_exit() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(49, 1_000)], &[(50, 1_000)]);
    story.book(70_000, market, &[(60, 1_000)], &[(61, 1_000)]);
    story.book(130_000, market, &[(60, 50)], &[(61, 1_000)]);
    story.book(190_000, market, &[(60, 50)], &[(61, 1_001)]);
    let order = line(600, "m", "0 buy 500000 90000000 gtc");
    let Some(data) = story.run(&[&order]) else { return };
    let equity: Vec<_> = data.equity.iter().map(|row| row.cash.saturating_add(row.positions)).collect();
    let expected = [Usd::dollars(100), Usd(99_100_000), Usd::dollars(109), Usd(55_000_000 + 30_000_000)];
    assert_eq!(equity[..4], expected, "at the bid with size, each minute: {:?}", data.equity);
    assert_eq!(data.description.totals.drawdown, Usd::dollars(24));
    let mids = data.fills[0].mids.map(|mid| mid.map(model::Price::micros));
    assert_eq!(mids, [Some(495_000), Some(495_000), Some(495_000), Some(495_000), Some(495_000)]);
    assert_eq!(data.orders[0].ahead, None, "it never rested");
}

#[test]
fn a_tape_without_fees_is_refused_by_name_and_a_rate_is_charged() {
    let mut story = Story::default();
    let market = story.list(0, "nba-1", None);
    story.book(500, market, &[(36, 1_000)], &[(37, 1_000)]);
    story.book(9_000, market, &[(36, 1_001)], &[(37, 1_000)]);
    story.without_fee();
    let order = line(600, "nba-1", "0 buy 370000 12340000 gtc");
    let Some((runner, job)) = scripted(&[&order]) else { return };
    let error = runner.run(&mut story.source(), &job, &Watch::default()).unwrap_err().to_string();
    assert!(error.contains("nba-1"), "{error}");
    let job = Job { fees: Fees::Rate(50_000), ..job };
    let data = runner.run(&mut story.source(), &job, &Watch::default()).unwrap();
    // 12.34 x 0.05 x 0.37 x 0.63, rounded down to 0.00001.
    assert_eq!(data.fills[0].fee, Usd(143_820));
    assert_eq!((data.description.totals.fees, data.markets[0].fee_rate_micros), (Usd(143_820), 50_000));
}

#[test]
fn a_stopped_run_and_a_failed_one_keep_their_rows() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    let Some((runner, job)) = scripted(&[""]) else { return };
    let watch = Watch::default();
    watch.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let data = runner.run(&mut story.source(), &job, &watch).unwrap();
    assert!(matches!(data.description.end, RunEnd::Interrupted(_)));
    let traps = guest::Guest { on_events: "unreachable".to_owned(), ..guest::Guest::default() };
    let module = runner.load(&traps.core()).unwrap();
    let job = one_market(&runner, &module, "{}");
    let data = runner.run(&mut Generated::new(1, 2_000), &job, &Watch::default()).unwrap();
    let RunEnd::Failed(when, reason) = &data.description.end else { panic!("{:?}", data.description.end) };
    assert!(*when >= events::START && reason.contains("backtest failed at its event"), "{reason}");
    assert!(!data.equity.is_empty());
    let empty = runner.run(&mut MemoryEvents::default(), &job, &Watch::default()).unwrap_err().to_string();
    assert_eq!(empty, "the tape has no events in this time");
}

#[test]
fn the_bounds_are_the_other_fill_models() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.trade(5_000, market, Side::Sell, 40, 20);
    story.book(9_000, market, &[(40, 80)], &[(60, 100)]);
    let order = line(600, "m", "0 buy 400000 10000000 gtc");
    let Some((runner, job)) = scripted(&[&order]) else { return };
    let open = || -> anyhow::Result<Box<dyn crate::events::EventSource>> { Ok(Box::new(story.source())) };
    let data = runner.run_with_bounds(&open, &job, &Watch::default()).unwrap();
    assert_eq!(data.orders[0].ahead, Some(Size::shares(100)));
    let fills: Vec<_> = data.description.bounds.iter().map(|(fill, totals)| (*fill, totals.fills)).collect();
    assert_eq!((data.fills.len(), fills), (0, vec![(FillModel::Queue, 0), (FillModel::Optimistic, 1)]));
}

/// The digest of the listener on generated events; a change of any decision changes it.
const GOLDEN: &str = "4013448b1561b6d92d2213b367f7604f9e3db27d2402253392bb17481a0a276f";

#[test]
fn the_golden_digest_is_that_of_any_batch_size_and_thread() {
    let Some(bytes) = built("fixtures/listener.wasm") else { return };
    let digest = |batches: usize| {
        let runner = Runner::new().unwrap().with_batches(batches);
        let job = one_market(&runner, &runner.load(&bytes).unwrap(), "{}");
        runner.run(&mut Generated::new(1, 20_000), &job, &Watch::default()).unwrap().description.digest
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = [1, 7, 4_096].map(|batches| scope.spawn(move || digest(batches))).into_iter().collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), GOLDEN);
        }
    });
}

#[test]
fn lookahead_finds_a_source_that_knows_the_whole_tape() {
    use crate::events::{EventSource, TapeEvent, TapeEventKind};
    let Some(bytes) = built("template.wasm") else { return };
    let runner = Runner::new().unwrap();
    let job = one_market(&runner, &runner.load(&bytes).unwrap(), "{}");
    let tape: Vec<TapeEvent> = Generated::new(1, 20_000).collect().into();
    let open = |leaks: bool| {
        let tape = tape.clone();
        move |_: Option<model::Time>, to: Option<model::Time>| -> anyhow::Result<Box<dyn EventSource>> {
            let cut = tape.iter().filter(|event| to.is_none_or(|to| event.venue_at < to));
            let mut events: Vec<TapeEvent> = cut.cloned().collect();
            if leaks && events.len() > 15_000 {
                // The tick that the whole file needs, at the listing: what a reader of whole files would do.
                if let TapeEventKind::Listed(listed) = &mut events[0].kind {
                    listed.market.tick = model::TickSize::MILL;
                }
            }
            Ok(Box::new(MemoryEvents::new(events, Vec::new())))
        }
    };
    let honest = lookahead(&runner, &open(false), &job, 3, &Watch::default()).unwrap();
    assert!(!honest.found() && honest.intents > 0 && honest.starts.len() == 3, "{honest:?}");
    let leaking = lookahead(&runner, &open(true), &job, 3, &Watch::default()).unwrap();
    assert!(leaking.found(), "{leaking:?}");
    assert!(leaking.cuts.iter().flat_map(|cut| &cut.differs).any(|text| text.contains("with the cut")), "{leaking:?}");
}

#[test]
fn a_comparison_names_each_difference() {
    use crate::compare::{Verdict, compare};
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.trade(5_000, market, Side::Sell, 40, 20);
    story.book(9_000, market, &[(40, 80)], &[(60, 100)]);
    let orders = line(600, "m", "0 buy 400000 10000000 gtc") + &line(700, "m", "0 buy 390000 10000000 gtc");
    let Some(first) = story.run(&[&orders]) else { return };
    let same = compare(&first, &first);
    assert_eq!((same.count(Verdict::Same), same.differences.len()), (2, 0));
    let other = line(600, "m", "0 buy 400000 10000000 gtc") + &line(700, "m", "0 buy 380000 10000000 gtc");
    let second = story.run_as(&[&other], |job| Job { fill: FillModel::Optimistic, ..job }).unwrap();
    let found = compare(&first, &second);
    let verdicts: Vec<_> = found.differences.iter().map(|difference| difference.verdict).collect();
    assert_eq!(verdicts, [Verdict::Size, Verdict::Extra, Verdict::Missing], "{found:?}");
    assert!(found.differences[2].cause.contains("placed 10 at 0.38"), "{found:?}");
}

#[test]
fn a_market_without_books_costs_no_other_and_a_tape_of_only_such_markets_is_refused_by_name() {
    let mut story = Story::default();
    let prices_only = story.list(0, "prices-only", None);
    story.without_books();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.book(9_000, market, &[(40, 101)], &[(60, 100)]);
    let data = story.run(&[&line(600, "m", "0 buy 600000 10000000 gtc")]);
    let Some(data) = data else { return };
    assert_eq!((data.description.end, data.fills.len(), data.fills[0].market), (RunEnd::Complete, 1, market.0));
    let warning = "1 markets have prices but no order books, prices-only among them: no strategy is granted them";
    assert!(data.description.warnings.iter().any(|text| text == warning), "{:?}", data.description.warnings);
    assert!(!data.markets[prices_only.index()].traded);
    let mut story = Story::default();
    let market = story.list(0, "prices-only", None);
    story.without_books();
    story.close(900, market);
    let Some((runner, job)) = scripted(&[""]) else { return };
    let error = runner.run(&mut story.source(), &job, &Watch::default()).unwrap_err().to_string();
    assert_eq!(error, "the tape has prices but no order books of prices-only; a backtest needs books");
}
