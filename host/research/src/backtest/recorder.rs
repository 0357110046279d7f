//! The rows of a run, collected as they become final.

use super::world::{Row, kind_name};
use crate::events::{Hindsight, ListedMarket};
use crate::run::{EquityRow, FillRow, MarketRow, OrderRow, TopRow, Totals, TransferRow};
use model::{Market, OrderId, OrderState, Price, Size, Time, TokenIx, TradeId, Usd};
use std::collections::BTreeMap;

/// The most rows of refused placements; further ones are only counted.
const REFUSED_MAX: usize = 10_000;
/// The most notices that are kept.
const NOTICES_MAX: usize = 20;

/// The most rows of conversions that are kept.
const TRANSFERS_MAX: usize = 10_000;

/// A match whose fill is not booked, or whose prices are not complete.
#[derive(Debug, Clone, Copy)]
struct Match {
    number: u64,
    at: Time,
    mids: [Option<Price>; 5],
}

/// The rows so far.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) markets: Vec<MarketRow>,
    pub(crate) orders: Vec<OrderRow>,
    pub(crate) fills: Vec<FillRow>,
    pub(crate) equity: Vec<EquityRow>,
    pub(crate) tops: Vec<TopRow>,
    pub(crate) refusals: BTreeMap<&'static str, u64>,
    pub(crate) transfers: Vec<TransferRow>,
    /// Guards and breakers that acted.
    pub(crate) stops: BTreeMap<String, u64>,
    /// Assumptions and incidents, for the reader.
    pub(crate) notices: Vec<String>,
    /// Assumptions about markets, each with the number of markets.
    pub(crate) assumed: BTreeMap<String, u64>,
    pub(crate) invented: u64,
    intents: u64,
    approved: u64,
    refused_rows: usize,
    turnover: Usd,
    fees: Usd,
    /// Rows of open orders.
    open: BTreeMap<OrderId, usize>,
    /// Matches whose fill was not booked yet.
    matches: BTreeMap<(OrderId, TradeId, u32), Match>,
    /// Rows of fills by the number of their match, as long as prices may follow.
    filled: BTreeMap<u64, usize>,
}

