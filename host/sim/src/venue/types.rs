//! Types of the simulated venue: orders, results, errors and events.

use alloc::vec::Vec;
use model::{EventId, MarketIx, NewOrder, OrderKind, Price, Side, Size, TickSize, Time, TokenIx, Usd, VenueOrderId};

/// An account of the venue, numbered from 1 in the order of opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

impl AccountId {
    /// The counterparty of external depth: its debt is unlimited, and it is never refused.
    pub const HOUSE: Self = Self(0);
}

/// An order as it reaches the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The caller's id: the digest of the signed order.
    pub id: VenueOrderId,
    /// The outcome token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The worst price, on the market's grid.
    pub price: Price,
    /// Shares: all of a sale or of a resting order. The taker amount of a FAK or FOK BUY, which gets more at a better
    /// price.
    pub size: Size,
    /// The maker amount of a FAK or FOK BUY: this many dollars are spent (before fees) whatever they buy, and `spend /
    /// size` is the exact limit instead of `price`. `None` for everything else.
    pub spend: Option<Usd>,
    /// Order kind.
    pub kind: OrderKind,
}

impl Order {
    /// Returns an order as signed: a FAK or FOK BUY names its dollars, and the shares that these buy at the limit.
    pub fn signed(id: VenueOrderId, order: &NewOrder) -> Self {
        let NewOrder { token, side, price, kind, .. } = *order;
        Self { id, token, side, price, size: order.shares_min(), spend: order.dollars(), kind }
    }

    /// Returns the order as an account's open order, with nothing matched.
    pub(super) const fn opened(&self, account: AccountId, created: Time) -> OpenOrder {
        let Self { id, token, side, price, size, kind, .. } = *self;
        OpenOrder { id, account, token, side, price, size, matched: Size::ZERO, unspent: self.spend, kind, created }
    }
}

/// The immediate result of an accepted order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Shares that matched.
    pub matched: Size,
    /// The amount paid or earned for them, before fees.
    pub value: Usd,
    /// Fees paid.
    pub fee: Usd,
    /// True if nothing is left: all shares matched, or all dollars of a FAK or FOK BUY were spent.
    pub whole: bool,
    /// True if a rest is on the book.
    pub resting: bool,
    /// The numbers of its trades, as in [`Trade::number`].
    pub trades: Vec<u64>,
}

/// The reason for refusing an order; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No such token.
    #[error("unknown token")]
    UnknownToken,
    /// No such account.
    #[error("unknown account")]
    UnknownAccount,
    /// The market accepts no orders.
    #[error("the market takes no orders")]
    Closed,
    /// The price is off the grid.
    #[error("price {price} breaks minimum tick size rule: {tick}")]
    Tick {
        /// The order's price.
        price: Price,
        /// The market's grid.
        tick: TickSize,
    },
    /// Too few shares.
    #[error("size {size} lower than the minimum: {min}")]
    Small {
        /// The order's size.
        size: Size,
        /// The market's minimum.
        min: Size,
    },
    /// A BUY that would match at once, of less than one dollar.
    #[error("marketable BUY of {value}, min size: $1")]
    SmallMarketable {
        /// The dollars that it would spend.
        value: Usd,
    },
    /// The id was used before.
    #[error("duplicated")]
    Duplicate,
    /// Not enough free cash or shares; amounts in base units (micro-dollars or micro-shares).
    #[error("not enough balance: balance {balance}, reserved {reserved}, needed {needed}")]
    Balance {
        /// The account's total.
        balance: i64,
        /// The part reserved by its open orders.
        reserved: i64,
        /// The amount that this order needs.
        needed: i64,
    },
    /// A post-only order would match.
    #[error("order crosses book")]
    PostOnly,
    /// A FOK order could not be completely filled.
    #[error("FOK orders are fully filled or killed")]
    FokKilled,
    /// A FAK order found no match.
    #[error("no orders found to match with FAK order")]
    FakKilled,
    /// The account has [`super::ORDERS_MAX`] open orders.
    #[error("too many open orders")]
    TooManyOrders,
    /// Zero, or amounts beyond any account.
    #[error("amounts out of range")]
    Range,
}

