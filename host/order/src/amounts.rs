//! Maker and taker amounts of an order, in the venue's base units (PROTOCOL 5.1 to 5.3). Integers only: equal to the
//! `exact` amounts of the venue's decimal clients, without the float quirks of its Python client.

use model::{Price, SCALE, Side, Size, TickSize};

/// One cent of a dollar or hundredth of a share, in millionths: the finest size of an order.
const CENT: u64 = 10_000;
/// The server's rule for market orders: takerAmount has at most 4 decimals.
const PLACEABLE_STEP: u64 = 100;

/// The two amounts of an order, in millionths of a dollar or share. In the venue's terms the maker is the account that
/// made the order, whether or not it rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// The most that the order gives: dollars for a BUY, shares for a SELL.
    pub maker: u64,
    /// The least that it asks for in return: shares for a BUY, dollars for a SELL.
    pub taker: u64,
}

/// Reasons why an order has no valid amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The price is not on the market's grid. It is refused and never rounded: the gate approved this exact price.
    #[error("price {price} is not on the grid of {tick}")]
    OffGrid {
        /// The price.
        price: Price,
        /// The grid.
        tick: TickSize,
    },
    /// Rounding leaves nothing, or so little that it would move the price by a whole tick.
    #[error("size {size} is too small to be an order at {price}")]
    TooSmall {
        /// The shares, or for [`market_amounts`] the amount.
        size: Size,
        /// The price.
        price: Price,
    },
    /// An amount does not fit 64 bits.
    #[error("size {size} is too large")]
    TooLarge {
        /// The shares, or for [`market_amounts`] the amount.
        size: Size,
    },
}

/// Returns the amounts of a limit order (GTC, GTD) of `size` shares, truncated to whole hundredths. Always exact: the
/// ratio of the amounts is the price.
///
/// # Errors
/// If the price is off the grid, the truncated size is zero, or it is too large.
pub fn limit_amounts(side: Side, price: Price, size: Size, tick: TickSize) -> Result<Amounts, AmountError> {
    on_grid(price, tick)?;
    let shares = size.floor_to_cents();
    if shares.is_zero() {
        return Err(AmountError::TooSmall { size, price });
    }
    // Hundredths of shares times a grid of at most 4 decimals is whole millionths, so flooring drops nothing.
    let dollars = times(shares.micros(), price).ok_or(AmountError::TooLarge { size })?;
    Ok(of_side(side, dollars, shares.micros()))
}

/// Returns the amounts of a market order (FOK, FAK) as the venue's official table rounds them. `amount` is millionths
/// of dollars before fees for a BUY and of shares for a SELL, truncated to two decimals.
///
/// On grids finer than a cent takerAmount can have 5 or 6 decimals, which the venue was reported to refuse: the orders
/// that we place use [`placeable_market_amounts`].
///
/// # Errors
/// If the price is off the grid, the truncated amount is zero, or it is too large.
pub fn market_amounts(side: Side, price: Price, amount: u64, tick: TickSize) -> Result<Amounts, AmountError> {
    on_grid(price, tick)?;
    market(side, price, amount, table_step(tick))
}

/// Returns the amounts of a market order (FOK, FAK) of at most `size` shares, within the server's precision rule:
/// makerAmount has 2 decimals, takerAmount 4.
///
/// A BUY gives `size * price` truncated to whole cents, so it never pays more than was reserved and never gets more
/// than `size` shares at its limit. A SELL gives `size` truncated to whole hundredths. Both ask for the yield at the
/// limit, truncated to 4 decimals: rounded up, the order would not match a resting one at exactly its limit. Truncation
/// loosens the limit slightly; an order so small that the difference is a whole tick is refused, so no worse price on
/// the grid can match.
///
/// # Errors
/// If the price is off the grid, the order is too small, or it is too large.
pub fn placeable_market_amounts(side: Side, price: Price, size: Size, tick: TickSize) -> Result<Amounts, AmountError> {
    on_grid(price, tick)?;
    let amount = match side {
        Side::Buy => times(size.micros(), price).ok_or(AmountError::TooLarge { size })?,
        Side::Sell => size.micros(),
    };
    let amounts = match market(side, price, amount, table_step(tick).max(PLACEABLE_STEP)) {
        Ok(amounts) => amounts,
        Err(AmountError::TooSmall { .. }) => return Err(AmountError::TooSmall { size, price }),
        Err(other) => return Err(other),
    };
    if within_a_tick(side, price, amounts, tick) { Ok(amounts) } else { Err(AmountError::TooSmall { size, price }) }
}

fn on_grid(price: Price, tick: TickSize) -> Result<(), AmountError> {
    if price.is_on(tick) { Ok(()) } else { Err(AmountError::OffGrid { price, tick }) }
}

