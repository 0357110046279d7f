//! Conversion of the venue's events into messages to the host, and delivery of due messages.

use super::Story;
use super::draws::Fault;
use super::wire::{Delivery, World};
use crate::member::Trade;
use crate::venue::Event;
use alloc::string::String;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Channel, Settlement};
use model::{ActivityKind, InputKind, MarketIx, Side, TokenIx};

/// The time until a trade is mined, and until it is confirmed or fails.
const MINED_MICROS: u64 = 2_000_000;
const FINAL_MICROS: u64 = 4_000_000;

impl Story<'_> {
    /// Converts the venue's events into messages.
    pub(super) fn bridge_events(&mut self) {
        self.world.bridge();
    }

    /// Delivers all due messages.
    pub(super) fn deliver(&mut self) -> Result<(), String> {
        while let Some(delivery) = self.world.due() {
            match delivery {
                Delivery::Answer(body) => self.feed(body)?,
                Delivery::User(body) if self.world.user_up => self.feed(body)?,
                Delivery::Market(body) if self.world.market_up => self.feed(body)?,
                Delivery::User(_) | Delivery::Market(_) => {}
                Delivery::Reconnect(channel) => self.reconnect(channel)?,
                Delivery::Leave(order, venue, place, expires) => self.leave(order, venue, place, expires),
                Delivery::Place(order, venue, process) => {
                    let answer = self.world.place(&order, venue);
                    self.send_answer(process, answer);
                }
                Delivery::Cancel(order, process) => {
                    let answer = self.world.cancel(order);
                    self.send_answer(process, answer);
                }
                Delivery::Sweep(order, market, process) => {
                    let answers = self.world.sweep(order, market);
                    answers.into_iter().for_each(|body| self.send_answer(process, Some(body)));
                }
                Delivery::CancelAll => self.world.cancel_all(),
                Delivery::Look(order, asked) => {
                    let answers = self.world.query_order(order, asked);
                    answers.into_iter().for_each(|body| self.world.send(Delivery::Answer(body)));
                }
                Delivery::Account => {
                    let view = self.world.account_view();
                    self.world.send(Delivery::Answer(InputKind::Account(view)));
                }
                Delivery::Settle(trade) => self.world.advance_settlement(trade),
            }
            self.world.bridge();
        }
        Ok(())
    }

    /// Sends an answer, unless it is lost or the process waiting for it has ended.
    fn send_answer(&mut self, process: u64, body: Option<InputKind>) {
        if let Some(body) = body.filter(|_| process == self.host.process) {
            self.world.send(Delivery::Answer(body));
        }
    }

    /// Restores a channel: the host catches up by REST before it reports the channel as up, like the venue client.
    pub(super) fn reconnect(&mut self, channel: Channel) -> Result<(), String> {
        match channel {
            Channel::Market => {
                self.world.market_up = true;
                self.feed(InputKind::Feed { channel, up: true })?;
                for token in self.world.tokens() {
                    let book = self.world.book(token);
                    self.feed(book)?;
                }
                Ok(())
            }
            Channel::User => {
                self.world.user_up = true;
                for body in self.world.member.catch_up(self.host.since) {
                    self.feed(body)?;
                }
                self.feed(InputKind::Feed { channel, up: true })
            }
        }
    }
}

impl World {
    pub(super) fn tokens(&self) -> Vec<TokenIx> {
        self.markets.iter().flat_map(|market| [market.token(0), market.token(1)]).collect()
    }

    /// Converts the venue's events into messages in flight.
    pub(super) fn bridge(&mut self) {
        for event in self.venue.drain() {
            match event {
                Event::Level { token, side, price, size, .. } => {
                    self.send_market(token, MarketEventKind::Level { side, price, size });
                }
                Event::Trade(trade) => {
                    let (token, side, price, size) = (trade.token, trade.side, trade.price, trade.size);
                    self.send_market(token, MarketEventKind::Trade { side, price, size });
                    self.member.on_trade(&trade).into_iter().for_each(|part| self.begin_trade(part));
                }
                Event::Order { change, order, .. } => {
                    if let Some(update) = self.member.on_order(change, &order) {
                        self.send_user(update);
                    }
                }
                Event::Tick { market, new, .. } => self.send_tick_size(market, new),
                Event::Resolved { market, pays } => {
                    for (outcome, pays) in (0..).zip(pays) {
                        self.send_market(market.token(outcome), MarketEventKind::Resolved { pays });
                    }
                }
                // The account shows it at once, the Data API reports it later.
                Event::Redeemed { account, token, value, .. } if account == self.member.account() => {
                    self.write_record(ActivityKind::Redeemed { market: token.market(), paid: value });
                }
                Event::Redeemed { .. } | Event::Turned { .. } => {}
                Event::BookReset { market } => {
                    for token in [market.token(0), market.token(1)] {
                        let book = self.book(token);
                        self.send_in(1_000, Delivery::Market(book));
                    }
                }
            }
        }
    }

    fn send_market(&mut self, token: TokenIx, kind: MarketEventKind) {
        // The market channel is one stream: its messages stay in order.
        let event = MarketEvent { token, venue_time: self.now, kind };
        self.send_in(1_000, Delivery::Market(InputKind::Event(event)));
    }

    fn send_tick_size(&mut self, market: MarketIx, tick: model::TickSize) {
        for token in [market.token(0), market.token(1)] {
            self.send_market(token, MarketEventKind::TickSize { tick });
            let book = self.book(token);
            self.send_in(1_500, Delivery::Market(book));
        }
    }

    /// Returns a token's whole current book.
    pub(super) fn book(&self, token: TokenIx) -> InputKind {
        let (bids, asks) = (self.venue.levels(token, Side::Buy), self.venue.levels(token, Side::Sell));
        InputKind::Event(MarketEvent { token, venue_time: self.now, kind: MarketEventKind::Book { bids, asks } })
    }

    /// Sends a message of the user channel, possibly twice, each with its own delay: they arrive in any order.
    fn send_user(&mut self, body: InputKind) {
        if self.strikes(Fault::Repeated) {
            self.send(Delivery::User(body.clone()));
        }
        self.send(Delivery::User(body));
    }

    fn begin_trade(&mut self, trade: Trade) {
        self.summary.fills = self.summary.fills.saturating_add(1);
        self.send_user(InputKind::Trade(trade.update));
        self.send_in(MINED_MICROS, Delivery::Settle(trade.settled(Settlement::Mined)));
        let failed = self.strikes(Fault::FailedSettlement);
        if failed {
            let retrying = trade.settled(Settlement::Retrying);
            self.send_in(MINED_MICROS.saturating_add(500_000), Delivery::Settle(retrying));
        }
        let last = if failed { Settlement::Failed } else { Settlement::Confirmed };
        self.send_in(FINAL_MICROS, Delivery::Settle(trade.settled(last)));
    }

    /// Advances the settlement of a trade.
    fn advance_settlement(&mut self, trade: Trade) {
        self.member.on_settlement(&mut self.venue, &trade);
        self.send_user(InputKind::Trade(trade.update));
    }
}
