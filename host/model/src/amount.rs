//! Prices, sizes and money as integer millionths. Each name states its rounding, which is against us.

use core::fmt;

/// Millionths in one: micro-dollars in a dollar, micro-shares in a share.
pub const SCALE: u32 = 1_000_000;
const SCALE_U64: u64 = 1_000_000;
const SCALE_U128: u128 = 1_000_000;

/// The side of a token's book that an order is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// Pays dollars for shares; rests as a bid.
    Buy,
    /// Gives shares for dollars; rests as an ask.
    Sell,
}

impl Side {
    /// Returns the other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        })
    }
}

/// A price in micro-dollars per share, strictly between 0 and 1 dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Price(u32);

impl Price {
    /// The lowest price: a millionth of a dollar.
    pub const MIN: Self = Self(1);
    /// Half a dollar: neither outcome is likelier.
    pub const HALF: Self = Self(500_000);

    /// Returns the price of `micros` micro-dollars a share, or `None` outside 1..=999,999.
    pub const fn from_micros(micros: u32) -> Option<Self> {
        if micros > 0 && micros < SCALE { Some(Self(micros)) } else { None }
    }

    /// Parses a decimal such as `0.48` or `.48` exactly; `None` if it is not a price or needs more than six decimals.
    pub fn parse(text: &str) -> Option<Self> {
        u32::try_from(parse_micros(text)?).ok().and_then(Self::from_micros)
    }

    /// Returns micro-dollars per share, 1..=999,999.
    pub const fn micros(self) -> u32 {
        self.0
    }

    /// Returns the price of the other outcome: one dollar less this price.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(SCALE.saturating_sub(self.0))
    }

    /// Returns the cost of `size` at this price, rounded up, so that a limit check never undercounts.
    pub fn cost_ceil(self, size: Size) -> Option<Usd> {
        let micros = u128::from(self.0).checked_mul(u128::from(size.0))?.div_ceil(SCALE_U128);
        i64::try_from(micros).ok().map(Usd)
    }

    /// Returns the value of `size` at this price, rounded down.
    pub fn cost_floor(self, size: Size) -> Option<Usd> {
        let micros = u128::from(self.0).checked_mul(u128::from(size.0))?.checked_div(SCALE_U128)?;
        i64::try_from(micros).ok().map(Usd)
    }

    /// Returns the number of shares that `dollars` buy at this price, rounded down; saturates far above any supply.
    pub fn shares_for(self, dollars: Usd) -> Size {
        let scaled = u128::try_from(dollars.0).unwrap_or(0).saturating_mul(SCALE_U128);
        let shares = scaled.checked_div(u128::from(self.0)).unwrap_or(0);
        Size(u64::try_from(shares).unwrap_or(u64::MAX))
    }

    /// Returns true if this price is on the grid of `tick` (`tick <= price <= 1 - tick`, a whole number of ticks).
    pub fn is_on(self, tick: TickSize) -> bool {
        let step = tick.micros();
        self.0.checked_rem(step) == Some(0) && self.0 >= step && self.0 <= SCALE.saturating_sub(step)
    }

    /// Returns the nearest price on the grid at or below this one, or the lowest price of the grid.
    #[must_use]
    pub fn floor_to(self, tick: TickSize) -> Self {
        let step = tick.micros();
        let down = self.0.saturating_sub(self.0.checked_rem(step).unwrap_or(0));
        Self(down.clamp(step, SCALE.saturating_sub(step)))
    }

    /// Returns the nearest price on the grid at or above this one, or the highest price of the grid.
    #[must_use]
    pub fn ceil_to(self, tick: TickSize) -> Self {
        let step = tick.micros();
        let up = self.0.div_ceil(step).saturating_mul(step);
        Self(up.clamp(step, SCALE.saturating_sub(step)))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_micros(f, false, u64::from(self.0))
    }
}

/// A number of shares in micro-shares (10^-6 share), the venue's base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Size(pub u64);

impl Size {
    /// No shares.
    pub const ZERO: Self = Self(0);

    /// Returns `shares` whole shares; saturates far above any supply.
    pub const fn shares(shares: u64) -> Self {
        Self(shares.saturating_mul(SCALE_U64))
    }

    /// Parses a decimal such as `26350` or `20.5` exactly; `None` if it is not a size or needs more than six decimals.
    pub fn parse(text: &str) -> Option<Self> {
        parse_micros(text).map(Self)
    }

    /// Returns micro-shares.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Returns true if the size is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds; returns `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Subtracts; returns `None` below zero.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// Subtracts; saturates at zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Adds; saturates at the largest size.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the size rounded down to whole hundredths of a share, the finest step of an order's size.
    #[must_use]
    pub const fn floor_to_cents(self) -> Self {
        Self(self.0.saturating_sub(self.0 % 10_000))
    }

    /// Returns the payout at one dollar a share: the most these shares can be worth.
    pub fn face_value(self) -> Option<Usd> {
        i64::try_from(self.0).ok().map(Usd)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_micros(f, false, self.0)
    }
}

