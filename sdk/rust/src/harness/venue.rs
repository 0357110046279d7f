//! The scripted market of a test. Orders pass the simplest of the host's rules, rest, and fill against the scripted
//! best prices, with nothing ahead of them in the queue. Deterministic.

use crate::units::{SECOND, SHARE, SIZE_STEP, complement, cost};
use crate::{
    FillEvent, Intent, IntentKind, OpenOrder, OrderEvent, OrderKind, OrderState, OwnKind, Place, Position, Quote,
    RefusedEvent, Session, SetQuote, Settlement, SettlementEvent, Side,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The wait before a refused leg of a quote is placed again, as in the host.
const REFUSED_WAIT: u64 = SECOND;
/// One cent: the dollar amount of a FAK or FOK BUY is in whole cents.
const CENT: u64 = 10_000;
/// Fees are charged in steps of this many micro-dollars.
const FEE_STEP: u128 = 10;
/// The same step, in micro-dollars times 10^18.
const FEE_STEP_EXACT: u128 = 10_000_000_000_000_000_000;

/// The state of a token.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) bid: Option<Quote>,
    pub(super) ask: Option<Quote>,
    pub(super) open: bool,
    pub(super) tick: u32,
    pub(super) other: u32,
    min_size: u64,
    fee_rate: u32,
    held: u64,
    cost: i64,
}

/// One leg of a standing quote.
#[derive(Debug)]
struct Leg {
    tag: u64,
    want: Quote,
    not_before: u64,
    order: Option<u64>,
}

/// A fill that may still fail to settle.
#[derive(Debug)]
struct Done {
    fill: FillEvent,
    /// The cost basis of the shares, for a sale.
    basis: i64,
}

/// The market, the gate and the account in one.
#[derive(Debug)]
pub(super) struct Venue {
    pub(super) now: u64,
    pub(super) trading: bool,
    pub(super) tokens: BTreeMap<u32, Token>,
    pub(super) orders: BTreeMap<u64, OpenOrder>,
    pub(super) timers: BTreeMap<u32, u64>,
    /// Own events that are not yet sent to the strategy.
    pub(super) own_events: VecDeque<OwnKind>,
    /// Tokens whose best prices an order has reduced.
    pub(super) taken: BTreeSet<u32>,
    pub(super) cash: i64,
    /// The rule that refuses the next placement.
    pub(super) refuse_next: Option<String>,
    legs: BTreeMap<(u32, bool), Leg>,
    /// Fills that have not failed, oldest first.
    done: Vec<Done>,
    last_order: u64,
    last_trade: u64,
    max_order: i64,
    max_open_orders: usize,
}

impl Venue {
    pub(super) fn new(session: &Session) -> Self {
        let mut tokens = BTreeMap::new();
        for market in &session.markets {
            for (handle, other) in [(market.yes.handle, market.no.handle), (market.no.handle, market.yes.handle)] {
                let held = session.positions.iter().find(|position| position.token == handle);
                let (held, cost) = held.map_or((0, 0), |position| (position.size, position.cost));
                let (tick, min_size, fee_rate) = (market.tick, market.min_size, market.fee_rate);
                let (bid, ask, open) = (None, None, true);
                tokens.insert(handle, Token { bid, ask, open, tick, other, min_size, fee_rate, held, cost });
            }
        }
        Self {
            now: session.now,
            trading: false,
            tokens,
            orders: session.orders.iter().map(|order| (order.order, *order)).collect(),
            timers: BTreeMap::new(),
            own_events: VecDeque::new(),
            taken: BTreeSet::new(),
            cash: 0,
            refuse_next: None,
            legs: BTreeMap::new(),
            done: Vec::new(),
            last_trade: 0,
            last_order: session.orders.iter().map(|order| order.order).max().unwrap_or(0),
            max_order: session.limits.max_order,
            max_open_orders: usize::try_from(session.limits.max_open_orders).unwrap_or(usize::MAX),
        }
    }

