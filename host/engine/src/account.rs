//! Valuation of the account: total value, free cash and shares, and today's P&L.

use crate::breakers::Trip;
use crate::effect::Effects;
use crate::markets::Markets;
use crate::orders::{OrderEntry, Reserve};
use crate::risk::{losses, worst};
use crate::step::{Engine, Summary};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use model::event::Reason;
use model::input::{AccountView, Breaker, Scope};
use model::{FeeRate, MarketIx, NewOrder, Price, Side, Size, StrategyId, TokenIx, Usd};

/// The number of consecutive readings of the venue's account that must differ in the same way before they count as a
/// mismatch.
const MISMATCH_LOOKS: u32 = 3;

/// The valuation from which today's loss is measured.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct DayStart {
    pub(crate) day: u64,
    pub(crate) value: Usd,
    pub(crate) known: bool,
    /// True if `value` is the session's cash alone: carried-over positions have yet to be added.
    pub(crate) cash_only: bool,
    /// The latest valuation, with which a new day begins.
    pub(crate) last: Usd,
}

impl DayStart {
    /// Returns the start of a session's day, from a given valuation or else from the cash alone.
    pub(crate) fn new(given: Option<(u64, Usd)>, today: u64, cash: Usd) -> Self {
        let (day, value) = given.unwrap_or((today, cash));
        Self { day, value, known: true, cash_only: given.is_none(), last: value }
    }

    /// Excludes money from outside from today's P&L.
    pub(crate) fn transfer(&mut self, external: Usd) {
        self.value = self.value.saturating_add(external);
        self.last = self.last.saturating_add(external);
    }
}

/// A difference to the venue's account, seen in consecutive readings.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Mismatch {
    looks: u32,
    cash: Usd,
}

/// Returns the amounts that an order reserves: for a BUY its cost and the taker fee at its worst price, for a SELL its
/// shares.
pub(crate) fn reserve_of(markets: &Markets, entry: &OrderEntry) -> Reserve {
    let (order, size) = (&entry.order, entry.at_risk());
    if order.side == Side::Sell {
        return Reserve { cash: Usd::ZERO, shares: size };
    }
    let rate = markets.of_token(order.token).map(|market| market.market.fee).unwrap_or_default();
    let cost = entry.cost_at_risk();
    let fee = worst_fee(rate, order, size, cost).unwrap_or(Usd(i64::MAX));
    Reserve { cash: cost.saturating_add(fee), shares: Size::ZERO }
}

impl Engine {
    /// Returns the cash available to new orders.
    pub(crate) fn free_cash(&self) -> Usd {
        self.ledger.cash().saturating_sub(self.ledger.unsettled_cash()).saturating_sub(self.orders.reserved_cash())
    }

    /// Returns the shares that a strategy may sell: its own, settled, not reserved by another of its orders.
    pub(crate) fn sellable(&self, strategy: StrategyId, token: TokenIx) -> Size {
        let part = self.ledger.part(strategy, token);
        part.size.saturating_sub(part.unsettled).saturating_sub(self.orders.reserved_shares(strategy, token))
    }

    /// Returns the price at which a position is valued: the best bid of a fresh book (zero without a bid), or the lower
    /// of last bid and cost if the book is blind.
    pub(crate) fn mark(&self, token: TokenIx) -> Option<Price> {
        let view = self.markets.token(token)?;
        if view.is_fresh(self.now, self.limits.stale_after_micros) {
            return view.book.best_bid().map(|level| level.price);
        }
        let position = self.ledger.position(token);
        let average = average(position.cost, position.size);
        match (view.state.last_bid, average) {
            (Some(bid), Some(average)) => Some(bid.min(average)),
            (bid, average) => bid.or(average),
        }
    }

    /// Returns the current value of a position: its payout once the market is resolved, before that its value at the
    /// mark price.
    pub(crate) fn value_of(&self, token: TokenIx, size: Size) -> Usd {
        if let Some(pays) = self.pays(token) {
            let micros = u128::from(size.0).saturating_mul(u128::from(pays)).checked_div(u128::from(model::SCALE));
            return micros.and_then(|micros| i64::try_from(micros).ok()).map_or(Usd(i64::MAX), Usd);
        }
        self.mark(token).and_then(|price| price.cost_floor(size)).unwrap_or_default()
    }

