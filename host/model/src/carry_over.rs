//! The carry-over from a session to the next one on the same account. A restart must not reset anything: money,
//! positions, orders, fills, breakers, cool-downs and the placement rate continue where they were.

use crate::amount::{Side, Size, Usd};
use crate::breaker::{Breaker, Restriction, Scope};
use crate::event::Reason;
use crate::id::{MarketIx, OrderId, StrategyId, TokenIx, TradeId};
use crate::order::{NewOrder, OrderState};
use crate::position::Position;
use crate::settlement::Settlement;
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The most finished orders that are carried over, latest first, so that late trades of these orders can be booked.
pub const DONE_MAX: usize = 5_000;
/// The most fills that are carried over, latest first, so that a repeated trade message is not booked twice.
pub const FILLS_MAX: usize = 10_000;

/// The state of an account at the end of a session. Markets are numbered as in that session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CarryOver {
    /// The host's time of the last input included.
    pub at: Time,
    /// The highest order number given out.
    pub last_order: OrderId,
    /// All cash.
    pub cash: Usd,
    /// Fees paid so far.
    pub fees: Usd,
    /// Proceeds of sales that are not confirmed.
    pub unsettled: Usd,
    /// Positions of the account.
    pub positions: Vec<(TokenIx, Position)>,
    /// Each strategy's share of those positions.
    pub parts: Vec<((StrategyId, TokenIx), Position)>,
    /// Open orders and the latest finished ones, by number.
    pub orders: Vec<CarriedOrder>,
    /// The latest fills, oldest first.
    pub fills: Vec<CarriedFill>,
    /// Breakers that do not close by time or by reconnecting.
    pub breakers: Vec<((Breaker, Scope), Reason)>,
    /// Markets in which a strategy may only reduce, each with the end of that cool-down. Those of
    /// `StrategyId::EXTERNAL` are the markets that an operator locked for all strategies.
    pub cooling: Vec<((StrategyId, MarketIx), Time)>,
    /// Times of the placements of the last minute.
    pub sent: Vec<Time>,
    /// Restrictions set by operators.
    pub restrictions: Vec<(Scope, Restriction)>,
    /// The highest valuation of the portfolio, from which drawdown is measured.
    pub peak: Usd,
    /// The P&L of the strategies.
    pub scores: Vec<Score>,
    /// Each strategy's realised profit on a token at the start of its current position there.
    pub trips: Vec<((StrategyId, TokenIx), Usd)>,
}

/// Realised profit on markets that are no longer carried over, before fees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RealisedBefore {
    /// On the account.
    pub account: Usd,
    /// By each strategy, by number.
    pub strategies: Vec<(StrategyId, Usd)>,
}

impl RealisedBefore {
    /// Returns the sum of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut strategies: BTreeMap<StrategyId, Usd> = BTreeMap::new();
        for (strategy, realised) in self.strategies.iter().chain(&other.strategies) {
            let sum = strategies.entry(*strategy).or_default();
            *sum = sum.saturating_add(*realised);
        }
        let account = self.account.saturating_add(other.account);
        Self { account, strategies: strategies.into_iter().collect() }
    }
}

/// The P&L figures of one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// The strategy.
    pub strategy: StrategyId,
    /// Its total P&L at the start of the day, after fees.
    pub opening: Usd,
    /// Fees that it has paid in total.
    pub fees: Usd,
    /// Consecutive losing round trips.
    pub losing: u32,
    /// End of its pause after too many of them; zero if it is not paused.
    pub rests: Time,
}

/// An order that is carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedOrder {
    /// The order.
    pub order: NewOrder,
    /// Its state. An order that was pending is now unknown, or refused if it was never sent.
    pub state: OrderState,
    /// Shares matched as the venue counts them.
    pub matched: Size,
    /// Shares in booked trades.
    pub traded: Size,
}

