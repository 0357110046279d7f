//! Generated runs for tests.
#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use sim::Rng;

/// Start of generated runs: 2026-11-29T00:00:00Z.
pub(crate) const START: Time = Time(1_795_910_400_000_000);
const SECOND: u64 = 1_000_000;
const DAY_S: u64 = 86_400;

/// A description without anything to report.
pub(crate) fn description(cash: Usd, seconds: u64) -> RunDescription {
    let strategy = |name: &str| StrategyDescription {
        name: name.to_owned(),
        module: "ab".repeat(32),
        parameters: "{}".to_owned(),
        warm_up: None,
    };
    RunDescription {
        schema: SCHEMA,
        id: "sample".to_owned(),
        kind: RunKind::Backtest,
        program: "0.0.0".to_owned(),
        started_at: START,
        end: RunEnd::Complete,
        strategies: vec![strategy("quoter"), strategy("momentum")],
        tapes: Vec::new(),
        fill: FillModel::Queue,
        feed_latency_us: 125_000,
        order_latency_us: 50_000,
        request_tier: model::RequestTier::Standard,
        seed: 1,
        fees: "recorded".to_owned(),
        limits: serde_json::json!({"max_order_usd": 50}),
        cash,
        span: (START, START.plus_micros(seconds * SECOND)),
        totals: Totals::default(),
        bounds: Vec::new(),
        refusals: Vec::new(),
        stops: Vec::new(),
        transfers: Vec::new(),
        warnings: Vec::new(),
        digest: "cd".repeat(32),
    }
}

/// A market that pays this, in dollars for a share of its first token.
pub(crate) fn market(number: u32, group: &str, pays: Option<&str>) -> MarketRow {
    MarketRow {
        market: number,
        condition: format!("0x{number:064x}"),
        tokens: [format!("{number}1"), format!("{number}2")],
        slug: format!("market-{number}"),
        question: format!("Will market {number} end above its start?"),
        outcomes: ["Yes".to_owned(), "No".to_owned()],
        group: group.to_owned(),
        listed_at: START,
        ends_at: None,
        pays: pays.map(|pays| Usd::parse(pays).unwrap()),
        resolved_at: pays.map(|_| START.plus_micros(3_600 * SECOND)),
        traded: true,
        fee_rate_micros: 0,
    }
}

/// A fill at `seconds` after the start.
pub(crate) fn fill(seconds: u64, market: u32, outcome: u8, side: Side, price: &str, shares: u64) -> FillRow {
    FillRow {
        order: 1,
        strategy: 0,
        market,
        outcome,
        side,
        price: Price::parse(price).unwrap(),
        size: Size::shares(shares),
        fee: Usd::ZERO,
        maker: true,
        tag: 0,
        at: START.plus_micros(seconds * SECOND),
        realised: Usd::ZERO,
        mids: [None; 5],
    }
}

/// An order at `seconds` after the start.
pub(crate) fn order(number: u64, seconds: u64, market: u32) -> OrderRow {
    OrderRow {
        order: number,
        strategy: 0,
        market,
        outcome: 0,
        side: Side::Buy,
        price: Price::HALF,
        size: Size::shares(10),
        kind: "GTC".to_owned(),
        tag: 0,
        reason: String::new(),
        fair: None,
        placed_at: START.plus_micros(seconds * SECOND),
        ended_at: None,
        state: OrderState::Live,
        filled: Size::ZERO,
        ahead: None,
    }
}

/// The account at `seconds` after the start, in whole dollars.
pub(crate) fn equity(seconds: u64, cash: i64, positions: i64) -> EquityRow {
    EquityRow {
        at: START.plus_micros(seconds * SECOND),
        cash: Usd::dollars(cash),
        positions: Usd::dollars(positions),
        locked: Usd::ZERO,
        exposure: Usd::ZERO,
        realised: Usd::ZERO,
        fees: Usd::ZERO,
    }
}

pub(crate) fn top(seconds: u64, market: u32, bid: &str, ask: &str) -> TopRow {
    TopRow { at: START.plus_micros(seconds * SECOND), market, bid: Price::parse(bid), ask: Price::parse(ask) }
}

