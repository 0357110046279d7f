//! The listeners of the channels. A listener that does not keep up is removed: its queue ends, and its connection
//! closes.

use super::Inside;
use axum::extract::ws::Utf8Bytes;
use model::{ConditionId, MarketIx, TokenId, TokenIx};
use sim::AccountId;
use std::collections::BTreeSet;
use tokio::sync::mpsc;

/// Maximum connections per channel.
const LISTENERS_MAX: usize = 1_000;
/// Maximum queued frames per listener.
const QUEUE_MAX: usize = 4_096;

/// A listener's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerId(u64);

/// The receiving end of a listener's queue.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) id: ListenerId,
    pub(crate) frames: mpsc::Receiver<Utf8Bytes>,
}

#[derive(Debug)]
struct MarketListener {
    id: ListenerId,
    tokens: BTreeSet<TokenIx>,
    custom: bool,
    frames: mpsc::Sender<Utf8Bytes>,
    /// A frame to be sent after the next one.
    held: Option<Utf8Bytes>,
}

#[derive(Debug)]
struct UserListener {
    id: ListenerId,
    account: AccountId,
    /// All markets if `None`.
    markets: Option<BTreeSet<MarketIx>>,
    frames: mpsc::Sender<Utf8Bytes>,
}

/// All listeners.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    count: u64,
    market: Vec<MarketListener>,
    user: Vec<UserListener>,
    /// True if the market channel is silenced.
    pub(super) frozen: bool,
    garble: Garble,
    chance: sim::Rng,
}

/// Fault rates per thousand frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Garble {
    pub(super) drop: u32,
    pub(super) duplicate: u32,
    pub(super) reorder: u32,
}

impl Garble {
    /// Sends a frame to a listener, or drops it. Returns false if the listener does not keep up.
    fn send(self, chance: &mut sim::Rng, listener: &mut MarketListener, frame: &Utf8Bytes) -> bool {
        let mut hits = |per_mille: u32| per_mille > 0 && chance.below(1_000) < u64::from(per_mille);
        if hits(self.drop) {
            return true;
        }
        if listener.held.is_none() && hits(self.reorder) {
            listener.held = Some(frame.clone());
            return true;
        }
        let twice = hits(self.duplicate).then(|| frame.clone());
        let frames = [Some(frame.clone()), listener.held.take(), twice];
        frames.into_iter().flatten().all(|frame| listener.frames.try_send(frame).is_ok())
    }
}

/// A subscription request on the market channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct MarketWish {
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) custom: Option<bool>,
    pub(crate) dump: bool,
}

/// A subscription request on the user channel: all markets if none is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserWish {
    pub(crate) markets: Option<Vec<ConditionId>>,
}

impl Listeners {
    fn next(&mut self) -> ListenerId {
        self.count = self.count.saturating_add(1);
        ListenerId(self.count)
    }

    /// Returns true if a market has a listener.
    pub(super) fn has_listener(&self, market: MarketIx) -> bool {
        let tokens = [market.token(0), market.token(1)];
        self.market.iter().any(|listener| tokens.iter().any(|token| listener.tokens.contains(token)))
    }

    /// Sends a frame to all listeners of one of the tokens.
    pub(super) fn send_market(&mut self, tokens: &[TokenIx], frame: &Utf8Bytes) {
        if self.frozen {
            return;
        }
        let (garble, chance) = (self.garble, &mut self.chance);
        self.market.retain_mut(|listener| {
            !tokens.iter().any(|token| listener.tokens.contains(token)) || garble.send(chance, listener, frame)
        });
    }

    /// Sets the fault rates of future frames.
    pub(super) fn garble(&mut self, garble: Garble) {
        self.garble = garble;
    }