/// A fill that is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarriedFill {
    /// The trade.
    pub trade: TradeId,
    /// Its part.
    pub part: u32,
    /// Our order.
    pub order: OrderId,
    /// The amounts booked for it.
    pub entry: FillEntry,
    /// Its settlement state.
    pub settlement: Settlement,
    /// Time at which the fill was first reported, by the host's clock.
    pub at: Time,
}

/// The amounts booked for one fill; kept so that a failed trade can be reversed exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FillEntry {
    /// The strategy whose position it changed.
    pub strategy: StrategyId,
    /// The token.
    pub token: TokenIx,
    /// Our side.
    pub side: Side,
    /// The shares.
    pub size: Size,
    /// Money that moved, before fees.
    pub cost: Usd,
    /// The fee.
    pub fee: Usd,
    /// For a sale, the cost of the sold shares, on the account and for the strategy; zero for a purchase.
    pub basis: [Usd; 2],
}

impl CarryOver {
    /// Translates all market numbers into another table's.
    ///
    /// # Errors
    /// The first market that has no number in the other table.
    pub fn renumber(&mut self, to: impl Fn(MarketIx) -> Option<MarketIx>) -> Result<(), MarketIx> {
        let market = |from: &mut MarketIx| to(*from).map(|new| *from = new).ok_or(*from);
        let token = |from: &mut TokenIx| {
            let mut market_of = from.market();
            market(&mut market_of)?;
            *from = market_of.token(from.outcome());
            Ok(())
        };
        self.positions.iter_mut().try_for_each(|(of, _)| token(of))?;
        self.parts.iter_mut().try_for_each(|((_, of), _)| token(of))?;
        self.orders.iter_mut().try_for_each(|order| token(&mut order.order.token))?;
        self.fills.iter_mut().try_for_each(|fill| token(&mut fill.entry.token))?;
        self.trips.iter_mut().try_for_each(|((_, of), _)| token(of))?;
        let scope = |of: &mut Scope| if let Scope::Market(of) = of { market(of) } else { Ok(()) };
        self.breakers.iter_mut().try_for_each(|((_, of), _)| scope(of))?;
        self.restrictions.iter_mut().try_for_each(|(of, _)| scope(of))?;
        self.cooling.iter_mut().try_for_each(|((_, of), _)| market(of))
    }

    /// Drops everything that concerns a market for which `keep` returns false, and returns the profit realised there.
    /// Shares that are dropped pay nothing, so their cost is booked as a loss.
    pub fn leave(&mut self, keep: impl Fn(MarketIx) -> bool) -> RealisedBefore {
        let gain = |position: &Position| position.realised.saturating_sub(position.cost);
        let mut left = RealisedBefore::default();
        self.positions.retain(|(token, position)| {
            let kept = keep(token.market());
            if !kept {
                left.account = left.account.saturating_add(gain(position));
            }
            kept
        });
        self.parts.retain(|((strategy, token), part)| {
            let kept = keep(token.market());
            if !kept {
                left.strategies.push((*strategy, gain(part)));
            }
            kept
        });
        self.orders.retain(|order| keep(order.order.token.market()));
        self.fills.retain(|fill| keep(fill.entry.token.market()));
        self.trips.retain(|((_, token), _)| keep(token.market()));
        self.cooling.retain(|((_, market), _)| keep(*market));
        let of_kept = |scope: Scope| if let Scope::Market(market) = scope { keep(market) } else { true };
        self.breakers.retain(|((_, scope), _)| of_kept(*scope));
        self.restrictions.retain(|(scope, _)| of_kept(*scope));
        left.plus(&RealisedBefore::default())
    }

    /// Returns the time from which the venue's trades must be read again. Everything earlier is final here, with a
    /// margin of one minute for clock differences.
    pub fn since(&self) -> Time {
        let open =
            self.fills.iter().filter(|fill| !matches!(fill.settlement, Settlement::Confirmed | Settlement::Failed));
        let oldest = open.map(|fill| fill.at).fold(self.at, Time::min);
        Time(oldest.0.saturating_sub(60_000_000))
    }