fn market(side: Side, price: Price, amount: u64, step: u64) -> Result<Amounts, AmountError> {
    let maker = cut(amount, CENT);
    // The table first rounds up four decimals further out. That never carries over: the truncated fraction has a price
    // of at most 9,999 ten-thousandths as its denominator.
    let wanted = match side {
        Side::Buy => over(maker, price),
        Side::Sell => times(maker, price),
    };
    let taker = cut(wanted.ok_or(AmountError::TooLarge { size: Size(amount) })?, step);
    if taker == 0 {
        return Err(AmountError::TooSmall { size: Size(amount), price });
    }
    Ok(Amounts { maker, taker })
}

/// Returns true if the ratio of the amounts is better for us than the next worse price of the grid.
fn within_a_tick(side: Side, price: Price, amounts: Amounts, tick: TickSize) -> bool {
    let Amounts { maker, taker } = amounts;
    let (dollars, shares, worse) = match side {
        Side::Buy => (maker, taker, price.micros().saturating_add(tick.micros())),
        Side::Sell => (taker, maker, price.micros().saturating_sub(tick.micros())),
    };
    let given = u128::from(dollars).saturating_mul(u128::from(SCALE));
    let worst = u128::from(shares).saturating_mul(u128::from(worse));
    match side {
        Side::Buy => given < worst,
        Side::Sell => given > worst,
    }
}

/// Returns the step of the official table's "amount decimals" in millionths: 3 to 6 decimals (PROTOCOL 5.1).
fn table_step(tick: TickSize) -> u64 {
    match tick.micros() {
        100_000 => 1_000,
        10_000 => 100,
        5_000 | 1_000 => 10,
        _ => 1,
    }
}

fn of_side(side: Side, dollars: u64, shares: u64) -> Amounts {
    match side {
        Side::Buy => Amounts { maker: dollars, taker: shares },
        Side::Sell => Amounts { maker: shares, taker: dollars },
    }
}

/// Returns `micros * price`, rounded down.
fn times(micros: u64, price: Price) -> Option<u64> {
    let product = u128::from(micros).checked_mul(u128::from(price.micros()))?;
    u64::try_from(product.checked_div(u128::from(SCALE))?).ok()
}

/// Returns `micros / price`, rounded down.
fn over(micros: u64, price: Price) -> Option<u64> {
    let scaled = u128::from(micros).checked_mul(u128::from(SCALE))?;
    u64::try_from(scaled.checked_div(u128::from(price.micros()))?).ok()
}

