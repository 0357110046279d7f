//! The venue: markets, accounts and books; orders in, events out. Everything happens within the call that requests it.
//!
//! A market has a single book seen from two tokens: an order on NO at `q` is the mirrored order on YES at `1 - q`, so a
//! BUY of YES can meet a SELL of YES (shares change hands), or a BUY of NO (a set is minted); sellers of both tokens
//! merge a set. Trades execute at the resting price; priority is by price, then time. An order may match its own
//! account's orders.

mod conversions;
mod delayed_orders;
mod external;
mod ledger;
mod matching;
mod order_book;
mod place;
mod resolve;
#[cfg(test)]
mod tests;
mod types;

pub use types::{
    AccountId, Balance, Change, Conversion, Event, MarketError, OpenOrder, Order, Part, Placed, Reject, Trade,
    TurnError, Turned,
};

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use delayed_orders::Held;
use ledger::Ledger;
use model::{
    Book, ConditionId, Level, Market, MarketIx, Price, Shared, Side, Size, TickSize, Time, TokenId, TokenIx, Usd,
    VenueOrderId,
};
pub(crate) use order_book::BookKey;
use order_book::OrderBook;

/// The most markets of one venue: [`crate::flow::INVENTED_MAX`], and those of its event.
pub const MARKETS_MAX: usize = 1_024;
/// The most accounts of one venue, not counting the house.
pub const ACCOUNTS_MAX: u32 = 10_000;
/// The most open orders of one account.
pub const ORDERS_MAX: usize = 1_000;
/// The number of used order ids that are remembered; an older id that is closed could be used again.
pub const SEEN_MAX: usize = 32_768;

/// A market on the venue.
#[derive(Debug, Clone)]
struct ListedMarket {
    market: Shared<Market>,
    open: bool,
    /// Payout per share of each token, once it is resolved.
    pays: Option<[Usd; 2]>,
    shelves: OrderBook,
    /// Sets minted less sets merged, in micro-shares. Until the market is resolved each set is backed by a dollar,
    /// apart from what conversions moved between the markets of an event.
    sets: i128,
    last: Option<(TokenIx, Price, Side, Size)>,
}

/// The simulated venue.
#[derive(Debug, Clone, Default)]
pub struct Venue {
    listings: Shared<Vec<Shared<ListedMarket>>>,
    conditions: Shared<BTreeMap<ConditionId, MarketIx>>,
    tokens: Shared<BTreeMap<TokenId, TokenIx>>,
    ledger: Shared<Ledger>,
    orders: Shared<BTreeMap<VenueOrderId, OpenOrder>>,
    /// Open orders with an expiration, by time.
    ending: Shared<BTreeSet<(Time, VenueOrderId)>>,
    /// Delayed orders, by the end of their delay.
    held: Shared<BTreeMap<(Time, VenueOrderId), Held>>,
    seen: Shared<BTreeSet<VenueOrderId>>,
    seen_order: Shared<VecDeque<VenueOrderId>>,
    trades: u64,
    events: Vec<Event>,
    /// Levels changed since the last report, unordered and with repetitions.
    touched: Vec<(MarketIx, BookKey)>,
}

impl Venue {
    /// Returns a venue without markets and accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists a market with an empty book.
    ///
    /// # Errors
    /// [`MarketError::Taken`] or [`MarketError::TooMany`].
    pub fn add_market(&mut self, market: Market) -> Result<MarketIx, MarketError> {
        let [yes, no] = market.tokens;
        let taken = self.tokens.contains_key(&yes) || self.tokens.contains_key(&no) || yes == no;
        if taken || self.conditions.contains_key(&market.condition) {
            return Err(MarketError::Taken);
        }
        if self.listings.len() >= MARKETS_MAX {
            return Err(MarketError::TooMany);
        }
        let ix = u32::try_from(self.listings.len()).map(MarketIx).map_err(|_too_large| MarketError::TooMany)?;
        self.conditions.insert(market.condition, ix);
        self.tokens.insert(yes, ix.token(0));
        self.tokens.insert(no, ix.token(1));
        self.listings.push(Shared::new(ListedMarket {
            market: Shared::new(market),
            open: true,
            pays: None,
            shelves: OrderBook::default(),
            sets: 0,
            last: None,
        }));
        Ok(ix)
    }

    /// Returns the markets in the order of their numbers, with their current ticks.
    pub fn markets(&self) -> impl ExactSizeIterator<Item = &Market> {
        self.listings.iter().map(|listing| &*listing.market)
    }

    /// Returns the markets with their numbers.
    pub fn listed(&self) -> impl Iterator<Item = (MarketIx, &Market)> {
        (0u32..).map(MarketIx).zip(self.markets())
    }

    /// Returns a market.
    pub fn market(&self, market: MarketIx) -> Option<&Market> {
        self.listing(market).map(|listing| &*listing.market)
    }

    /// Returns the number of a condition's market.
    pub fn market_of(&self, condition: ConditionId) -> Option<MarketIx> {
        self.conditions.get(&condition).copied()
    }

    /// Returns the number of a token.
    pub fn token_of(&self, token: &TokenId) -> Option<TokenIx> {
        self.tokens.get(token).copied()
    }

    /// Returns a token's id.
    pub fn token_id(&self, token: TokenIx) -> Option<TokenId> {
        let [yes, no] = self.market(token.market())?.tokens;
        Some(if token.outcome() == 0 { yes } else { no })
    }

