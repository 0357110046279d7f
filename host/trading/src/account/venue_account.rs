//! Our account at the venue: the user channel, and what REST says where the channel may have missed something.

mod listed;
#[cfg(test)]
mod tests;
mod without_id;

use crate::order_ids::{FOREIGN_MAX, Index, Noted};
use crate::spacing::{Rule, Spacing};
use control::Latest;
use control::clock;
use control::inbox::Inbox;
use control::market_registry::Listing;
use model::input::{AccountView, Channel, HandOrder, TradeUpdate, VenueStatus};
use model::{Body, MarketIx, NewOrder, OrderId, Side, Size, Time, TokenIx, VenueOrderId};
use polymarket::client::Looked;
use polymarket::feed::FeedError;
use polymarket::parse::{Refused, TradeEvent, VenueOrder, parse_user_parts};
use polymarket::{AccountClient, Credentials, Feed, FeedConfig, FeedEvent, ParseError, RequestError, UserEvent};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How often the venue's account is held against ours.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);
/// How long to wait before REST is asked again for what the channel missed.
const RETRY: Duration = Duration::from_secs(1);
/// How often REST is asked for what was not understood of the channel.
const CATCH_UPS: Rule =
    Rule { first: Duration::from_secs(5), most: Duration::from_secs(300), quiet: Duration::from_secs(600) };
/// How far our clock and the venue's may be apart where fills are told from those before them.
const CLOCKS_MICROS: u64 = 60_000_000;
/// How often an order of somebody else is looked at until the venue answers. Its channel may be ahead of what REST shows.
const LOOKS: u32 = 5;

/// A handle on the account.
#[derive(Debug, Clone)]
pub(crate) struct VenueAccount {
    client: AccountClient,
    inbox: Inbox,
    index: Index,
    latest: Latest,
    runtime: Handle,
    listing: Listing,
    /// Trades before the session are none of its own.
    since: Time,
}

impl VenueAccount {
    pub(crate) fn new(
        client: AccountClient,
        inbox: Inbox,
        index: Index,
        latest: Latest,
        listing: Listing,
        since: Time,
    ) -> Self {
        Self { client, inbox, index, latest, runtime: Handle::current(), listing, since }
    }

    /// Connects the user channel and begins to look after the account. Returns the channel, which ends when it is dropped.
    ///
    /// # Errors
    /// If the address is none.
    pub(crate) fn start(&self, config: FeedConfig, credentials: Credentials) -> Result<Feed, FeedError> {
        let (feed, received) = Feed::user(config, credentials)?;
        self.runtime.spawn(self.clone().listen(received));
        self.runtime.spawn(self.clone().reconcile());
        Ok(feed)
    }

