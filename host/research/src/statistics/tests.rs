//! Each figure with values that were computed by hand.

use super::*;
use crate::run::sample::{START, empty, equity, fill, market, order, top};
use crate::run::{FillRow, OrderRow, RunData, TapeDescription};
use model::{OrderState, Price, Side, Size, Time};

const SECOND: u64 = 1_000_000;
const DAY_S: u64 = 86_400;

fn usd(text: &str) -> Usd {
    Usd::parse(text).unwrap()
}

fn price(text: &str) -> Price {
    Price::parse(text).unwrap()
}

#[test]
fn equity_rises_with_the_bid_before_the_exit() {
    // RESEARCH 6: buy 90 at 0.50, the bid rises to 0.60. Cash 1000 - 45 = 955; 90 shares are worth 45, then 54.
    let mut data = empty();
    data.description.cash = Usd::dollars(1_000);
    data.equity = vec![equity(0, 1_000, 0), equity(60, 955, 45), equity(120, 955, 54), equity(180, 955, 40)];
    data.description.totals.profit_at_bid = Usd::dollars(-5);
    let values: Vec<i64> = data.equity.iter().map(|row| capital::equity(row).0 / 1_000_000).collect();
    assert_eq!(values, [1_000, 1_000, 1_009, 995]);
    let found = statistics(&data).capital;
    // From 1009 to 995, 60 s below the peak.
    assert_eq!((found.drawdown, found.under_water_s), (14.0, 60));
    // 45 dollars from second 60 to 180 at cost, whatever the bid.
    assert_eq!(found.locked_max, 45.0);
    assert_eq!(found.dollar_days, 0.0625);
    assert_eq!(found.return_per_dollar_day, Some(-80.0));
    assert_eq!((found.annualised, found.calmar), (None, None));
}

#[test]
fn the_first_fall_counts_from_the_cash_at_the_start() {
    let mut data = empty();
    data.equity = vec![equity(60, 990, 0)];
    assert_eq!(statistics(&data).capital.drawdown, 10.0);
    data.description.totals.drawdown = Usd::dollars(12);
    assert_eq!(summary(&data).drawdown, 12.0);
}

#[test]
fn only_a_run_above_thirty_days_is_annualised() {
    let with_days = |days: u64| {
        let mut data = empty();
        data.description.span.1 = START.plus_micros(days * DAY_S * SECOND);
        data.description.totals.profit_at_bid = Usd::dollars(31);
        // 100 dollars are locked all the time, and the equity falls by 50 on the way.
        let row = |day: u64, cash: i64, positions: i64| equity(day * DAY_S, cash, positions);
        data.equity = vec![row(0, 900, 100), row(days / 2, 900, 50), row(days, 900, 131)];
        statistics(&data).capital
    };
    let short = with_days(30);
    assert_eq!((short.annualised, short.calmar), (None, None));
    let long = with_days(31);
    // 31 dollars for 3,100 dollar-days; a year has 365 of them. Calmar: 31 / 31 * 365 / 50.
    assert_eq!((long.dollar_days, long.return_per_dollar_day, long.annualised), (3_100.0, Some(0.01), Some(3.65)));
    assert_eq!(long.calmar, Some(7.3));
}

#[test]
fn open_orders_and_late_payouts_lock_capital() {
    let mut row = equity(0, 900, 0);
    row.locked = Usd::dollars(30);
    // A market is won, 20 are realised, but the 120 have not arrived: 100 + 20 are locked, and 30 by orders.
    row.realised = Usd::dollars(20);
    assert_eq!(capital::locked(&row, Usd::dollars(1_000)), Usd::dollars(150));
    row.cash = Usd::dollars(1_020);
    assert_eq!(capital::locked(&row, Usd::dollars(1_000)), Usd::dollars(30));
}

