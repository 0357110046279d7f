//! Who listens on the channels. A listener that does not keep up is let go: its queue ends, and its connection closes.

use super::Inside;
use axum::extract::ws::Utf8Bytes;
use model::{ConditionId, MarketIx, TokenId, TokenIx};
use sim::AccountId;
use std::collections::BTreeSet;
use tokio::sync::mpsc;

/// The most connections of one channel.
const LISTENERS_MAX: usize = 1_000;
/// The most frames that wait for one listener.
const QUEUE_MAX: usize = 4_096;

/// A listener's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerId(u64);

/// One end of a listener's queue.
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
    /// A frame that goes out after the next one.
    held: Option<Utf8Bytes>,
}

#[derive(Debug)]
struct UserListener {
    id: ListenerId,
    account: AccountId,
    /// All markets if there is no set.
    markets: Option<BTreeSet<MarketIx>>,
    frames: mpsc::Sender<Utf8Bytes>,
}

/// All listeners.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    count: u64,
    market: Vec<MarketListener>,
    user: Vec<UserListener>,
    /// Whether the market channel says nothing.
    pub(super) frozen: bool,
    garble: Garble,
    chance: sim::Rng,
}

/// How many of a thousand frames go wrong, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Garble {
    pub(super) drop: u32,
    pub(super) duplicate: u32,
    pub(super) reorder: u32,
}

impl Garble {
    /// Sends a frame to a listener, or not. Says whether it keeps up.
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

/// What a client of the market channel wants.
#[derive(Debug, Clone, Default)]
pub(crate) struct MarketWish {
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) custom: Option<bool>,
    pub(crate) dump: bool,
}

/// What a client of the user channel wants: all markets if it names none.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserWish {
    pub(crate) markets: Option<Vec<ConditionId>>,
}

impl Listeners {
    fn next(&mut self) -> ListenerId {
        self.count = self.count.saturating_add(1);
        ListenerId(self.count)
    }

    /// Says whether anybody hears of a market.
    pub(super) fn hears(&self, market: MarketIx) -> bool {
        let tokens = [market.token(0), market.token(1)];
        self.market.iter().any(|listener| tokens.iter().any(|token| listener.tokens.contains(token)))
    }

    /// Sends a frame to all who listen to one of the tokens.
    pub(super) fn tell_market(&mut self, tokens: &[TokenIx], frame: &Utf8Bytes) {
        if self.frozen {
            return;
        }
        let (garble, chance) = (self.garble, &mut self.chance);
        self.market.retain_mut(|listener| {
            !tokens.iter().any(|token| listener.tokens.contains(token)) || garble.send(chance, listener, frame)
        });
    }

    /// From now on, so many frames go wrong.
    pub(super) fn garble(&mut self, garble: Garble) {
        self.garble = garble;
    }

    /// Lets the oldest of those who listen to the market channel go.
    pub(super) fn close(&mut self, count: u32) {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.market.len());
        self.market.drain(..count);
    }

    /// Sends a frame to those of them who asked for the extra kinds of events.
    pub(super) fn tell_custom(&mut self, token: TokenIx, frame: &Utf8Bytes) {
        self.tell_custom_of([token, token], frame);
    }

    /// As [`Listeners::tell_custom`], once to whoever listens to either token.
    pub(super) fn tell_custom_of(&mut self, tokens: [TokenIx; 2], frame: &Utf8Bytes) {
        if self.frozen {
            return;
        }
        self.market.retain(|listener| {
            let wanted = listener.custom && tokens.iter().any(|token| listener.tokens.contains(token));
            !wanted || listener.frames.try_send(frame.clone()).is_ok()
        });
    }

    /// Sends a frame to all who asked for the extra kinds of events, whatever tokens they listen to.
    pub(super) fn tell_all_custom(&mut self, frame: &Utf8Bytes) {
        if !self.frozen {
            self.market.retain(|listener| !listener.custom || listener.frames.try_send(frame.clone()).is_ok());
        }
    }

    /// Says whether anybody asked for the extra kinds of events of a token.
    pub(super) fn wants_custom(&self, token: TokenIx) -> bool {
        self.market.iter().any(|listener| listener.custom && listener.tokens.contains(&token))
    }

    /// Sends a frame to an account's listeners.
    pub(super) fn tell_user(&mut self, account: AccountId, market: MarketIx, frame: &Utf8Bytes) {
        self.user.retain(|listener| {
            let wanted = listener.markets.as_ref().is_none_or(|markets| markets.contains(&market));
            listener.account != account || !wanted || listener.frames.try_send(frame.clone()).is_ok()
        });
    }
}

impl Inside {
    /// Adds a listener to the market channel; none if there are too many.
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

    /// Adds to what a listener hears and sends the books of what is new to it.
    pub(crate) fn subscribe(&mut self, id: ListenerId, wish: &MarketWish) {
        let tokens: Vec<TokenIx> = wish.tokens.iter().filter_map(|token| self.venue.token_of(token)).collect();
        let Some(listener) = self.listeners.market.iter_mut().find(|listener| listener.id == id) else { return };
        listener.custom = wish.custom.unwrap_or(listener.custom);
        let mut new = tokens;
        new.retain(|token| listener.tokens.insert(*token));
        if wish.dump && !new.is_empty() {
            let books: Vec<_> = new.iter().filter_map(|token| self.book_event(*token)).collect();
            if let Ok(text) = serde_json::to_string(&books) {
                self.listeners.tell_one(id, text.into());
            }
        }
    }

    /// Takes tokens from what a listener hears.
    pub(crate) fn unsubscribe(&mut self, id: ListenerId, tokens: &[TokenId]) {
        let tokens: Vec<TokenIx> = tokens.iter().filter_map(|token| self.venue.token_of(token)).collect();
        if let Some(listener) = self.listeners.market.iter_mut().find(|listener| listener.id == id) {
            listener.tokens.retain(|token| !tokens.contains(token));
        }
    }

    /// Adds a listener to the user channel; none if there are too many.
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

    /// Adds markets to what a listener hears, or takes them away.
    pub(crate) fn change_markets(&mut self, id: ListenerId, conditions: &[ConditionId], add: bool) {
        let named = self.known(conditions);
        let listener = self.listeners.user.iter_mut().find(|listener| listener.id == id);
        // Whoever hears all markets goes on hearing them.
        if let Some(markets) = listener.and_then(|listener| listener.markets.as_mut()) {
            if add {
                markets.extend(named);
            } else {
                markets.retain(|market| !named.contains(market));
            }
        }
    }

    /// Forgets a listener.
    pub(crate) fn hang_up(&mut self, id: ListenerId) {
        self.listeners.market.retain(|listener| listener.id != id);
        self.listeners.user.retain(|listener| listener.id != id);
    }

    fn known(&self, conditions: &[ConditionId]) -> BTreeSet<MarketIx> {
        conditions.iter().filter_map(|condition| self.venue.market_of(*condition)).collect()
    }
}

impl Listeners {
    fn tell_one(&mut self, id: ListenerId, frame: Utf8Bytes) {
        self.market.retain(|listener| listener.id != id || listener.frames.try_send(frame.clone()).is_ok());
    }
}