    /// Returns the payout per share of a resolved market, in micro-dollars. It is also derived from the other outcome's
    /// payout.
    pub fn pays(&self, token: TokenIx) -> Option<u32> {
        let own = self.markets.token(token)?.state.pays;
        let other = self.markets.token(token.complement()).and_then(|other| other.state.pays);
        own.or(other.map(|pays| model::SCALE.saturating_sub(pays)))
    }

    /// Returns the current value of all positions.
    pub(crate) fn positions_value(&self) -> Usd {
        self.ledger.positions().fold(Usd::ZERO, |sum, (token, position)| {
            if position.size.is_zero() { sum } else { sum.saturating_add(self.value_of(token, position.size)) }
        })
    }

    /// Returns the value of cash and positions.
    pub(crate) fn portfolio_value(&self) -> Usd {
        self.ledger.cash().saturating_add(self.positions_value())
    }

    /// Returns today's P&L (negative for a loss).
    pub(crate) fn today(&self) -> Usd {
        if self.day.known { self.portfolio_value().saturating_sub(self.day.value) } else { Usd::ZERO }
    }

    /// Begins a new day at midnight UTC and trips the daily loss limit when it is reached. A day starts from the last
    /// valuation before it, so that a loss that occurs while the machine sleeps over midnight counts on the new day.
    pub(crate) fn watch_the_day(&mut self, value: Usd, effects: &mut Effects) {
        if !self.day.known || self.day.day < self.now.day() {
            let opening = if self.day.known { self.day.last } else { value };
            self.day = DayStart::new(Some((self.now.day(), opening)), self.now.day(), value);
            self.close(Breaker::DailyLossLimit, Scope::Session, effects);
        }
        self.day.last = value;
        let (today, limit) = (value.saturating_sub(self.day.value), self.limits.daily_loss);
        if today <= Usd::ZERO.saturating_sub(limit) {
            let reason = format!("lost {} today, the limit is {limit}", Usd::ZERO.saturating_sub(today));
            self.trip(Trip::session(Breaker::DailyLossLimit, reason), effects);
        }
    }

    /// Compares the venue's account with the ledger. Pending fills can explain a difference, so only a persistent one
    /// counts.
    pub(crate) fn reconcile(&mut self, view: &AccountView, effects: &mut Effects) {
        let on_its_way = self.orders.open().any(OrderEntry::is_awaited);
        if !on_its_way {
            self.book_activities(view, effects);
            self.book_redemptions(view, effects);
        }
        let shares_differ = self.ledger.positions().find_map(|(token, position)| {
            let theirs = view.shares.iter().find(|(other, _)| *other == token).map_or(Size::ZERO, |(_, size)| *size);
            (theirs != position.size).then_some((token, position.size, theirs))
        });
        let cash = view.cash.saturating_sub(self.ledger.cash());
        if on_its_way || (cash == Usd::ZERO && shares_differ.is_none()) {
            self.mismatch = Mismatch::default();
            if !on_its_way && !self.reconciled {
                self.reconciled = true;
                self.notify_state("the venue's account equals the ledger".into(), effects);
            }
            return;
        }
        let looks = if self.mismatch.cash == cash { self.mismatch.looks.saturating_add(1) } else { 1 };
        self.mismatch = Mismatch { looks, cash };
        // The breaker also trips where the Data API is merely late: until the difference is explained, only cancels are
        // safe. A later explanation closes the breaker again.
        if looks >= MISMATCH_LOOKS && !self.breakers.is_tripped(Breaker::ReconciliationMismatch, Scope::Session) {
            let shares = shares_differ.map_or_else(Default::default, |(token, ours, theirs)| {
                format!("; token {token}: {ours} shares in the ledger, {theirs} at the venue")
            });
            let unbooked = self.activities.named();
            let reason =
                format!("cash: {} in the ledger, {} at the venue{shares}{unbooked}", self.ledger.cash(), view.cash);
            self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
            self.activities.heals = true;
        }
    }