#[test]
fn the_brier_score_has_one_forecast_for_each_market_and_horizon() {
    // RESEARCH 6: 0.8 won and 0.3 lost give (0.04 + 0.09) / 2 = 0.065.
    let mut data = empty();
    data.markets =
        vec![market(0, "a", Some("1")), market(1, "b", Some("0")), market(2, "c", None), market(3, "d", Some("0.5"))];
    let given = |number: u64, seconds: u64, market: u32, fair: &str| OrderRow {
        fair: Some(price(fair)),
        ..order(number, seconds, market)
    };
    data.orders = vec![
        given(1, 10, 0, "0.5"),
        given(2, 20, 0, "0.8"),
        OrderRow { outcome: 1, ..given(3, 20, 1, "0.7") },
        given(4, 20, 2, "0.9"),
        given(5, 20, 3, "0.9"),
        order(6, 30, 0),
    ];
    data.tops = vec![top(5, 0, "0.59", "0.61"), top(25, 0, "0.9", "0.92"), top(5, 1, "0.39", "0.41")];
    let last = &statistics(&data).forecasts.brier[0];
    assert_eq!((last.markets, last.score), (2, Some(0.065)));
    // The market said 0.6 and 0.4: (0.16 + 0.16) / 2. Skill 1 - 0.065 / 0.16.
    assert_eq!((last.compared, last.market, last.skill), (2, Some(0.16), Some(0.59375)));
    // Half an hour before the end at 3,600 s, and 1 h before: nothing was given by second 0.
    assert_eq!(statistics(&data).forecasts.brier[3].markets, 0);
    let found = summary(&data);
    assert_eq!((found.brier, found.brier_market, found.brier_skill), (Some(0.065), Some(0.16), Some(0.59375)));
}

#[test]
fn without_fair_values_there_is_no_score() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1"))];
    data.orders = vec![order(1, 10, 0)];
    assert_eq!(summary(&data).brier, None);
}

#[test]
fn calibration_compares_prices_paid_with_payouts() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1")), market(1, "b", Some("0")), market(2, "c", None)];
    data.fills = vec![
        fill(1, 0, 0, Side::Buy, "0.62", 30),
        fill(2, 1, 0, Side::Buy, "0.66", 10),
        fill(3, 1, 1, Side::Buy, "0.34", 10),
        fill(4, 2, 0, Side::Buy, "0.65", 10),
        fill(5, 0, 0, Side::Sell, "0.65", 10),
    ];
    let rows = statistics(&data).forecasts.bought;
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].from, rows[0].count, rows[0].expected, rows[0].happened), (0.3, 1, Some(0.34), Some(1.0)));
    // (30 * 0.62 + 10 * 0.66) / 40 = 0.63; 30 of 40 shares paid.
    assert_eq!((rows[1].from, rows[1].count, rows[1].expected, rows[1].happened), (0.6, 2, Some(0.63), Some(0.75)));
}

#[test]
fn markouts_are_seen_from_our_side_and_weighted_by_shares() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1"))];
    let mids = |mids: [&str; 5]| mids.map(Price::parse);
    data.fills = vec![
        // Bought below the mid, which falls: +0.01, 0, -0.01, -0.02, -0.03.
        FillRow { mids: mids(["0.41", "0.4", "0.39", "0.38", "0.37"]), ..fill(1, 0, 0, Side::Buy, "0.4", 10) },
        // Sold at 0.5 as taker, then the mid falls by 0.02 and is unknown after 60 s.
        FillRow {
            maker: false,
            mids: mids(["0.51", "0.48", "0.48", "0.48", ""]),
            ..fill(2, 0, 0, Side::Sell, "0.5", 30)
        },
        // Sold at 0.6 as maker: 0, then +0.1.
        FillRow { mids: mids(["0.6", "0.5", "0.5", "0.5", ""]), ..fill(3, 0, 0, Side::Sell, "0.6", 10) },
    ];
    let found = statistics(&data).markouts;
    let of = |kind: usize| found[kind].horizons.iter().map(|it| it.per_share).collect::<Vec<_>>();
    // (0.1 + 0) / 20, (0 + 1) / 20, (-0.1 + 1) / 20, (-0.2 + 1) / 20, the first alone, (6 - 4) / 20.
    assert_eq!(of(1), [Some(0.005), Some(0.05), Some(0.045), Some(0.04), Some(-0.03), Some(0.1)]);
    assert_eq!(of(2), [Some(-0.01), Some(0.02), Some(0.02), Some(0.02), None, Some(-0.5)]);
    // (0 + 0.6 + 1) / 50, and (6 - 15 - 4) / 50.
    assert_eq!((of(0)[1], of(0)[5]), (Some(0.032), Some(-0.26)));
    assert_eq!((found[0].horizons[4].fills, found[0].horizons[4].total), (1, -0.3));
    assert_eq!(summary(&data).markout_1s, Some(0.032));
}

