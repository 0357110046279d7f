//! Integer arithmetic with prices (micro-dollars a share), sizes (micro-shares), money (micro-dollars) and times
//! (microseconds).
//!
//! Nothing here overflows or divides by zero: a result outside its range saturates at the nearest bound, or becomes
//! zero.

/// One dollar; also the payout of a winning share.
pub const DOLLAR: u64 = 1_000_000;
/// One share.
pub const SHARE: u64 = 1_000_000;
/// One second.
pub const SECOND: u64 = 1_000_000;
/// The step of order sizes: one hundredth of a share.
pub const SIZE_STEP: u64 = 10_000;
/// One dollar as a price.
const ONE: u32 = 1_000_000;

/// Returns the price of the other outcome: the two pay one dollar together.
///
/// ```
/// assert_eq!(polytrader_sdk::units::complement(420_000), 580_000);
/// ```
pub const fn complement(price: u32) -> u32 {
    ONE.saturating_sub(price)
}

/// Returns the cost of shares at a price, rounded up.
///
/// ```
/// use polytrader_sdk::units::{DOLLAR, SHARE, cost};
/// assert_eq!(cost(250_000, 10 * SHARE), 5 * DOLLAR / 2);
/// ```
pub fn cost(price: u32, size: u64) -> u64 {
    let exact = u128::from(price).saturating_mul(u128::from(size)).div_ceil(u128::from(SHARE));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// Returns the most shares, in whole hundredths, that money buys at a price; zero for a price of zero.
///
/// ```
/// use polytrader_sdk::units::{DOLLAR, shares_for};
/// assert_eq!(shares_for(10 * DOLLAR, 300_000), 33_330_000);
/// ```
pub fn shares_for(money: u64, price: u32) -> u64 {
    let exact = u128::from(money).saturating_mul(u128::from(SHARE)).checked_div(u128::from(price)).unwrap_or(0);
    whole_size(u64::try_from(exact).unwrap_or(u64::MAX))
}

/// Returns the fewest shares, in whole hundredths, that are worth at least this money; zero for a price of zero.
///
/// ```
/// use polytrader_sdk::units::shares_worth;
/// assert_eq!(shares_worth(1_100_000, 300_000), 3_670_000);
/// ```
pub fn shares_worth(money: u64, price: u32) -> u64 {
    let below = shares_for(money, price);
    if price == 0 || cost(price, below) >= money { below } else { below.saturating_add(SIZE_STEP) }
}

/// Rounds a size down to whole hundredths of a share, as orders require.
pub const fn whole_size(size: u64) -> u64 {
    size.saturating_sub(size % SIZE_STEP)
}

/// Moves a price by `ticks` ticks, clamped between one tick and one dollar less one tick. A price on the tick grid
/// stays on it.
///
/// ```
/// use polytrader_sdk::units::step;
/// assert_eq!(step(420_000, -3, 10_000), 390_000);
/// assert_eq!(step(20_000, -3, 10_000), 10_000);
/// ```
pub fn step(price: u32, ticks: i32, tick: u32) -> u32 {
    let distance = tick.saturating_mul(ticks.unsigned_abs());
    let moved = if ticks < 0 { price.saturating_sub(distance) } else { price.saturating_add(distance) };
    moved.min(ONE.saturating_sub(tick)).max(tick)
}

/// Returns the highest price on the grid that is not above this one.
pub fn grid_below(price: u32, tick: u32) -> u32 {
    price.saturating_sub(price.checked_rem(tick).unwrap_or(0))
}

/// Returns the lowest price on the grid that is not below this one.
pub fn grid_above(price: u32, tick: u32) -> u32 {
    price.checked_next_multiple_of(tick).unwrap_or(price)
}