    /// Returns the open positions in the form of a session.
    pub(super) fn positions(&self) -> Vec<Position> {
        let owned = self.tokens.iter().filter(|(_, token)| token.held > 0);
        owned.map(|(handle, token)| Position { token: *handle, size: token.held, cost: token.cost }).collect()
    }

    pub(super) fn held(&self, handle: u32) -> u64 {
        self.tokens.get(&handle).map_or(0, |token| token.held)
    }

    /// Carries out an intent.
    pub(super) fn act(&mut self, intent: &Intent) {
        match &intent.what {
            IntentKind::Place(place) => {
                if let Some(order) = self.submit(intent.tag, *place) {
                    self.meet(order, place.kind);
                }
            }
            IntentKind::Cancel(order) if self.orders.contains_key(order) => self.end(*order, OrderState::Cancelled),
            IntentKind::Cancel(_) => self.refuse(intent.tag, "unknown_order", 0, 0),
            IntentKind::CancelAll(of) => {
                self.legs.retain(|(token, _), _| of.is_some_and(|of| of != *token));
                self.cancel_where(|order| of.is_none_or(|of| of == order.token));
            }
            IntentKind::Quote(quote) => self.quote(intent.tag, quote),
            IntentKind::SetTimer(timer) if timer.at == 0 => drop(self.timers.remove(&timer.id)),
            IntentKind::SetTimer(timer) => drop(self.timers.insert(timer.id, timer.at)),
        }
    }

    /// Starts or stops trading. Stopping drops all standing quotes and cancels all orders, as the host does.
    pub(super) fn set_trading(&mut self, on: bool) {
        self.trading = on;
        if !on {
            self.legs.clear();
            self.cancel_where(|_| true);
        }
    }

    fn cancel_where(&mut self, of: impl Fn(&OpenOrder) -> bool) {
        let orders: Vec<u64> = self.orders.values().filter(|order| of(order)).map(|order| order.order).collect();
        orders.into_iter().for_each(|order| self.end(order, OrderState::Cancelled));
    }

    fn quote(&mut self, tag: u64, quote: &SetQuote) {
        for (sells, want) in [(true, quote.ask), (false, quote.bid)] {
            let key = (quote.token, sells);
            match (want, self.legs.get_mut(&key)) {
                (Some(want), Some(leg)) if same(leg.want, want) => leg.tag = tag,
                (Some(want), Some(leg)) => (leg.tag, leg.want, leg.not_before) = (tag, want, 0),
                (Some(want), None) => drop(self.legs.insert(key, Leg { tag, want, not_before: 0, order: None })),
                (None, _) => {
                    let leg = self.legs.remove(&key);
                    leg.and_then(|leg| leg.order).into_iter().for_each(|order| self.end(order, OrderState::Cancelled));
                }
            }
        }
        self.renew();
    }

    /// Compares standing quotes with their orders, and cancels or places orders where they differ.
    pub(super) fn renew(&mut self) {
        let keys: Vec<(u32, bool)> = self.legs.keys().copied().collect();
        for (token, sells) in keys {
            let Some(leg) = self.legs.get(&(token, sells)) else { continue };
            let (tag, want, not_before) = (leg.tag, leg.want, leg.not_before);
            let serves = leg.order.and_then(|order| self.orders.get(&order));
            match serves {
                Some(order) if order.price == want.price && order.size == want.size => continue,
                Some(order) => {
                    let order = order.order;
                    self.end(order, OrderState::Cancelled);
                }
                None => {}
            }
            if self.now < not_before || want.size == 0 {
                continue;
            }
            let side = if sells { Side::Sell } else { Side::Buy };
            let kind = OrderKind::GtcPostOnly;
            let place = Place { token, side, price: want.price, size: want.size, kind, until: None };
            let order = self.submit(tag, place);
            order.into_iter().for_each(|order| self.meet(order, kind));
            let order = order.filter(|order| self.orders.contains_key(order));
            let again = self.now.saturating_add(REFUSED_WAIT);
            if let Some(leg) = self.legs.get_mut(&(token, sells)) {
                leg.order = order;
                leg.not_before = if order.is_none() { again } else { 0 };
            }
        }
    }