/// Two fills and a payout: 100 bought at 0.40 with a fee of 1, 40 sold at 0.60, the rest pays 1.
fn round_trip() -> RunData {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1"))];
    let buy = FillRow { fee: usd("1"), realised: usd("-1"), tag: 7, ..fill(10, 0, 0, Side::Buy, "0.4", 100) };
    let sell = FillRow { order: 2, realised: usd("8"), tag: 9, ..fill(4_000, 0, 0, Side::Sell, "0.6", 40) };
    data.fills = vec![buy, sell];
    data.orders = vec![order(1, 5, 0), OrderRow { reason: "take profit".to_owned(), tag: 9, ..order(2, 6, 0) }];
    data.markets[0].resolved_at = Some(START.plus_micros(3_600 * SECOND));
    data.description.span.1 = START.plus_micros(7_200 * SECOND);
    data
}

#[test]
fn profit_is_the_sum_of_fills_and_payouts_by_every_property() {
    let found = statistics(&round_trip());
    // -40 - 1 + 24 + 60 = 43.
    assert_eq!(found.profit_of_entries_micros, 43_000_000);
    for breakdown in &found.profit {
        let sum: i64 = breakdown.rows.iter().map(|row| row.profit_micros).sum();
        assert_eq!(sum, 43_000_000, "{}", breakdown.by);
    }
    let rows = |by: &str| {
        let breakdown = found.profit.iter().find(|breakdown| breakdown.by == by).unwrap();
        breakdown.rows.iter().map(|row| (row.label.as_str(), row.profit_micros)).collect::<Vec<_>>()
    };
    // The payout of 60 shares that cost 24 is 36.
    assert_eq!(
        rows("exit"),
        [("(resolution)", 36_000_000), ("take profit", 8_000_000), ("(opening: fees)", -1_000_000)]
    );
    assert_eq!(rows("tag"), [("7", 35_000_000), ("9", 8_000_000)]);
    assert_eq!(rows("hour"), [("00:00", -1_000_000), ("01:00", 44_000_000)]);
    assert_eq!(rows("outcome"), [("first: Yes", 43_000_000)]);
    assert_eq!(rows("strategy"), [("quoter", 43_000_000)]);
    let market = &found.profit[0].rows[0];
    assert_eq!((market.fills, market.turnover_micros, market.fees_micros), (2, 64_000_000, 1_000_000));
}

#[test]
fn an_open_position_counts_at_the_bid_and_a_later_payout_is_named() {
    let mut data = round_trip();
    data.markets[0].resolved_at = Some(START.plus_micros(9_000 * SECOND));
    let exit = |data: &RunData| {
        let profit = statistics(data).profit;
        let found = profit.iter().find(|breakdown| breakdown.by == "exit").unwrap().rows[0].clone();
        (found.label, found.profit_micros)
    };
    assert_eq!(exit(&data), ("(resolution after the end)".to_owned(), 36_000_000));
    data.markets[0].pays = None;
    data.tops = vec![top(7_000, 0, "0.7", "0.72")];
    // 60 shares at the bid of 0.70 are worth 42; they cost 24.
    assert_eq!(exit(&data), ("(open at the end, at the bid)".to_owned(), 18_000_000));
    data.tops.clear();
    assert_eq!(statistics(&data).profit_of_entries_micros, -17_000_000);
}

#[test]
fn markets_with_the_same_question_stay_apart() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1")), market(1, "b", Some("0"))];
    data.markets[1].question = data.markets[0].question.clone();
    data.fills = (0..2).map(|number| fill(1, number, 0, Side::Buy, "0.5", 10)).collect();
    let profit = statistics(&data).profit;
    let profits: Vec<i64> = profit[0].rows.iter().map(|row| row.profit_micros).collect();
    assert_eq!((profit[0].by, profits), ("market", vec![5_000_000, -5_000_000]));
}

#[test]
fn markets_of_one_event_are_one_group() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1")), market(1, "a", Some("0")), market(2, "b", Some("0"))];
    data.fills = (0..3).map(|number| fill(1, number, 0, Side::Buy, "0.5", 10)).collect();
    assert_eq!(group_profits(&data), [("a".to_owned(), Usd::ZERO), ("b".to_owned(), Usd::dollars(-5))]);
    let found = summary(&data);
    assert_eq!((found.groups, found.sharpe, found.win_rate, found.profit_low), (2, None, Some(0.0), None));
}