    /// Removes the oldest market channel listeners.
    pub(super) fn close(&mut self, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.market.len());
        self.market.drain(..count);
    }

    /// Sends a frame to the token's listeners that requested the extra kinds of events.
    pub(super) fn send_custom(&mut self, token: TokenIx, frame: &Utf8Bytes) {
        self.send_custom_of([token, token], frame);
    }

    /// Sends a frame as [`Listeners::send_custom`] does, once to each listener of either token.
    pub(super) fn send_custom_of(&mut self, tokens: [TokenIx; 2], frame: &Utf8Bytes) {
        if self.frozen {
            return;
        }
        self.market.retain(|listener| {
            let wanted = listener.custom && tokens.iter().any(|token| listener.tokens.contains(token));
            !wanted || listener.frames.try_send(frame.clone()).is_ok()
        });
    }

    /// Sends a frame to all listeners that requested the extra kinds of events, whatever their tokens.
    pub(super) fn broadcast_custom(&mut self, frame: &Utf8Bytes) {
        if !self.frozen {
            self.market.retain(|listener| !listener.custom || listener.frames.try_send(frame.clone()).is_ok());
        }
    }

    /// Returns true if a listener requested the extra kinds of events of a token.
    pub(super) fn wants_custom(&self, token: TokenIx) -> bool {
        self.market.iter().any(|listener| listener.custom && listener.tokens.contains(&token))
    }

    /// Sends a frame to an account's listeners.
    pub(super) fn send_user(&mut self, account: AccountId, market: MarketIx, frame: &Utf8Bytes) {
        self.user.retain(|listener| {
            let wanted = listener.markets.as_ref().is_none_or(|markets| markets.contains(&market));
            listener.account != account || !wanted || listener.frames.try_send(frame.clone()).is_ok()
        });
    }
}

impl Inside {
    /// Adds a listener to the market channel; `None` if there are too many.
    pub(crate) fn listen_to_markets(&mut self) -> Option<Listening> {
        if self.listeners.market.len() >= LISTENERS_MAX {
            return None;
        }
        let (sender, frames) = mpsc::channel(QUEUE_MAX);
        let id = self.listeners.next();
        let listener = MarketListener { id, tokens: BTreeSet::new(), custom: false, frames: sender, held: None };
        self.listeners.market.push(listener);
        Some(Listening { id, frames })
    }

    /// Adds tokens to a listener and sends the books of the new ones.
    pub(crate) fn subscribe(&mut self, id: ListenerId, wish: &MarketWish) {
        let tokens: Vec<TokenIx> = wish.tokens.iter().filter_map(|token| self.venue.token_of(token)).collect();
        let Some(listener) = self.listeners.market.iter_mut().find(|listener| listener.id == id) else { return };
        listener.custom = wish.custom.unwrap_or(listener.custom);
        let mut new = tokens;
        new.retain(|token| listener.tokens.insert(*token));
        if wish.dump && !new.is_empty() {
            let books: Vec<_> = new.iter().filter_map(|token| self.book_event(*token)).collect();
            if let Ok(text) = serde_json::to_string(&books) {
                self.listeners.send_one(id, text.into());
            }
        }
    }

    /// Removes tokens from a listener.
    pub(crate) fn unsubscribe(&mut self, id: ListenerId, tokens: &[TokenId]) {
        let tokens: Vec<TokenIx> = tokens.iter().filter_map(|token| self.venue.token_of(token)).collect();
        if let Some(listener) = self.listeners.market.iter_mut().find(|listener| listener.id == id) {
            listener.tokens.retain(|token| !tokens.contains(token));
        }
    }

    /// Adds a listener to the user channel; `None` if there are too many.
    pub(crate) fn listen_to_account(&mut self, account: AccountId, wish: &UserWish) -> Option<Listening> {
        if self.listeners.user.len() >= LISTENERS_MAX {
            return None;
        }
        let (sender, frames) = mpsc::channel(QUEUE_MAX);
        let id = self.listeners.next();
        let markets = wish.markets.as_ref().map(|markets| self.known(markets));
        self.listeners.user.push(UserListener { id, account, markets, frames: sender });
        Some(Listening { id, frames })
    }

    /// Adds markets to a listener, or removes them.
    pub(crate) fn change_markets(&mut self, id: ListenerId, conditions: &[ConditionId], add: bool) {
        let named = self.known(conditions);
        let listener = self.listeners.user.iter_mut().find(|listener| listener.id == id);
        // Listeners of all markets are unaffected.
        if let Some(markets) = listener.and_then(|listener| listener.markets.as_mut()) {
            if add {
                markets.extend(named);
            } else {
                markets.retain(|market| !named.contains(market));
            }
        }
    }

    /// Removes a listener.
    pub(crate) fn hang_up(&mut self, id: ListenerId) {
        self.listeners.market.retain(|listener| listener.id != id);
        self.listeners.user.retain(|listener| listener.id != id);
    }

    fn known(&self, conditions: &[ConditionId]) -> BTreeSet<MarketIx> {
        conditions.iter().filter_map(|condition| self.venue.market_of(*condition)).collect()
    }
}

impl Listeners {
    fn send_one(&mut self, id: ListenerId, frame: Utf8Bytes) {
        self.market.retain(|listener| listener.id != id || listener.frames.try_send(frame.clone()).is_ok());
    }
}