    /// Accepts an order and returns its id, or queues the refusal.
    fn submit(&mut self, tag: u64, place: Place) -> Option<u64> {
        if let Some((rule, value, limit)) = self.refusal(&place) {
            self.refuse(tag, &rule, value, limit);
            return None;
        }
        self.last_order = self.last_order.saturating_add(1);
        let Place { token, side, price, size, .. } = place;
        let state = OrderState::Pending;
        let order = OpenOrder { order: self.last_order, tag, token, side, price, size, filled: 0, state };
        self.orders.insert(order.order, order);
        self.notify_order(&order);
        Some(order.order)
    }

    fn refusal(&mut self, place: &Place) -> Option<(String, i64, i64)> {
        let say = |rule: &str, value: u64, limit: u64| Some((rule.to_owned(), money(value), money(limit)));
        if let Some(rule) = self.refuse_next.take() {
            return say(&rule, 1, 0);
        }
        let Some(token) = self.tokens.get(&place.token) else { return say("unknown_market", place.token.into(), 0) };
        let open = self.orders.values().filter(|order| order.token == place.token && order.side == place.side);
        let offered: u64 = open.map(left).sum();
        let off_grid =
            place.price.checked_rem(token.tick) != Some(0) || complement(place.price) == 0 || place.price == 0;
        let worth = money(cost(place.price, place.size));
        match () {
            () if !self.trading => say("not_running", 1, 0),
            () if !token.open => say("market_not_open", 1, 0),
            () if off_grid => say("tick", place.price.into(), token.tick.into()),
            () if place.size < token.min_size || !place.size.is_multiple_of(SIZE_STEP) => {
                say("size", place.size, token.min_size)
            }
            () if self.orders.len() >= self.max_open_orders => say("max_open_orders", count(&self.orders), 0),
            () if place.side == Side::Sell && place.size > token.held.saturating_sub(offered) => {
                say("shares", place.size, token.held.saturating_sub(offered))
            }
            () if place.side == Side::Buy && worth > self.max_order => {
                Some(("max_order_usd".to_owned(), worth, self.max_order))
            }
            () => None,
        }
    }

    fn refuse(&mut self, tag: u64, rule: &str, value: i64, limit: i64) {
        self.own_events.push_back(OwnKind::Refused(RefusedEvent { tag, rule: rule.to_owned(), value, limit }));
    }

    /// Processes the arrival of an order at the venue.
    fn meet(&mut self, order: u64, kind: OrderKind) {
        let Some(entry) = self.orders.get(&order).copied() else { return };
        let there = self.crossing(&entry);
        match kind {
            OrderKind::GtcPostOnly if there.is_some() => return self.end(order, OrderState::Refused),
            OrderKind::Fok if there.is_none_or(|there| there.size < wanted(&entry, kind, there.price)) => {
                return self.end(order, OrderState::Cancelled);
            }
            _ => {}
        }
        self.cross(order, Some(kind));
        match (kind, self.orders.get_mut(&order)) {
            (OrderKind::Fak | OrderKind::Fok, Some(_)) => self.end(order, OrderState::Cancelled),
            (_, Some(entry)) if entry.filled == 0 => {
                entry.state = OrderState::Live;
                let entry = *entry;
                self.notify_order(&entry);
            }
            _ => {}
        }
    }

    /// Returns the best price that an order would match now.
    fn crossing(&self, order: &OpenOrder) -> Option<Quote> {
        let token = self.tokens.get(&order.token)?;
        match order.side {
            Side::Buy => token.ask.filter(|ask| ask.price <= order.price),
            Side::Sell => token.bid.filter(|bid| bid.price >= order.price),
        }
    }

