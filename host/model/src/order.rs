//! Orders: what is asked of the venue, and the life of an order as the host knows it.

use crate::amount::{Price, Side, Size, Usd};
use crate::id::{OrderId, StrategyId, TokenIx};
use crate::time::Time;
use core::fmt;

/// The venue ends an order so many seconds before the time that it states (PROTOCOL 6).
pub const EXPIRES_EARLY_S: u64 = 60;

/// What rounding may leave of the dollars of a FOK or FAK BUY: with less than a cent left it is filled, and a cent more than
/// was signed is more than rounding. A cent is the finest amount that is signed (PROTOCOL 5.3).
pub const DOLLARS_DUST: Usd = Usd(10_000);
/// What rounding may take of a match of a FOK or FAK BUY: the venue rounds its last two micro-shares down (PROTOCOL 6).
pub const SHARES_DUST: Size = Size(100);

/// The finest step of the dollars and of the shares of a FOK or FAK BUY as it is signed (PROTOCOL 5.3).
const DOLLARS_STEP: i64 = 10_000;
const SHARES_STEP: u64 = 100;
/// The lowest price on the finest grid that the venue has.
const PRICE_MIN_MICROS: u32 = 100;

/// How long an order stands and what it may do at once (PROTOCOL 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderKind {
    /// Rests until it is filled or cancelled.
    Gtc {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
    },
    /// As [`OrderKind::Gtc`], and cancelled by the venue at a time.
    Gtd {
        /// Refused by the venue instead of matching at once.
        post_only: bool,
        /// When it ends, in seconds since the epoch. The venue ends orders a minute before the time that they state, so an
        /// order states a minute more (PROTOCOL 6).
        until_s: u32,
    },
    /// Fills what is there at its price or better and forgets the rest.
    Fak,
    /// Fills whole at once or not at all.
    Fok,
}

impl OrderKind {
    /// Says whether such an order can rest on the book.
    pub const fn rests(self) -> bool {
        matches!(self, Self::Gtc { .. } | Self::Gtd { .. })
    }

    /// Says whether it is refused rather than matched at once.
    pub const fn is_post_only(self) -> bool {
        matches!(self, Self::Gtc { post_only: true } | Self::Gtd { post_only: true, .. })
    }

    /// Returns when it ends by itself; never, for most.
    pub fn until(self) -> Option<Time> {
        match self {
            Self::Gtd { until_s, .. } => Some(Time::from_millis(u64::from(until_s).saturating_mul(1_000))),
            Self::Gtc { .. } | Self::Fak | Self::Fok => None,
        }
    }

    /// Returns the `expiration` that such an order states, in seconds since the epoch; 0 for one that does not end.
    pub fn expiration_s(self) -> u64 {
        match self {
            Self::Gtd { until_s, .. } => u64::from(until_s).saturating_add(EXPIRES_EARLY_S),
            Self::Gtc { .. } | Self::Fak | Self::Fok => 0,
        }
    }

    /// Returns the venue's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gtc { .. } => "GTC",
            Self::Gtd { .. } => "GTD",
            Self::Fak => "FAK",
            Self::Fok => "FOK",
        }
    }
}

/// An order that is to be placed. The price is the worst that it may trade at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct NewOrder {
    /// Our number.
    pub id: OrderId,
    /// Who wants it.
    pub strategy: StrategyId,
    /// The strategy's own mark, echoed in all that follows.
    pub tag: u64,
    /// The outcome token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Shares, in whole hundredths. A FOK or FAK BUY gives the dollars that so many shares cost at the limit, and gets more
    /// shares at a better price.
    pub size: Size,
    /// How long it stands.
    pub kind: OrderKind,
}

impl NewOrder {
    /// Returns the dollars that a FOK or FAK BUY is counted in, fees apart, as they are signed: cut to whole cents. None for
    /// every other order, which is counted in shares (PROTOCOL 6).
    pub fn dollars(&self) -> Option<Usd> {
        if self.side == Side::Sell || self.kind.rests() {
            return None;
        }
        let cost = self.price.cost_floor(self.size).unwrap_or(Usd(i64::MAX));
        Some(Usd(cost.0.saturating_sub(cost.0.checked_rem(DOLLARS_STEP).unwrap_or(0))))
    }

    /// Returns the fewest shares for which all of the order matches: of a FOK or FAK BUY what its dollars buy at the limit, as
    /// it is signed (a decimal more than that where the tick is a dime); of every other order its size.
    pub fn shares_min(&self) -> Size {
        let Some(dollars) = self.dollars() else { return self.size };
        let shares = self.price.shares_for(dollars).0;
        Size(shares.saturating_sub(shares.checked_rem(SHARES_STEP).unwrap_or(0)))
    }

    /// Returns the most shares that can match: of a FOK or FAK BUY what its dollars buy at the lowest price of any grid; of
    /// every other order its size.
    pub fn shares_max(&self) -> Size {
        let lowest = Price::from_micros(PRICE_MIN_MICROS).unwrap_or(Price::MIN);
        self.dollars().map_or(self.size, |dollars| lowest.shares_for(dollars))
    }
}

/// The life of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum OrderState {
    /// Approved and on its way; the venue has not answered.
    Pending,
    /// On the book, nothing filled.
    Live,
    /// On the book, a part filled.
    PartlyFilled,
    /// All shares matched; of a FOK or FAK BUY, all dollars are spent, less than a cent apart.
    Filled,
    /// Over, with or without a part filled.
    Cancelled,
    /// The venue, or our own signer, said no; nothing was ever there.
    Refused,
    /// It may be live: the answer was lost. Its full cost stays reserved until the venue's silence is proven.
    Unknown,
}

impl OrderState {
    /// Says whether nothing more can come of the order.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Refused)
    }

    /// Returns the lower-case word used in rows, streams and logs.
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
            // 9.9984 dollars, cut to cents; 9.99 / 0.48 = 20.8125 shares at the limit, ten thousand times as many at 0.0001.
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
