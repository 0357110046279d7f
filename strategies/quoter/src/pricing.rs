//! Where to quote: pure sums, in prices of YES.

use crate::parameters::Parameters;
use polytrader_sdk::units::{SHARE, complement, grid_above, grid_below, step};

/// A bid and an ask in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) bid: u32,
    pub(crate) ask: u32,
}

/// Returns how many dollars, in micro-dollars, are held of YES, less those held of NO.
pub(crate) fn net_value(yes: u64, no: u64, mid: u32) -> i64 {
    let value = |size: u64, price: u32| {
        let value = u128::from(size).saturating_mul(u128::from(price)).checked_div(u128::from(SHARE));
        i64::try_from(value.unwrap_or(0)).unwrap_or(i64::MAX)
    };
    value(yes, mid).saturating_sub(value(no, complement(mid)))
}

/// Returns how many ticks both quotes go down for a position; up if it is one of NO.
pub(crate) fn skew(net: i64, parameters: &Parameters) -> i32 {
    let full = i128::from(parameters.max_position()).max(1);
    let ticks = i128::from(parameters.skew_ticks);
    let shift =
        i128::from(net).saturating_mul(ticks).checked_div(full).unwrap_or(0).clamp(ticks.saturating_neg(), ticks);
    i32::try_from(shift).unwrap_or(0)
}

/// Returns the quotes around the best prices of others: inside them, as wide as asked, skewed, never crossing `best`,
/// which includes our own.
pub(crate) fn prices(others: Prices, best: Prices, tick: u32, down: i32, parameters: &Parameters) -> Option<Prices> {
    let improve = i32::try_from(parameters.improve_ticks).unwrap_or(0);
    let twice_mid = others.bid.saturating_add(others.ask);
    let width = tick.saturating_mul(parameters.width_ticks);
    let lowest = grid_below(twice_mid.saturating_sub(width) >> 1, tick);
    let highest = grid_above(twice_mid.saturating_add(width).div_ceil(2), tick);
    let bid = step(others.bid, improve, tick).min(lowest);
    let ask = step(others.ask, improve.saturating_neg(), tick).max(highest);
    let up = down.saturating_neg();
    let bid = step(bid, up, tick).min(step(best.ask.min(others.ask), -1, tick));
    let ask = step(ask, up, tick).max(step(best.bid.max(others.bid), 1, tick));
    (bid < ask).then_some(Prices { bid, ask })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "tests may overflow loudly")]

    use super::*;

    const CENT: u32 = 10_000;

    fn quotes(bid: u32, ask: u32, down: i32) -> (u32, u32) {
        let book = Prices { bid: bid * CENT, ask: ask * CENT };
        let found = prices(book, book, CENT, down, &Parameters::default()).unwrap();
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
                    let Some(found) = prices(book, book, tick, down, &Parameters::default()) else { continue };
                    assert!(found.bid % tick == 0 && found.ask % tick == 0, "{book:?} {found:?}");
                    assert!(found.bid >= tick && found.ask <= 1_000_000 - tick, "{book:?} {found:?}");
                    assert!(book.bid >= book.ask || found.bid < book.ask && found.ask > book.bid, "{book:?} {found:?}");
                }
            }
        }
    }

    #[test]
    fn the_skew_grows_with_the_position_up_to_its_maximum() {
        let skew = |dollars: i64| skew(dollars * 1_000_000, &Parameters::default());
        assert_eq!([skew(0), skew(13), skew(14), skew(-40), skew(400)], [0, 0, 1, -3, 3]);
    }
}
