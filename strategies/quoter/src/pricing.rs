//! Quote prices: pure arithmetic, in prices of YES.

use crate::parameters::Settings;
use polytrader_sdk::units::{SHARE, complement, grid_above, grid_below, step};

/// A bid and an ask in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) bid: u32,
    pub(crate) ask: u32,
}

/// Returns the value of the YES position less that of the NO position, in micro-dollars.
pub(crate) fn net_value(yes: u64, no: u64, mid: u32) -> i64 {
    let value = |size: u64, price: u32| {
        let value = u128::from(size).saturating_mul(u128::from(price)).checked_div(u128::from(SHARE));
        i64::try_from(value.unwrap_or(0)).unwrap_or(i64::MAX)
    };
    value(yes, mid).saturating_sub(value(no, complement(mid)))
}

/// Returns the ticks by which both quotes move down for a net position; negative, that is up, for one in NO.
pub(crate) fn skew(net: i64, settings: &Settings) -> i32 {
    let full = i128::from(settings.max_position_dollars).max(1);
    let ticks = i128::from(settings.skew_ticks);
    let shift =
        i128::from(net).saturating_mul(ticks).checked_div(full).unwrap_or(0).clamp(ticks.saturating_neg(), ticks);
    i32::try_from(shift).unwrap_or(0)
}

/// Returns the ticks by which each quote is moved away from the mid price for a recent price range.
pub(crate) fn widening(range: u32, tick: u32, settings: &Settings) -> i32 {
    let away = u64::from(range).saturating_mul(settings.volatility_pct.into()).checked_div(100).unwrap_or(0);
    let ticks = away.checked_div(tick.into()).unwrap_or(0);
    i32::try_from(ticks).unwrap_or(i32::MAX)
}

/// Shift of both quotes from their base prices.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    /// Both down, in ticks.
    pub(crate) down: i32,
    /// Both away from the mid, in ticks.
    pub(crate) away: i32,
}

/// Returns the quotes around the best prices of others: inside them, at the configured width, within the rewards band,
/// and then shifted. They never cross `best`, which includes our own orders. Risk has priority over rewards: shifted
/// quotes may leave the band.
pub(crate) fn prices(others: Prices, best: Prices, tick: u32, shift: Shift, settings: &Settings) -> Option<Prices> {
    let improve = i32::try_from(settings.improve_ticks).unwrap_or(0);
    let twice_mid = others.bid.saturating_add(others.ask);
    let width = tick.saturating_mul(settings.width_ticks);
    let lowest = grid_below(twice_mid.saturating_sub(width) >> 1, tick);
    let highest = grid_above(twice_mid.saturating_add(width).div_ceil(2), tick);
    let bid = step(others.bid, improve, tick).min(lowest);
    let ask = step(others.ask, improve.saturating_neg(), tick).max(highest);
    let (bid, ask) = band(bid, ask, twice_mid >> 1, tick, settings);
    let (up, away) = (shift.down.saturating_neg(), shift.away);
    let bid = step(bid, up.saturating_sub(away), tick).min(step(best.ask.min(others.ask), -1, tick));
    let ask = step(ask, up.saturating_add(away), tick).max(step(best.bid.max(others.bid), 1, tick));
    (bid < ask).then_some(Prices { bid, ask })
}

/// Moves quotes into the band that the venue rewards, if one is configured.
fn band(bid: u32, ask: u32, mid: u32, tick: u32, settings: &Settings) -> (u32, u32) {
    if settings.rewards_spread == 0 {
        return (bid, ask);
    }
    let lowest = grid_above(mid.saturating_sub(settings.rewards_spread), tick);
    let highest = grid_below(mid.saturating_add(settings.rewards_spread), tick);
    (bid.max(lowest.min(grid_below(mid, tick))), ask.min(highest.max(grid_above(mid, tick))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests may overflow loudly")]

    use super::*;

    const CENT: u32 = 10_000;

    fn quotes(bid: u32, ask: u32, down: i32) -> (u32, u32) {
        let book = Prices { bid: bid * CENT, ask: ask * CENT };
        let found = prices(book, book, CENT, Shift { down, away: 0 }, &Settings::default()).unwrap();
        (found.bid / CENT, found.ask / CENT)
    }

    #[test]
    fn wide_books_are_quoted_inside_and_narrow_ones_joined() {
        assert_eq!(quotes(40, 44, 0), (41, 43));
        assert_eq!(quotes(40, 43, 0), (41, 42));
        assert_eq!(quotes(40, 42, 0), (40, 42));
        assert_eq!(quotes(40, 41, 0), (40, 41));
    }

    #[test]
    fn a_position_moves_both_quotes_without_crossing() {
        assert_eq!(quotes(40, 44, 2), (39, 41));
        assert_eq!(quotes(40, 44, 9), (32, 41));
        assert_eq!(quotes(40, 44, -2), (43, 45));
        assert_eq!(quotes(40, 41, -5), (40, 46));
    }

    #[test]
    fn quotes_are_on_the_grid_and_never_cross_for_any_book() {
        for tick in [1_000, CENT, 100_000] {
            for (bid, ask) in (0..12).flat_map(|bid| (bid + 1..13).map(move |ask| (bid, ask))) {
                let book =
                    Prices { bid: (bid * 70_000 / tick).max(1) * tick, ask: (ask * 76_000 / tick).max(2) * tick };
                for down in -4..=4 {
                    let Some(found) = prices(book, book, tick, Shift { down, away: down.abs() }, &Settings::default())
                    else {
                        continue;
                    };
                    assert!(found.bid % tick == 0 && found.ask % tick == 0, "{book:?} {found:?}");
                    assert!(found.bid >= tick && found.ask <= 1_000_000 - tick, "{book:?} {found:?}");
                    assert!(book.bid >= book.ask || found.bid < book.ask && found.ask > book.bid, "{book:?} {found:?}");
                }
            }
        }
    }

    #[test]
    fn the_skew_grows_with_the_position_up_to_its_maximum() {
        let skew = |dollars: i64| skew(dollars * 1_000_000, &Settings::default());
        assert_eq!([skew(0), skew(13), skew(14), skew(-40), skew(400)], [0, 0, 1, -3, 3]);
    }

    #[test]
    fn a_price_that_moves_keeps_quotes_away() {
        let settings = Settings::default();
        assert_eq!([0, 9_999, 20_000, 60_000].map(|range| widening(range, CENT, &settings)), [0, 0, 1, 3]);
        let book = Prices { bid: 40 * CENT, ask: 44 * CENT };
        let found = prices(book, book, CENT, Shift { down: 1, away: 2 }, &settings).unwrap();
        assert_eq!((found.bid / CENT, found.ask / CENT), (38, 44));
    }

    #[test]
    fn calm_quotes_are_within_the_band_of_rewards() {
        let settings = Settings { rewards_spread: 3 * CENT, ..Settings::default() };
        let book = Prices { bid: 30 * CENT, ask: 61 * CENT };
        let found = |shift| prices(book, book, CENT, shift, &settings).unwrap();
        // The mid is 0.455.
        assert_eq!(found(Shift::default()), Prices { bid: 43 * CENT, ask: 48 * CENT });
        assert_eq!(found(Shift { down: 0, away: 4 }), Prices { bid: 39 * CENT, ask: 52 * CENT });
        let narrow = Settings { rewards_spread: 1, ..settings };
        let found = prices(book, book, CENT, Shift::default(), &narrow).unwrap();
        assert_eq!(found, Prices { bid: 45 * CENT, ask: 46 * CENT });
    }
}
