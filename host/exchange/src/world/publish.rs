//! Converts the venue's events to frames of the two channels.

use super::activity::Deal;
use super::orders::{size, user_channel_status, user_channel_type};
use super::settlement::{Entry, Stage};
use super::{Inside, Shown};
use crate::wire::{self, BookEvent, PriceChange, PriceChanges};
use axum::extract::ws::Utf8Bytes;
use model::{MarketIx, Price, Side, Size, TickSize, Time, TokenIx, Usd};
use serde::Serialize;
use serde_json::json;
use sim::{Change, Event, OpenOrder, Trade};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Maximum entries per market frame.
const CHANGES_MAX: usize = 200;

fn frame(value: &impl Serialize) -> Option<Utf8Bytes> {
    serde_json::to_string(value).ok().map(Utf8Bytes::from)
}

fn event_message(event: &Shown) -> serde_json::Value {
    let Shown { id, slug, title, .. } = event;
    json!({"id": id, "ticker": slug, "slug": slug, "title": title, "description": ""})
}

/// A changed level.
type LevelChange = (TokenIx, Side, Price, Size);

impl Inside {
    /// Publishes all events since the last call.
    pub(super) fn publish(&mut self) {
        let mut levels: Vec<LevelChange> = Vec::new();
        let mut traded = BTreeSet::new();
        for event in self.venue.drain() {
            match event {
                Event::Level { token, side, price, size, .. } => {
                    let another = levels.last().is_some_and(|(last, ..)| last.market() != token.market());
                    if another || levels.len() >= CHANGES_MAX {
                        self.publish_levels(&mut levels);
                    }
                    levels.push((token, side, price, size));
                }
                Event::Order { at, change, order } => self.publish_order(at, change, &order),
                Event::Trade(trade) => {
                    traded.insert(trade.token.market());
                    self.publish_trade(trade);
                }
                Event::Tick { market, old, new } => {
                    self.publish_levels(&mut levels);
                    self.publish_tick_size(market, old, new);
                }
                Event::Resolved { market, pays } => {
                    self.publish_levels(&mut levels);
                    self.publish_resolution(market, pays);
                }
                Event::Redeemed { account, token, size, value } => {
                    self.record_activity(self.now, account, Deal::Redeemed { token, size, value });
                }
                Event::Turned { at, account, how, size, value, gone, got } => {
                    self.record_activity(at, account, Deal::Turned { how, size, value, gone, got });
                }
                Event::BookReset { market } => {
                    self.publish_levels(&mut levels);
                    self.publish_books(market);
                }
            }
        }
        self.publish_levels(&mut levels);
        traded.into_iter().for_each(|market| self.publish_books(market));
    }

    fn publish_levels(&mut self, levels: &mut Vec<LevelChange>) {
        let Some(market) = levels.first().map(|(token, ..)| token.market()) else { return };
        if self.listeners.has_listener(market) {
            let tokens = [market.token(0), market.token(1)];
            let hashes = tokens.map(|token| self.book(token).map(|book| book.hash).unwrap_or_default());
            let condition = self.venue.market(market).map(|market| market.condition.to_string());
            let price_changes = levels.iter().filter_map(|change| self.price_change(change, &hashes)).collect();
            let changes = PriceChanges {
                event_type: "price_change",
                market: condition.unwrap_or_default(),
                price_changes,
                timestamp: self.now.millis().to_string(),
            };
            if let Some(frame) = frame(&changes) {
                self.listeners.send_market(&tokens, &frame);
            }
            tokens.into_iter().for_each(|token| self.publish_best(token));
        }
        levels.clear();
    }

    fn price_change(&self, change: &LevelChange, hashes: &[String; 2]) -> Option<PriceChange> {
        let (token, side, price, size) = change;
        let market = self.venue.market(token.market())?;
        let [yes, no] = hashes;
        Some(PriceChange {
            asset_id: wire::asset(market, *token),
            price: price.to_string(),
            size: size.to_string(),
            side: wire::side(*side),
            hash: if token.outcome() == 0 { yes.clone() } else { no.clone() },
            best_bid: self.best(*token, Side::Buy),
            best_ask: self.best(*token, Side::Sell),
        })
    }

    fn best(&self, token: TokenIx, side: Side) -> String {
        self.venue.best(token, side).map(|level| level.price.to_string()).unwrap_or_default()
    }

