//! Our account at the venue: the user channel, and REST reads for updates that the channel may have missed.

mod listed;
#[cfg(test)]
mod tests;
mod without_id;

use crate::order_ids::{FOREIGN_MAX, Noted, OrderIds};
use crate::spacing::{Rule, Spacing};
use control::Latest;
use control::clock;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use model::input::{AccountView, Channel, ExternalOrder, TradeUpdate, VenueStatus};
use model::{InputKind, MarketIx, NewOrder, OrderId, Side, Size, Time, TokenIx, VenueOrderId};
use polymarket::client::OrderLookup;
use polymarket::feed::FeedError;
use polymarket::parse::{Refused, TradeEvent, VenueOrder, parse_user_parts};
use polymarket::{AccountClient, Credentials, Feed, FeedConfig, FeedEvent, ParseError, RequestError, UserEvent};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The interval of comparisons between the venue's account and ours.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);
/// The delay before REST is read again after an error.
const RETRY: Duration = Duration::from_secs(1);
/// The rate of REST reads after channel messages that could not be parsed.
const CATCH_UPS: Rule =
    Rule { first: Duration::from_secs(5), most: Duration::from_secs(300), quiet: Duration::from_secs(600) };
/// The largest assumed difference between our clock and the venue's, for separating fills from those before them.
const CLOCKS_MICROS: u64 = 60_000_000;
/// The most queries for an order that is not ours, until the venue answers. The channel may be ahead of REST.
const LOOKS: u32 = 5;

/// A handle on the account.
#[derive(Debug, Clone)]
pub(crate) struct VenueAccount {
    client: AccountClient,
    inbox: Inbox,
    index: OrderIds,
    latest: Latest,
    runtime: Handle,
    listing: MarketRegistry,
    /// Trades before this time do not belong to the session.
    since: Time,
}

impl VenueAccount {
    pub(crate) fn new(
        client: AccountClient,
        inbox: Inbox,
        index: OrderIds,
        latest: Latest,
        listing: MarketRegistry,
        since: Time,
    ) -> Self {
        Self { client, inbox, index, latest, runtime: Handle::current(), listing, since }
    }

    /// Connects the user channel and starts maintaining the account. Returns the channel, which closes when it is
    /// dropped.
    ///
    /// # Errors
    /// If the address is invalid.
    pub(crate) fn start(&self, config: FeedConfig, credentials: Credentials) -> Result<Feed, FeedError> {
        let (feed, received) = Feed::user(config, credentials)?;
        self.runtime.spawn(self.clone().listen(received));
        self.runtime.spawn(self.clone().reconcile());
        Ok(feed)
    }

    /// Returns the client for queries to the venue.
    pub(crate) const fn client(&self) -> &AccountClient {
        &self.client
    }

