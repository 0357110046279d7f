//! Markouts: the price after a fill compared with the price of the fill, seen from our side. A positive markout means
//! that the fill was good at that time; a maker whose markouts are negative is picked off.

use super::book::Book;
use super::number::{count, ratio, units};
use crate::run::{FillRow, RunData};
use model::Side;
use serde::Serialize;

/// Horizons, in the order of [`FillRow::mids`] without its first, and the resolution.
pub const HORIZONS: [&str; 6] = ["at the fill", "1 s", "5 s", "30 s", "60 s", "resolution"];

/// Markouts of a kind of fills.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Markouts {
    /// The kind: `all`, `maker` or `taker`.
    pub of: &'static str,
    /// One for each of [`HORIZONS`].
    pub horizons: Vec<Markout>,
}

/// The markout at a horizon.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Markout {
    /// Fills with a known price at the horizon.
    pub fills: u64,
    /// Mean in dollars a share, weighted by shares; fees are not part of it.
    pub per_share: Option<f64>,
    /// Sum in dollars.
    pub total: f64,
}

/// Returns the markouts of all fills, of makers' and of takers'.
pub(crate) fn markouts(data: &RunData, book: &Book<'_>) -> Vec<Markouts> {
    let of = |of: &'static str, wanted: fn(&FillRow) -> bool| {
        let horizons = (0..HORIZONS.len()).map(|horizon| {
            markout(data.fills.iter().filter(|fill| wanted(fill)), |fill| price_at(fill, horizon, book))
        });
        Markouts { of, horizons: horizons.collect() }
    };
    vec![of("all", |_| true), of("maker", |fill| fill.maker), of("taker", |fill| !fill.maker)]
}

/// Returns the price of the fill's token at a horizon in micro-dollars.
fn price_at(fill: &FillRow, horizon: usize, book: &Book<'_>) -> Option<i64> {
    match fill.mids.get(horizon) {
        Some(mid) => mid.map(|mid| mid.micros().into()),
        None => book.pays(fill.market, fill.outcome).map(|pays| pays.0),
    }
}

fn markout<'f>(fills: impl Iterator<Item = &'f FillRow>, price_at: impl Fn(&FillRow) -> Option<i64>) -> Markout {
    // Micro-dollars times micro-shares.
    let (mut number, mut shares, mut sum) = (0_u64, 0_u64, 0_i128);
    for (fill, later) in fills.filter_map(|fill| price_at(fill).map(|later| (fill, later))) {
        let gain = later.saturating_sub(fill.price.micros().into());
        let gain = if fill.side == Side::Buy { gain } else { gain.saturating_neg() };
        number = number.saturating_add(1);
        shares = shares.saturating_add(fill.size.0);
        sum = sum.saturating_add(i128::from(gain).saturating_mul(fill.size.0.into()));
    }
    let total = units(i64::try_from(sum.div_euclid(1_000_000)).unwrap_or_default());
    Markout { fills: number, per_share: ratio(total, count(shares) / 1e6), total }
}