/// An order on the book, or its final state in an [`Event::Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its id.
    pub id: VenueOrderId,
    /// Its owner.
    pub account: AccountId,
    /// The outcome token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// The original size in shares.
    pub size: Size,
    /// Shares that matched so far.
    pub matched: Size,
    /// Dollars that a FAK or FOK BUY has left to spend; `None` for everything else.
    pub unspent: Option<Usd>,
    /// Order kind.
    pub kind: OrderKind,
    /// Time of acceptance.
    pub created: Time,
}

impl OpenOrder {
    /// Returns the remaining shares.
    pub const fn rest(&self) -> Size {
        self.size.saturating_sub(self.matched)
    }

    /// Returns true if nothing is left: all shares matched, or all dollars of a FAK or FOK BUY are spent.
    pub fn is_whole(&self) -> bool {
        self.unspent.map_or(self.rest().is_zero(), is_spent)
    }
}

/// Fewer remaining dollars of a FAK or FOK BUY than this count as none: they buy no more than digits that the venue
/// rounds off.
const UNSPENT_MIN: Usd = Usd(100);

/// Returns true if the remaining dollars of a FAK or FOK BUY count as none.
pub(super) fn is_spent(left: Usd) -> bool {
    left < UNSPENT_MIN
}

/// An account's balance, in base units: micro-dollars of cash or micro-shares of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// The total; only the house's can be negative.
    pub total: i64,
    /// The part reserved by open orders.
    pub reserved: i64,
}

impl Balance {
    /// Returns the free part.
    pub const fn free(self) -> i64 {
        self.total.saturating_sub(self.reserved)
    }
}

/// The change of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Accepted; precedes its trades, with nothing matched.
    Placement,
    /// Partly or completely matched; follows the trade. Both the resting and the taking order get one per trade.
    Update,
    /// Finished with an unfilled rest: cancelled, or the rest of a FAK killed.
    Cancellation,
    /// Accepted into a delay instead of a placement; its result follows, or updates if it matches.
    Delayed,
    /// Its delay is over: nothing matched, and it rests.
    Unmatched,
    /// Its delay is over and it was refused.
    Refused(Reject),
}

/// One maker's part of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The resting order; `None` for external depth.
    pub order: Option<VenueOrderId>,
    /// Its owner ([`AccountId::HOUSE`] for external depth).
    pub account: AccountId,
    /// The resting order's own token: the taker's, or the other one (mint or merge).
    pub token: TokenIx,
    /// The resting order's own side: the taker's opposite on the same token, the taker's own on the other.
    pub side: Side,
    /// The resting order's price on its own token.
    pub price: Price,
    /// Shares.
    pub size: Size,
    /// The fee that the taker pays for this part; makers pay nothing.
    pub fee: Usd,
}

/// A match of a taker with resting orders at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// The trade's number, rising from 1 without gaps.
    pub number: u64,
    /// Time of the trade.
    pub at: Time,
    /// The taking order; `None` when new external depth met resting orders.
    pub order: Option<VenueOrderId>,
    /// Its owner.
    pub account: AccountId,
    /// The taker's token.
    pub token: TokenIx,
    /// The taker's side.
    pub side: Side,
    /// The price on the taker's token.
    pub price: Price,
    /// Shares of all parts.
    pub size: Size,
    /// Fees of all parts.
    pub fee: Usd,
    /// The maker parts, in the order of priority; never empty.
    pub parts: Vec<Part>,
}

