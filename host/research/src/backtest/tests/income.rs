//! Income beside trading: baskets that are converted before their end, rewards and rebates; and later starts.

#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::super::{Job, JobStrategy};
use super::stories::{Story, at, line};
use crate::events::{Group, RewardTerms};
use crate::run::{RunData, TransferRow};
use model::{EventId, FeeRate, Market, Size, Time, Usd};

/// A basket of NO of an event with three markets, at 0.60, 0.65 and 0.70.
fn basket(complete: bool, merge: bool) -> Option<RunData> {
    let mut story = Story::default();
    let mut orders = String::new();
    let markets = ["a", "b", "c"].map(|slug| story.list(0, slug, Some(1)));
    for (market, (slug, cents)) in markets.iter().zip([("a", 40), ("b", 35), ("c", 30)]) {
        story.book(500, *market, &[(cents, 100)], &[(cents + 5, 100)]);
        orders += &line(1_600, slug, &format!("1 buy {} 10000000 gtc", 1_000_000 - cents * 10_000));
        story.outcome(*market, Some(if market.0 == 1 { 1_000_000 } else { 0 }), Some(600_000));
    }
    for (market, cents) in markets.iter().zip([40, 35, 30]) {
        story.book(1_500, *market, &[(cents, 101)], &[(cents + 5, 100)]);
    }
    markets.iter().for_each(|market| story.close(500_000, *market));
    let members = markets.map(|market| Market::synthetic(market.0 + 7).condition).to_vec();
    story.terms.groups.push(Group { event: EventId([1; 32]), members, complete });
    story.run_as(&[&orders], |job| Job { merge, ..job })
}

#[test]
fn e15_a_complete_basket_is_converted_at_once() {
    let Some(data) = basket(true, true) else { return };
    let paid = |rows: &[TransferRow]| rows.iter().map(|row| row.dollars).fold(Usd::ZERO, Usd::saturating_add);
    let rows = &data.description.transfers;
    assert_eq!((rows.len(), paid(rows)), (3, Usd::dollars(20)));
    assert!(rows.iter().all(|row| row.kind == "convert" && row.outcome == 1 && row.size == Size::shares(10)));
    assert!(rows.iter().all(|row| row.at < at(10_000)), "seconds after the matches: {rows:?}");
    assert_eq!(data.description.totals.realised, Usd(500_000));
    let minute = data.equity.iter().find(|row| row.at > at(60_000)).unwrap();
    assert_eq!((minute.cash, minute.positions), (Usd(100_500_000), Usd::ZERO), "the money is free again");
    for (complete, merge) in [(false, true), (true, false)] {
        let data = basket(complete, merge).unwrap();
        assert_eq!(data.description.transfers, [], "complete {complete}, merge {merge}");
        assert_eq!(data.description.totals.realised, Usd(500_000), "the outcome pays the same");
    }
}

#[test]
fn pairs_are_merged() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(42, 100)]);
    story.book(3_000, market, &[(40, 100)], &[(42, 101)]);
    story.book(9_000, market, &[(40, 100)], &[(42, 102)]);
    story.close(60_000, market);
    let orders = line(500, "m", "0 buy 420000 10000000 fak") + &line(2_000, "m", "1 buy 600000 8000000 fak");
    let Some(data) = story.run_as(&[&orders], |job| Job { merge: true, ..job }) else { return };
    let [row] = &data.description.transfers[..] else { panic!("{:?}", data.description.transfers) };
    assert_eq!((row.kind.as_str(), row.size, row.dollars), ("merge", Size::shares(8), Usd::dollars(8)));
    // 10 at 0.42 and 8 at 0.60 cost 9.00.
    assert_eq!(data.equity.last().unwrap().cash, Usd::dollars(99));
}