/// A run without rows.
pub(crate) fn empty() -> RunData {
    RunData {
        description: description(Usd::dollars(1_000), 3_600),
        markets: Vec::new(),
        orders: Vec::new(),
        fills: Vec::new(),
        equity: Vec::new(),
        tops: Vec::new(),
    }
}

/// A day of generated markets: random walks with a maker and a taker, a top each second in which something changed.
pub(crate) fn day(markets: u32, seed: u64) -> RunData {
    let mut rng = Rng::new(seed);
    let mut data = empty();
    data.description.span.1 = START.plus_micros(DAY_S * SECOND);
    for number in 0..markets {
        walk(&mut data, number, &mut rng);
    }
    data.fills.sort_by_key(|fill| fill.at);
    data.orders.sort_by_key(|order| order.placed_at);
    data.tops.sort_by_key(|top| (top.at, top.market));
    account(&mut data);
    describe(&mut data, markets);
    data
}

/// Adds a market with its tops, orders and fills.
fn walk(data: &mut RunData, number: u32, rng: &mut Rng) {
    let group = format!("event-{}", number / 2);
    let mut row = market(number, &group, None);
    let (begins, ends) = (rng.below(DAY_S / 2), DAY_S / 2 + rng.below(DAY_S / 2));
    row.listed_at = START.plus_micros(begins * SECOND);
    row.ends_at = Some(START.plus_micros(ends * SECOND));
    row.fee_rate_micros = 50_000;
    let mut cents = 20 + rng.below(60);
    let mut second = begins;
    let mut tick = 0_u64;
    while second < ends {
        let up = rng.below(100) < 50;
        cents = if up { (cents + 1).min(97) } else { cents.saturating_sub(1).max(2) };
        let at = START.plus_micros(second * SECOND);
        let (bid, ask) = (price_of(cents), price_of(cents + 1 + rng.below(2)));
        data.tops.push(TopRow { at, market: number, bid: Some(bid), ask: Some(ask) });
        if tick.is_multiple_of(40) {
            trade(data, number, at, (bid, ask), rng);
        }
        tick += 1;
        second += 2 + rng.below(20);
    }
    if !number.is_multiple_of(10) {
        row.pays = Some(if cents > 50 { Usd::dollars(1) } else { Usd::ZERO });
        row.resolved_at = Some(START.plus_micros((ends + 120).min(DAY_S) * SECOND));
    }
    data.markets.push(row);
}

fn price_of(cents: u64) -> Price {
    Price::from_micros(u32::try_from(cents.clamp(1, 99) * 10_000).unwrap()).unwrap()
}

fn trade(data: &mut RunData, market: u32, at: Time, (bid, ask): (Price, Price), rng: &mut Rng) {
    let maker = rng.below(3) > 0;
    let side = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
    let price = if (side == Side::Buy) == maker { bid } else { ask };
    let size = Size::shares(5 + rng.below(20));
    let number = u64::try_from(data.orders.len()).unwrap() + 1;
    let strategy = u32::from(!maker);
    let reason = if maker { "quote" } else { "momentum turned" };
    let fair = Some(price_of(u64::from(bid.micros()) / 10_000 + rng.below(3)));
    let ahead = maker.then(|| Size::shares(rng.below(200)));
    let filled = if rng.below(4) > 0 { size } else { Size::ZERO };
    let state = if filled.is_zero() { OrderState::Cancelled } else { OrderState::Filled };
    let (ended, tag) = (at.plus_micros(rng.below(30) * SECOND), rng.below(3));
    data.orders.push(OrderRow {
        strategy,
        side,
        price,
        size,
        tag,
        reason: reason.to_owned(),
        fair,
        placed_at: at,
        ended_at: Some(ended),
        state,
        filled,
        ahead,
        ..order(number, 0, market)
    });
    if filled.is_zero() {
        return;
    }
    let fee = if maker { Usd::ZERO } else { Usd(i64::from(price.micros()) / 1_000 * 10) };
    let mids = std::array::from_fn(|step| {
        let drift = u32::try_from(rng.below(3) * 1_000 * u64::try_from(step).unwrap()).unwrap();
        Price::from_micros(price.micros() + drift + 2_000)
    });
    let realised = Usd(-fee.0);
    data.fills.push(FillRow {
        order: number,
        strategy,
        side,
        price,
        size,
        fee,
        maker,
        tag,
        at: ended,
        realised,
        mids,
        ..fill(0, market, 0, side, "0.5", 1)
    });
}

