//! The rules of the gate, each a small function with its own refusal, in the order of [`RULES`].

mod meeting;
mod money;
mod rate;
mod shape;
mod state;

use super::exposure::{add, loss_of, losses, worst};
use super::gate::Origin;
use super::refusal::{Refusal, Rule};
use crate::account::worst_fee;
use crate::markets::MarketEntry;
use crate::orders::OrderEntry;
use crate::step::Engine;
use alloc::vec::Vec;
use core::cell::OnceCell;
use model::{NewOrder, Price, Side, Usd};

/// An order on its way through the gate, with the data that several rules need.
pub(crate) struct Check<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) order: &'a NewOrder,
    pub(crate) origin: Origin,
    pub(crate) entry: &'a MarketEntry,
    /// The market's orders through which money may still move.
    pub(crate) nearby: Vec<&'a OrderEntry>,
    /// Worst-case loss of the market without and with this order.
    pub(crate) loss: [Usd; 2],
    /// True if it is one leg of a standing quote.
    pub(crate) target: bool,
    /// The strategy's fair value of a share, if it gave one.
    pub(crate) fair: Option<Price>,
    /// The value of the portfolio, computed on first use.
    portfolio: OnceCell<Usd>,
}

/// A rule.
pub(crate) type RuleFn = fn(&Check<'_>) -> Result<(), Refusal>;

/// All rules in order of precedence.
pub(crate) const RULES: [RuleFn; 34] = [
    state::running,
    state::restricted,
    state::granted,
    state::market_open,
    state::venue_open,
    state::time_to_end,
    shape::tick,
    shape::size,
    shape::expiry,
    rate::duplicate,
    rate::repeats,
    rate::order_rate,
    rate::strategy_rate,
    rate::open_orders,
    rate::market_orders,
    rate::order_table,
    rate::fill_table,
    shape::max_order_shares,
    shape::price_collar,
    shape::slippage,
    shape::depth,
    money::shares,
    money::cash,
    money::portfolio_trade_pct,
    money::max_order_usd,
    money::probation,
    money::min_edge,
    money::max_market_usd,
    money::max_event_usd,
    money::max_strategy_pct,
    money::strategy_capital,
    money::gross,
    money::max_open_positions,
    meeting::self_trade,
];

impl<'a> Check<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        order: &'a NewOrder,
        origin: Origin,
        target: bool,
        fair: Option<Price>,
    ) -> Result<Self, Refusal> {
        let market = order.token.market();
        let entry = engine.markets.get(market).ok_or_else(|| refusal(Rule::UnknownMarket, market.0, 0u32))?;
        let nearby: Vec<&OrderEntry> = engine.orders.at_risk_in(market).collect();
        let before = losses(&engine.ledger, market, nearby.iter().copied());
        let mut after = before;
        add(&mut after, order, loss_of(order));
        let loss = [before, after].map(worst);
        Ok(Self { engine, order, origin, entry, nearby, loss, target, fair, portfolio: OnceCell::new() })
    }

    /// Returns the current value of the portfolio.
    fn portfolio(&self) -> Usd {
        *self.portfolio.get_or_init(|| self.engine.portfolio_value())
    }

    /// Returns the market's open orders.
    pub(super) fn open(&self) -> impl Iterator<Item = &'a OrderEntry> {
        self.nearby.iter().copied().filter(|entry| entry.is_open())
    }

    /// Returns true if the order increases the possible loss. Only such orders are subject to the limits on value. A
    /// guard's exit sells owned shares and is never blocked by them, even where it breaks up a pair.
    fn increases_risk(&self) -> bool {
        let [before, after] = self.loss;
        after > before && self.origin != Origin::Guard
    }

    /// Returns the cash that the order needs: its cost and, unless it cannot take, the taker fee at its worst price.
    fn needs(&self) -> Result<Usd, Refusal> {
        let cost = self.cost()?;
        let fee = worst_fee(self.entry.market.fee, self.order, self.order.size, cost);
        fee.and_then(|fee| cost.checked_add(fee)).ok_or_else(|| refusal(Rule::Overflow, cost.0, i64::MAX))
    }

    /// Returns the possible loss of the order by itself: the price of a BUY or its signed dollars, or the payout that a
    /// SELL gives up.
    fn cost(&self) -> Result<Usd, Refusal> {
        let price = match self.order.side {
            Side::Buy => self.order.price,
            Side::Sell => self.order.price.complement(),
        };
        let cost = price.cost_ceil(self.order.size);
        let cost = cost.ok_or_else(|| refusal(Rule::Overflow, self.order.size.0, u64::MAX))?;
        Ok(self.order.dollars().unwrap_or(cost))
    }
}

/// Creates a refusal from any integers; a value that does not fit is shown as the largest.
pub(crate) fn refusal(rule: Rule, value: impl TryInto<i64>, limit: impl TryInto<i64>) -> Refusal {
    Refusal { rule, value: value.try_into().unwrap_or(i64::MAX), limit: limit.try_into().unwrap_or(i64::MAX) }
}
