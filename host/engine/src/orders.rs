//! All orders of the session: their life, what each reserves, and the fills that came of them.

mod fills;
mod table;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use fills::Fills;
use model::carry::DONE_MAX;
use model::event::Reason;
use model::input::Settlement;
use model::order::{DOLLARS_DUST, SHARES_DUST};
use model::{FillEntry, MarketIx, NewOrder, OrderId, OrderState, Side, Size, StrategyId, Time, TokenIx, TradeId, Usd};
use table::Table;

/// Orders through which money may still move; at so many the gate refuses new ones. More than the limits let be open.
pub(crate) const AT_RISK_MAX: usize = 12_000;
/// Fills that are remembered, so that a repeated message is not booked twice. Beyond it those go whose orders are done with.
const FILLS_MAX: usize = 20_000;
/// Fills that are not final; at so many the gate refuses new orders.
pub(crate) const UNSETTLED_MAX: usize = 5_000;
/// Fills that are remembered because their orders are not done with; at so many the gate refuses new orders.
const FILLS_KEPT_MAX: usize = 30_000;

/// How many orders and fills the tables hold.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Room {
    /// Orders that are over and remembered.
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

/// One order with all that the engine knows of it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct OrderEntry {
    pub(crate) order: NewOrder,
    pub(crate) state: OrderState,
    /// Shares matched as the venue counts them; never less than `traded`.
    pub(crate) matched: Size,
    /// Shares in trades that we booked.
    pub(crate) traded: Size,
    /// What these trades cost or brought, fees apart.
    pub(crate) spent: Usd,
    /// Why it stands as it does.
    pub(crate) reason: Reason,
    /// Whether it is one leg of a standing quote.
    pub(crate) target: bool,
    /// Whether the host closes a position with it.
    pub(crate) exit: bool,
    /// Whether a cancel is wanted, and when it was last asked for.
    pub(crate) cancel: Option<Time>,
    /// Whether the host itself decided the cancel.
    pub(crate) by_host: bool,
    /// When a cancel failed that was not asked for again since.
    pub(crate) cancel_failed: Option<Time>,
    /// When the venue acknowledged the cancel; the user channel's word is still awaited.
    pub(crate) cancel_acked: Option<Time>,
    /// For an order of unknown outcome: when its send was given up.
    pub(crate) unknown: Option<Time>,
    /// The first look that denied it since the last news of it.
    pub(crate) denied: Option<Time>,
    /// When it was last heard of, or looked for.
    pub(crate) touched: Time,
}

/// Who decided a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A strategy, or an operator for one order. Nothing else may go with it.
    Wish,
    /// The host: a stop, a disabling, a guard, a breaker, a quarantine.
    Host,
}

/// What an order holds back from the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reserve {
    pub(crate) cash: Usd,
    pub(crate) shares: Size,
}

impl OrderEntry {
    /// Returns an order of which nothing else is known yet.
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

    /// Returns the shares that may still be matched, or were matched in trades that we have not heard of yet. While a FOK or FAK
    /// BUY is open its dollars say more than its shares, see [`OrderEntry::cost_at_risk`].
    pub(crate) fn at_risk(&self) -> Size {
        let most = if self.state.is_over() { self.matched } else { self.order.size };
        self.beyond_traded(most)
    }

