//! Lookups in the rows of a run: markets by number, tops by market and time, values of shares at the end.

use crate::run::{MarketRow, RunData, TopRow};
use model::{Price, Size, Time, Usd};
use std::collections::BTreeMap;

/// A dollar, the payout of a winning share.
const DOLLAR: i64 = 1_000_000;

/// Indexes over a run.
#[derive(Debug)]
pub(crate) struct Book<'r> {
    pub(crate) markets: BTreeMap<u32, &'r MarketRow>,
    tops: BTreeMap<u32, Vec<TopRow>>,
}

impl<'r> Book<'r> {
    pub(crate) fn of(data: &'r RunData) -> Self {
        let markets = data.markets.iter().map(|market| (market.market, market)).collect();
        let mut tops: BTreeMap<u32, Vec<TopRow>> = BTreeMap::new();
        for top in &data.tops {
            tops.entry(top.market).or_default().push(*top);
        }
        tops.values_mut().for_each(|tops| tops.sort_by_key(|top| top.at));
        Self { markets, tops }
    }

    /// Returns the tops of a market in the order of time.
    pub(crate) fn tops(&self, market: u32) -> &[TopRow] {
        self.tops.get(&market).map_or(&[], Vec::as_slice)
    }

    /// Returns the last top of a market at or before a time.
    pub(crate) fn top_at(&self, market: u32, at: Time) -> Option<&TopRow> {
        let tops = self.tops(market);
        let after = tops.partition_point(|top| top.at <= at);
        tops.get(after.checked_sub(1)?)
    }

    /// Returns the payout of a share; `None` if the market is not resolved.
    pub(crate) fn pays(&self, market: u32, outcome: u8) -> Option<Usd> {
        let first = self.markets.get(&market)?.pays?;
        Some(if outcome == 0 { first } else { Usd(DOLLAR.saturating_sub(first.0)) })
    }

    /// Returns the value of a share at the end: its payout, else its last bid, else zero.
    pub(crate) fn end_value(&self, market: u32, outcome: u8) -> Usd {
        let bid =
            || self.tops(market).last().and_then(|top| bid(top, outcome)).map_or(0, |price| price.micros().into());
        self.pays(market, outcome).unwrap_or_else(|| Usd(bid()))
    }
}

/// Returns the best bid of an outcome: that of the second is the complement of the first one's ask.
pub(crate) fn bid(top: &TopRow, outcome: u8) -> Option<Price> {
    if outcome == 0 { top.bid } else { top.ask.map(Price::complement) }
}

/// Returns the best ask of an outcome.
pub(crate) fn ask(top: &TopRow, outcome: u8) -> Option<Price> {
    if outcome == 0 { top.ask } else { top.bid.map(Price::complement) }
}

/// Returns the mid price of the first token in micro-dollars; `None` where a side is empty.
pub(crate) fn mid_micros(top: &TopRow) -> Option<i64> {
    let (bid, ask) = (i64::from(top.bid?.micros()), i64::from(top.ask?.micros()));
    Some(bid.saturating_add(ask) / 2)
}

/// Returns the value of shares at an amount for each.
pub(crate) fn value(size: Size, each: Usd) -> Usd {
    worth(i128::from(size.0), each)
}

/// Returns the value of a signed number of micro-shares at an amount for each, rounded down.
pub(crate) fn worth(micro_shares: i128, each: Usd) -> Usd {
    let micros = micro_shares.saturating_mul(i128::from(each.0)).div_euclid(i128::from(DOLLAR));
    Usd(i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX }))
}
