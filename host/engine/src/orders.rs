//! All orders of the session: their states, their reserves, and their fills.

mod fills;
mod table;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use fills::Fills;
use model::carry_over::DONE_MAX;
use model::event::Reason;
use model::input::Settlement;
use model::order::{DOLLARS_DUST, SHARES_DUST};
use model::{
    FillEntry, MarketIx, NewOrder, OrderId, OrderState, Shared, Side, Size, StrategyId, Time, TokenIx, TradeId, Usd,
};
use table::Table;

/// The number of orders through which money may still move at which the gate refuses new ones. Larger than the limits
/// on open orders.
pub(crate) const AT_RISK_MAX: usize = 12_000;
/// Fills that are remembered, so that a repeated message is not booked twice. Beyond this number, fills of closed
/// orders are forgotten.
const FILLS_MAX: usize = 20_000;
/// The number of fills that are not final at which the gate refuses new orders.
pub(crate) const UNSETTLED_MAX: usize = 5_000;
/// The number of fills remembered because their orders are not closed at which the gate refuses new orders.
const FILLS_KEPT_MAX: usize = 30_000;

/// The capacities of the order and fill tables.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Room {
    /// Finished orders that are remembered.
    pub(crate) done: usize,
    pub(crate) at_risk: usize,
    pub(crate) fills: usize,
    pub(crate) unsettled: usize,
    pub(crate) fills_kept: usize,
}

impl Default for Room {
    fn default() -> Self {
        let (at_risk, unsettled) = (AT_RISK_MAX, UNSETTLED_MAX);
        Self { done: DONE_MAX, at_risk, fills: FILLS_MAX, unsettled, fills_kept: FILLS_KEPT_MAX }
    }
}

/// One order with all its state in the engine.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct OrderEntry {
    pub(crate) order: NewOrder,
    pub(crate) state: OrderState,
    /// Shares matched as counted by the venue; never less than `traded`.
    pub(crate) matched: Size,
    /// Shares in booked trades.
    pub(crate) traded: Size,
    /// Cost of or proceeds from these trades, before fees.
    pub(crate) spent: Usd,
    /// The reason for its state.
    pub(crate) reason: Reason,
    /// True if it is one leg of a standing quote.
    pub(crate) target: bool,
    /// True if it is a guard's exit that closes a position.
    pub(crate) exit: bool,
    /// Set if a cancel is requested: the time at which it was last sent.
    pub(crate) cancel: Option<Time>,
    /// True if the host itself decided to cancel it.
    pub(crate) by_host: bool,
    /// The time of a failed cancel that was not repeated since.
    pub(crate) cancel_failed: Option<Time>,
    /// The time at which the venue acknowledged the cancel, while the user channel's update is awaited.
    pub(crate) cancel_acked: Option<Time>,
    /// For an order of unknown outcome: the time at which its send was given up.
    pub(crate) unknown: Option<Time>,
    /// The first "not found" result since the last report about it.
    pub(crate) denied: Option<Time>,
    /// The time of the last report or query.
    pub(crate) touched: Time,
}

/// The origin of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A strategy, or an operator for one order. No other order may be cancelled with it.
    Wish,
    /// The host: a stop, a disabled strategy, a guard, a breaker, a quarantine.
    Host,
}

/// The amounts that an order reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reserve {
    pub(crate) cash: Usd,
    pub(crate) shares: Size,
}

impl OrderEntry {
    /// Returns true if the order is to be watched as time passes: anything but one that rests without an open request.
    pub(crate) fn is_watched(&self) -> bool {
        let asked = self.cancel.or(self.cancel_acked).or(self.unknown).is_some();
        !self.is_open() || self.state == OrderState::Pending || asked
    }

    /// Returns an order without any report yet.
    pub(crate) const fn new(order: NewOrder, state: OrderState, now: Time) -> Self {
        Self {
            order,
            state,
            matched: Size::ZERO,
            traded: Size::ZERO,
            spent: Usd::ZERO,
            reason: Reason::new(),
            target: false,
            exit: false,
            cancel: None,
            by_host: false,
            cancel_failed: None,
            cancel_acked: None,
            unknown: None,
            denied: None,
            touched: now,
        }
    }

    /// Returns the shares that may still be matched, or were matched in trades not reported yet. While a FOK or FAK BUY
    /// is open its dollars are decisive, see [`OrderEntry::cost_at_risk`].
    pub(crate) fn at_risk(&self) -> Size {
        let most = if self.state.is_over() { self.matched } else { self.order.size };
        self.beyond_traded(most)
    }