    /// Says whether shares were matched in trades that we have not heard of yet.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.beyond_traded(self.matched).is_zero()
    }

    /// Says whether a trade of `cost` that goes beyond the shares of a purchase by hand is explained by its dollars: the venue does not
    /// tell whether such an order is a FOK or FAK BUY, which spends dollars (PROTOCOL 6).
    pub(crate) fn explains(&self, cost: Usd) -> bool {
        let dollars = self.order.price.cost_floor(self.order.size).unwrap_or(Usd::ZERO);
        let by_hand = self.order.strategy == StrategyId::BY_HAND && self.order.side == Side::Buy;
        by_hand && self.spent.saturating_add(cost) < dollars.saturating_add(DOLLARS_DUST)
    }

    /// Returns by how much `size` is more than what was traded. Of a FOK or FAK BUY the venue rounds the last digits away.
    fn beyond_traded(&self, size: Size) -> Size {
        let more = size.saturating_sub(self.traded);
        if more < SHARES_DUST && self.order.dollars().is_some() { Size::ZERO } else { more }
    }

    /// Returns the dollars that a FOK or FAK BUY has left to spend; none for an order that is counted in shares.
    fn unspent(&self) -> Option<Usd> {
        self.order.dollars().map(|dollars| dollars.saturating_sub(self.spent).max(Usd::ZERO))
    }

    /// Returns what a BUY may still cost, fees apart: its shares at the limit, or the dollars that are left. Of one that is
    /// over, what the trades that we have not heard of yet cost at most.
    pub(crate) fn cost_at_risk(&self) -> Usd {
        let cost = self.order.price.cost_ceil(self.at_risk()).unwrap_or(Usd(i64::MAX));
        match self.unspent() {
            Some(left) if self.is_open() => left,
            Some(left) => cost.min(left),
            None => cost,
        }
    }

    /// Says whether all of it is matched. Of a FOK or FAK BUY the dollars count, less than a cent apart; as long as trades are
    /// to be told, shares as many as it names stand for them.
    pub(crate) fn is_whole(&self) -> bool {
        let names = self.matched.saturating_add(SHARES_DUST) >= self.order.shares_min();
        self.is_spent() || (self.order.dollars().is_some() && self.is_awaited() && names)
    }

    /// Notes a trade of the order, booked or failed.
    pub(crate) fn note_trade(&mut self, size: Size, cost: Usd) {
        self.traded = self.traded.saturating_add(size);
        self.spent = self.spent.saturating_add(cost);
        self.matched = self.matched.max(self.traded);
    }

    /// Says whether the trades that we heard of are all of it: the shares, or the dollars of a FOK or FAK BUY.
    pub(crate) fn is_traded_whole(&self) -> bool {
        self.unspent().map_or(self.traded >= self.order.size, |left| left < DOLLARS_DUST)
    }

    /// Says whether all shares are matched, or all dollars of a FOK or FAK BUY are spent in trades that we heard of.
    pub(crate) fn is_spent(&self) -> bool {
        self.unspent().map_or(self.matched >= self.order.size, |left| left < DOLLARS_DUST)
    }

    /// Says whether it could still trade at the venue.
    pub(crate) fn is_open(&self) -> bool {
        !self.state.is_over()
    }

    /// Says whether money may still move because of it: it is open, or over with trades that we have not heard of yet.
    pub(crate) fn is_at_risk(&self) -> bool {
        self.is_open() || !self.at_risk().is_zero()
    }
}

/// A fill that was booked.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Fill {
    pub(crate) entry: FillEntry,
    pub(crate) settlement: Settlement,
    /// When it was first heard of.
    pub(crate) at: Time,
}

impl Fill {
    /// Says whether nothing more can come of it.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self.settlement, Settlement::Confirmed | Settlement::Failed)
    }
}

/// What names a fill: trade, part of it, and our order.
pub(crate) type FillKey = (TradeId, u32, OrderId);