/// Two bids of 100 shares a cent from the mid price of 0.50, for ten minutes.
fn quoted(orders: &[&str], daily: i64) -> Option<RunData> {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    // The visible book scores 44.444 too.
    story.book(500, market, &[(49, 100)], &[(51, 100)]);
    // The books of both tokens are known when it is heard.
    story.trade(950, market, model::Side::Sell, 49, 1);
    for minute in 0..10 {
        story.book(1_000 + minute * 60_000, market, &[(49, 100)], &[(51, 100)]);
    }
    story.book(599_000, market, &[(49, 100)], &[(51, 100)]);
    let (from, min_size) = (Time(0), Size::shares(50));
    let rule = RewardTerms { from, max_spread_micros: 30_000, min_size, daily: Usd::dollars(daily) };
    story.terms.rewards.insert(Market::synthetic(7).condition, vec![rule]);
    let orders: Vec<String> = orders.iter().map(|order| line(1_000, "m", order)).collect();
    story.run_as(&[&orders.concat()], |job| Job { cash: Usd::dollars(1_000), ..job })
}

#[test]
fn e16_rewards_of_a_run_are_its_share_of_the_sampled_minutes_and_no_profit() {
    let both = ["0 buy 490000 100000000 post", "1 buy 490000 100000000 post"];
    let Some(data) = quoted(&both, 1_440) else { return };
    let totals = data.description.totals;
    // Ten sampled minutes of a dollar each, of which half is ours. The tape ends in the tenth.
    assert!(
        (Usd::dollars(4)..=Usd::dollars(5)).contains(&totals.rewards),
        "{}: {:?} {:?}",
        totals.rewards,
        data.orders,
        data.description.refusals
    );
    assert_eq!((totals.realised, totals.profit_at_outcome, totals.rebates), (Usd::ZERO, Usd::ZERO, Usd::ZERO));
    // One side scores a third: a quarter of the sum.
    let one = quoted(&both[..1], 1_440).unwrap().description.totals.rewards;
    assert!((Usd(2_000_000)..=Usd(2_500_000)).contains(&one), "{one}");
    assert_eq!(quoted(&both, 200).unwrap().description.totals.rewards, Usd::ZERO, "below a dollar");
    assert_eq!(quoted(&[], 1_440).unwrap().description.totals.rewards, Usd::ZERO);
}

#[test]
fn rebates_are_a_part_of_the_fee_at_the_resting_orders_price() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(50, 100)], &[(52, 100)]);
    story.trade(5_000, market, model::Side::Sell, 50, 600);
    story.book(9_000, market, &[(49, 100)], &[(52, 100)]);
    story.terms.rebates.insert(Market::synthetic(7).condition, 250_000);
    let order = line(500, "m", "0 buy 500000 400000000 post");
    let change = |job: Job| Job { cash: Usd::dollars(1_000), fees: super::super::Fees::Rate(50_000), ..job };
    let Some(data) = story.run_as(&[&order], change) else { return };
    let [fill] = &data.fills[..] else { panic!("{:?}", data.fills) };
    assert!(fill.maker && fill.fee == Usd::ZERO && fill.size == Size::shares(400));
    let whole = FeeRate { rate_micros: 50_000 }.taker_fee(fill.price, fill.size).unwrap();
    assert_eq!(data.description.totals.rebates, Usd(whole.micros() / 4));
    assert!(whole >= Usd::dollars(4), "{whole}");
}

#[test]
fn a_strategy_may_start_later_than_the_run() {
    let mut story = Story::default();
    let market = story.list(0, "m", None);
    story.book(500, market, &[(40, 100)], &[(60, 100)]);
    story.book(5_000, market, &[(40, 101)], &[(60, 100)]);
    story.book(9_000, market, &[(40, 100)], &[(60, 100)]);
    let order = line(0, "m", "0 buy 300000 5000000 post");
    let later = |job: Job| {
        let late = JobStrategy { from: Some(at(4_000)), ..job.strategies[1].clone() };
        Job { strategies: vec![job.strategies[0].clone(), late], ..job }
    };
    let Some(data) = story.run_as(&[&order, &order], later) else { return };
    let times: Vec<Time> = data.orders.iter().map(|order| order.placed_at).collect();
    assert!(times[0] < at(1_000) && times[1] >= at(4_000), "{:?}", data.orders);
}
