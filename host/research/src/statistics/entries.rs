//! Entries of profit: each fill with its realised profit, and the end of each position by payout or at the bid. They add
//! up to the profit with open positions at their outcome.

use super::book::{Book, value, worth};
use crate::run::{FillRow, RunData};
use model::{Side, Time, Usd};
use std::collections::BTreeMap;

/// Cause of an entry that is not the reason of an order.
pub(crate) const OPENING: &str = "(opening: fees)";
/// The payout of a position within the run.
pub(crate) const RESOLUTION: &str = "(resolution)";
/// The payout of a position after the end of the run, known from the tape.
pub(crate) const RESOLUTION_LATER: &str = "(resolution after the end)";
/// The value of a position that is not resolved.
pub(crate) const OPEN: &str = "(open at the end, at the bid)";

/// A part of the profit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Time,
    pub(crate) strategy: u32,
    pub(crate) market: u32,
    pub(crate) outcome: u8,
    pub(crate) tag: u64,
    pub(crate) reason: String,
    pub(crate) profit: Usd,
}

/// A position as the fills leave it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Position {
    /// Micro-shares; negative if more were sold than bought, which splits allow.
    pub(crate) shares: i128,
    /// Dollars received less dollars paid, fees included.
    cash: i64,
    /// Profit that the fills have realised.
    realised: i64,
    /// Tag of the last buy.
    tag: u64,
}

impl Position {
    pub(crate) fn apply(&mut self, fill: &FillRow) {
        let dollars = dollars(fill).0;
        let (shares, cash) = match fill.side {
            Side::Buy => (i128::from(fill.size.0), dollars.saturating_neg()),
            Side::Sell => (i128::from(fill.size.0).saturating_neg(), dollars),
        };
        if fill.side == Side::Buy {
            self.tag = fill.tag;
        }
        self.shares = self.shares.saturating_add(shares);
        self.cash = self.cash.saturating_add(cash).saturating_sub(fill.fee.0);
        self.realised = self.realised.saturating_add(fill.realised.0);
    }
}

/// Returns the dollars of a fill before its fee.
pub(crate) fn dollars(fill: &FillRow) -> Usd {
    value(fill.size, Usd(fill.price.micros().into()))
}

/// Returns the entries of a run: fills in order, then positions by strategy, market and outcome.
pub(crate) fn entries(data: &RunData, book: &Book<'_>) -> Vec<Entry> {
    let reasons: BTreeMap<u64, &str> =
        data.orders.iter().filter(|order| order.order != 0).map(|order| (order.order, order.reason.as_str())).collect();
    let mut positions: BTreeMap<(u32, u32, u8), Position> = BTreeMap::new();
    let mut entries = Vec::with_capacity(data.fills.len());
    for fill in &data.fills {
        positions.entry((fill.strategy, fill.market, fill.outcome)).or_default().apply(fill);
        let reason = match fill.side {
            Side::Buy => OPENING,
            Side::Sell => reasons.get(&fill.order).copied().unwrap_or_default(),
        };
        let FillRow { at, strategy, market, outcome, tag, realised, .. } = *fill;
        entries.push(Entry { at, strategy, market, outcome, tag, reason: reason.to_owned(), profit: realised });
    }
    let end = data.description.span.1;
    for ((strategy, market, outcome), position) in positions {
        let row = book.markets.get(&market);
        let resolved_at = row.filter(|row| row.pays.is_some()).map(|row| row.resolved_at.unwrap_or(end));
        let reason = match resolved_at {
            Some(at) if at <= end => RESOLUTION,
            Some(_) => RESOLUTION_LATER,
            None => OPEN,
        };
        let worth = worth(position.shares, book.end_value(market, outcome));
        let profit = Usd(position.cash.saturating_add(worth.0).saturating_sub(position.realised));
        if position.shares != 0 || profit != Usd::ZERO {
            let (at, tag) = (resolved_at.unwrap_or(end).min(end), position.tag);
            entries.push(Entry { at, strategy, market, outcome, tag, reason: reason.to_owned(), profit });
        }
    }
    entries
}