/// The table of orders.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Orders {
    table: Table,
    /// Orders that are over, in the order they ended.
    done: VecDeque<OrderId>,
    open: usize,
    reserved_cash: Usd,
    reserved_by: BTreeMap<StrategyId, Usd>,
    reserved_shares: BTreeMap<(StrategyId, TokenIx), Size>,
    fills: Fills,
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

    /// Orders that are not over.
    pub(crate) fn open(&self) -> impl Iterator<Item = &OrderEntry> {
        self.at_risk().filter(|entry| entry.is_open())
    }

    /// Orders through which money may still move.
    pub(crate) fn at_risk(&self) -> impl Iterator<Item = &OrderEntry> {
        self.table.busy().flat_map(|market| self.table.listed(market))
    }

    /// Orders of a market that are not over.
    pub(crate) fn open_in(&self, market: MarketIx) -> impl Iterator<Item = &OrderEntry> {
        self.at_risk_in(market).filter(|entry| entry.is_open())
    }

    /// Orders of a market through which money may still move.
    pub(crate) fn at_risk_in(&self, market: MarketIx) -> impl Iterator<Item = &OrderEntry> {
        self.table.listed(market)
    }

    /// Markets with orders through which money may still move.
    pub(crate) fn markets_at_risk(&self) -> impl Iterator<Item = MarketIx> {
        self.table.busy()
    }

    /// Says whether a market has such orders.
    pub(crate) fn is_at_risk_in(&self, market: MarketIx) -> bool {
        self.table.is_busy(market)
    }

    /// Returns how many orders are not over.
    pub(crate) fn open_count(&self) -> usize {
        self.open
    }

    pub(crate) fn reserved_cash(&self) -> Usd {
        self.reserved_cash
    }

    /// Returns the cash that a strategy's orders hold back.
    pub(crate) fn reserved_by(&self, strategy: StrategyId) -> Usd {
        self.reserved_by.get(&strategy).copied().unwrap_or_default()
    }

    /// Returns the shares that a strategy's open orders would sell.
    pub(crate) fn reserved_shares(&self, strategy: StrategyId, token: TokenIx) -> Size {
        self.reserved_shares.get(&(strategy, token)).copied().unwrap_or_default()
    }

    /// Adds an order that the gate approved, or one that an earlier session left.
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

    /// Changes an order and keeps the sums right. `reserve` says what an order holds back as it stands.
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

    /// An order that counted as over is at the venue after all.
    fn reopen(&mut self, order: OrderId) {
        self.open = self.open.saturating_add(1);
        self.done.retain(|id| *id != order);
    }

    fn close(&mut self, order: OrderId) {
        self.open = self.open.saturating_sub(1);
        self.done.push_back(order);
        // An order of which something may still come is kept, however old; each is tried once.
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

    /// Says whether nothing more can come of an order: it is over, its trades are told, and they have settled. One that is not
    /// remembered is done with.
    pub(crate) fn is_done(&self, order: OrderId) -> bool {
        is_done(&self.table, &self.fills, order)
    }

    /// Returns how many orders may still move money.
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

    /// Remembers a fill, or how far it has settled now.
    pub(crate) fn remember(&mut self, key: FillKey, fill: Fill, now: Time) {
        self.fills.insert(key, fill, now);
        let (table, most) = (&self.table, self.room.fills);
        self.fills.forget(most, |fills, order| is_done(table, fills, order));
    }

    /// Returns how many fills are remembered, and how many of them are not final.
    pub(crate) fn fill_counts(&self) -> (usize, usize) {
        self.fills.counts()
    }

    /// Returns when the latest of the forgotten fills was first heard of; zero if none was forgotten.
    pub(crate) const fn forgotten(&self) -> Time {
        self.fills.forgotten()
    }

    /// Returns the orders whose fills should have settled by now, each once; they are asked for again after as long.
    pub(crate) fn overdue(&mut self, now: Time, after_micros: u64) -> BTreeSet<OrderId> {
        self.fills.overdue(now, after_micros)
    }

    /// Returns when the oldest fill that is not final was first heard of.
    pub(crate) fn oldest_unsettled(&self) -> Option<Time> {
        self.fills.oldest_unsettled()
    }

    /// Returns the highest number given.
    pub(crate) fn last(&self) -> OrderId {
        OrderId(self.last)
    }

    /// Goes on after the numbers of an earlier session.
    pub(crate) fn continue_after(&mut self, last: OrderId) {
        self.last = self.last.max(last.0);
    }

    /// Returns all orders that are remembered, by number.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &OrderEntry> {
        self.table.values()
    }

    /// Returns the fills that are remembered, oldest first.
    pub(crate) fn fills(&self) -> impl DoubleEndedIterator<Item = (&FillKey, Fill)> {
        self.fills.iter()
    }

    /// Recomputes the sums from the orders themselves.
    pub(crate) fn sums(&self, reserve: impl Fn(&OrderEntry) -> Reserve) -> (Usd, usize) {
        let cash = self.table.values().fold(Usd::ZERO, |sum, entry| sum.saturating_add(reserve(entry).cash));
        (cash, self.table.values().filter(|entry| entry.is_open()).count())
    }
}

fn is_done(table: &Table, fills: &Fills, order: OrderId) -> bool {
    table.get(order).is_none_or(|entry| !entry.is_at_risk()) && !fills.waits(order)
}