    /// Returns the way to ask the venue.
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
                    self.inbox.account(clock::now(), Body::Feed { channel: Channel::User, up: true });
                }
                FeedEvent::Down { reason } => {
                    tracing::warn!(reason, "the user channel is lost");
                    self.inbox.account(clock::now(), Body::Feed { channel: Channel::User, up: false });
                }
                FeedEvent::Frame { at, text } => {
                    let parsed = parse_user_parts(text.as_bytes(), &owner, &mut events, &mut refused);
                    events.drain(..).for_each(|event| self.take(at, event));
                    if self.name_refused(parsed.err(), &mut refused) && catch_ups.ask(Instant::now()) {
                        self.catch_up().await;
                    }
                }
                FeedEvent::Alive { .. } => {}
            }
        }
    }

    /// Names what of a frame was not understood. Says whether there was something.
    fn name_refused(&self, torn: Option<ParseError>, refused: &mut Vec<Refused>) -> bool {
        let left_out = self.client.public().left_out();
        let found = torn.is_some() || !refused.is_empty();
        let consequence = "orders and trades are read by REST";
        if let Some(error) = torn {
            left_out.note("user channel", "a torn frame", &error.explained(), consequence);
        }
        for Refused { name, reason, .. } in refused.drain(..) {
            left_out.note("user channel", &name, &reason, consequence);
        }
        found
    }

    fn take(&self, at: Time, event: UserEvent) {
        match event {
            UserEvent::Order(event) => match self.index.ours(&event.id) {
                Some(order) => {
                    let (status, matched) = (event.status, event.matched);
                    self.inbox.account(at, Body::OrderUpdate { order, status, matched });
                }
                None => self.unknown(event.id, event.status),
            },
            UserEvent::Trade(trade) => self.trade(at, &trade),
        }
    }

    /// An order that has none of our numbers. One that was ours and counts as done with must not be open.
    fn unknown(&self, id: VenueOrderId, status: VenueStatus) {
        if !self.index.is_done(&id) || status != VenueStatus::Live {
            return self.foreign(id);
        }
        tracing::error!(%id, "an order that counts as done with is open at the venue; it is cancelled");
        let this = self.clone();
        self.runtime.spawn(async move {
            if let Err(error) = this.cancel_named(&[id], None).await {
                tracing::error!(error, %id, "order not cancelled; the next news of it tries again");
            }
        });
    }

    /// An order of the account that is not ours: somebody placed it by hand. The engine takes it into the books.
    fn foreign(&self, id: VenueOrderId) {
        if self.index.is_done(&id) {
            return tracing::debug!(%id, "late news of an order that is done with");
        }
        let noted = self.index.note_foreign(id);
        if noted == Noted::Known {
            return;
        }
        tracing::warn!(%id, "an order of this account was not placed by this program");
        let this = self.clone();
        self.runtime.spawn(async move {
            if noted == Noted::Full && !this.makes_room(id).await {
                return;
            }
            for _ in 0..LOOKS {
                match this.client.look(id, this.since).await {
                    Ok(Looked::Found(order)) if this.recognise(&order) => return,
                    Ok(Looked::Found(order)) => return this.adopt(&order, Size::ZERO),
                    Ok(Looked::Traded(_)) => {
                        tracing::warn!(%id, "nobody knows what that order was; what it moved must be booked as a transfer");
                        return;
                    }
                    Ok(Looked::Denied) => tracing::warn!(%id, "the venue told of that order and does not show it"),
                    Err(error) => tracing::warn!(%error, %id, "an order placed by hand could not be looked at"),
                }
                tokio::time::sleep(RETRY).await;
            }
            // The next news of it begins anew.
            this.index.forget_foreign(&id);
        });
    }

    /// Makes room for an order by hand: those go that are not open at the venue any more. Says whether there was room.
    async fn makes_room(&self, id: VenueOrderId) -> bool {
        match self.client.open_orders().await {
            Ok(open) => match open.ids() {
                Ok(open) => self.index.keep_foreign(&open.into_iter().collect()),
                Err(error) => tracing::warn!(error, "no order by hand is forgotten; one of them may be open"),
            },
            Err(error) => tracing::warn!(%error, "the open orders could not be read"),
        }
        let noted = self.index.note_foreign(id);
        if noted == Noted::Full {
            tracing::error!(%id, "{FOREIGN_MAX} orders by hand are open; what this one moves must be booked as a transfer");
        }
        noted == Noted::New
    }

    /// Takes an order into the books that was placed by hand; `counted` shares of it are in them already.
    pub(crate) fn adopt(&self, order: &VenueOrder, counted: Size) {
        let VenueOrder { id: venue, side, price, original, matched, status, .. } = *order;
        // A purchase that is over and got more than it named was a FOK or FAK BUY, which spends dollars (PROTOCOL 6).
        let in_dollars = side == Side::Buy && status != VenueStatus::Live;
        let size = if in_dollars { original.max(matched) } else { original };
        // Noted, so that news of it do not look it up a second time.
        if self.index.note_foreign(venue) == Noted::Full {
            tracing::warn!(id = %venue, "no room to note it; news of it looks it up again");
        }
        let Some(token) = self.listing.token(&order.token) else {
            tracing::warn!(id = %venue, "it is in a market that is not watched: what it moves must be booked as a transfer");
            return;
        };
        self.inbox.account(clock::now(), Body::Adopt(HandOrder { venue, token, side, price, size, counted }));
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
            self.inbox.account(at, Body::Trade(update));
        }
    }

    /// Asks REST for everything that the channel may have missed, until it answers.
    async fn catch_up(&self) {
        while let Err(error) = self.ask_all().await {
            tracing::warn!(%error, "orders and trades could not be read; asking again");
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn ask_all(&self) -> Result<(), RequestError> {
        let expected = self.open();
        let since = self.untold_since();
        // Orders before trades: what is no longer open by then has its trades in the answer that follows.
        let open = self.client.open_orders().await?;
        let mut trades = self.client.trades(since).await?;
        trades.rows.reverse();
        let at = clock::now();
        trades.rows.iter().for_each(|trade| self.trade(at, trade));
        // An order whose row is not understood is open all the same.
        let there: BTreeSet<_> = open.known_ids().collect();
        open.rows.iter().for_each(|order| self.order(at, order));
        for NewOrder { id: order, .. } in expected {
            let Some(venue) = self.index.venue(order).filter(|venue| !there.contains(venue)) else { continue };
            match self.client.look(venue, self.since).await {
                Ok(Looked::Found(found)) => self.order(clock::now(), &found),
                Ok(_) => {}
                // The others wait for their news; reconciliation shows what this one did.
                Err(error) if error.is_not_understood() => {
                    tracing::warn!(%error, order = order.0, "what became of an order is not understood; it stays as it is known");
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
                self.inbox.account(at, Body::OrderUpdate { order, status, matched });
            }
            None => self.unknown(found.id, found.status),
        }
    }

    /// The orders that the engine thinks are open.
    fn open(&self) -> Vec<NewOrder> {
        let latest = self.latest.get();
        latest.as_ref().map(|view| view.open.clone()).unwrap_or_default()
    }

    /// Returns the moment from which trades have to be read again. What is older and not settled is asked for by its order.
    fn untold_since(&self) -> Time {
        let forgotten = self.latest.get().map_or(Time(0), |view| view.fills_forgotten_until);
        if forgotten == Time(0) { self.since } else { self.since.max(forgotten.plus_micros(CLOCKS_MICROS)) }
    }

    /// Looks everywhere for an order whose outcome is unknown.
    pub(crate) fn look(&self, order: OrderId) {
        let this = self.clone();
        self.runtime.spawn(async move {
            // Silence is no denial; the engine asks again.
            if let Err(error) = this.ask_for(order).await {
                tracing::warn!(%error, order = order.0, "an unknown order could not be looked for");
            }
        });
    }

    /// Asks what an order did before it was known here. Its trades until then were nobody's and are not told a second time, and of an
    /// order that looks well the engine does not ask.
    pub(crate) fn look_back(&self, order: OrderId) {
        let this = self.clone();
        self.runtime.spawn(async move {
            for _ in 0..LOOKS {
                let Err(error) = this.ask_for(order).await else { return };
                tracing::warn!(%error, order = order.0, "what an order placed by hand did could not be read");
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    async fn ask_for(&self, order: OrderId) -> Result<(), RequestError> {
        let Some(venue) = self.index.venue(order) else { return self.ask_without_id(order).await };
        let asked = clock::now();
        match self.client.look(venue, self.since).await? {
            Looked::Found(found) => {
                self.order(clock::now(), &found);
                if !found.matched.is_zero() {
                    self.trades_of(venue).await?;
                }
            }
            Looked::Traded(trades) => trades.iter().for_each(|trade| self.trade(clock::now(), trade)),
            Looked::Denied => self.inbox.account(clock::now(), Body::Looked { order, denied: true, asked }),
        }
        Ok(())
    }

    /// Asks for the trades of an order that matched, as far as they have settled.
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
                    let tokens: BTreeSet<TokenIx> = held.chain(view.told.iter().copied()).collect();
                    tokens.into_iter().collect::<Vec<_>>()
                })
            };
            let Some(held) = held else { continue };
            match self.view(&held).await {
                Ok(view) => self.inbox.account(clock::now(), Body::Account(view)),
                Err(error) => tracing::warn!(%error, "the venue's account could not be read"),
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

    /// Reads the whole account: cash, and the shares of every token that is watched.
    ///
    /// # Errors
    /// If one of the balances cannot be read.
    pub(crate) async fn whole(&self) -> Result<AccountView, RequestError> {
        let all = (0..self.listing.count()).map(MarketIx);
        let all: Vec<TokenIx> = all.flat_map(|market| [market.token(0), market.token(1)]).collect();
        self.view(&all).await
    }
}
