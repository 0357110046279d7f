//! Orders: order requests, and the life cycle of an order in the host.

use crate::amount::{Price, Side, Size, Usd};
use crate::id::{OrderId, StrategyId, TokenIx};
use crate::time::Time;
use core::fmt;

/// The venue ends an order this many seconds before its stated expiration (PROTOCOL 6).
pub const EXPIRES_EARLY_S: u64 = 60;

/// Tolerance for rounding of the dollars of a FOK or FAK BUY: it counts as filled with less than a cent left, and a
/// cent more than was signed cannot be rounding. A cent is the finest amount that is signed (PROTOCOL 5.3).
pub const DOLLARS_DUST: Usd = Usd(10_000);
/// Tolerance for rounding of a match of a FOK or FAK BUY: the venue rounds its last two micro-shares down (PROTOCOL 6).
pub const SHARES_DUST: Size = Size(100);

/// The step of the dollars and of the shares of a FOK or FAK BUY when signed (PROTOCOL 5.3).
const DOLLARS_STEP: i64 = 10_000;
const SHARES_STEP: u64 = 100;
/// The lowest price on the venue's finest grid.
const PRICE_MIN_MICROS: u32 = 100;

/// Time in force and whether the order may match at once (PROTOCOL 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderKind {
    /// Rests until it is filled or cancelled.
    Gtc {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
    },
    /// Like [`OrderKind::Gtc`], but cancelled by the venue at a given time.
    Gtd {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
        /// Its end, in seconds since the epoch. The venue ends orders a minute before their stated expiration, so the
        /// order states a minute more (PROTOCOL 6).
        until_s: u32,
    },
    /// Fills what is available at its price or better and cancels the rest.
    Fak,
    /// Fills completely at once or not at all.
    Fok,
}

impl OrderKind {
    /// Returns true if such an order can rest on the book.
    pub const fn rests(self) -> bool {
        matches!(self, Self::Gtc { .. } | Self::Gtd { .. })
    }

    /// Returns true if the venue refuses it rather than matching it at once.
    pub const fn is_post_only(self) -> bool {
        matches!(self, Self::Gtc { post_only: true } | Self::Gtd { post_only: true, .. })
    }

    /// Returns the time at which it expires; `None` for most kinds.
    pub fn until(self) -> Option<Time> {
        match self {
            Self::Gtd { until_s, .. } => Some(Time::from_millis(u64::from(until_s).saturating_mul(1_000))),
            Self::Gtc { .. } | Self::Fak | Self::Fok => None,
        }
    }

    /// Returns the `expiration` to state in the order, in seconds since the epoch; 0 for one that does not expire.
    pub fn expiration_s(self) -> u64 {
        match self {
            Self::Gtd { until_s, .. } => u64::from(until_s).saturating_add(EXPIRES_EARLY_S),
            Self::Gtc { .. } | Self::Fak | Self::Fok => 0,
        }
    }

    /// Returns the venue's name of the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gtc { .. } => "GTC",
            Self::Gtd { .. } => "GTD",
            Self::Fak => "FAK",
            Self::Fok => "FOK",
        }
    }
}

/// An order to be placed. Its price is the worst price at which it may trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct NewOrder {
    /// The order's number.
    pub id: OrderId,
    /// The strategy that requested it.
    pub strategy: StrategyId,
    /// The strategy's own mark, echoed in all events that result from it.
    pub tag: u64,
    /// The outcome token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Shares, in whole hundredths. A FOK or FAK BUY spends the dollars that this many shares cost at the limit, and
    /// receives more shares at a better price.
    pub size: Size,
    /// Order kind.
    pub kind: OrderKind,
}

impl NewOrder {
    /// Returns the dollars of a FOK or FAK BUY before fees, as signed: rounded down to whole cents. `None` for every
    /// other order, which is counted in shares (PROTOCOL 6).
    pub fn dollars(&self) -> Option<Usd> {
        if self.side == Side::Sell || self.kind.rests() {
            return None;
        }
        let cost = self.price.cost_floor(self.size).unwrap_or(Usd(i64::MAX));
        Some(Usd(cost.0.saturating_sub(cost.0.checked_rem(DOLLARS_STEP).unwrap_or(0))))
    }