    /// Sends the extra best-price event to the listeners that requested it.
    fn publish_best(&mut self, token: TokenIx) {
        if !self.listeners.wants_custom(token) {
            return;
        }
        let Some(market) = self.venue.market(token.market()) else { return };
        let price = |side| self.venue.best(token, side).map(|level| level.price.micros());
        let spread = price(Side::Sell).zip(price(Side::Buy)).map(|(ask, bid)| ask.saturating_sub(bid));
        let event = json!({
            "event_type": "best_bid_ask",
            "market": market.condition.to_string(),
            "asset_id": wire::asset(market, token),
            "best_bid": self.best(token, Side::Buy),
            "best_ask": self.best(token, Side::Sell),
            "spread": spread.map(|spread| model::Usd(i64::from(spread)).to_string()).unwrap_or_default(),
            "timestamp": self.now.millis().to_string(),
        });
        if let Some(frame) = frame(&event) {
            self.listeners.send_custom(token, &frame);
        }
    }

    /// Returns a token's book in market channel format.
    pub(super) fn book_event(&self, token: TokenIx) -> Option<BookEvent> {
        self.book(token).map(|book| BookEvent { event_type: "book", book })
    }

    pub(super) fn publish_books(&mut self, market: MarketIx) {
        if !self.listeners.has_listener(market) {
            return;
        }
        for token in [market.token(0), market.token(1)] {
            if let Some(frame) = self.book_event(token).as_ref().and_then(frame) {
                self.listeners.send_market(&[token], &frame);
            }
        }
    }

    fn publish_tick_size(&mut self, ix: MarketIx, old: TickSize, new: TickSize) {
        for token in [ix.token(0), ix.token(1)] {
            let Some(market) = self.venue.market(ix) else { return };
            let event = json!({
                "event_type": "tick_size_change",
                "market": market.condition.to_string(),
                "asset_id": wire::asset(market, token),
                "old_tick_size": old.to_string(),
                "new_tick_size": new.to_string(),
                "timestamp": self.now.millis().to_string(),
            });
            if let Some(frame) = frame(&event) {
                self.listeners.send_market(&[token], &frame);
            }
        }
    }

    /// Announces the markets from number `listed` on to all listeners that requested such events.
    pub(super) fn publish_new_markets(&mut self, listed: usize) {
        let new = self.venue.listed().skip(listed).filter_map(|(ix, market)| {
            let tokens = market.tokens.map(|token| token.to_string());
            let title = event_message(&self.event_of(ix, market));
            frame(&json!({
                "event_type": "new_market",
                "id": wire::gamma_id(ix),
                "question": market.question,
                "market": market.condition.to_string(),
                "condition_id": market.condition.to_string(),
                "slug": market.slug,
                "description": "A market of the local exchange.",
                "assets_ids": tokens,
                "clob_token_ids": tokens,
                "outcomes": market.outcomes,
                "event_message": title,
                "timestamp": self.now.millis().to_string(),
                "tags": ["local"],
                "active": true,
                "sports_market_type": "",
                "line": "",
                "game_start_time": "",
                "order_price_min_tick_size": market.tick.to_string(),
                "group_item_title": "",
                "taker_base_fee": if market.fee.rate_micros > 0 { "1000" } else { "0" },
                "fees_enabled": market.fee.rate_micros > 0,
                "fee_schedule": wire::fee_schedule(market),
            }))
        });
        let frames: Vec<_> = new.collect();
        for frame in &frames {
            self.listeners.broadcast_custom(frame);
        }
    }

    fn publish_resolution(&mut self, ix: MarketIx, pays: [Usd; 2]) {
        let Some(market) = self.venue.market(ix) else { return };
        let [yes, no] = pays;
        // If both pay the same there is no winner.
        let winner = match yes.cmp(&no) {
            Ordering::Greater => Some(ix.token(0)),
            Ordering::Less => Some(ix.token(1)),
            Ordering::Equal => None,
        };
        let event = json!({
            "event_type": "market_resolved",
            "id": wire::gamma_id(ix),
            "market": market.condition.to_string(),
            "assets_ids": [wire::asset(market, ix.token(0)), wire::asset(market, ix.token(1))],
            "winning_asset_id": winner.map(|token| wire::asset(market, token)).unwrap_or_default(),
            "winning_outcome": winner.map(|token| wire::outcome(market, token)).unwrap_or_default(),
            "event_message": event_message(&self.event_of(ix, market)),
            "timestamp": self.now.millis().to_string(),
            "tags": [],
        });
        if let Some(frame) = frame(&event) {
            // Listeners of both tokens receive it once.
            self.listeners.send_custom_of([ix.token(0), ix.token(1)], &frame);
        }
    }