impl Recorder {
    pub(crate) fn count_intents(&mut self, count: usize) {
        self.intents = self.intents.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Adds a market.
    pub(crate) fn list(&mut self, listed: &ListedMarket, market: &Market, at: Time, known: Option<&Hindsight>) {
        for sentence in &listed.assumed {
            let count = self.assumed.entry(sentence.clone()).or_default();
            *count = count.saturating_add(1);
        }
        self.invented = self.invented.saturating_add(u64::from(listed.invented));
        self.markets.push(MarketRow {
            market: u32::try_from(self.markets.len()).unwrap_or(u32::MAX),
            condition: market.condition.to_string(),
            tokens: market.tokens.map(|token| token.to_string()),
            slug: market.slug.clone(),
            question: market.question.clone(),
            outcomes: market.outcomes.clone(),
            group: market.event.map_or_else(|| market.condition.to_string(), |event| event.to_string()),
            listed_at: at,
            ends_at: market.end,
            pays: known.and_then(|known| known.pays_micros).map(Usd),
            resolved_at: known.and_then(|known| known.resolved_us).map(Time),
            traded: false,
            fee_rate_micros: market.fee.rate_micros,
        });
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: Row) {
        match row {
            Row::Order { .. } => self.order(row),
            Row::Fill { .. } => self.fill(row),
            Row::RefusedOrder(row) if self.refused_rows < REFUSED_MAX => {
                self.refused_rows = self.refused_rows.saturating_add(1);
                self.orders.push(*row);
            }
            Row::RefusedOrder(_) => {}
            Row::Refused { rule } => {
                let count = self.refusals.entry(rule).or_default();
                *count = count.saturating_add(1);
            }
            Row::Joined { order, ahead } => {
                if let Some(row) = self.open.get(&order).and_then(|place| self.orders.get_mut(*place)) {
                    row.ahead = Some(ahead);
                }
            }
            Row::Matched { number, order, trade, part, at } => {
                self.matches.insert((order, trade, part), Match { number, at, mids: [None; 5] });
            }
            Row::Mid { number, probe, mid } => self.mid(number, probe, mid),
            Row::Stop { at, name, text } => {
                let count = self.stops.entry(name).or_default();
                *count = count.saturating_add(1);
                // The first of each kind is explained.
                if *count == 1 && self.notices.len() < NOTICES_MAX {
                    self.notices.push(format!("{}: {text}", at.iso()));
                }
            }
            Row::Notice { at, text } if self.notices.len() < NOTICES_MAX => {
                self.notices.push(format!("{}: {text}", at.iso()));
            }
            Row::Notice { .. } => {}
            Row::Transfer(row) if self.transfers.len() < TRANSFERS_MAX => self.transfers.push(row),
            Row::Transfer(_) => {}
            Row::Equity(row) => self.equity.push(row),
            Row::Top(row) => self.tops.push(row),
            Row::Resolved { market, pays, at } => {
                if let Some(row) = self.markets.get_mut(market.index()) {
                    (row.pays, row.resolved_at) = (Some(pays), Some(at));
                }
            }
        }
    }

    fn order(&mut self, row: Row) {
        let Row::Order { at, order, state, filled, reason, fair } = row else { return };
        let place = match self.open.get(&order.id) {
            Some(place) => *place,
            None if state == OrderState::Pending => {
                self.approved = self.approved.saturating_add(1);
                let place = self.orders.len();
                self.open.insert(order.id, place);
                let size = order.dollars().map_or(order.size, |dollars| order.price.shares_for(dollars));
                if let Some(market) = self.markets.get_mut(order.token.market().index()) {
                    market.traded = true;
                }
                self.orders.push(OrderRow {
                    order: order.id.0,
                    strategy: u32::from(order.strategy.0).saturating_sub(1),
                    market: order.token.market().0,
                    outcome: outcome(order.token),
                    side: order.side,
                    price: order.price,
                    size,
                    kind: kind_name(order.kind).to_owned(),
                    tag: order.tag,
                    reason,
                    fair,
                    placed_at: at,
                    ended_at: None,
                    state,
                    filled,
                    ahead: None,
                });
                return;
            }
            None => return,
        };
        if let Some(row) = self.orders.get_mut(place) {
            (row.state, row.filled) = (state, filled);
            if state.is_over() {
                row.ended_at = Some(at);
                if state == OrderState::Refused && !reason.is_empty() {
                    row.reason = reason;
                }
                self.open.remove(&order.id);
            }
        }
    }

    fn fill(&mut self, row: Row) {
        let Row::Fill { at, order, strategy, key, token, side, price, size, cost, fee, maker, realised } = row else {
            return;
        };
        self.turnover = self.turnover.saturating_add(cost);
        self.fees = self.fees.saturating_add(fee);
        let found = self.matches.remove(&(order, key.0, key.1));
        let open = self.open.get(&order).and_then(|place| self.orders.get(*place));
        let row = open.or_else(|| self.orders.iter().rev().find(|row| row.order == order.0));
        let tag = row.map_or(0, |row| row.tag);
        if let Some(found) = found {
            self.filled.insert(found.number, self.fills.len());
            while self.filled.len() > 4_096 {
                self.filled.pop_first();
            }
        }
        self.fills.push(FillRow {
            order: order.0,
            strategy: u32::from(strategy.0).saturating_sub(1),
            market: token.market().0,
            outcome: outcome(token),
            side,
            price,
            size,
            fee,
            maker,
            tag,
            at: found.map_or(at, |found| found.at),
            realised,
            mids: found.map_or([None; 5], |found| found.mids),
        });
    }

    /// Notes the mid price of a match, whether its fill is booked already or not.
    fn mid(&mut self, number: u64, probe: usize, mid: Price) {
        let booked = self.filled.get(&number).and_then(|place| self.fills.get_mut(*place)).map(|fill| &mut fill.mids);
        let mids =
            booked.or_else(|| self.matches.values_mut().find(|open| open.number == number).map(|open| &mut open.mids));
        if let Some(place) = mids.and_then(|mids| mids.get_mut(probe)) {
            *place = Some(mid);
        }
        if probe == 4 {
            self.filled.remove(&number);
        }
    }

    /// Returns the totals of the rows; profits and events are added by the caller.
    pub(crate) fn totals(&self) -> Totals {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Totals {
            intents: self.intents,
            orders: self.approved,
            fills: count(self.fills.len()),
            refusals: self.refusals.values().copied().fold(0, u64::saturating_add),
            fees: self.fees,
            turnover: self.turnover,
            drawdown: drawdown(&self.equity),
            ..Totals::default()
        }
    }
}

/// Returns the largest fall of the equity from its peak.
fn drawdown(rows: &[EquityRow]) -> Usd {
    let (mut peak, mut largest) = (Usd(i64::MIN), Usd::ZERO);
    for row in rows {
        let equity = row.cash.saturating_add(row.positions);
        peak = peak.max(equity);
        largest = largest.max(peak.saturating_sub(equity));
    }
    largest
}

fn outcome(token: TokenIx) -> u8 {
    u8::try_from(token.outcome()).unwrap_or(0)
}

/// Returns the value of a size at a payout per share.
pub(crate) fn payout(size: Size, pays: Usd) -> Usd {
    let micros = i128::from(size.micros()).saturating_mul(pays.micros().into()).checked_div(1_000_000).unwrap_or(0);
    Usd(i64::try_from(micros).unwrap_or(i64::MAX))
}