#[test]
fn days_are_changes_of_the_equity_between_midnights() {
    let mut data = empty();
    data.equity = vec![
        equity(0, 1_000, 0),
        equity(60, 1_010, 0),
        equity(DAY_S, 1_020, 0),
        equity(DAY_S + 60, 1_015, 0),
        equity(3 * DAY_S, 1_030, 5),
    ];
    // The row at midnight ends its day; the second day ends at 1015, the third at 1035.
    assert_eq!(ratios::daily(&data), [20.0, -5.0, 20.0]);
    let days: Vec<f64> = (0..30).map(|day| if day % 2 == 0 { 3.0 } else { -1.0 }).collect();
    let mut sum = 1_000;
    data.equity = (0..30)
        .map(|day| {
            sum += if day % 2 == 0 { 3 } else { -1 };
            equity((day + 1) * DAY_S, sum, 0)
        })
        .collect();
    assert_eq!(ratios::daily(&data), days);
    // 0.49159604 times the root of 365.
    assert_eq!(summary(&data).sharpe_daily, Some(9.39192916));
}

#[test]
fn the_queue_is_counted_by_the_depth_ahead() {
    let mut data = empty();
    let rested = |number: u64, ahead: u64, filled: u64| OrderRow {
        ahead: Some(Size::shares(ahead)),
        filled: Size::shares(filled),
        state: OrderState::Cancelled,
        ..order(number, 0, 0)
    };
    data.orders = vec![
        rested(1, 0, 10),
        rested(2, 10, 5),
        rested(3, 8, 0),
        rested(4, 11, 0),
        rested(5, 1_000, 0),
        order(6, 0, 0),
        order(0, 0, 0),
    ];
    data.fills = vec![
        FillRow { order: 1, ..fill(4, 0, 0, Side::Buy, "0.5", 6) },
        FillRow { order: 1, ..fill(9, 0, 0, Side::Buy, "0.5", 4) },
        FillRow { order: 2, maker: false, fee: usd("0.5"), ..fill(6, 0, 0, Side::Buy, "0.5", 30) },
    ];
    let found = statistics(&data).orders;
    let rows: Vec<_> = found.queue.iter().map(|row| (row.orders, row.filled, row.partly)).collect();
    assert_eq!(rows, [(1, 1, 0), (2, 0, 1), (1, 0, 0), (1, 0, 0)]);
    assert_eq!((found.queue[1].ahead_mean, found.queue[1].fill_rate), (Some(9.0), Some(0.25)));
    assert_eq!(found.states, [("cancelled".to_owned(), 5), ("live".to_owned(), 1)]);
    // 15 of 60 shares; first fills after 4 and 6 s.
    assert_eq!((found.fill_rate, found.wait_median_s), (Some(0.25), Some(4.0)));
    // 5 dollars as maker, 15 as taker.
    assert_eq!((found.maker_share, found.taker.fees, found.maker.fills), (Some(0.25), 0.5, 2));
}

#[test]
fn the_worst_moments_name_the_market_that_explains_them() {
    let mut data = empty();
    data.markets = vec![market(0, "a", None), market(1, "b", None)];
    data.fills = vec![
        fill(10, 0, 0, Side::Buy, "0.5", 100),
        fill(20, 1, 1, Side::Buy, "0.5", 10),
        fill(90, 1, 1, Side::Sell, "0.45", 4),
    ];
    data.equity = vec![equity(60, 945, 55), equity(120, 945, 30), equity(180, 945, 31)];
    data.tops = vec![
        top(50, 0, "0.49", "0.51"),
        top(50, 1, "0.49", "0.51"),
        top(100, 0, "0.24", "0.26"),
        top(100, 1, "0.59", "0.61"),
    ];
    let found = statistics(&data).worst;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].change, found[0].fills, found[0].from_us), (-25.0, 1, START.0 + 60 * SECOND));
    assert_eq!(found[0].market, data.markets[0].question);
    // 100 shares from 0.50 to 0.25.
    assert_eq!(found[0].market_change, Some(-25.0));
    // The other market: 10 shares of the second outcome from 0.50, then 6 at 0.40 and 1.80 received: -0.80.
    data.fills.remove(0);
    assert_eq!(statistics(&data).worst[0].market_change, Some(-0.8));
}

