//! The exchange's state behind one lock: the simulated venue, its other traders, accounts, displayed orders, settling
//! trades, and listeners. Every change is published before the lock is released, so listeners receive events in the
//! order in which they happened.

mod accounts;
mod activity;
mod events;
mod faults;
mod heartbeats;
mod history;
mod listeners;
mod notices;
mod order_request;
mod orders;
mod publish;
mod rates;
mod relayer;
mod settlement;
mod source;

pub(crate) use activity::{ActivityFilter, ActivityRow, Holding};
pub(crate) use events::{Shown, exclusive};
pub(crate) use faults::{Faults, Wants};
pub(crate) use listeners::{ListenerId, Listening, MarketWish, UserWish};
pub(crate) use order_request::OrderRequest;
pub(crate) use orders::is_open;
pub(crate) use rates::Bucket;
pub(crate) use relayer::Submission;
pub(crate) use source::{Source, SourceError};

use crate::error::ApiError;
use crate::keys::{Holder, Keys, Request};
use crate::wire::{BookParts, PostAnswer, WireBook, matched_amounts};
use accounts::Accounts;
use activity::Activities;
use events::Names;
use heartbeats::Heartbeats;
use history::History;
use listeners::Listeners;
use model::{ConditionId, MarketIx, Side, Time, TokenId, TokenIx, Usd, VenueOrderId};
use notices::Notices;
use order::{Chain, Domains, Exchange};
use orders::Orders;
use parking_lot::{Mutex, MutexGuard};
use rates::Rates;
use relayer::Relayer;
use serde_json::Value;
use settlement::Settlements;
use sim::Venue;
use sim::venue::{MarketError, Order};
use std::sync::Arc;

/// Settlement delays of trades.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settling {
    /// Milliseconds from matched to mined.
    pub(crate) mined_ms: u64,
    /// Milliseconds from matched to confirmed.
    pub(crate) confirmed_ms: u64,
}

/// The complete state of the exchange.
#[derive(Debug)]
pub(crate) struct Inside {
    venue: Venue,
    source: Source,
    keys: Keys,
    members: Accounts,
    orders: Orders,
    tape: Settlements,
    acts: Activities,
    names: Names,
    relayer: Relayer,
    listeners: Listeners,
    faults: Faults,
    heartbeats: Heartbeats,
    history: History,
    notices: Notices,
    rates: Rates,
    round_over: bool,
    now: Time,
}

/// A handle to the state.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    inside: Arc<Mutex<Inside>>,
    domains: Arc<Domains>,
}

impl Shared {
    /// The chain whose contracts orders are signed for.
    pub(crate) const CHAIN: Chain = Chain::Polygon;

