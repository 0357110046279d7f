//! Properties over random sessions: no approval leaves exposure above a limit, and money changes only by fills.

use crate::story::Story;
use engine::Effect;
use model::input::{PlaceOutcome, Settlement, StrategyChange, VenueStatus};
use model::{
    Budget, InputKind, IntentKind, Limits, MarketIx, OrderId, OrderKind, Price, Quote, Side, Size, StrategyId, Usd,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One random action.
#[derive(Debug, Clone)]
enum Move {
    Place {
        market: u32,
        outcome: u32,
        buy: bool,
        cents: u32,
        shares: u64,
        fak: bool,
    },
    Quote {
        market: u32,
        outcome: u32,
        cents: u32,
        shares: u64,
    },
    Live(u64),
    Lost(u64),
    Refused(u64),
    Cancelled(u64),
    Fill {
        order: u64,
        shares: u64,
        settled: bool,
        /// The number of cents by which a FOK or FAK BUY is filled better than its limit.
        better: u32,
    },
    Book {
        market: u32,
        cents: u32,
    },
    Wait(u64),
    /// The following intents come from this strategy.
    Who(u16),
    Budget {
        who: u16,
        dollars: Option<i64>,
    },
}

fn moves() -> impl Strategy<Value = Move> {
    let order = || 1u64..40;
    prop_oneof![
        4 => (0u32..3, 0u32..2, any::<bool>(), 1u32..100, 1u64..300, any::<bool>()).prop_map(
            |(market, outcome, buy, cents, shares, fak)| Move::Place { market, outcome, buy, cents, shares, fak }
        ),
        2 => (0u32..3, 0u32..2, 1u32..100, 0u64..300)
            .prop_map(|(market, outcome, cents, shares)| Move::Quote { market, outcome, cents, shares }),
        2 => order().prop_map(Move::Live),
        1 => order().prop_map(Move::Lost),
        1 => order().prop_map(Move::Refused),
        1 => order().prop_map(Move::Cancelled),
        4 => (order(), 1u64..200, any::<bool>(), 0u32..30)
            .prop_map(|(order, shares, settled, better)| Move::Fill { order, shares, settled, better }),
        1 => (0u32..3, 2u32..97).prop_map(|(market, cents)| Move::Book { market, cents }),
        1 => (1u64..3).prop_map(Move::Wait),
        1 => (1u16..3).prop_map(Move::Who),
        1 => (1u16..3, proptest::option::of(0i64..60)).prop_map(|(who, dollars)| Move::Budget { who, dollars }),
    ]
}

fn limits() -> Limits {
    Limits {
        portfolio_trade_bps: 600,
        max_order: Usd::dollars(50),
        max_market: Usd::dollars(90),
        max_open_positions: 2,
        daily_loss: Usd::dollars(100_000),
        ..Limits::DEFAULT
    }
}

/// The test's own state of an order, independent of the engine.
#[derive(Debug, Clone, Copy)]
struct KnownOrder {
    order: model::NewOrder,
    open: bool,
    filled: u64,
    spent: i128,
}

impl KnownOrder {
    /// Returns the amount that may still be matched: shares, or for a FOK or FAK BUY dollars.
    fn left(&self) -> Result<u64, i128> {
        let dollars = self.order.dollars().map(|dollars| i128::from(dollars.0) - self.spent);
        dollars.map_or(Ok(self.order.size.0.saturating_sub(self.filled)), Err)
    }
}

/// The test's own account, kept in the simplest way.
#[derive(Debug, Default)]
struct Shadow {
    orders: BTreeMap<OrderId, KnownOrder>,
    shares: BTreeMap<(u32, u32), i128>,
    cost: BTreeMap<u32, i128>,
    cash: i128,
    budgets: BTreeMap<StrategyId, Usd>,
}

impl Shadow {
    /// Returns the cost of a strategy's buys that may still be filled, up to one of them.
    fn bids(&self, who: StrategyId, last: OrderId) -> i128 {
        let open = self.orders.range(..=last).map(|(_, known)| known);
        let bids = open.filter(|known| known.open && known.order.strategy == who && known.order.side == Side::Buy);
        let cost = |known: &KnownOrder| match known.left() {
            Ok(shares) => i128::from(known.order.price.cost_ceil(Size(shares)).unwrap().0),
            Err(dollars) => dollars,
        };
        bids.map(cost).sum()
    }

    /// Returns the most that can be lost in a market: for each possible winner, any subset of the open orders may have
    /// been filled, tried one by one (each order's own worst).
    fn worst(&self, market: u32) -> i128 {
        let open = || self.orders.values().filter(move |known| known.open && known.order.token.market().0 == market);
        let loss_if = |winner: u32| {
            let held = self.shares.get(&(market, winner)).copied().unwrap_or(0);
            let base = self.cost.get(&market).copied().unwrap_or(0) - held;
            base + open()
                .map(|known| {
                    let order = known.order;
                    let wins = order.token.outcome() == winner;
                    let left = match known.left() {
                        Ok(shares) => i128::from(shares),
                        // Dollars are lost entirely or not at all: possible winnings are not counted.
                        Err(dollars) => return if wins { 0 } else { dollars },
                    };
                    let price = i128::from(order.price.micros());
                    // Buying costs the price and wins a dollar or nothing; selling is the opposite.
                    let pays = if wins { 1_000_000 } else { 0 };
                    let loss = if order.side == Side::Buy { price - pays } else { pays - price };
                    (loss * left / 1_000_000).max(0)
                })
                .sum::<i128>()
        };
        loss_if(0).max(loss_if(1)).max(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_approval_leaves_a_limit_behind_it_and_money_moves_only_by_fills(
        moves in proptest::collection::vec(moves(), 1..120)
    ) {
        let limits = limits();
        let mut story = Story::new(3, limits);
        let mut shadow = Shadow { cash: 1_000_000_000, ..Shadow::default() };
        let mut trades = 0u8;
        for what in moves {
            let worst_before: Vec<i128> = (0..3).map(|market| shadow.worst(market)).collect();
            act(&mut story, &mut shadow, &what, &mut trades);
            for effect in &story.effects {
                if let Effect::Place(approved) = effect {
                    let order = approved.item().order;
                    let just_before = shadow.worst(order.token.market().0);
                    shadow.orders.insert(order.id, KnownOrder { order, open: true, filled: 0, spent: 0 });
                    let market = order.token.market().0;
                    let worst = shadow.worst(market);
                    let before = worst_before[usize::try_from(market).unwrap()];
                    // A step may approve two orders, so the worst case must be within the limit or unchanged.
                    prop_assert!(
                        worst <= i128::from(limits.max_market.0) + 2 || worst <= before + 2,
                        "market {market} can lose {worst} after {order:?}"
                    );
                    // The holdings are the ledger's after the step: no step both fills and approves.
                    if let (Side::Buy, Some(budget)) = (order.side, shadow.budgets.get(&order.strategy)) {
                        let parts = story.engine.ledger().parts_of(order.strategy);
                        let held: i128 = parts.map(|(_, part)| i128::from(part.cost.0)).sum();
                        let capital = held + shadow.bids(order.strategy, order.id);
                        prop_assert!(capital <= i128::from(budget.0), "{capital} over {budget} after {order:?}");
                    }
                    // With a bid placed in the same step, a bid for the other outcome may add nothing to the possible
                    // loss.
                    if order.side == Side::Buy && worst > just_before {
                        let cost = order.dollars().unwrap_or(order.price.cost_ceil(order.size).unwrap());
                        prop_assert!(cost <= limits.max_order);
                    }
                }
            }
            let ledger = story.engine.ledger();
            prop_assert_eq!(i128::from(ledger.cash().0), shadow.cash);
            prop_assert!(ledger.cash() >= Usd::ZERO, "cash fell below zero");
            for (token, position) in ledger.positions() {
                let own = shadow.shares.get(&(token.market().0, token.outcome())).copied().unwrap_or(0);
                prop_assert_eq!(i128::from(position.size.0), own);
            }
            prop_assert_eq!(story.engine.audit(), Ok(()));
        }
    }
}

fn act(story: &mut Story, shadow: &mut Shadow, what: &Move, trades: &mut u8) {
    match *what {
        Move::Place { market, outcome, buy, cents, shares, fak } => {
            let kind = if fak { OrderKind::Fak } else { OrderKind::Gtc { post_only: false } };
            let side = if buy { Side::Buy } else { Side::Sell };
            let (token, price) = (MarketIx(market).token(outcome), cent(cents));
            story.intent(IntentKind::Place { token, side, price, size: Size::shares(shares), kind });
        }
        Move::Quote { market, outcome, cents, shares } => {
            let leg = (shares > 0).then(|| Quote { price: cent(cents), size: Size::shares(shares) });
            story.intent(IntentKind::Quote { token: MarketIx(market).token(outcome), bid: leg, ask: leg });
        }
        Move::Live(order) => answer_placement(story, shadow, order, PlaceOutcome::Live),
        Move::Lost(order) => answer_placement(story, shadow, order, PlaceOutcome::Unknown { reason: "lost".into() }),
        Move::Refused(order) => {
            if shadow.orders.get(&OrderId(order)).is_some_and(|known| known.open && known.filled == 0) {
                shadow.orders.get_mut(&OrderId(order)).unwrap().open = false;
                answer_placement(story, shadow, order, PlaceOutcome::Refused { reason: "no".into() });
            } else {
                story.effects.clear();
            }
        }
        Move::Cancelled(order) => {
            let Some(known) = shadow.orders.get_mut(&OrderId(order)) else { return story.effects.clear() };
            known.open = false;
            let (order, matched) = (OrderId(order), Size(known.filled));
            story.step(InputKind::OrderUpdate { order, status: VenueStatus::Cancelled, matched });
        }
        Move::Fill { order, shares, settled, better } => {
            fill(story, shadow, OrderId(order), (shares, better), settled, trades)
        }
        Move::Book { market, cents } => {
            let (bid, ask) = (cent(cents).to_string(), cent(cents + 2).to_string());
            story.book(MarketIx(market), &bid, &ask);
        }
        Move::Wait(seconds) => {
            story.now = story.now.plus_millis(seconds * 1_000);
            story.step(InputKind::Clock);
        }
        Move::Who(who) => {
            story.who = who;
            story.effects.clear();
        }
        Move::Budget { who, dollars } => {
            let (strategy, capital) = (StrategyId(who), dollars.map(Usd::dollars));
            match capital {
                Some(capital) => shadow.budgets.insert(strategy, capital),
                None => shadow.budgets.remove(&strategy),
            };
            let budget = Budget { capital, ..Budget::NONE };
            story.step(InputKind::Strategy(StrategyChange::Budget { strategy, budget }));
        }
    }
}

/// Feeds the venue's answer to a placement, if there is such an order.
fn answer_placement(story: &mut Story, shadow: &Shadow, order: u64, outcome: PlaceOutcome) {
    let order = OrderId(order);
    match shadow.orders.contains_key(&order) {
        true => story.step(InputKind::Placed { order, outcome }),
        false => story.effects.clear(),
    }
}

/// Fills a part of an open order, never more than is left.
fn fill(
    story: &mut Story,
    shadow: &mut Shadow,
    order: OrderId,
    (shares, better): (u64, u32),
    settled: bool,
    trades: &mut u8,
) {
    let Some(known) = shadow.orders.get_mut(&order).filter(|known| known.open && *trades < 250) else {
        return story.effects.clear();
    };
    let order = known.order;
    let (price, most) = match known.left() {
        Ok(shares) => (order.price, shares),
        Err(dollars) => {
            let price = cent((order.price.micros() / 10_000).saturating_sub(better));
            (price, price.shares_for(Usd(i64::try_from(dollars).unwrap())).0)
        }
    };
    let size = Size((shares * 1_000_000).min(most));
    if size.is_zero() {
        return story.effects.clear();
    }
    *trades += 1;
    known.filled += size.0;
    let cost = i128::from(price.cost_floor(size).unwrap().0);
    known.spent += cost;
    known.open = match known.left() {
        Ok(shares) => shares > 0,
        Err(dollars) => dollars >= 10_000,
    };
    let key = (order.token.market().0, order.token.outcome());
    let held = shadow.shares.entry(key).or_default();
    let market_cost = shadow.cost.entry(key.0).or_default();
    match order.side {
        Side::Buy => {
            *held += i128::from(size.0);
            *market_cost += cost;
            shadow.cash -= cost;
        }
        Side::Sell => {
            // The ledger computes the cost of sold shares; the test takes it from there afterwards.
            *held -= i128::from(size.0);
            shadow.cash += cost;
        }
    }
    let settlement = if settled { Settlement::Confirmed } else { Settlement::Mined };
    story.trade(order.id, size, price, settlement, *trades);
    let both = [0, 1].map(|outcome| story.engine.ledger().position(MarketIx(key.0).token(outcome)).cost.0);
    shadow.cost.insert(key.0, both.into_iter().map(i128::from).sum());
}

fn cent(cents: u32) -> Price {
    Price::from_micros(cents.clamp(1, 99) * 10_000).unwrap()
}