#[test]
fn the_favourite_is_bought_at_its_first_mid_and_held() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1")), market(1, "b", Some("1")), market(2, "c", None)];
    data.fills = vec![fill(1, 0, 0, Side::Buy, "0.4", 100), fill(2, 0, 0, Side::Sell, "0.5", 10)];
    data.tops =
        vec![top(0, 0, "0.79", "0.81"), top(9, 0, "0.1", "0.2"), top(0, 1, "0.19", "0.21"), top(0, 2, "0.49", "0.51")];
    data.description.totals.profit_at_outcome = usd("3");
    let found = statistics(&data).baselines;
    // 40 dollars were spent; 20 on each favourite. 20 / 0.8 = 25 shares pay 25; the other loses 20.
    assert_eq!((found.favourite, found.favourite_markets), (-15.0, 2));
    assert_eq!((found.run, found.nothing), (3.0, 0.0));
    data.markets[0].fee_rate_micros = 50_000;
    // 25 * 0.05 * 0.8 * 0.2 = 0.2.
    assert_eq!(statistics(&data).baselines.favourite, -15.2);
}

#[test]
fn random_trades_spend_what_the_run_spent() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1"))];
    data.fills = (0..10).map(|second| fill(second, 0, 0, Side::Buy, "0.5", 20)).collect();
    data.tops = vec![top(0, 0, "0.5", "0.5")];
    data.description.totals.profit_at_outcome = Usd::dollars(100);
    let found = statistics(&data).baselines;
    // Each of ten trades wins or loses its 10 dollars: 20 k - 100 with k binomial (10, 0.5).
    assert_eq!((found.seeds, found.random_median), (100, Some(0.0)));
    let multiple = |value: Option<f64>| value.is_some_and(|value| (value / 20.0).fract() == 0.0);
    assert!(multiple(found.random_low) && multiple(found.random_high));
    assert!(found.random_low < Some(0.0) && found.random_high > Some(0.0));
    // Nothing is better than winning all.
    assert_eq!(found.rank, Some(1));
    data.description.totals.profit_at_outcome = Usd::dollars(-101);
    assert_eq!(statistics(&data).baselines.rank, Some(101));
    assert_eq!(statistics(&data), statistics(&data));
}

#[test]
fn a_run_that_sold_everything_has_random_trades_that_sell() {
    let mut data = empty();
    data.markets = vec![market(0, "a", Some("1"))];
    data.fills = vec![fill(0, 0, 0, Side::Buy, "0.5", 100), fill(1, 0, 0, Side::Sell, "0.5", 100)];
    data.tops = vec![top(0, 0, "0.49", "0.51")];
    let found = statistics(&data).baselines;
    // 50 / 0.51 shares sold at 0.49; the second outcome has the same prices.
    assert_eq!((found.random_low, found.random_high), (Some(-1.960785), Some(-1.960785)));
}

#[test]
fn markets_are_counted_by_their_end() {
    let mut data = empty();
    data.markets =
        vec![market(0, "a", Some("1")), market(1, "b", Some("0.5")), market(2, "c", None), market(3, "d", Some("0"))];
    data.markets[2].traded = false;
    data.markets[3].resolved_at = Some(Time(u64::MAX));
    let tape = |selection: &str, quality: &[(&str, u64)]| TapeDescription {
        path: "t".to_owned(),
        hash: String::new(),
        span: data.description.span,
        events: 0,
        invented: false,
        quality: quality.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect(),
        selection: selection.to_owned(),
    };
    data.description.tapes = vec![tape("all", &[("gap", 2), ("crossed", 1)]), tape("all", &[("gap", 3)])];
    let found = statistics(&data);
    let Survivorship { listed, traded, resolved, void, open, resolved_later, chosen } = found.survivorship;
    assert_eq!((listed, traded, resolved, void, open, resolved_later), (4, 3, 2, 1, 1, 1));
    assert_eq!(chosen, ["all"]);
    assert_eq!(found.quality, [("crossed".to_owned(), 1), ("gap".to_owned(), 5)]);
}

#[test]
fn figures_are_found_by_name_and_an_empty_run_has_statistics() {
    let found = summary(&empty());
    assert_eq!((found.value("profit"), found.value("sharpe"), found.value("none")), (Some(0.0), None, None));
    assert_eq!(found.figures().len(), 37);
    let all = statistics(&empty());
    assert_eq!(all.bounds.len(), 1);
    assert!(serde_json::to_string(&all).is_ok());
}
