//! Market making in the two tokens of one market.

use crate::parameters::Settings;
use crate::pricing::{self, Prices, Shift};
use crate::token::{Target, TokenSide};
use polytrader_sdk::parameters::decimal;
use polytrader_sdk::units::{SECOND, complement, shares_for, step, whole_size};
use polytrader_sdk::window::Window;
use polytrader_sdk::{Intents, Market, MarketState, Quote, Side, Top, Tracker};

/// Minimum time between improvements of a quote; retreats are immediate.
const PACE: u64 = 5 * SECOND;
/// Time for which a price of others behind its own best price is assumed to persist; after that it steps back to check.
const TRUST: u64 = 30 * SECOND;
/// Divisor of the time until a market's end: it stops quoting before the end by at most this part, as some markets last
/// only seconds.
const LEAVE_PART: u64 = 4;

/// The best price of others on one side, in prices of YES, and the time when it was last seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    price: u32,
    at: u64,
}

/// State of one market.
#[derive(Debug)]
pub(crate) struct Maker {
    market: Market,
    /// Time at which quoting stops; never, if the market's end is unknown.
    leave_at: u64,
    pub(crate) yes: TokenSide,
    pub(crate) no: TokenSide,
    best: Option<Prices>,
    bid: Option<Seen>,
    ask: Option<Seen>,
    mids: Window,
    next_at: u64,
}

impl Maker {
    pub(crate) fn new(market: Market, now: u64, settings: &Settings) -> Self {
        let (yes, no) = (TokenSide::new(market.yes.handle), TokenSide::new(market.no.handle));
        let leave_at = leave_at(market.end, now, settings);
        let mids = Window::new(settings.volatility_window);
        Self { market, leave_at, yes, no, best: None, bid: None, ask: None, mids, next_at: 0 }
    }

    /// Applies changed parameters. The price window starts over, as its length may have changed.
    pub(crate) fn adapt(&mut self, now: u64, settings: &Settings) {
        self.leave_at = leave_at(self.market.end, now, settings);
        self.mids = Window::new(settings.volatility_window);
    }

    pub(crate) fn token(&mut self, handle: u32) -> Option<&mut TokenSide> {
        [&mut self.yes, &mut self.no].into_iter().find(|token| token.handle == handle)
    }

    /// Records the best prices of YES. Those of NO are their mirror image: the venue matches both in one book.
    pub(crate) fn on_top(&mut self, top: &Top, tracker: &Tracker) {
        if top.token != self.yes.handle {
            return;
        }
        let (Some(bid), Some(ask)) = (top.bid, top.ask) else {
            (self.best, self.bid, self.ask) = (None, None, None);
            return;
        };
        self.best = Some(Prices { bid: bid.price, ask: ask.price });
        self.mids.add(top.host_time, bid.price.midpoint(ask.price));
        let bid_alone = bid.size <= tracker.resting(top.token, Side::Buy, bid.price);
        let ask_alone = ask.size <= tracker.resting(top.token, Side::Sell, ask.price);
        let (tick, now) = (self.tick(tracker), top.host_time);
        self.bid = Some(others(self.bid, bid.price, bid_alone, -1, tick, now));
        self.ask = Some(others(self.ask, ask.price, ask_alone, 1, tick, now));
    }

    /// Updates the quotes to the current targets.
    pub(crate) fn quote(&mut self, tracker: &Tracker, settings: &Settings, out: &mut Intents) {
        let now = tracker.now();
        self.mids.pass(now);
        let (targets, reason) = match self.targets(tracker, settings) {
            Some((targets, prices)) => {
                (targets, format!("YES {} / {} of a dollar", decimal(prices.bid.into()), decimal(prices.ask.into())))
            }
            None => ([Target::default(); 2], "no quotes".to_owned()),
        };
        let due = now >= self.next_at;
        let [yes, no] = targets;
        let sent = self.yes.set(yes, now, due, &reason, out) | self.no.set(no, now, due, &reason, out);
        if sent && due {
            self.next_at = now.saturating_add(PACE);
        }
    }

    fn tick(&self, tracker: &Tracker) -> u32 {
        tracker.token(self.yes.handle).map_or(self.market.tick, |token| token.tick)
    }

    fn targets(&self, tracker: &Tracker, settings: &Settings) -> Option<([Target; 2], Prices)> {
        let open = tracker.token(self.yes.handle).is_some_and(|token| token.state == MarketState::Open);
        if !open || tracker.now() >= self.leave_at {
            return None;
        }
        let (best, others) = (self.best?, Prices { bid: self.bid?.price, ask: self.ask?.price });
        let mid = others.bid.midpoint(others.ask);
        let [yes, no] = [self.yes.handle, self.no.handle].map(|token| tracker.held(token));
        let net = pricing::net_value(yes, no, mid);
        let tick = self.tick(tracker);
        let shift =
            Shift { down: pricing::skew(net, settings), away: pricing::widening(self.mids.range(), tick, settings) };
        let prices = pricing::prices(others, best, tick, shift, settings)?;
        let no_bid = complement(prices.ask);
        let [bid, no_ask] = self.side(prices.bid, net, no, settings);
        let [no_bid, ask] = self.side(no_bid, net.saturating_neg(), yes, settings);
        Some(([Target { bid, ask }, Target { bid: no_bid, ask: no_ask }], prices))
    }

    /// Returns the orders that buy a token at a price: a bid on it and an ask for owned shares of the other token. The
    /// ask comes first, as it is equivalent and frees money. `held` is the net value already held of the token.
    fn side(&self, price: u32, held: i64, other: u64, settings: &Settings) -> [Option<Quote>; 2] {
        let min = self.market.min_size;
        let most = i64::try_from(settings.max_position_dollars).unwrap_or(i64::MAX);
        let limit = u64::try_from(most.saturating_sub(held)).unwrap_or(0);
        let whole = shares_for(settings.quote_dollars, price).max(min).max(settings.rewards_size);
        let sold = whole_size(other.min(whole));
        let sold = if sold < min { 0 } else { sold };
        let bought = whole.saturating_sub(sold).min(shares_for(limit, price));
        let quote = |price: u32, size: u64| (size >= min && size > 0).then_some(Quote { price, size });
        [quote(price, bought), quote(complement(price), sold)]
    }
}

/// Returns the time at which quoting stops in a market with this end.
fn leave_at(end: u64, now: u64, settings: &Settings) -> u64 {
    let part = end.saturating_sub(now).checked_div(LEAVE_PART).unwrap_or(0);
    if end == 0 { u64::MAX } else { end.saturating_sub(settings.leave.min(part)) }
}

/// Returns the best price of others. If only our orders are at the best price, theirs is assumed to be the last one
/// seen; if that is too old or not behind ours, one tick `back`.
fn others(old: Option<Seen>, best: u32, alone: bool, back: i32, tick: u32, now: u64) -> Seen {
    if !alone {
        return Seen { price: best, at: now };
    }
    let behind = |price: u32| if back < 0 { price < best } else { price > best };
    match old {
        Some(seen) if behind(seen.price) && now.saturating_sub(seen.at) < TRUST => seen,
        Some(seen) if behind(seen.price) => Seen { price: step(seen.price, back, tick), at: now },
        _ => Seen { price: step(best, back, tick), at: now },
    }
}