    /// Returns the fewest shares with which the order is completely matched: for a FOK or FAK BUY the shares that its
    /// dollars buy at the limit, as signed (with one decimal more than that where the tick is 0.1); for every other
    /// order its size.
    pub fn shares_min(&self) -> Size {
        let Some(dollars) = self.dollars() else { return self.size };
        let shares = self.price.shares_for(dollars).0;
        Size(shares.saturating_sub(shares.checked_rem(SHARES_STEP).unwrap_or(0)))
    }

    /// Returns the most shares that can match: for a FOK or FAK BUY the shares that its dollars buy at the lowest price
    /// of any grid; for every other order its size.
    pub fn shares_max(&self) -> Size {
        let lowest = Price::from_micros(PRICE_MIN_MICROS).unwrap_or(Price::MIN);
        self.dollars().map_or(self.size, |dollars| lowest.shares_for(dollars))
    }
}

/// The states of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderState {
    /// Approved and submitted; no response from the venue yet.
    Pending,
    /// On the book, nothing filled.
    Live,
    /// On the book, partly filled.
    PartlyFilled,
    /// All shares matched; for a FOK or FAK BUY, all dollars spent but less than a cent.
    Filled,
    /// Finished, with or without a partial fill.
    Cancelled,
    /// Refused by the venue or by our signer; it never existed at the venue.
    Refused,
    /// It may be live: the response was lost. Its full cost stays reserved until the order is proven not to exist.
    Unknown,
}

impl OrderState {
    /// Returns true if the state is final.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Refused)
    }

    /// Returns the lower-case name used in rows, streams and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Live => "live",
            Self::PartlyFilled => "partly_filled",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(side: Side, kind: OrderKind, price: &str, size: &str) -> NewOrder {
        let (price, size) = (Price::parse(price).unwrap(), Size::parse(size).unwrap());
        NewOrder { id: OrderId(1), strategy: StrategyId(1), tag: 0, token: TokenIx(0), side, price, size, kind }
    }

    #[test]
    fn a_market_buy_is_counted_in_dollars_and_every_other_order_in_shares() {
        for kind in [OrderKind::Fak, OrderKind::Fok] {
            let buy = order(Side::Buy, kind, "0.48", "20.83");
            // 9.9984 dollars, rounded down to cents; 9.99 / 0.48 = 20.8125 shares at the limit, 99,900 shares at
            // 0.0001.
            assert_eq!(buy.dollars(), Some(Usd(9_990_000)));
            assert_eq!((buy.shares_min(), buy.shares_max()), (Size(20_812_500), Size(99_900_000_000)));
            let third = order(Side::Buy, kind, "0.3", "10.03");
            assert_eq!((third.dollars(), third.shares_min()), (Some(Usd(3_000_000)), Size(10_000_000)));
            assert_eq!(order(Side::Buy, kind, "0.44", "11.37").shares_min(), Size(11_363_600));
            assert_eq!(order(Side::Sell, kind, "0.48", "20.83").dollars(), None);
        }
        let gtc = OrderKind::Gtc { post_only: false };
        let rests = order(Side::Buy, gtc, "0.48", "20.83");
        assert_eq!(rests.dollars(), None);
        assert_eq!((rests.shares_min(), rests.shares_max()), (rests.size, rests.size));
    }

    #[test]
    fn a_size_beyond_any_account_saturates() {
        let most = NewOrder { size: Size(u64::MAX), ..order(Side::Buy, OrderKind::Fak, "0.99", "1") };
        assert!(most.dollars().unwrap() > Usd::dollars(9_000_000_000_000));
        assert_eq!(most.shares_max(), Size(u64::MAX));
    }
}