    /// Returns true if shares were matched in trades not reported yet.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.beyond_traded(self.matched).is_zero()
    }

    /// Returns true if a trade of `cost` beyond the size of an external BUY is explained by its dollars: the venue does
    /// not report whether such an order is a FOK or FAK BUY, which spends dollars (PROTOCOL 6).
    pub(crate) fn explains(&self, cost: Usd) -> bool {
        let dollars = self.order.price.cost_floor(self.order.size).unwrap_or(Usd::ZERO);
        let by_hand = self.order.strategy == StrategyId::EXTERNAL && self.order.side == Side::Buy;
        by_hand && self.spent.saturating_add(cost) < dollars.saturating_add(DOLLARS_DUST)
    }

    /// Returns by how much `size` exceeds the traded shares, ignoring the digits that the venue rounds off on a FOK or
    /// FAK BUY.
    fn beyond_traded(&self, size: Size) -> Size {
        let more = size.saturating_sub(self.traded);
        if more < SHARES_DUST && self.order.dollars().is_some() { Size::ZERO } else { more }
    }

    /// Returns the dollars that a FOK or FAK BUY has left to spend; `None` for an order that is counted in shares.
    fn unspent(&self) -> Option<Usd> {
        self.order.dollars().map(|dollars| dollars.saturating_sub(self.spent).max(Usd::ZERO))
    }

    /// Returns the most that a BUY may still cost, before fees: its shares at the limit, or the dollars that are left.
    /// For a finished order, the highest cost of the trades not reported yet.
    pub(crate) fn cost_at_risk(&self) -> Usd {
        let cost = self.order.price.cost_ceil(self.at_risk()).unwrap_or(Usd(i64::MAX));
        match self.unspent() {
            Some(left) if self.is_open() => left,
            Some(left) => cost.min(left),
            None => cost,
        }
    }

    /// Returns true if the order is completely matched. For a FOK or FAK BUY this means its dollars, less than a cent
    /// apart; while trades are still to be reported, the number of shares that it names suffices.
    pub(crate) fn is_whole(&self) -> bool {
        let names = self.matched.saturating_add(SHARES_DUST) >= self.order.shares_min();
        self.is_spent() || (self.order.dollars().is_some() && self.is_awaited() && names)
    }

    /// Records a trade of the order, booked or failed.
    pub(crate) fn record_trade(&mut self, size: Size, cost: Usd) {
        self.traded = self.traded.saturating_add(size);
        self.spent = self.spent.saturating_add(cost);
        self.matched = self.matched.max(self.traded);
    }

    /// Returns true if the reported trades complete the order: its shares, or the dollars of a FOK or FAK BUY.
    pub(crate) fn is_traded_whole(&self) -> bool {
        self.unspent().map_or(self.traded >= self.order.size, |left| left < DOLLARS_DUST)
    }

    /// Returns true if all shares are matched, or all dollars of a FOK or FAK BUY are spent in reported trades.
    pub(crate) fn is_spent(&self) -> bool {
        self.unspent().map_or(self.matched >= self.order.size, |left| left < DOLLARS_DUST)
    }

    /// Returns true if it could still trade at the venue.
    pub(crate) fn is_open(&self) -> bool {
        !self.state.is_over()
    }

    /// Returns true if money may still move because of it: it is open, or finished with trades not reported yet.
    pub(crate) fn is_at_risk(&self) -> bool {
        self.is_open() || !self.at_risk().is_zero()
    }
}

/// A booked fill.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fill {
    pub(crate) entry: FillEntry,
    pub(crate) settlement: Settlement,
    /// The time of its first report.
    pub(crate) at: Time,
}

impl Fill {
    /// Returns true if its settlement is final.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self.settlement, Settlement::Confirmed | Settlement::Failed)
    }
}

/// The key of a fill: trade, part of the trade, and our order.
pub(crate) type FillKey = (TradeId, u32, OrderId);

/// The table of orders.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Orders {
    table: Shared<Table>,
    /// Finished orders, in the order in which they ended.
    done: Shared<VecDeque<OrderId>>,
    open: usize,
    reserved_cash: Usd,
    reserved_by: BTreeMap<StrategyId, Usd>,
    reserved_shares: BTreeMap<(StrategyId, TokenIx), Size>,
    fills: Shared<Fills>,
    last: u64,
    pub(crate) room: Room,
}