    /// Fills an order against the best price that it crosses. `takes` is the kind of a taking order; `None` means the
    /// order rests.
    fn cross(&mut self, order: u64, takes: Option<OrderKind>) {
        let Some(entry) = self.orders.get(&order).copied() else { return };
        let Some(there) = self.crossing(&entry) else { return };
        let wanted = takes.map_or(left(&entry), |kind| wanted(&entry, kind, there.price));
        let size = wanted.min(there.size);
        if let Some(token) = self.tokens.get_mut(&entry.token) {
            let book = if entry.side == Side::Buy { &mut token.ask } else { &mut token.bid };
            let rest = Quote { price: there.price, size: there.size.saturating_sub(size) };
            *book = (rest.size > 0).then_some(rest);
            self.taken.insert(entry.token);
        }
        // A resting order gets its own price.
        let (price, takes) = if takes.is_some() { (there.price, true) } else { (entry.price, false) };
        self.fill(order, (size, size >= wanted), price, takes);
    }

    /// Fills all resting orders that the best prices cross, oldest first.
    pub(super) fn cross_resting(&mut self) {
        let orders: Vec<u64> = self.orders.keys().copied().collect();
        orders.into_iter().for_each(|order| self.cross(order, None));
    }

    /// Matches a taker's trade against the strategy's orders at its price or better, which fill first.
    pub(super) fn traded(&mut self, token: u32, taker: Side, price: u32, mut size: u64) {
        let met = |order: &&OpenOrder| {
            let reached = if taker == Side::Sell { order.price >= price } else { order.price <= price };
            order.token == token && order.side != taker && reached
        };
        let orders: Vec<OpenOrder> = self.orders.values().filter(met).copied().collect();
        for order in orders {
            let part = left(&order).min(size);
            size = size.saturating_sub(part);
            self.fill(order.order, (part, part >= left(&order)), order.price, false);
        }
    }

    /// Resolves a token's market: cancels its orders and pays out its shares.
    pub(super) fn resolve(&mut self, handle: u32, pays: u32) {
        self.legs.retain(|(token, _), _| *token != handle);
        self.cancel_where(|order| order.token == handle);
        let Some(token) = self.tokens.get_mut(&handle) else { return };
        token.open = false;
        if token.held > 0 {
            self.cash = self.cash.saturating_add(money(cost(pays, token.held)));
            (token.held, token.cost) = (0, 0);
            self.own_events.push_back(OwnKind::Position(Position { token: handle, size: 0, cost: 0 }));
        }
    }

    /// Fills an order with `size` shares; `done` is true if that completes it.
    fn fill(&mut self, order: u64, (size, done): (u64, bool), price: u32, takes: bool) {
        let (Some(entry), true) = (self.orders.get_mut(&order), size > 0) else { return };
        entry.filled = entry.filled.saturating_add(size);
        entry.state = if done { OrderState::Filled } else { OrderState::PartlyFilled };
        let entry = *entry;
        let OpenOrder { tag, token: handle, side, .. } = entry;
        if done {
            self.orders.remove(&order);
        }
        let Some(token) = self.tokens.get_mut(&handle) else { return };
        let fee = if takes { fee(token.fee_rate, price, size) } else { 0 };
        let value = money(cost(price, size));
        let mut basis = 0;
        if side == Side::Buy {
            self.cash = self.cash.saturating_sub(value);
            token.held = token.held.saturating_add(size);
            token.cost = token.cost.saturating_add(value);
        } else {
            basis = part(token.cost, size, token.held);
            self.cash = self.cash.saturating_add(value);
            token.cost = token.cost.saturating_sub(basis);
            token.held = token.held.saturating_sub(size);
        }
        self.cash = self.cash.saturating_sub(fee);
        let position = Position { token: handle, size: token.held, cost: token.cost };
        self.last_trade = self.last_trade.saturating_add(1);
        let trade = format!("trade-{}", self.last_trade);
        let fill = FillEvent { order, tag, token: handle, side, price, size, fee, trade };
        self.done.push(Done { fill: fill.clone(), basis });
        self.own_events.push_back(OwnKind::Fill(fill));
        self.notify_order(&entry);
        self.own_events.push_back(OwnKind::Position(position));
    }