    /// Opens or closes a market for new orders.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn set_open(&mut self, market: MarketIx, open: bool) -> Result<(), MarketError> {
        self.listing_mut(market).ok_or(MarketError::Unknown)?.open = open;
        Ok(())
    }

    /// Changes a market's grid; orders off the new grid stay.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn set_tick(&mut self, market: MarketIx, tick: TickSize) -> Result<(), MarketError> {
        let listing = self.listing_mut(market).ok_or(MarketError::Unknown)?;
        let old = core::mem::replace(&mut listing.market.tick, tick);
        if old != tick {
            self.events.push(Event::Tick { market, old, new: tick });
        }
        Ok(())
    }

    /// Opens an account.
    ///
    /// # Errors
    /// [`MarketError::TooMany`].
    pub fn open_account(&mut self, cash: Usd) -> Result<AccountId, MarketError> {
        let account = self.ledger.open(ACCOUNTS_MAX).ok_or(MarketError::TooMany)?;
        self.deposit(account, cash)?;
        Ok(account)
    }

    /// Adds cash to an account.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn deposit(&mut self, account: AccountId, cash: Usd) -> Result<(), MarketError> {
        self.ledger.deposit(account, cash).ok_or(MarketError::Unknown)
    }

    /// Gives newly created shares to an account.
    ///
    /// # Errors
    /// [`MarketError::Unknown`].
    pub fn grant(&mut self, account: AccountId, token: TokenIx, shares: Size) -> Result<(), MarketError> {
        self.listing(token.market()).ok_or(MarketError::Unknown)?;
        self.ledger.grant(account, token, shares).ok_or(MarketError::Unknown)
    }

    /// Reverses an account's half of a match whose transaction failed; the other half is left to the venue.
    pub fn take_back(&mut self, account: AccountId, token: TokenIx, side: Side, size: Size, value: Usd, fee: Usd) {
        let fee = Usd::ZERO.saturating_sub(fee);
        self.ledger.apply_leg(&ledger::Leg { account, token, side: side.opposite(), size, value, fee });
    }

    /// Returns an account's cash in micro-dollars; zero for an unknown one.
    pub fn cash(&self, account: AccountId) -> Balance {
        self.ledger.cash(account)
    }

    /// Returns an account's shares of a token in micro-shares; zero for unknown ones.
    pub fn shares(&self, account: AccountId, token: TokenIx) -> Balance {
        self.ledger.shares(account, token)
    }

    /// Returns the total of fees paid by takers.
    pub fn fees(&self) -> Usd {
        self.ledger.fees()
    }

    /// Returns the whole sets of a market that were minted less those merged, in micro-shares.
    pub fn sets(&self, market: MarketIx) -> i128 {
        self.listing(market).map_or(0, |listing| listing.sets)
    }

    /// Returns an open order.
    pub fn order(&self, id: VenueOrderId) -> Option<&OpenOrder> {
        self.orders.get(&id)
    }

    /// Returns an account's open orders in the order of their ids.
    pub fn orders(&self, account: AccountId) -> impl Iterator<Item = &OpenOrder> {
        self.ledger.orders(account).filter_map(|id| self.orders.get(id))
    }

    /// Returns the levels of one side of a token's book, best first.
    pub fn levels(&self, token: TokenIx, side: Side) -> Vec<Level> {
        self.walk(token, side).collect()
    }

    /// Returns the best level of one side of a token's book.
    pub fn best(&self, token: TokenIx, side: Side) -> Option<Level> {
        self.walk(token, side).next()
    }

    /// Returns a token's book.
    pub fn book(&self, token: TokenIx) -> Book {
        let (bids, asks) = (self.levels(token, Side::Buy), self.levels(token, Side::Sell));
        // A side has at most the 9,999 prices of the finest grid, which fits.
        Book::from_levels(&bids, &asks).unwrap_or_default()
    }

    /// Returns the token, the price, the taker's side and the size of a market's last trade.
    pub fn last_trade(&self, market: MarketIx) -> Option<(TokenIx, Price, Side, Size)> {
        self.listing(market)?.last
    }

    /// Returns and removes the events since the last call; call it after every command, because events are kept until
    /// then.
    pub fn drain(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    fn walk(&self, token: TokenIx, side: Side) -> impl Iterator<Item = Level> {
        let seen = if token.outcome() == 0 { side } else { side.opposite() };
        let shelves = self.listing(token.market()).map(|listing| listing.shelves.best_first(seen));
        shelves.into_iter().flatten().filter(|(_, shelf)| !shelf.total().is_zero()).map(move |(price, shelf)| {
            let (_, price) = BookKey { side: seen, price }.seen_from(token);
            Level { price, size: shelf.total() }
        })
    }

    fn listing(&self, market: MarketIx) -> Option<&ListedMarket> {
        self.listings.get(market.index()).map(|listing| &**listing)
    }

    fn listing_mut(&mut self, market: MarketIx) -> Option<&mut ListedMarket> {
        self.listings.get_mut(market.index()).map(|listing| &mut **listing)
    }

    fn touch(&mut self, market: MarketIx, spot: BookKey) {
        self.touched.push((market, spot));
    }

    /// Emits the levels that changed since the last call, on both tokens.
    fn publish_levels(&mut self) {
        let mut touched = core::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for (market, spot) in touched.drain(..) {
            let size = self.listing(market).map_or(Size::ZERO, |listing| listing.shelves.total(spot));
            for token in [market.token(0), market.token(1)] {
                let (side, price) = spot.seen_from(token);
                self.events.push(Event::Level { market, token, side, price, size });
            }
        }
        // The allocation is reused, because this runs for every event.
        self.touched = touched;
    }
}
