//! One set: legs of which exactly one pays a dollar. It is bought leg by leg, the one with the smallest offer first and
//! in full or not at all. The other legs follow at prices that still break even; shares left without a counterpart are
//! sold again.

use crate::parameters::Settings;
use crate::sums::{self, Offer};
use polytrader_sdk::parameters::decimal;
use polytrader_sdk::units::{DOLLAR, SECOND, cost, shares_worth, whole_size};
use polytrader_sdk::{Intents, MarketState, OrderKind, Place, Side, Tracker};

/// The venue's minimum order value, with a margin.
const WORTH_MIN: u64 = 1_100_000;
/// Wait between two attempts to complete a set or to sell it again.
const RETRY: u64 = SECOND;

/// State of one set.
#[derive(Debug)]
pub(crate) struct Set {
    /// The tokens; a purchase buys the same number of shares of each.
    pub(crate) legs: Vec<u32>,
    /// The tag of its orders.
    pub(crate) tag: u64,
    /// The earliest end of its markets; 0 if unknown.
    pub(crate) end: u64,
    /// Placements without a response so far.
    awaited: u32,
    /// The earliest time of the next purchase.
    buy_at: u64,
    /// The earliest time of the next completing or selling order.
    act_at: u64,
    /// Start of the time during which legs have been missing.
    broken: Option<u64>,
}

impl Set {
    pub(crate) const fn new(legs: Vec<u32>, tag: u64, end: u64) -> Self {
        Self { legs, tag, end, awaited: 0, buy_at: 0, act_at: 0, broken: None }
    }

    /// Clears the awaited responses, because the host has cancelled all orders.
    pub(crate) const fn stopped(&mut self) {
        self.awaited = 0;
    }

    /// Records the response to one of its placements.
    pub(crate) const fn answered(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
    }

    /// Starts the waits after a placement that was refused or ended without a fill.
    pub(crate) const fn failed(&mut self, now: u64, settings: &Settings) {
        self.buy_at = now.saturating_add(settings.cool_down);
        self.act_at = now.saturating_add(RETRY);
    }

    /// Compares positions with offers, and buys, completes or sells.
    pub(crate) fn evaluate(&mut self, tracker: &Tracker, settings: &Settings, out: &mut Intents) {
        let busy = self.awaited > 0 || tracker.orders().iter().any(|order| self.legs.contains(&order.token));
        if busy || !tracker.trading() {
            return;
        }
        let held = || self.legs.iter().map(|leg| tracker.held(*leg));
        let (least, most) = (held().min().unwrap_or(0), held().max().unwrap_or(0));
        // A difference below the smallest order cannot be sold, so it does not count as a half-filled set.
        let smallest = self.legs.iter().filter_map(|leg| tracker.market(*leg)).map(|market| market.min_size).min();
        if most.saturating_sub(least) < smallest.unwrap_or(u64::MAX) {
            self.broken = None;
            return self.buy(tracker, settings, out);
        }
        let since = *self.broken.get_or_insert(tracker.now());
        if tracker.now() < self.act_at {
            return;
        }
        let waited = tracker.now().saturating_sub(since) >= settings.patience;
        if waited {
            self.unwind(tracker, least, settings, out)
        } else {
            self.complete(tracker, most, out)
        }
        if self.awaited > 0 {
            self.act_at = tracker.now().saturating_add(RETRY);
        }
    }

    /// Buys the first leg of new sets, if a set is cheap enough.
    fn buy(&mut self, tracker: &Tracker, settings: &Settings, out: &mut Intents) {
        let now = tracker.now();
        let ends = self.end > 0 && now.saturating_add(settings.leave) >= self.end;
        if now < self.buy_at || ends {
            return;
        }
        let Some(offers) = self.legs.iter().map(|leg| offer(tracker, *leg)).collect::<Option<Vec<_>>>() else { return };
        let cost = sums::cost_of(&offers);
        if cost.saturating_add(settings.edge.into()) > DOLLAR {
            return;
        }
        let spent = u64::try_from(tracker.invested()).unwrap_or(0);
        let size = sums::sets(&offers, settings.size, settings.capital.saturating_sub(spent));
        if offers.iter().any(|offer| !big_enough(offer, offer.price, size)) {
            return;
        }
        // The leg that is most likely to be gone comes first: if it is gone, nothing has been bought.
        let Some(first) = offers.iter().min_by_key(|offer| offer.size) else { return };
        let reason = format!("a set costs {}", shown(cost));
        self.order(first.token, Side::Buy, first.price, size, OrderKind::Fok, reason, out);
        self.buy_at = now.saturating_add(settings.cool_down);
    }