/// Money in micro-dollars (10^-6 pUSD); may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Usd(pub i64);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Returns `dollars` whole dollars; saturates far above any account.
    pub const fn dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(1_000_000))
    }

    /// Parses a decimal such as `25`, `-1.5` or `0.00001` exactly; `None` if it needs more than six decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let micros = i64::try_from(parse_micros(digits)?).ok()?;
        Some(Self(if negative { micros.checked_neg()? } else { micros }))
    }

    /// Returns micro-dollars.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Adds; returns `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Subtracts; returns `None` on overflow.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// Adds; saturates at the ends of the range. Only for sums that are displayed or compared, never for the ledger.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Subtracts; saturates at the ends of the range. Only for sums that are displayed or compared, never for the
    /// ledger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns `bps` hundredths of a percent of this amount, rounded towards minus infinity.
    pub fn bps_floor(self, bps: u32) -> Self {
        let micros = i128::from(self.0).saturating_mul(i128::from(bps)).div_euclid(10_000);
        Self(i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_micros(f, self.0 < 0, self.0.unsigned_abs())
    }
}

/// The price grid of a market: 0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001 dollars (PROTOCOL 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TickSize(u32);

impl TickSize {
    /// One cent, the common grid.
    pub const CENT: Self = Self(10_000);
    /// A tenth of a cent, used near 0 and 1.
    pub const MILL: Self = Self(1_000);

    /// Returns the tick of `micros` micro-dollars if the venue has such a tick.
    pub const fn from_micros(micros: u32) -> Option<Self> {
        match micros {
            100_000 | 10_000 | 5_000 | 2_500 | 1_000 | 100 => Some(Self(micros)),
            _ => None,
        }
    }

    /// Parses a decimal such as `0.01`.
    pub fn parse(text: &str) -> Option<Self> {
        u32::try_from(parse_micros(text)?).ok().and_then(Self::from_micros)
    }

    /// Returns micro-dollars.
    pub const fn micros(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TickSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_micros(f, false, u64::from(self.0))
    }
}

/// Parses a non-negative decimal (`12`, `0.5`, `.5`, `12.`) into millionths, exactly. At most six decimals, not
/// counting trailing zeros; no sign, exponent, blanks or separators.
pub fn parse_micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for byte in whole.bytes() {
        value = value.checked_mul(10)?.checked_add(digit(byte)?)?;
    }
    value = value.checked_mul(SCALE_U64)?;
    let mut unit: u64 = SCALE_U64;
    for byte in fraction.bytes() {
        let digit = digit(byte)?;
        unit = unit.checked_div(10)?;
        if unit == 0 && digit != 0 {
            return None;
        }
        value = value.checked_add(digit.checked_mul(unit)?)?;
    }
    Some(value)
}

fn digit(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some(u64::from(byte.wrapping_sub(b'0'))),
        _ => None,
    }
}

/// Writes millionths as the shortest exact decimal (`0.5`, `12`, `0.000001`).
fn write_micros(f: &mut fmt::Formatter<'_>, negative: bool, micros: u64) -> fmt::Result {
    let whole = micros.checked_div(SCALE_U64).unwrap_or(0);
    let mut fraction = micros.checked_rem(SCALE_U64).unwrap_or(0);
    if negative {
        f.write_str("-")?;
    }
    write!(f, "{whole}")?;
    if fraction == 0 {
        return Ok(());
    }
    let mut width: usize = 6;
    while fraction.checked_rem(10) == Some(0) {
        fraction = fraction.checked_div(10).unwrap_or(0);
        width = width.saturating_sub(1);
    }
    write!(f, ".{fraction:0width$}")
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn a_price_of_zero_or_one_dollar_is_refused() {
        assert_eq!(Price::from_micros(0), None);
        assert_eq!(Price::from_micros(1_000_000), None);
        assert_eq!(Price::parse("1"), None);
        assert_eq!(Price::parse("1.5"), None);
        assert_eq!(Price::parse(".48").map(Price::micros), Some(480_000));
    }

    #[test]
    fn text_that_is_no_decimal_is_refused() {
        for text in ["", ".", "-1", "1e3", "0.0000001", "1,5", " 1", "18446744073709551616"] {
            assert_eq!(parse_micros(text), None, "{text}");
        }
        assert_eq!(parse_micros("0.5000000000"), Some(500_000));
    }

    #[test]
    fn a_tick_that_the_venue_does_not_know_is_refused() {
        assert_eq!(TickSize::parse("0.02"), None);
        assert_eq!(TickSize::parse("0.0025").map(TickSize::micros), Some(2_500));
    }

    #[test]
    fn rounding_to_the_grid_stays_inside_it() {
        let low = Price::from_micros(400).unwrap();
        assert_eq!(low.floor_to(TickSize::CENT).micros(), 10_000);
        let high = Price::from_micros(999_900).unwrap();
        assert_eq!(high.ceil_to(TickSize::CENT).micros(), 990_000);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in 1u32..1_000_000) {
            let price = Price::from_micros(micros).unwrap();
            prop_assert_eq!(Price::parse(&price.to_string()), Some(price));
        }

        #[test]
        fn money_reads_back(micros in any::<i64>().prop_filter("has a positive twin", |m| *m != i64::MIN)) {
            prop_assert_eq!(Usd::parse(&Usd(micros).to_string()), Some(Usd(micros)));
        }

        #[test]
        fn a_cost_rounds_up_by_less_than_a_millionth(price in 1u32..1_000_000, size in 0u64..1_000_000_000_000) {
            let price = Price::from_micros(price).unwrap();
            let up = price.cost_ceil(Size(size)).unwrap().0;
            let down = price.cost_floor(Size(size)).unwrap().0;
            prop_assert!(up == down || up == down + 1);
            prop_assert!(i128::from(up) * 1_000_000 >= i128::from(price.micros()) * i128::from(size));
        }
    }
}