    /// Reverts the latest fill.
    pub(super) fn fail_last(&mut self) -> Result<(), String> {
        let Done { fill, basis } = self.done.pop().ok_or("nothing was filled, or all of it has failed")?;
        let FillEvent { order, tag, token: handle, side, price, size, fee, trade } = fill;
        let token = self.tokens.get_mut(&handle).ok_or("the fill is of an unknown token")?;
        let value = money(cost(price, size));
        if side == Side::Buy {
            token.held = token.held.checked_sub(size).ok_or("the shares that it bought are no longer held")?;
            token.cost = token.cost.saturating_sub(value);
            self.cash = self.cash.saturating_add(value);
        } else {
            token.held = token.held.saturating_add(size);
            token.cost = token.cost.saturating_add(basis);
            self.cash = self.cash.saturating_sub(value);
        }
        self.cash = self.cash.saturating_add(fee);
        let position = Position { token: handle, size: token.held, cost: token.cost };
        let state = Settlement::Failed;
        let settled = SettlementEvent { order, tag, token: handle, side, price, size, trade, state };
        self.own_events.push_back(OwnKind::Settlement(settled));
        self.own_events.push_back(OwnKind::Position(position));
        Ok(())
    }

    fn end(&mut self, order: u64, state: OrderState) {
        if let Some(entry) = self.orders.remove(&order) {
            self.notify_order(&OpenOrder { state, ..entry });
        }
    }

    fn notify_order(&mut self, order: &OpenOrder) {
        let OpenOrder { order, tag, token, side, price, size, filled, state } = *order;
        self.own_events.push_back(OwnKind::Order(OrderEvent { order, tag, token, side, price, size, filled, state }));
    }
}

/// Returns the venue's taker fee.
fn fee(rate: u32, price: u32, size: u64) -> i64 {
    let exact = [rate.into(), price.into(), complement(price).into()]
        .iter()
        .fold(u128::from(size), |a, b| a.saturating_mul(*b));
    let steps = exact / FEE_STEP_EXACT;
    i64::try_from(steps.saturating_mul(FEE_STEP)).unwrap_or(i64::MAX)
}

/// Returns the share of a position's cost that `size` of its shares carry.
fn part(cost: i64, size: u64, held: u64) -> i64 {
    let part = i128::from(cost).saturating_mul(i128::from(size)).checked_div(i128::from(held)).unwrap_or(0);
    i64::try_from(part).unwrap_or(cost)
}

/// Returns the shares that an order takes at a price if they are available. A FAK or FOK BUY spends the dollars that
/// its shares cost at its limit price, however many shares they buy; every other order takes its remaining shares.
fn wanted(order: &OpenOrder, kind: OrderKind, price: u32) -> u64 {
    if order.side == Side::Sell || !matches!(kind, OrderKind::Fak | OrderKind::Fok) {
        return left(order);
    }
    let worth = cost(order.price, order.size);
    let dollars = worth.saturating_sub(worth % CENT);
    let bought = u128::from(dollars).saturating_mul(u128::from(SHARE)).checked_div(u128::from(price)).unwrap_or(0);
    u64::try_from(bought).unwrap_or(u64::MAX)
}

fn left(order: &OpenOrder) -> u64 {
    order.size.saturating_sub(order.filled)
}

fn same(a: Quote, b: Quote) -> bool {
    (a.price, a.size) == (b.price, b.size)
}

fn money(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn count<T>(map: &BTreeMap<u64, T>) -> u64 {
    u64::try_from(map.len()).unwrap_or(u64::MAX)
}

/// A thousand shares: the size at a best price unless the script gives one.
pub(super) const PLENTY: u64 = 1_000 * SHARE;