/// Adds the equity: cash by the fills, positions at the last bid before each minute.
fn account(data: &mut RunData) {
    let mut cash = data.description.cash;
    let mut shares = std::collections::BTreeMap::<u32, i64>::new();
    let mut bids = std::collections::BTreeMap::<u32, i64>::new();
    let (mut fills, mut tops) = (data.fills.iter().peekable(), data.tops.iter().peekable());
    let mut fees = Usd::ZERO;
    for minute in 0..=DAY_S / 60 {
        let at = START.plus_micros(minute * 60 * SECOND);
        while let Some(fill) = fills.next_if(|fill| fill.at <= at) {
            let dollars = i64::from(fill.price.micros()) * i64::try_from(fill.size.0 / 1_000_000).unwrap();
            let (sign, held) = if fill.side == Side::Buy { (-1, 1) } else { (1, -1) };
            cash.0 += sign * dollars - fill.fee.0;
            fees.0 += fill.fee.0;
            *shares.entry(fill.market).or_default() += held * i64::try_from(fill.size.0 / 1_000_000).unwrap();
        }
        while let Some(top) = tops.next_if(|top| top.at <= at) {
            bids.insert(top.market, top.bid.unwrap().micros().into());
        }
        let value = |(market, held): (&u32, &i64)| held * bids.get(market).copied().unwrap_or(0);
        let positions = Usd(shares.iter().map(value).sum());
        let exposure = Usd(shares.iter().map(|(market, held)| value((market, held)).abs()).sum());
        let locked = Usd(20_000_000 + i64::try_from(minute % 30).unwrap() * 1_000_000);
        let realised = Usd(-fees.0);
        data.equity.push(EquityRow { at, cash, positions, locked, exposure, realised, fees });
    }
}

fn describe(data: &mut RunData, markets: u32) {
    let last = data.equity.last().copied().unwrap();
    let profit = Usd(last.cash.0 + last.positions.0 - data.description.cash.0);
    let fills = u64::try_from(data.fills.len()).unwrap();
    let turnover = data.fills.iter().map(|fill| fill.price.cost_floor(fill.size).unwrap().0).sum();
    let totals = Totals {
        events: u64::try_from(data.tops.len()).unwrap(),
        intents: 3 * fills,
        orders: u64::try_from(data.orders.len()).unwrap(),
        fills,
        refusals: 17,
        realised: last.realised,
        fees: last.fees,
        profit_at_bid: profit,
        profit_at_zero: Usd(profit.0 - last.positions.0),
        profit_at_outcome: profit,
        turnover: Usd(turnover),
        rebates: Usd(123_456),
        rewards: Usd(2_000_000),
        ..Totals::default()
    };
    let of = |part: i64| Totals { profit_at_bid: Usd(profit.0 - part), fills: fills / 2, ..totals };
    data.description.totals = totals;
    data.description.bounds = vec![(FillModel::Pessimistic, of(40_000_000)), (FillModel::Optimistic, of(-55_000_000))];
    data.description.refusals = vec![("max_order_usd".to_owned(), 12), ("strategy_rate".to_owned(), 5)];
    data.description.tapes = vec![TapeDescription {
        path: "generated.tape".to_owned(),
        hash: "ef".repeat(32),
        span: data.description.span,
        events: totals.events,
        invented: true,
        quality: vec![("gap".to_owned(), 3), ("crossed".to_owned(), 41)],
        selection: format!("all {markets} generated markets"),
    }];
    data.description.warnings = vec!["the feed latency is assumed".to_owned()];
}