    fn publish_trade(&mut self, trade: Trade) {
        let Some(market) = self.venue.market(trade.token.market()) else { return };
        let event = json!({
            "event_type": "last_trade_price",
            "market": market.condition.to_string(),
            "asset_id": wire::asset(market, trade.token),
            "price": trade.price.to_string(),
            "size": trade.size.to_string(),
            "side": wire::side(trade.side),
            "fee_rate_bps": "0",
            "timestamp": trade.at.millis().to_string(),
        });
        if let Some(frame) = frame(&event) {
            self.listeners.send_market(&[trade.token], &frame);
        }
        let with_members = self.members.get(trade.account).is_some()
            || trade.parts.iter().any(|part| self.members.get(part.account).is_some());
        if !with_members {
            return;
        }
        let id = self.tape.id(trade.number);
        for order in trade.order.iter().chain(trade.parts.iter().filter_map(|part| part.order.as_ref())) {
            self.orders.traded(*order, &id);
        }
        let fails = self.fails_settlement();
        let entry = self.tape.push(trade, fails);
        self.publish_settlement(&entry);
    }

    /// Sends a trade to each member in it.
    fn publish_settlement(&mut self, entry: &Entry) {
        for account in entry.accounts() {
            let Some(mut view) = self.tape.view(&self.venue, &self.members, entry, account) else { continue };
            let Some(member) = self.members.get(account) else { continue };
            if let Some(fields) = view.as_object_mut() {
                fields.insert("event_type".to_owned(), json!("trade"));
                fields.insert("type".to_owned(), json!("TRADE"));
                fields.insert("trade_owner".to_owned(), json!(member.key));
                fields.insert("timestamp".to_owned(), json!(self.now.millis().to_string()));
            }
            if let Some(frame) = frame(&view) {
                self.listeners.send_user(account, entry.trade.token.market(), &frame);
            }
        }
    }

    /// Publishes settlement progress.
    pub(super) fn publish_settlements(&mut self) {
        for entry in self.tape.advance_due(self.now) {
            debug_assert_ne!(entry.stage, Stage::Matched, "settling moves on");
            if entry.stage == Stage::Failed {
                self.take_back(&entry.trade);
            }
            self.publish_settlement(&entry);
            self.notice_trade(&entry);
        }
    }

    /// Reverses a trade that failed on the chain: its members' halves never happened. The other side's loss is the
    /// house's.
    fn take_back(&mut self, trade: &Trade) {
        for part in &trade.parts {
            let maker = part.price.cost_floor(part.size).unwrap_or_default();
            let crossed = part.token != trade.token;
            let face = part.size.face_value().unwrap_or_default();
            let taker = if crossed { face.saturating_sub(maker) } else { maker };
            if self.members.get(trade.account).is_some() {
                self.venue.take_back(trade.account, trade.token, trade.side, part.size, taker, part.fee);
            }
            if self.members.get(part.account).is_some() {
                self.venue.take_back(part.account, part.token, part.side, part.size, maker, model::Usd::ZERO);
            }
        }
    }

    fn publish_order(&mut self, at: Time, change: Change, order: &OpenOrder) {
        let Some(member) = self.members.get(order.account) else { return };
        let Some(market) = self.venue.market(order.token.market()) else { return };
        let detail = self.orders.record_change(change, order);
        let event = json!({
            "event_type": "order",
            "id": order.id.to_string(),
            "owner": member.key,
            "order_owner": member.key,
            "market": market.condition.to_string(),
            "asset_id": wire::asset(market, order.token),
            "side": wire::side(order.side),
            "original_size": size(order.size),
            "size_matched": size(order.matched),
            "price": order.price.to_string(),
            "associate_trades": if detail.trades.is_empty() { None } else { Some(&detail.trades) },
            "outcome": wire::outcome(market, order.token),
            "type": user_channel_type(change),
            "created_at": order.created.seconds().to_string(),
            "expiration": order.kind.expiration_s().to_string(),
            "order_type": order.kind.as_str(),
            "status": user_channel_status(change, detail.status),
            "maker_address": member.funder.checksummed(),
            "timestamp": at.millis().to_string(),
        });
        if let Some(frame) = frame(&event) {
            self.listeners.send_user(order.account, order.token.market(), &frame);
        }
        if matches!(change, Change::Cancellation | Change::Refused(_)) {
            self.notice_cancel(order);
        }
    }
}