    async fn listen(self, mut received: mpsc::Receiver<FeedEvent>) {
        let owner = self.client.owner();
        let (mut events, mut refused) = (Vec::new(), Vec::new());
        let mut catch_ups = Spacing::new(CATCH_UPS);
        let mut ticks = tokio::time::interval(RETRY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                event = received.recv() => event,
                _ = ticks.tick() => {
                    if catch_ups.take_owed(Instant::now()) {
                        self.catch_up().await;
                    }
                    continue;
                }
            };
            let Some(event) = event else { return };
            match event {
                FeedEvent::Up => {
                    self.catch_up().await;
                    self.inbox.account(clock::now(), InputKind::Feed { channel: Channel::User, up: true });
                }
                FeedEvent::Down { reason } => {
                    tracing::warn!(reason, "user channel lost");
                    self.inbox.account(clock::now(), InputKind::Feed { channel: Channel::User, up: false });
                }
                FeedEvent::Frame { at, text } => {
                    let parsed = parse_user_parts(text.as_bytes(), &owner, &mut events, &mut refused);
                    events.drain(..).for_each(|event| self.on_user_event(at, event));
                    if self.name_refused(parsed.err(), &mut refused) && catch_ups.request(Instant::now()) {
                        self.catch_up().await;
                    }
                }
                FeedEvent::Alive { .. } => {}
            }
        }
    }

    /// Reports the parts of a frame that could not be parsed. Returns true if there were any.
    fn name_refused(&self, torn: Option<ParseError>, refused: &mut Vec<Refused>) -> bool {
        let left_out = self.client.public().left_out();
        let found = torn.is_some() || !refused.is_empty();
        let consequence = "orders and trades are read by REST";
        if let Some(error) = torn {
            left_out.record("user channel", "an incomplete frame", &error.explained(), consequence);
        }
        for Refused { name, reason, .. } in refused.drain(..) {
            left_out.record("user channel", &name, &reason, consequence);
        }
        found
    }

    fn on_user_event(&self, at: Time, event: UserEvent) {
        match event {
            UserEvent::Order(event) => match self.index.ours(&event.id) {
                Some(order) => {
                    let (status, matched) = (event.status, event.matched);
                    self.inbox.account(at, InputKind::OrderUpdate { order, status, matched });
                }
                None => self.unknown(event.id, event.status),
            },
            UserEvent::Trade(trade) => self.trade(at, &trade),
        }
    }

    /// Handles an update for an order without a number of ours. One of ours that counts as final must not be open.
    fn unknown(&self, id: VenueOrderId, status: VenueStatus) {
        if !self.index.is_done(&id) || status != VenueStatus::Live {
            return self.foreign(id);
        }
        tracing::error!(%id, "order recorded as final is open at the venue; cancelling it");
        let this = self.clone();
        self.runtime.spawn(async move {
            if let Err(error) = this.cancel_named(&[id], None).await {
                tracing::error!(error, %id, "cancelling the order failed; the next update of it retries");
            }
        });
    }

    /// Handles an external order: the engine takes it into the books.
    fn foreign(&self, id: VenueOrderId) {
        if self.index.is_done(&id) {
            return tracing::debug!(%id, "late update of a final order");
        }
        let noted = self.index.record_foreign(id);
        if noted == Noted::Known {
            return;
        }
        tracing::warn!(%id, "external order on the account");
        let this = self.clone();
        self.runtime.spawn(async move {
            if noted == Noted::Full && !this.makes_room(id).await {
                return;
            }
            for _ in 0..LOOKS {
                match this.client.query_order(id, this.since).await {
                    Ok(OrderLookup::Found(order)) if this.recognise(&order) => return,
                    Ok(OrderLookup::Found(order)) => return this.adopt(&order, Size::ZERO),
                    Ok(OrderLookup::Traded(_)) => {
                        tracing::warn!(%id, "terms of an external order unknown; book what it moved as a transfer");
                        return;
                    }
                    Ok(OrderLookup::Denied) => tracing::warn!(%id, "external order reported but not found by REST"),
                    Err(error) => tracing::warn!(%error, %id, "querying an external order failed"),
                }
                tokio::time::sleep(RETRY).await;
            }
            // The next update of it starts over.
            this.index.forget_foreign(&id);
        });
    }

    /// Makes room for an external order by removing those that are no longer open at the venue. Returns true if there
    /// is room.
    async fn makes_room(&self, id: VenueOrderId) -> bool {
        match self.client.open_orders().await {
            Ok(open) => match open.ids() {
                Ok(open) => self.index.retain_foreign(&open.into_iter().collect()),
                Err(error) => tracing::warn!(error, "external orders kept; one of them may be open"),
            },
            Err(error) => tracing::warn!(%error, "reading open orders failed"),
        }
        let noted = self.index.record_foreign(id);
        if noted == Noted::Full {
            tracing::error!(%id, "{FOREIGN_MAX} external orders are open; book what this one moves as a transfer");
        }
        noted == Noted::New
    }

    /// Adds an external order to the books, which already include `counted` of its shares.
    pub(crate) fn adopt(&self, order: &VenueOrder, counted: Size) {
        let VenueOrder { id: venue, side, price, original, matched, status, .. } = *order;
        // A buy that is over and matched more than its size was a FOK or FAK BUY, which spends dollars (PROTOCOL 6).
        let in_dollars = side == Side::Buy && status != VenueStatus::Live;
        let size = if in_dollars { original.max(matched) } else { original };
        // Noted, so that updates of it do not query it a second time.
        if self.index.record_foreign(venue) == Noted::Full {
            tracing::warn!(id = %venue, "no room to track an external order; its updates query it again");
        }
        let Some(token) = self.listing.token(&order.token) else {
            tracing::warn!(id = %venue, "external order in an unwatched market; book what it moves as a transfer");
            return;
        };
        self.inbox.account(clock::now(), InputKind::Adopt(ExternalOrder { venue, token, side, price, size, counted }));
    }

    fn trade(&self, at: Time, trade: &TradeEvent) {
        for part in &trade.parts {
            let Some(order) = self.index.ours(&part.order) else {
                self.foreign(part.order);
                continue;
            };
            let update = TradeUpdate {
                trade: trade.trade,
                part: part.part,
                order,
                settlement: trade.settlement,
                maker_price: part.maker_price,
                size: part.size,
                maker: part.maker,
                crossed: part.crossed,
            };
            self.inbox.account(at, InputKind::Trade(update));
        }
    }

    /// Reads by REST everything that the channel may have missed, until the read succeeds.
    async fn catch_up(&self) {
        while let Err(error) = self.query_all().await {
            tracing::warn!(%error, "reading orders and trades failed; retrying");
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn query_all(&self) -> Result<(), RequestError> {
        let expected = self.open();
        let since = self.unreported_since();
        // Orders before trades: trades of an order that closed in between are in the answer that follows.
        let open = self.client.open_orders().await?;
        let mut trades = self.client.trades(since).await?;
        trades.rows.reverse();
        let at = clock::now();
        trades.rows.iter().for_each(|trade| self.trade(at, trade));
        // An order whose row could not be parsed is open nevertheless.
        let there: BTreeSet<_> = open.known_ids().collect();
        open.rows.iter().for_each(|order| self.order(at, order));
        for NewOrder { id: order, .. } in expected {
            let Some(venue) = self.index.venue(order).filter(|venue| !there.contains(venue)) else { continue };
            match self.client.query_order(venue, self.since).await {
                Ok(OrderLookup::Found(found)) => self.order(clock::now(), &found),
                Ok(_) => {}
                // The others wait for their updates; reconciliation shows what this one did.
                Err(error) if error.is_not_understood() => {
                    tracing::warn!(%error, order = order.0, "an order's state could not be parsed; it stays unchanged");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn order(&self, at: Time, found: &VenueOrder) {
        match self.index.ours(&found.id) {
            Some(order) => {
                let (status, matched) = (found.status, found.matched);
                self.inbox.account(at, InputKind::OrderUpdate { order, status, matched });
            }
            None => self.unknown(found.id, found.status),
        }
    }

    /// Returns the orders that are open according to the engine.
    fn open(&self) -> Vec<NewOrder> {
        let latest = self.latest.get();
        latest.as_ref().map(|view| view.open.clone()).unwrap_or_default()
    }

    /// Returns the time from which trades have to be read again. Older trades that are not settled are read by their
    /// order.
    fn unreported_since(&self) -> Time {
        let forgotten = self.latest.get().map_or(Time(0), |view| view.fills_forgotten_until);
        if forgotten == Time(0) { self.since } else { self.since.max(forgotten.plus_micros(CLOCKS_MICROS)) }
    }

    /// Queries an order whose outcome is unknown, in all places that may list it.
    pub(crate) fn query_order(&self, order: OrderId) {
        let this = self.clone();
        self.runtime.spawn(async move {
            // No answer does not mean that it does not exist; the engine asks again.
            if let Err(error) = this.request_order(order).await {
                tracing::warn!(%error, order = order.0, "querying an order of unknown outcome failed");
            }
        });
    }

    /// Queries the history of an order from before the host knew it. Its earlier trades were not attributed and are not
    /// reported again, and the engine does not query an order that looks complete.
    pub(crate) fn query_history(&self, order: OrderId) {
        let this = self.clone();
        self.runtime.spawn(async move {
            for _ in 0..LOOKS {
                let Err(error) = this.request_order(order).await else { return };
                tracing::warn!(%error, order = order.0, "reading the history of an external order failed");
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    async fn request_order(&self, order: OrderId) -> Result<(), RequestError> {
        let Some(venue) = self.index.venue(order) else { return self.query_without_id(order).await };
        let asked = clock::now();
        match self.client.query_order(venue, self.since).await? {
            OrderLookup::Found(found) => {
                self.order(clock::now(), &found);
                if !found.matched.is_zero() {
                    self.trades_of(venue).await?;
                }
            }
            OrderLookup::Traded(trades) => trades.iter().for_each(|trade| self.trade(clock::now(), trade)),
            OrderLookup::Denied => {
                self.inbox.account(clock::now(), InputKind::OrderQueried { order, not_found: true, asked })
            }
        }
        Ok(())
    }

    /// Reads the trades of an order that matched, as far as they have settled.
    async fn trades_of(&self, venue: VenueOrderId) -> Result<(), RequestError> {
        let trades = self.client.trades(self.since).await?;
        let of = trades.rows.iter().rev().filter(|trade| trade.parts.iter().any(|part| part.order == venue));
        of.for_each(|trade| self.trade(clock::now(), trade));
        Ok(())
    }

    async fn reconcile(self) {
        let mut ticks = tokio::time::interval(RECONCILE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let held = {
                let latest = self.latest.get();
                latest.as_ref().map(|view| {
                    let held = view.positions.iter().map(|(token, _)| *token);
                    let tokens: BTreeSet<TokenIx> = held.chain(view.reported.iter().copied()).collect();
                    tokens.into_iter().collect::<Vec<_>>()
                })
            };
            let Some(held) = held else { continue };
            match self.view(&held).await {
                Ok(view) => self.inbox.account(clock::now(), InputKind::Account(view)),
                Err(error) => tracing::warn!(%error, "reading the venue's account failed"),
            }
        }
    }

    /// Reads the venue's account: cash, and the shares of these tokens.
    ///
    /// # Errors
    /// If one of the balances cannot be read.
    pub(crate) async fn view(&self, held: &[TokenIx]) -> Result<AccountView, RequestError> {
        let mut shares = Vec::new();
        for token in held {
            let Some(id) = self.listing.token_id(*token) else { continue };
            let size = self.client.shares(&id).await?;
            if !size.is_zero() {
                shares.push((*token, size));
            }
        }
        Ok(AccountView { cash: self.client.cash().await?, shares })
    }

    /// Reads the whole account: cash, and the shares of every watched token.
    ///
    /// # Errors
    /// If one of the balances cannot be read.
    pub(crate) async fn whole(&self) -> Result<AccountView, RequestError> {
        let all = (0..self.listing.count()).map(MarketIx);
        let all: Vec<TokenIx> = all.flat_map(|market| [market.token(0), market.token(1)]).collect();
        self.view(&all).await
    }
}