impl Orders {
    /// Returns the number for the next order.
    pub(crate) fn next_id(&self) -> OrderId {
        OrderId(self.last.saturating_add(1))
    }

    pub(crate) fn get(&self, order: OrderId) -> Option<&OrderEntry> {
        self.table.get(order)
    }

    /// Returns the open orders.
    pub(crate) fn open(&self) -> impl Iterator<Item = &OrderEntry> {
        self.at_risk().filter(|entry| entry.is_open())
    }

    /// Returns the orders through which money may still move.
    pub(crate) fn at_risk(&self) -> impl Iterator<Item = &OrderEntry> {
        self.table.busy().flat_map(|market| self.table.listed(market))
    }

    /// Returns the open orders of a market.
    pub(crate) fn open_in(&self, market: MarketIx) -> impl Iterator<Item = &OrderEntry> {
        self.at_risk_in(market).filter(|entry| entry.is_open())
    }

    /// Returns the orders of a market through which money may still move.
    pub(crate) fn at_risk_in(&self, market: MarketIx) -> impl Iterator<Item = &OrderEntry> {
        self.table.listed(market)
    }

    /// Returns the markets with orders through which money may still move.
    pub(crate) fn markets_at_risk(&self) -> impl Iterator<Item = MarketIx> {
        self.table.busy()
    }

    /// Returns true if a market has such orders.
    pub(crate) fn is_at_risk_in(&self, market: MarketIx) -> bool {
        self.table.is_busy(market)
    }

    /// Returns the number of open orders.
    pub(crate) fn open_count(&self) -> usize {
        self.open
    }

    pub(crate) fn reserved_cash(&self) -> Usd {
        self.reserved_cash
    }

    /// Returns the cash that a strategy's orders reserve.
    pub(crate) fn reserved_by(&self, strategy: StrategyId) -> Usd {
        self.reserved_by.get(&strategy).copied().unwrap_or_default()
    }

    /// Returns the shares that a strategy's open orders would sell.
    pub(crate) fn reserved_shares(&self, strategy: StrategyId, token: TokenIx) -> Size {
        self.reserved_shares.get(&(strategy, token)).copied().unwrap_or_default()
    }

    /// Adds an order that the gate approved, or one carried over from an earlier session.
    pub(crate) fn insert(&mut self, entry: OrderEntry, reserve: Reserve) {
        self.last = self.last.max(entry.order.id.0);
        let (order, listed) = (entry.order, entry.is_at_risk());
        if entry.is_open() {
            self.open = self.open.saturating_add(1);
        } else {
            self.done.push_back(entry.order.id);
        }
        self.hold(&order, reserve);
        self.table.insert(entry);
        if listed {
            self.table.list(order.token.market(), order.id);
        }
    }

    /// Changes an order and updates the sums. `reserve` computes the amounts that an order reserves.
    pub(crate) fn update(
        &mut self,
        order: OrderId,
        reserve: impl Fn(&OrderEntry) -> Reserve,
        change: impl FnOnce(&mut OrderEntry),
    ) -> Option<OrderEntry> {
        let entry = self.table.get_mut(order)?;
        let (was_open, was_at_risk, before) = (entry.is_open(), entry.is_at_risk(), reserve(entry));
        change(entry);
        entry.matched = entry.matched.max(entry.traded);
        let after = reserve(entry);
        let entry = entry.clone();
        self.release(&entry.order, before);
        self.hold(&entry.order, after);
        match (was_at_risk, entry.is_at_risk()) {
            (true, false) => self.table.unlist(entry.order.token.market(), entry.order.id),
            (false, true) => self.table.list(entry.order.token.market(), entry.order.id),
            _ => {}
        }
        match (was_open, entry.is_open()) {
            (true, false) => self.close(entry.order.id),
            (false, true) => self.reopen(entry.order.id),
            _ => {}
        }
        Some(entry)
    }

    /// Reopens an order that counted as finished but is at the venue after all.
    fn reopen(&mut self, order: OrderId) {
        self.open = self.open.saturating_add(1);
        self.done.retain(|id| *id != order);
    }

    fn close(&mut self, order: OrderId) {
        self.open = self.open.saturating_sub(1);
        self.done.push_back(order);
        // An order that is not closed is kept, however old; each is tried once.
        for _ in 0..self.done.len() {
            if self.done.len() <= self.room.done {
                return;
            }
            let Some(oldest) = self.done.pop_front() else { return };
            if self.is_done(oldest) {
                self.table.remove(oldest);
            } else {
                self.done.push_back(oldest);
            }
        }
    }

