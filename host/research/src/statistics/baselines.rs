//! Baselines: do nothing, buy each market's favourite and hold, and random trades of the same turnover.

use super::book::{Book, ask, bid, mid_micros, value};
use super::entries::dollars;
use super::number::{nine, quantile, units};
use crate::run::{RunData, TopRow};
use model::market::FeeRate;
use model::{Price, Side, Usd};
use serde::Serialize;
use sim::Rng;

/// Seeds of the random trades.
pub const SEEDS: u64 = 100;
/// Most random trades of a seed; a run with more has fewer, larger ones.
const TRADES_MAX: usize = 2_000;

/// Baselines. Money is in dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Baselines {
    /// Profit of the run with open positions at their outcome.
    pub run: f64,
    /// Doing nothing.
    pub nothing: f64,
    /// Buying the favourite of each traded market at its first mid, with equal parts of the dollars that the run's buys
    /// spent, and holding; taker fees included.
    pub favourite: f64,
    /// Number of these markets.
    pub favourite_markets: u64,
    /// Random trades: profit of the median seed; `None` without a market to trade in.
    pub random_median: Option<f64>,
    /// 5 % of the seeds have at most this profit.
    pub random_low: Option<f64>,
    /// 95 % of the seeds have at most this profit.
    pub random_high: Option<f64>,
    /// Number of seeds.
    pub seeds: u64,
    /// Rank of the run among them: 1 is better than all.
    pub rank: Option<u64>,
}

/// Returns the baselines.
pub(crate) fn baselines(data: &RunData, book: &Book<'_>) -> Baselines {
    let sum = |side: Side| -> i64 {
        let fills = data.fills.iter().filter(|fill| fill.side == side);
        fills.fold(0, |sum: i64, fill| sum.saturating_add(dollars(fill).0))
    };
    let (buys, sells) = (sum(Side::Buy), sum(Side::Sell));
    let run = data.description.totals.profit_at_outcome.0;
    let (favourite, markets) = favourite(data, book, buys);
    let trades = data.fills.iter().filter(|fill| fill.side == Side::Buy).count().min(TRADES_MAX);
    let random = Random { book, markets: tradable(data, book), buys, sells, trades };
    let mut profits: Vec<i64> = (1..=SEEDS).filter_map(|seed| random.profit(seed)).collect();
    profits.sort_unstable();
    let better = profits.iter().filter(|profit| **profit > run).count();
    let in_dollars: Vec<f64> = profits.iter().map(|profit| units(*profit)).collect();
    Baselines {
        run: units(run),
        nothing: 0.0,
        favourite: units(favourite),
        favourite_markets: markets,
        random_median: quantile(&in_dollars, 500).and_then(nine),
        random_low: quantile(&in_dollars, 50).and_then(nine),
        random_high: quantile(&in_dollars, 950).and_then(nine),
        seeds: u64::try_from(profits.len()).unwrap_or(SEEDS),
        rank: (!profits.is_empty()).then(|| u64::try_from(better).unwrap_or(SEEDS).saturating_add(1)),
    }
}

/// Returns the traded markets.
fn tradable(data: &RunData, book: &Book<'_>) -> Vec<u32> {
    let traded = data.markets.iter().filter(|market| market.traded).map(|market| market.market);
    traded.filter(|market| book.tops(*market).iter().any(has_both)).collect()
}

fn has_both(top: &TopRow) -> bool {
    top.bid.is_some() && top.ask.is_some()
}

fn fee(book: &Book<'_>, market: u32, price: Price, size: model::Size) -> i64 {
    let rate_micros = book.markets.get(&market).map_or(0, |market| market.fee_rate_micros);
    FeeRate { rate_micros }.taker_fee(price, size).map_or(0, |fee| fee.0)
}

/// Returns the profit of buying favourites, and the number of markets with one.
fn favourite(data: &RunData, book: &Book<'_>, buys: i64) -> (i64, u64) {
    let favourites: Vec<(u32, u8, Price)> = tradable(data, book)
        .into_iter()
        .filter_map(|market| {
            let mid = book.tops(market).iter().find_map(mid_micros)?;
            let price = Price::from_micros(u32::try_from(mid).ok()?)?;
            match price.cmp(&Price::HALF) {
                std::cmp::Ordering::Greater => Some((market, 0, price)),
                std::cmp::Ordering::Less => Some((market, 1, price.complement())),
                std::cmp::Ordering::Equal => None,
            }
        })
        .collect();
    let count = i64::try_from(favourites.len()).unwrap_or(i64::MAX);
    let stake = buys.checked_div(count).unwrap_or(0);
    let profits = favourites.iter().map(|(market, outcome, price)| hold(book, *market, *outcome, *price, stake));
    (profits.fold(0, i64::saturating_add), u64::try_from(count).unwrap_or(0))
}

/// Returns the profit of buying shares for these dollars and holding them to the end.
fn hold(book: &Book<'_>, market: u32, outcome: u8, price: Price, stake: i64) -> i64 {
    let size = price.shares_for(Usd(stake));
    let proceeds = value(size, book.end_value(market, outcome)).0;
    proceeds.saturating_sub(stake).saturating_sub(fee(book, market, price, size))
}

/// Random trades: buys at the ask of a random moment with the dollars of the run's buys, of which such a part is sold at
/// the bid of a random later moment as the run sold; the rest is held.
struct Random<'b, 'r> {
    book: &'b Book<'r>,
    markets: Vec<u32>,
    buys: i64,
    sells: i64,
    trades: usize,
}

impl Random<'_, '_> {
    /// Returns the profit with a seed; `None` if there is nothing to trade.
    fn profit(&self, seed: u64) -> Option<i64> {
        let stake = self.buys.checked_div(i64::try_from(self.trades).ok()?)?;
        if self.markets.is_empty() {
            return None;
        }
        let mut rng = Rng::new(seed);
        let mut profit = 0_i64;
        for _ in 0..self.trades {
            profit = profit.saturating_add(self.trade(&mut rng, stake));
        }
        Some(profit)
    }

    fn trade(&self, rng: &mut Rng, stake: i64) -> i64 {
        let Some(market) = self.markets.get(rng.place(self.markets.len())).copied() else { return 0 };
        let tops = self.book.tops(market);
        let outcome = u8::from(rng.below(2) == 1);
        let sold = i64::try_from(rng.below(u64::try_from(self.buys).unwrap_or(1))).is_ok_and(|draw| draw < self.sells);
        // The first moment with a price at or after the drawn one, else the first of all.
        let start = rng.place(tops.len());
        let from = tops.iter().enumerate().skip(start).chain(tops.iter().enumerate());
        let bought = from.filter(|(_, top)| has_both(top)).find_map(|(at, top)| ask(top, outcome).map(|ask| (at, ask)));
        let Some((at, price)) = bought else { return 0 };
        if !sold {
            return hold(self.book, market, outcome, price, stake);
        }
        let later = tops.get(at..).unwrap_or_default();
        let exit = rng.place(later.len());
        let exit = later.iter().skip(exit).find_map(|top| bid(top, outcome));
        let Some(exit) = exit else { return hold(self.book, market, outcome, price, stake) };
        let size = price.shares_for(Usd(stake));
        let fees = fee(self.book, market, price, size).saturating_add(fee(self.book, market, exit, size));
        value(size, Usd(exit.micros().into())).0.saturating_sub(stake).saturating_sub(fees)
    }
}
