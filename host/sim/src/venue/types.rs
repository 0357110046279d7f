//! The words of the simulated venue: who asks for what, what is answered and what is told.

use alloc::vec::Vec;
use model::{EventId, MarketIx, NewOrder, OrderKind, Price, Side, Size, TickSize, Time, TokenIx, Usd, VenueOrderId};

/// An account of the venue, numbered from 1 in the order of opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

impl AccountId {
    /// Whoever stands behind external depth: may owe without end, and is never refused.
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
    /// Shares: all of a sale or of a resting order. The taker amount of a FAK or FOK BUY, which gets more at a better price.
    pub size: Size,
    /// The maker amount of a FAK or FOK BUY: that many dollars are spent (fees apart) whatever they buy, and `spend / size` is
    /// the exact limit instead of `price`. `None` for everything else.
    pub spend: Option<Usd>,
    /// How long it stands.
    pub kind: OrderKind,
}

impl Order {
    /// Returns an order as it is signed: a FAK or FOK BUY names its dollars, and the shares that these buy at the limit.
    pub fn signed(id: VenueOrderId, order: &NewOrder) -> Self {
        let NewOrder { token, side, price, kind, .. } = *order;
        Self { id, token, side, price, size: order.shares_min(), spend: order.dollars(), kind }
    }

    /// Returns the order as an account's, with nothing matched.
    pub(super) const fn opened(&self, account: AccountId, created: Time) -> OpenOrder {
        let Self { id, token, side, price, size, kind, .. } = *self;
        OpenOrder { id, account, token, side, price, size, matched: Size::ZERO, unspent: self.spend, kind, created }
    }
}

/// What became of an accepted order at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Shares that matched.
    pub matched: Size,
    /// What was paid or earned for them, fees apart.
    pub value: Usd,
    /// Fees paid.
    pub fee: Usd,
    /// Whether nothing is left: all shares matched, or all dollars of a FAK or FOK BUY were spent.
    pub whole: bool,
    /// Whether a rest stands on the book.
    pub resting: bool,
    /// The numbers of its trades, as in [`Trade::number`].
    pub trades: Vec<u64>,
}

/// Why an order was refused; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No such token.
    #[error("unknown token")]
    UnknownToken,
    /// No such account.
    #[error("unknown account")]
    UnknownAccount,
    /// The market takes no orders.
    #[error("the market takes no orders")]
    Closed,
    /// The price is off the grid.
    #[error("price {price} breaks minimum tick size rule: {tick}")]
    Tick {
        /// The price asked.
        price: Price,
        /// The market's grid.
        tick: TickSize,
    },
    /// Too few shares.
    #[error("size {size} lower than the minimum: {min}")]
    Small {
        /// The size asked.
        size: Size,
        /// The market's minimum.
        min: Size,
    },
    /// A BUY that would match at once, of less than one dollar.
    #[error("marketable BUY of {value}, min size: $1")]
    SmallMarketable {
        /// What it would spend.
        value: Usd,
    },
    /// The id was used before.
    #[error("duplicated")]
    Duplicate,
    /// Not enough free cash or shares; amounts in base units (micro-dollars or micro-shares).
    #[error("not enough balance: balance {balance}, reserved {reserved}, needed {needed}")]
    Balance {
        /// All that the account has of it.
        balance: i64,
        /// What its open orders hold of that.
        reserved: i64,
        /// What this order needs.
        needed: i64,
    },
    /// A post-only order would match.
    #[error("order crosses book")]
    PostOnly,
    /// A FOK order could not be filled whole.
    #[error("FOK orders are fully filled or killed")]
    FokKilled,
    /// A FAK order met nothing.
    #[error("no orders found to match with FAK order")]
    FakKilled,
    /// The account has [`super::ORDERS_MAX`] open orders.
    #[error("too many open orders")]
    TooManyOrders,
    /// A zero or amounts beyond any account.
    #[error("amounts out of range")]
    Range,
}

/// An order that stands on the book, or as it was last seen in an [`Event::Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its id.
    pub id: VenueOrderId,
    /// Whose it is.
    pub account: AccountId,
    /// The outcome token.
    pub token: TokenIx,
    /// Buy or sell.
    pub side: Side,
    /// The limit.
    pub price: Price,
    /// Shares at first.
    pub size: Size,
    /// Shares that matched so far.
    pub matched: Size,
    /// Dollars that a FAK or FOK BUY has left to spend; `None` for everything else.
    pub unspent: Option<Usd>,
    /// How long it stands.
    pub kind: OrderKind,
    /// When it was accepted.
    pub created: Time,
}

impl OpenOrder {
    /// Returns the shares that still stand.
    pub const fn rest(&self) -> Size {
        self.size.saturating_sub(self.matched)
    }

    /// Says whether nothing is left: all shares matched, or all dollars of a FAK or FOK BUY are spent.
    pub fn is_whole(&self) -> bool {
        self.unspent.map_or(self.rest().is_zero(), is_spent)
    }
}

/// Of the dollars of a FAK or FOK BUY less than this is nothing: it buys no more than digits that the venue rounds away.
const UNSPENT_MIN: Usd = Usd(100);

/// Says whether the dollars that are left of a FAK or FOK BUY are nothing.
pub(super) fn is_spent(left: Usd) -> bool {
    left < UNSPENT_MIN
}