    /// Returns true if an order is closed: it is finished, its trades are reported, and they have settled. An order
    /// that is not remembered is closed.
    pub(crate) fn is_done(&self, order: OrderId) -> bool {
        is_done(&self.table, &self.fills, order)
    }

    /// Returns the number of orders through which money may still move.
    pub(crate) fn at_risk_count(&self) -> usize {
        self.table.listed_count()
    }

    fn hold(&mut self, order: &NewOrder, reserve: Reserve) {
        self.reserved_cash = self.reserved_cash.saturating_add(reserve.cash);
        let by = self.reserved_by.entry(order.strategy).or_default();
        *by = by.saturating_add(reserve.cash);
        if order.side == Side::Sell {
            let held = self.reserved_shares.entry((order.strategy, order.token)).or_default();
            *held = held.saturating_add(reserve.shares);
        }
    }

    fn release(&mut self, order: &NewOrder, reserve: Reserve) {
        self.reserved_cash = self.reserved_cash.saturating_sub(reserve.cash);
        if let Some(by) = self.reserved_by.get_mut(&order.strategy) {
            *by = by.saturating_sub(reserve.cash);
        }
        if order.side == Side::Sell
            && let Some(held) = self.reserved_shares.get_mut(&(order.strategy, order.token))
        {
            *held = held.saturating_sub(reserve.shares);
        }
    }

    pub(crate) fn fill(&self, key: &FillKey) -> Option<Fill> {
        self.fills.get(key)
    }

    /// Remembers a fill, or updates its settlement state.
    pub(crate) fn remember(&mut self, key: FillKey, fill: Fill, now: Time) {
        self.fills.insert(key, fill, now);
        let (table, most) = (&*self.table, self.room.fills);
        self.fills.forget(most, |fills, order| is_done(table, fills, order));
    }

    /// Returns the number of remembered fills, and how many of them are not final.
    pub(crate) fn fill_counts(&self) -> (usize, usize) {
        self.fills.counts()
    }

    /// Returns the first report time of the latest forgotten fill; zero if none was forgotten.
    pub(crate) fn forgotten(&self) -> Time {
        self.fills.forgotten()
    }

    /// Returns the orders whose fills should have settled by now, each once; they are returned again after the same
    /// time.
    pub(crate) fn overdue(&mut self, now: Time, after_micros: u64) -> BTreeSet<OrderId> {
        // Fills are rarely overdue, and a change would copy them.
        if self.fills.is_overdue(now, after_micros) { self.fills.overdue(now, after_micros) } else { BTreeSet::new() }
    }

    /// Returns the first report time of the oldest fill that is not final.
    pub(crate) fn oldest_unsettled(&self) -> Option<Time> {
        self.fills.oldest_unsettled()
    }

    /// Returns the highest order number given out.
    pub(crate) fn last(&self) -> OrderId {
        OrderId(self.last)
    }

    /// Continues after the order numbers of an earlier session.
    pub(crate) fn continue_after(&mut self, last: OrderId) {
        self.last = self.last.max(last.0);
    }

    /// Returns all remembered orders, by number.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &OrderEntry> {
        self.table.values()
    }

    /// Returns the remembered fills, oldest first.
    pub(crate) fn fills(&self) -> impl DoubleEndedIterator<Item = (&FillKey, Fill)> {
        self.fills.iter()
    }

    /// Recomputes the reserved cash and the number of open orders from the orders themselves.
    pub(crate) fn sums(&self, reserve: impl Fn(&OrderEntry) -> Reserve) -> (Usd, usize) {
        sums_of(self.table.unsorted(), reserve)
    }

    /// The same from the orders listed as at risk.
    pub(crate) fn sums_at_risk(&self, reserve: impl Fn(&OrderEntry) -> Reserve) -> (Usd, usize) {
        sums_of(self.at_risk(), reserve)
    }
}

fn sums_of<'a>(orders: impl Iterator<Item = &'a OrderEntry>, reserve: impl Fn(&OrderEntry) -> Reserve) -> (Usd, usize) {
    orders.fold((Usd::ZERO, 0), |(cash, open), entry| {
        (cash.saturating_add(reserve(entry).cash), open.saturating_add(usize::from(entry.is_open())))
    })
}

fn is_done(table: &Table, fills: &Fills, order: OrderId) -> bool {
    table.get(order).is_none_or(|entry| !entry.is_at_risk()) && !fills.waits(order)
}