/// The venue's events, in order. Books are reported per token: each change is reported for both tokens, mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The total size at a price changed; zero if the level was removed.
    Level {
        /// The market.
        market: MarketIx,
        /// The token.
        token: TokenIx,
        /// The side of the token's book.
        side: Side,
        /// The price.
        price: Price,
        /// The total size there, external depth included.
        size: Size,
    },
    /// An order changed.
    Order {
        /// Time of the change.
        at: Time,
        /// The change.
        change: Change,
        /// The order after the change.
        order: OpenOrder,
    },
    /// A match. Both orders' updates and the levels' changes follow.
    Trade(Trade),
    /// The grid changed.
    Tick {
        /// The market.
        market: MarketIx,
        /// The previous grid.
        old: TickSize,
        /// The new grid.
        new: TickSize,
    },
    /// The market is resolved; the ends of its orders were reported before.
    Resolved {
        /// The market.
        market: MarketIx,
        /// Payout per share of each token.
        pays: [Usd; 2],
    },
    /// An account's shares of a resolved market were paid and are gone.
    Redeemed {
        /// Their owner.
        account: AccountId,
        /// The token.
        token: TokenIx,
        /// Number of shares.
        size: Size,
        /// The total payout.
        value: Usd,
    },
    /// An account converted dollars and shares into each other.
    Turned {
        /// Time of the conversion.
        at: Time,
        /// The account.
        account: AccountId,
        /// The kind of conversion.
        how: Turned,
        /// Number of shares of each token.
        size: Size,
        /// The dollars received; negative if paid.
        value: Usd,
        /// The tokens given.
        gone: Vec<TokenIx>,
        /// The tokens received.
        got: Vec<TokenIx>,
    },
    /// The whole book was replaced and has to be read again. No level events are emitted for a replacement.
    BookReset {
        /// The market.
        market: MarketIx,
    },
}

/// A conversion requested by an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversion {
    /// A dollar each into a share of both tokens.
    Split {
        /// The market.
        market: MarketIx,
        /// Shares of each token.
        size: Size,
    },
    /// Shares of both tokens into a dollar each.
    Merge {
        /// The market.
        market: MarketIx,
        /// Shares of each token.
        size: Size,
    },
    /// All shares of a resolved market into their payout.
    Redeem {
        /// The market.
        market: MarketIx,
    },
    /// NO shares of some markets of an event into YES shares of the others, and a dollar for each of the given markets
    /// but one.
    Convert {
        /// The event.
        event: EventId,
        /// The markets whose NO shares are given.
        from: Vec<MarketIx>,
        /// Shares of each token.
        size: Size,
    },
}

/// The kinds of conversions; redemptions are [`Event::Redeemed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Dollars into sets.
    Split,
    /// Sets into dollars.
    Merge,
    /// NO shares into YES shares and dollars.
    Conversion,
}

/// The reason for refusing a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// No such account, market or event, or the markets are not distinct markets of the event.
    #[error("no such account, market or event")]
    Unknown,
    /// The market is not resolved yet.
    #[error("result for condition not received yet")]
    Open,
    /// Too little cash or too few shares, in base units.
    #[error("transfer amount exceeds balance: {have} of {needed}")]
    Short {
        /// The available amount.
        have: i64,
        /// The required amount.
        needed: i64,
    },
    /// An amount beyond any account.
    #[error("amounts out of range")]
    Range,
}

/// Errors of market operations: it could not be added, resolved or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// Its condition or one of its tokens is known already, or both tokens are the same.
    #[error("the market's ids are taken")]
    Taken,
    /// [`super::MARKETS_MAX`] is reached.
    #[error("too many markets")]
    TooMany,
    /// The market is resolved already, or its payouts do not sum to a dollar.
    #[error("the market is resolved already, or its tokens do not pay a dollar together")]
    Resolved,
    /// Exactly one of the markets of an event pays its YES shares, a whole dollar.
    #[error("of an event's markets exactly one pays YES, a whole dollar")]
    Exclusive,
    /// No such market, token or account.
    #[error("no such market, token or account")]
    Unknown,
}