    /// Returns the markets that are mentioned, each once.
    pub fn markets(&self) -> alloc::collections::BTreeSet<MarketIx> {
        let tokens = self.positions.iter().map(|(token, _)| *token);
        let tokens = tokens.chain(self.parts.iter().map(|((_, token), _)| *token));
        let tokens = tokens.chain(self.orders.iter().map(|order| order.order.token));
        let tokens = tokens.chain(self.trips.iter().map(|((_, token), _)| *token));
        let tokens = tokens.chain(self.fills.iter().map(|fill| fill.entry.token));
        let scopes =
            self.breakers.iter().map(|((_, scope), _)| *scope).chain(self.restrictions.iter().map(|(of, _)| *of));
        let scopes = scopes.filter_map(|scope| if let Scope::Market(market) = scope { Some(market) } else { None });
        let markets = tokens.map(TokenIx::market).chain(scopes);
        markets.chain(self.cooling.iter().map(|((_, market), _)| *market)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_table_has_other_numbers() {
        let position = Position { size: Size::shares(5), ..Position::default() };
        let mut carry = CarryOver { positions: alloc::vec![(TokenIx(3), position)], ..CarryOver::default() };
        assert_eq!(carry.renumber(|market| Some(MarketIx(market.0 + 4))), Ok(()));
        assert_eq!(carry.positions, [(TokenIx(11), position)]);
        assert_eq!(carry.renumber(|_| None), Err(MarketIx(5)));
        assert!(carry.markets().into_iter().eq([MarketIx(5)]));
    }

    #[test]
    fn what_is_restricted_in_a_market_stays_with_that_market() {
        let (old, new) = (Scope::Market(MarketIx(1)), Scope::Market(MarketIx(5)));
        let mut carry = CarryOver {
            breakers: alloc::vec![((Breaker::SettlementFailures, old), Reason::new())],
            restrictions: alloc::vec![(Scope::Session, Restriction::ReduceOnly), (old, Restriction::CancelOnly)],
            ..CarryOver::default()
        };
        assert!(carry.markets().into_iter().eq([MarketIx(1)]));
        assert_eq!(carry.renumber(|market| Some(MarketIx(market.0 + 4))), Ok(()));
        assert_eq!(carry.breakers, [((Breaker::SettlementFailures, new), Reason::new())]);
        assert_eq!(carry.restrictions, [(Scope::Session, Restriction::ReduceOnly), (new, Restriction::CancelOnly)]);
    }

    #[test]
    fn what_is_left_behind_leaves_what_was_realised_there() {
        let (first, second) = (StrategyId(1), StrategyId(2));
        let position = |size, cost, realised| Position {
            size: Size::shares(size),
            cost: Usd::dollars(cost),
            realised: Usd::dollars(realised),
            unsettled: Size::ZERO,
        };
        let (kept, flat, lost) = (TokenIx(0), TokenIx(2), TokenIx(5));
        let mut carry = CarryOver {
            positions: alloc::vec![(kept, position(5, 2, 1)), (flat, position(0, 0, 7)), (lost, position(9, 4, 0))],
            parts: alloc::vec![
                ((first, kept), position(5, 2, 1)),
                ((first, flat), position(0, 0, 10)),
                ((first, lost), position(9, 4, 0)),
                ((second, flat), position(0, 0, -3)),
            ],
            trips: alloc::vec![((first, lost), Usd::ZERO), ((first, kept), Usd::ZERO)],
            cooling: alloc::vec![((first, MarketIx(1)), Time(9))],
            ..CarryOver::default()
        };
        let left = carry.leave(|market| market == MarketIx(0));
        let strategies = alloc::vec![(first, Usd::dollars(6)), (second, Usd::dollars(-3))];
        assert_eq!(left, RealisedBefore { account: Usd::dollars(3), strategies });
        assert!(carry.markets().into_iter().eq([MarketIx(0)]));
        assert_eq!((carry.positions.len(), carry.parts.len(), carry.trips.len()), (1, 1, 1));
        assert_eq!(left.plus(&left).account, Usd::dollars(6));
    }
}
