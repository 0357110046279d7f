//! Makes a market in the two tokens of one market.

use crate::parameters::Parameters;
use crate::pricing::{self, Prices};
use crate::token::{Target, TokenSide};
use polytrader_sdk::units::{SECOND, complement, shares_for, step, whole_size};
use polytrader_sdk::{Intents, Market, MarketState, Quote, Side, Status, Top};

/// How often quotes may improve; they retreat at once.
const PACE: u64 = 5 * SECOND;
/// How long it trusts that others still stand behind its own best price; then it steps back to see.
const TRUST: u64 = 30 * SECOND;
/// How long before its end a market is left.
const LEAVE: u64 = 60 * SECOND;

/// The best price of others on one side, in prices of YES, and when it was last seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    price: u32,
    at: u64,
}

/// One market.
#[derive(Debug)]
pub(crate) struct Maker {
    market: Market,
    state: MarketState,
    pub(crate) yes: TokenSide,
    pub(crate) no: TokenSide,
    best: Option<Prices>,
    bid: Option<Seen>,
    ask: Option<Seen>,
    next_at: u64,
}

impl Maker {
    pub(crate) fn new(market: Market) -> Self {
        let (yes, no) = (TokenSide::new(market.yes.handle), TokenSide::new(market.no.handle));
        Self { market, state: MarketState::Open, yes, no, best: None, bid: None, ask: None, next_at: 0 }
    }

    pub(crate) fn token(&mut self, handle: u32) -> Option<&mut TokenSide> {
        [&mut self.yes, &mut self.no].into_iter().find(|token| token.handle == handle)
    }

    /// Hears the best prices of YES. Those of NO are their mirror image: the venue matches the two as one book.
    pub(crate) fn on_top(&mut self, top: &Top) {
        if top.token != self.yes.handle {
            return;
        }
        let (Some(bid), Some(ask)) = (top.bid, top.ask) else {
            (self.best, self.bid, self.ask) = (None, None, None);
            return;
        };
        self.best = Some(Prices { bid: bid.price, ask: ask.price });
        let ours = |side: Side, mirror: Side, price: u32| {
            let direct = self.yes.resting(side, price);
            direct.saturating_add(self.no.resting(mirror, complement(price)))
        };
        let bid_alone = bid.size <= ours(Side::Buy, Side::Sell, bid.price);
        let ask_alone = ask.size <= ours(Side::Sell, Side::Buy, ask.price);
        let (tick, now) = (self.market.tick, top.host_time);
        self.bid = Some(others(self.bid, bid.price, bid_alone, -1, tick, now));
        self.ask = Some(others(self.ask, ask.price, ask_alone, 1, tick, now));
    }

    pub(crate) fn on_status(&mut self, status: &Status) {
        if status.token == self.yes.handle || status.token == self.no.handle {
            self.state = status.state;
            self.market.tick = status.tick;
        }
    }

    /// Compares what should rest with what does.
    pub(crate) fn quote(&mut self, now: u64, parameters: &Parameters, out: &mut Intents) {
        let (targets, reason) = match self.targets(now, parameters) {
            Some((targets, prices)) => {
                (targets, format!("YES {} / {} of a dollar", show(prices.bid), show(prices.ask)))
            }
            None => ([Target::default(); 2], "no quotes".to_owned()),
        };
        let due = now >= self.next_at;
        let [yes, no] = targets;
        let said = self.yes.set(yes, now, due, &reason, out) | self.no.set(no, now, due, &reason, out);
        if said && due {
            self.next_at = now.saturating_add(PACE);
        }
    }

    fn targets(&self, now: u64, parameters: &Parameters) -> Option<([Target; 2], Prices)> {
        let ends = self.market.end > 0 && now.saturating_add(LEAVE) >= self.market.end;
        if self.state != MarketState::Open || ends {
            return None;
        }
        let (best, others) = (self.best?, Prices { bid: self.bid?.price, ask: self.ask?.price });
        let mid = others.bid.saturating_add(others.ask) >> 1;
        let net = pricing::net_value(self.yes.owned, self.no.owned, mid);
        let down = pricing::skew(net, parameters);
        let prices = pricing::prices(others, best, self.market.tick, down, parameters)?;
        let no_bid = complement(prices.ask);
        let [bid, no_ask] = self.side(prices.bid, net, self.no.owned, parameters);
        let [no_bid, ask] = self.side(no_bid, net.saturating_neg(), self.yes.owned, parameters);
        Some(([Target { bid, ask }, Target { bid: no_bid, ask: no_ask }], prices))
    }

    /// Returns what buys a token at a price: a bid on it, and before that an ask for shares owned of the other token,
    /// which comes to the same and frees money. `held` is the net value held of the token already.
    fn side(&self, price: u32, held: i64, other: u64, parameters: &Parameters) -> [Option<Quote>; 2] {
        let min = self.market.min_size;
        let limit = u64::try_from(self.market_limit(parameters, held)).unwrap_or(0);
        let whole = shares_for(parameters.quote(), price).max(min);
        let sold = whole_size(other.min(whole));
        let sold = if sold < min { 0 } else { sold };
        let bought = whole.saturating_sub(sold).min(shares_for(limit, price));
        let quote = |price: u32, size: u64| (size >= min && size > 0).then_some(Quote { price, size });
        [quote(price, bought), quote(complement(price), sold)]
    }

    /// How much more may be spent on a token, in micro-dollars.
    fn market_limit(&self, parameters: &Parameters, held: i64) -> i64 {
        let max = i64::try_from(parameters.max_position()).unwrap_or(i64::MAX);
        max.saturating_sub(held)
    }
}

/// Returns the best price of others. Where only we stand at the best price, theirs is what it last was; if that is long
/// ago or cannot be, one tick `back` from ours.
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

/// A price as people write it.
fn show(price: u32) -> String {
    let digits = format!("{price:06}");
    format!("0.{}", digits.trim_end_matches('0'))
}