    /// Returns true if the venue's account differed from the ledger when it was last read.
    pub const fn differs(&self) -> bool {
        self.mismatch.looks > 0
    }

    /// Recomputes and compares every sum that the engine maintains.
    ///
    /// # Errors
    /// The first contradiction, as a sentence with its numbers.
    pub fn audit(&self) -> Result<(), Reason> {
        self.audit_sums(self.orders.sums(|entry| reserve_of(&self.markets, entry)))
    }

    /// The same with the orders at risk alone: almost all remembered orders are finished.
    pub(crate) fn audit_at_risk(&self) -> Result<(), Reason> {
        self.audit_sums(self.orders.sums_at_risk(|entry| reserve_of(&self.markets, entry)))
    }

    fn audit_sums(&self, (cash, open): (Usd, usize)) -> Result<(), Reason> {
        let kept = (self.orders.reserved_cash(), self.orders.open_count());
        if kept != (cash, open) {
            return Err(format!("{} reserved for {} orders, expected {cash} for {open}", kept.0, kept.1));
        }
        let mut sums: BTreeMap<TokenIx, Size> = BTreeMap::new();
        for (_, token, part) in self.ledger.parts().filter(|(_, _, part)| !part.size.is_zero()) {
            let sum = sums.entry(token).or_default();
            *sum = sum.saturating_add(part.size);
        }
        for (token, position) in self.ledger.positions() {
            let sum = sums.get(&token).copied().unwrap_or_default();
            if sum != position.size {
                return Err(format!(
                    "token {token}: the strategies' positions sum to {sum} shares, the account has {}",
                    position.size
                ));
            }
        }
        Ok(())
    }

    /// Returns the account summary as shown on the page.
    pub fn summary(&self) -> Summary {
        let positions = self.positions_value();
        let cost = self.ledger.positions().fold(Usd::ZERO, |sum, (_, position)| sum.saturating_add(position.cost));
        Summary {
            state: self.state,
            restriction: self.restriction(),
            cash: self.ledger.cash(),
            reserved: self.orders.reserved_cash(),
            positions,
            portfolio: self.ledger.cash().saturating_add(positions),
            realised: self.ledger.realised(),
            unrealised: positions.saturating_sub(cost),
            fees: self.ledger.fees(),
            today: self.today(),
            day_start: (self.day.day, self.day.value),
            open_orders: self.orders.open_count(),
        }
    }

    /// Returns the worst-case loss of positions and open orders at cost: the sum over markets, each with its worse
    /// outcome. Events are not netted.
    pub fn worst_case_loss(&self) -> Usd {
        let held = self.ledger.positions().filter(|(_, position)| !position.size.is_zero());
        let held = held.map(|(token, _)| token.market());
        let markets: BTreeSet<MarketIx> = held.chain(self.orders.markets_at_risk()).collect();
        let losses = markets.into_iter().map(|market| losses(&self.ledger, market, self.orders.at_risk_in(market)));
        losses.map(worst).fold(Usd::ZERO, Usd::saturating_add)
    }

    /// Returns a position with its mark price and value, for the page.
    pub fn valued(&self, token: TokenIx) -> (crate::Position, Option<Price>, Usd) {
        let position = self.ledger.position(token);
        (position, self.mark(token), self.value_of(token, position.size))
    }
}

/// Returns the highest fee that a BUY of `size` shares for `cost` dollars could be charged, zero if it cannot take. The
/// dollars of a FOK or FAK BUY buy more shares, and cost more fee, the lower the price is.
pub(crate) fn worst_fee(rate: FeeRate, order: &NewOrder, size: Size, cost: Usd) -> Option<Usd> {
    match order.dollars() {
        Some(_) => rate.taker_fee_spending(cost),
        None if order.kind.is_post_only() => Some(Usd::ZERO),
        None => rate.taker_fee_worst(order.price, size),
    }
}

/// Returns the average cost of a share, rounded down.
pub(crate) fn average(cost: Usd, size: Size) -> Option<Price> {
    let micros = u128::try_from(cost.0).ok()?.checked_mul(1_000_000)?.checked_div(u128::from(size.0))?;
    u32::try_from(micros).ok().and_then(Price::from_micros)
}