    pub(crate) fn new(inside: Inside) -> Self {
        Self { inside: Arc::new(Mutex::new(inside)), domains: Arc::new(Domains::new(Self::CHAIN)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        let mut inside = self.inside.lock();
        inside.now = inside.now.max(crate::clock::now());
        inside
    }

    pub(crate) fn domains(&self) -> &Domains {
        &self.domains
    }
}

impl Inside {
    /// Creates a venue with the source's markets.
    pub(crate) fn new(mut source: Source, root: [u8; 32], settling: Settling) -> Result<Self, SourceError> {
        let mut venue = Venue::new();
        source.list(&mut venue)?;
        let mut names = Names::default();
        for event in venue.markets().filter_map(exclusive) {
            source.event_names(event).into_iter().for_each(|name| names.insert(event, name));
        }
        Ok(Self {
            venue,
            source,
            keys: Keys::new(root),
            members: Accounts::default(),
            orders: Orders::default(),
            tape: Settlements::new(root, settling),
            acts: Activities::default(),
            names,
            relayer: Relayer::new(settling),
            listeners: Listeners::default(),
            faults: Faults::default(),
            heartbeats: Heartbeats::default(),
            history: History::default(),
            notices: Notices::default(),
            rates: Rates::default(),
            round_over: true,
            now: Time(0),
        })
    }

    pub(crate) const fn venue(&self) -> &Venue {
        &self.venue
    }

    pub(crate) const fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn caller(&self, request: &Request<'_>) -> Result<Holder, ApiError> {
        self.keys.caller(self.now, request)
    }

    /// Runs a part of a round: the other traders act, and at its end trades settle. Returns true at the end of a round.
    pub(crate) fn step(&mut self) -> bool {
        if self.round_over {
            self.venue.expire(self.now);
            self.venue.release(self.now);
        }
        let listed = self.venue.markets().len();
        self.round_over = self.faults.still || self.source.step(self.now, &mut self.venue);
        self.publish_new_markets(listed);
        self.publish();
        if self.round_over {
            self.publish_settlements();
            self.relay();
            self.watch_heartbeats();
            self.history.sample(self.now, &self.venue);
        }
        self.round_over
    }

    /// Returns a token's book.
    pub(crate) fn book(&self, token: TokenIx) -> Option<WireBook> {
        let market = self.venue.market(token.market())?;
        let last = self.venue.last_trade(token.market()).map(
            |(traded, price, _, _)| {
                if traded == token { price } else { price.complement() }
            },
        );
        Some(WireBook::new(BookParts {
            market,
            token,
            at: self.now,
            bids: self.venue.levels(token, Side::Buy),
            asks: self.venue.levels(token, Side::Sell),
            last,
        }))
    }

    /// Returns the contract that settles an order's market.
    pub(crate) fn exchange(&self, asked: &OrderRequest) -> Result<Exchange, ApiError> {
        let unknown = || ApiError::bad(format!("the orderbook {} does not exist", asked.order.token_id));
        let token = self.venue.token_of(&asked.order.token_id).ok_or_else(unknown)?;
        let market = self.venue.market(token.market()).ok_or_else(unknown)?;
        Exchange::route(self.order_version(), &asked.order.token_id, market.neg_risk).ok_or_else(unknown)
    }

    /// Returns how long an order is held before it is matched: zero unless it would match immediately.
    pub(crate) fn held_ms(&self, asked: &OrderRequest) -> u64 {
        if asked.kind.is_post_only() {
            return 0;
        }
        let matches = || {
            let token = self.venue.token_of(&asked.order.token_id)?;
            let limit = asked.limit(self.venue.market(token.market())?.tick).ok()?.price;
            let best = self.venue.best(token, asked.order.side.opposite())?.price;
            Some(if asked.order.side == Side::Buy { best <= limit } else { best >= limit })
        };
        if matches() == Some(true) { self.faults.taker_delay_ms } else { 0 }
    }

    /// Places an order whose signature was checked.
    pub(crate) fn place(
        &mut self,
        caller: &Holder,
        asked: &OrderRequest,
        id: VenueOrderId,
    ) -> Result<PostAnswer, ApiError> {
        self.members.bind(caller, asked.order.maker)?;
        let unknown = || ApiError::bad(format!("the orderbook {} does not exist", asked.order.token_id));
        let token = self.venue.token_of(&asked.order.token_id).ok_or_else(unknown)?;
        let market = self.venue.market(token.market()).ok_or_else(unknown)?;
        let limit = asked.limit(market.tick)?;
        let order = Order {
            id,
            token,
            side: asked.order.side,
            price: limit.price,
            size: limit.size,
            spend: limit.spend,
            kind: asked.kind,
        };
        let delay_s = self.faults.sports_delay_s(market);
        if delay_s > 0 && self.venue.is_marketable(caller.account, &order) {
            return self.delay(caller, &order, delay_s);
        }
        let placed =
            self.venue.place(self.now, caller.account, &order).map_err(|reject| ApiError::reject(order.id, &reject))?;
        let trade_ids = placed.trades.iter().map(|number| self.tape.id(*number)).collect();
        self.publish();
        let (making_amount, taking_amount) = matched_amounts(order.side, placed.matched, placed.value);
        Ok(PostAnswer {
            success: true,
            error_msg: String::new(),
            order_id: order.id.to_string(),
            status: if placed.matched.is_zero() { "live" } else { "matched" },
            making_amount,
            taking_amount,
            trade_ids,
            transactions_hashes: Vec::new(),
        })
    }

    /// Puts an order into its market's delay: the response is immediate, the outcome comes later.
    fn delay(&mut self, caller: &Holder, order: &Order, delay_s: u64) -> Result<PostAnswer, ApiError> {
        let until = self.now.plus_millis(delay_s.saturating_mul(1_000));
        let held = self.venue.hold(self.now, caller.account, order, until);
        held.map_err(|reject| ApiError::reject(order.id, &reject))?;
        self.publish();
        Ok(PostAnswer { success: true, order_id: order.id.to_string(), status: "delayed", ..PostAnswer::default() })
    }

    /// Resolves a market; with a winner it resolves the other markets of its event too. Pays their shares if `redeem`.
    pub(crate) fn resolve(&mut self, market: MarketIx, pays: [Usd; 2], redeem: bool) -> Result<(), MarketError> {
        let event = self.venue.market(market).and_then(exclusive);
        let of_it = event.map_or_else(|| vec![market], |event| self.venue.event_markets(event));
        let open: Vec<MarketIx> = of_it.into_iter().filter(|one| self.venue.resolution(*one).is_none()).collect();
        self.venue.resolve(self.now, market, pays)?;
        let ended = open.into_iter().filter(|one| redeem && self.venue.resolution(*one).is_some());
        ended.collect::<Vec<_>>().into_iter().try_for_each(|one| self.venue.redeem(one))?;
        self.publish();
        Ok(())
    }

    /// Cancels the open orders among `ids`, and returns them.
    pub(crate) fn cancel(&mut self, caller: &Holder, ids: &[VenueOrderId]) -> Vec<VenueOrderId> {
        let mut cancelled = ids.to_vec();
        cancelled.retain(|id| self.venue.cancel(self.now, caller.account, *id));
        self.publish();
        cancelled
    }

    /// Cancels all orders of the caller.
    pub(crate) fn cancel_all(&mut self, caller: &Holder) -> Vec<VenueOrderId> {
        let cancelled = self.venue.cancel_all(self.now, caller.account);
        self.publish();
        cancelled
    }

    /// Cancels the caller's orders in a market, on a token, or on both if both are given.
    pub(crate) fn cancel_market(
        &mut self,
        caller: &Holder,
        market: Option<ConditionId>,
        asset: Option<TokenId>,
    ) -> Vec<VenueOrderId> {
        let token = asset.and_then(|asset| self.venue.token_of(&asset));
        let market = market.and_then(|market| self.venue.market_of(market)).or(token.map(TokenIx::market));
        let Some(market) = market else { return Vec::new() };
        let cancelled = self.venue.cancel_market(self.now, caller.account, market, token);
        self.publish();
        cancelled
    }

    /// Returns the caller's open orders in wire format.
    pub(crate) fn open_orders(&self, caller: &Holder) -> impl Iterator<Item = Value> {
        self.venue.orders(caller.account).filter_map(|order| self.orders.row(&self.venue, &self.members, order.id))
    }

    /// Returns an order of the caller, open or done, in wire format.
    pub(crate) fn order_row(&self, caller: &Holder, id: VenueOrderId) -> Option<Value> {
        self.orders.row(&self.venue, &self.members, id).filter(|row| row["owner"] == caller.key.id.as_str())
    }

    /// Returns the caller's trades in wire format, newest first.
    pub(crate) fn trades(&self, caller: &Holder) -> impl Iterator<Item = Value> {
        self.tape.rows(&self.venue, &self.members, caller.account)
    }

    /// Returns the trades of a market in which a member took part, newest first.
    pub(crate) fn market_trades(&self, market: MarketIx) -> impl Iterator<Item = Value> {
        self.tape.activity(&self.venue, &self.members, market)
    }
}