fn cut(micros: u64, step: u64) -> u64 {
    micros.saturating_sub(micros.checked_rem(step).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

    use super::*;
    use model::{NewOrder, OrderId, OrderKind, StrategyId, TokenIx, Usd};
    use proptest::prelude::*;

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    fn tick(text: &str) -> TickSize {
        TickSize::parse(text).unwrap()
    }

    fn size(text: &str) -> Size {
        Size::parse(text).unwrap()
    }

    #[test]
    fn an_off_grid_price_is_refused_and_not_rounded() {
        let off = price("0.456");
        let expected = AmountError::OffGrid { price: off, tick: TickSize::CENT };
        let shares = Size::shares(10);
        assert_eq!(limit_amounts(Side::Buy, off, shares, TickSize::CENT), Err(expected));
        assert_eq!(market_amounts(Side::Buy, off, 10_000_000, TickSize::CENT), Err(expected));
        assert_eq!(placeable_market_amounts(Side::Sell, off, shares, TickSize::CENT), Err(expected));
        // Below the lowest price of the grid, and above the highest.
        assert!(limit_amounts(Side::Buy, price("0.0025"), shares, tick("0.005")).is_err());
        assert!(limit_amounts(Side::Buy, price("0.999"), shares, TickSize::CENT).is_err());
    }

    #[test]
    fn sizes_that_python_cuts_by_a_cent_are_kept() {
        for text in ["0.29", "0.57", "1.15", "2.3", "8.2"] {
            let amounts = limit_amounts(Side::Sell, price("0.5"), size(text), TickSize::CENT).unwrap();
            assert_eq!(amounts, Amounts { maker: size(text).micros(), taker: size(text).micros() / 2 });
        }
    }

    #[test]
    fn a_market_buy_on_a_fine_grid_is_cut_to_the_servers_four_decimals() {
        let table = market_amounts(Side::Buy, price("0.0417"), 25_500_000, tick("0.0001")).unwrap();
        assert_eq!(table, Amounts { maker: 25_500_000, taker: 611_510_791 });
        let placed = placeable_market_amounts(Side::Buy, price("0.0417"), size("611.52"), tick("0.0001")).unwrap();
        assert_eq!(placed, Amounts { maker: 25_500_000, taker: 611_510_700 });
        let sold = placeable_market_amounts(Side::Sell, price("0.0417"), size("18.25"), tick("0.0001")).unwrap();
        assert_eq!(sold, Amounts { maker: 18_250_000, taker: 761_000 });
    }

    #[test]
    fn a_market_buy_signs_the_dollars_that_the_gate_counts() {
        for (limit, shares, grid) in [
            ("0.48", "20.83", "0.01"),
            ("0.44", "11.37", "0.01"),
            ("0.99", "5", "0.01"),
            ("0.0417", "611.52", "0.0001"),
        ] {
            let (price, size, kind) = (price(limit), size(shares), OrderKind::Fak);
            let (id, strategy, token) = (OrderId(1), StrategyId(1), TokenIx(0));
            let order = NewOrder { id, strategy, tag: 0, token, side: Side::Buy, price, size, kind };
            let signed = placeable_market_amounts(Side::Buy, price, size, tick(grid)).unwrap();
            assert_eq!(i64::try_from(signed.maker).ok(), order.dollars().map(Usd::micros), "{limit}");
            assert_eq!(signed.taker, order.shares_min().micros(), "{limit}");
        }
        // The venue's own example: five dollars at a cap of 0.44.
        let five = placeable_market_amounts(Side::Buy, price("0.44"), size("11.37"), TickSize::CENT);
        assert_eq!(five, Ok(Amounts { maker: 5_000_000, taker: 11_363_600 }));
    }

    #[test]
    fn an_order_too_small_to_keep_its_price_is_refused() {
        // One cent at 0.9999 would round to 0.01 shares, which is a price of one dollar.
        let fine = tick("0.0001");
        let tiny = size("0.0101");
        assert_eq!(
            placeable_market_amounts(Side::Buy, price("0.9999"), tiny, fine),
            Err(AmountError::TooSmall { size: tiny, price: price("0.9999") })
        );
        let none = Size(9_999);
        let refused = Err(AmountError::TooSmall { size: none, price: price("0.5") });
        assert_eq!(limit_amounts(Side::Buy, price("0.5"), none, TickSize::CENT), refused);
        assert_eq!(placeable_market_amounts(Side::Buy, price("0.5"), none, TickSize::CENT), refused);
        assert_eq!(placeable_market_amounts(Side::Sell, price("0.5"), none, TickSize::CENT), refused);
    }

    #[test]
    fn the_largest_size_does_not_overflow() {
        let most = Size(u64::MAX);
        assert!(limit_amounts(Side::Buy, price("0.99"), most, TickSize::CENT).is_ok());
        assert_eq!(
            market_amounts(Side::Buy, price("0.01"), u64::MAX, TickSize::CENT),
            Err(AmountError::TooLarge { size: most })
        );
    }

    fn any_tick() -> impl Strategy<Value = TickSize> {
        prop::sample::select(["0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001"].map(tick).to_vec())
    }

    fn any_price() -> impl Strategy<Value = (TickSize, Price)> {
        any_tick().prop_flat_map(|tick| {
            (1..SCALE / tick.micros()).prop_map(move |n| (tick, Price::from_micros(n * tick.micros()).unwrap()))
        })
    }

    fn any_side() -> impl Strategy<Value = Side> {
        prop::sample::select([Side::Buy, Side::Sell].to_vec())
    }

    proptest! {
        #[test]
        fn a_limit_orders_ratio_is_its_price(side in any_side(), (tick, price) in any_price(), cents in 1u64..10_000_000_000) {
            let Amounts { maker, taker } = limit_amounts(side, price, Size(cents * CENT), tick).unwrap();
            let (dollars, shares) = if side == Side::Buy { (maker, taker) } else { (taker, maker) };
            prop_assert_eq!(shares, cents * CENT);
            prop_assert_eq!(u128::from(dollars) * 1_000_000, u128::from(shares) * u128::from(price.micros()));
        }

        #[test]
        fn a_market_order_gives_no_more_than_asked_and_meets_its_limit_but_no_worse_price(
            side in any_side(), (tick, price) in any_price(), micros in prop_oneof![0u64..20_000_000, 0u64..1_000_000_000_000],
        ) {
            let size = Size(micros);
            if let Ok(Amounts { maker, taker }) = placeable_market_amounts(side, price, size, tick) {
                prop_assert_eq!(maker % CENT, 0);
                prop_assert_eq!(taker % PLACEABLE_STEP, 0);
                let (dollars, shares) = if side == Side::Buy { (maker, taker) } else { (taker, maker) };
                let ratio = u128::from(dollars) * 1_000_000;
                let at = |price: u32| u128::from(shares) * u128::from(price);
                prop_assert!(u128::from(shares) <= u128::from(micros));
                match side {
                    Side::Buy => {
                        prop_assert!(ratio <= u128::from(micros) * u128::from(price.micros()), "pays more than reserved");
                        prop_assert!(ratio >= at(price.micros()), "misses a resting order at its limit");
                        prop_assert!(ratio < at(price.micros() + tick.micros()), "meets a worse price");
                    }
                    Side::Sell => {
                        prop_assert!(ratio <= at(price.micros()), "misses a resting order at its limit");
                        prop_assert!(ratio > at(price.micros() - tick.micros()), "meets a worse price");
                    }
                }
            } else {
                // From five shares and one dollar upwards, the venue's minimum, no order is too small.
                let dollars = u128::from(micros) * u128::from(price.micros()) / 1_000_000;
                prop_assert!(micros < 5_000_000 || dollars < 1_000_000, "refused {} at {}", size, price);
            }
        }
    }
}