    /// Buys the missing legs, at prices at which the whole set costs no more than a dollar.
    fn complete(&mut self, tracker: &Tracker, goal: u64, out: &mut Intents) {
        let missing = |leg: u32| goal.saturating_sub(tracker.held(leg));
        let offers: Vec<Offer> =
            self.legs.iter().filter(|leg| missing(**leg) > 0).filter_map(|leg| offer(tracker, *leg)).collect();
        if offers.len() != self.legs.iter().filter(|leg| missing(**leg) > 0).count() {
            return;
        }
        let paid = self
            .legs
            .iter()
            .filter(|leg| missing(**leg) == 0)
            .fold(0, |sum, leg| paid(tracker, *leg).saturating_add(sum));
        let left = DOLLAR.saturating_sub(paid);
        let all = sums::cost_of(&offers);
        let slack = left.saturating_sub(all);
        if all > left {
            return;
        }
        // The slack is divided among the legs, so that all of them together cannot exceed it.
        let share = slack.checked_div(u64::try_from(offers.len()).unwrap_or(1)).unwrap_or(0);
        for leg in &offers {
            let money = sums::with_fee(leg.price, leg.rate).saturating_add(share);
            let tick = tracker.token(leg.token).map_or(0, |token| token.tick);
            let Some(price) = sums::price_within(money, leg.rate, tick) else { continue };
            // A FAK BUY spends dollars: the current cost of the missing shares, which buys exactly those unless the
            // price moves.
            let worth = cost(leg.price, whole_size(missing(leg.token)));
            let size = shares_worth(worth, price).max(leg.min_size.min(missing(leg.token)));
            if !big_enough(leg, price, size) {
                continue;
            }
            self.order(leg.token, Side::Buy, price, size, OrderKind::Fak, "complete the set".to_owned(), out);
        }
    }

    /// Sells shares beyond complete sets.
    fn unwind(&mut self, tracker: &Tracker, whole: u64, settings: &Settings, out: &mut Intents) {
        for leg in self.legs.clone() {
            let (Some(bid), Some(market)) = (tracker.bid(leg), tracker.market(leg)) else { continue };
            let size = whole_size(tracker.free(leg).saturating_sub(whole));
            if size >= market.min_size && tracker.held(leg) > whole {
                let reason = format!("the set was not completed in {} s", shown(settings.patience));
                self.order(leg, Side::Sell, bid.price, size, OrderKind::Fak, reason, out);
            }
        }
        self.buy_at = tracker.now().saturating_add(settings.cool_down);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an order and its destination")]
    fn order(
        &mut self,
        token: u32,
        side: Side,
        price: u32,
        size: u64,
        kind: OrderKind,
        reason: String,
        out: &mut Intents,
    ) {
        self.awaited = self.awaited.saturating_add(1);
        out.place(self.tag, Place { token, side, price, size, kind, until: None }, reason);
    }
}

/// Returns the current offer for a leg; none without an ask or if its market is not open.
fn offer(tracker: &Tracker, token: u32) -> Option<Offer> {
    let (ask, market) = (tracker.ask(token)?, tracker.market(token)?);
    let open = tracker.token(token).is_some_and(|token| token.state == MarketState::Open);
    let (price, size, rate, min_size) = (ask.price, ask.size, market.fee_rate, market.min_size);
    open.then_some(Offer { token, price, size, rate, min_size })
}

fn big_enough(leg: &Offer, price: u32, size: u64) -> bool {
    size >= leg.min_size && size > 0 && cost(price, size) >= WORTH_MIN
}

/// Returns the cost of a held share of a leg, with the fee at its current rate.
fn paid(tracker: &Tracker, token: u32) -> u64 {
    let (Some(view), Some(market)) = (tracker.token(token), tracker.market(token)) else { return DOLLAR };
    let spent = u128::from(u64::try_from(view.cost).unwrap_or(0)).saturating_mul(u128::from(DOLLAR));
    let price = spent.div_ceil(u128::from(view.held.max(1)));
    sums::with_fee(u32::try_from(price).unwrap_or(u32::MAX), market.fee_rate)
}

fn shown(micros: u64) -> String {
    decimal(i64::try_from(micros).unwrap_or(i64::MAX))
}