/// What an account has of something, in base units: micro-dollars of cash or micro-shares of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// All of it; only the house's can be below zero.
    pub total: i64,
    /// What open orders hold of it.
    pub reserved: i64,
}

impl Balance {
    /// Returns what is free.
    pub const fn free(self) -> i64 {
        self.total.saturating_sub(self.reserved)
    }
}

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Accepted; comes before its trades, with nothing matched.
    Placement,
    /// A part or all matched; comes after the trade. Both the resting and the taking order get one per trade.
    Update,
    /// Over with a rest unfilled: cancelled, or the rest of a FAK killed.
    Cancellation,
    /// Accepted into a delay instead of a placement; what comes of it follows, or updates if it matches.
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
    /// Whose it is ([`AccountId::HOUSE`] for external depth).
    pub account: AccountId,
    /// The resting order's own token: the taker's, or the other one (mint or merge).
    pub token: TokenIx,
    /// The resting order's own side: the taker's opposite on the same token, the taker's own on the other.
    pub side: Side,
    /// The resting order's price on its own token.
    pub price: Price,
    /// Shares.
    pub size: Size,
    /// What the taker pays for this part on top (or has kept back); makers pay nothing.
    pub fee: Usd,
}

/// A taker met resting orders at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// Rising from 1 without gaps.
    pub number: u64,
    /// When.
    pub at: Time,
    /// The taking order; `None` when new external depth met resting orders.
    pub order: Option<VenueOrderId>,
    /// Whose it is.
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
    /// Who was met, in the order of priority; never empty.
    pub parts: Vec<Part>,
}

/// What the venue tells, in order. Books are told per token: each change comes for both tokens, mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The total size at a price changed; zero when the level went.
    Level {
        /// The market.
        market: MarketIx,
        /// The token.
        token: TokenIx,
        /// The side of the token's book.
        side: Side,
        /// The price.
        price: Price,
        /// All that rests there, external depth included.
        size: Size,
    },
    /// Something happened to an order.
    Order {
        /// When.
        at: Time,
        /// What.
        change: Change,
        /// The order after it.
        order: OpenOrder,
    },
    /// A match. Both orders' updates and the levels' changes follow.
    Trade(Trade),
    /// The grid changed.
    Tick {
        /// The market.
        market: MarketIx,
        /// Before.
        old: TickSize,
        /// Now.
        new: TickSize,
    },
    /// The market is over; its orders' ends were told before.
    Resolved {
        /// The market.
        market: MarketIx,
        /// What a share of each token pays.
        pays: [Usd; 2],
    },
    /// An account's shares of a resolved market were paid and are gone.
    Redeemed {
        /// Whose they were.
        account: AccountId,
        /// The token.
        token: TokenIx,
        /// How many.
        size: Size,
        /// What they paid in all.
        value: Usd,
    },
    /// An account turned dollars and shares into each other.
    Turned {
        /// When.
        at: Time,
        /// Whose they were.
        account: AccountId,
        /// How.
        how: Turned,
        /// How many of each token.
        size: Size,
        /// The dollars that it brought; below zero if it took them.
        value: Usd,
        /// The tokens that went.
        gone: Vec<TokenIx>,
        /// The tokens that came.
        got: Vec<TokenIx>,
    },
    /// The whole book was replaced: read it afresh. No level events are told for a replacement.
    BookReset {
        /// The market.
        market: MarketIx,
    },
}

/// What an account wants turned into something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
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
    /// All shares of a resolved market into what they pay.
    Redeem {
        /// The market.
        market: MarketIx,
    },
    /// NO shares of some markets of an event into YES shares of the others, and a dollar for each of the some but one.
    Convert {
        /// The event.
        event: EventId,
        /// The markets whose NO shares go.
        from: Vec<MarketIx>,
        /// Shares of each token.
        size: Size,
    },
}

/// How dollars and shares were turned into each other; redemptions are [`Event::Redeemed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Dollars into sets.
    Split,
    /// Sets into dollars.
    Merge,
    /// NO shares into YES shares and dollars.
    Conversion,
}

/// Why something could not be turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// No such account, market or event, or the markets are not distinct markets of the event.
    #[error("no such account, market or event")]
    Unknown,
    /// The market has no outcome yet.
    #[error("result for condition not received yet")]
    Open,
    /// Too little cash or too few shares, in base units.
    #[error("transfer amount exceeds balance: {have} of {needed}")]
    Short {
        /// What there is.
        have: i64,
        /// What is needed.
        needed: i64,
    },
    /// An amount beyond any account.
    #[error("amounts out of range")]
    Range,
}

/// A market could not be added, or is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// Its condition or one of its tokens is known already, or both tokens are the same.
    #[error("the market's ids are taken")]
    Taken,
    /// [`super::MARKETS_MAX`] is reached.
    #[error("too many markets")]
    TooMany,
    /// The market is over already, or what it is to pay is not a dollar together.
    #[error("the market is resolved already, or its tokens do not pay a dollar together")]
    Resolved,
    /// Of the markets of an event exactly one pays its YES shares, a whole dollar.
    #[error("of an event's markets exactly one pays YES, a whole dollar")]
    Exclusive,
    /// No such market, token or account.
    #[error("no such market, token or account")]
    Unknown,
}
