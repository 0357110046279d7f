//! Seeded order flow: invented markets whose fair prices move slowly, a maker that quotes around them and a taker that
//! hits both sides. The flow is busy enough that a small quote at the best price is filled within seconds, and calm
//! enough that quoting both sides is profitable on average. Everything is determined by the seed and the times of the
//! steps.

mod catalog;
mod chance;
mod event;

pub use catalog::{INVENTED, INVENTED_MAX};
pub use chance::{Underlying, chance};

use crate::rng::Rng;
use crate::venue::{AccountId, MarketError, Order, Venue};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use event::Course;
use model::{
    ConditionId, EventId, Market, MarketIx, NewOrder, OrderId, OrderKind, Price, Side, Size, StrategyId, Time, Usd,
    VenueOrderId,
};

/// Number of levels that the maker quotes on each side; a taker can empty fewer than half of them.
const LEVELS: u32 = 10;
/// Interval at which the maker updates its quotes, in milliseconds.
const QUOTE_EVERY: Span = Span { least: 200, most: 400 };
/// Interval at which the fair price moves, in milliseconds.
const WALK_EVERY: Span = Span { least: 500, most: 500 };
/// Interval at which a taker arrives in each market, in milliseconds.
const TAKE_EVERY: Span = Span { least: 300, most: 800 };
/// The longest run of takers on one side, so that neither side waits long.
const STREAK_MAX: u32 = 2;
/// The largest distance in ticks from the fair price at which a taker trades.
const REACH_TICKS: u32 = 4;
/// Each move of the fair price is at most this part of a tick, plus this part of its distance from home towards home.
const WALK_PART: u32 = 8;
const PULL_PART: u32 = 400;
/// The distance that the fair price keeps from 0 and 1 dollar, in micro-dollars.
const MARGIN: u32 = 150_000;
/// The same for the fair price of a followed market.
const FOLLOWED_MARGIN: u32 = 5_000;
/// Number of standalone markets listed before those of the event.
const ALONE_FIRST: usize = 2;
/// Number of markets traded through one pair of accounts: the maker's orders in all of them are fewer than an account
/// may have.
const MARKETS_EACH: u32 = 32;
/// The normal pace, in millionths.
const PACE: u64 = 1_000_000;
/// Starting balance of the flow's accounts, in dollars and in shares of each token: more than it can ever lose.
const FUNDS: u32 = 1_000_000_000;

/// A range of milliseconds to draw from.
#[derive(Debug, Clone, Copy)]
struct Span {
    least: u64,
    most: u64,
}

impl Span {
    /// Draws from the range; at twice the pace the result is half as long.
    fn after(self, now: Time, rng: &mut Rng, pace: u64) -> Time {
        let width = self.most.saturating_sub(self.least).saturating_add(1);
        let micros = u128::from(self.least.saturating_add(rng.below(width))).saturating_mul(1_000);
        let paced = micros.saturating_mul(u128::from(PACE)).checked_div(u128::from(pace)).unwrap_or(micros);
        now.plus_micros(u64::try_from(paced).unwrap_or(u64::MAX))
    }
}

/// The source of a market's fair price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// It moves randomly by itself.
    Wandering,
    /// It is set from outside.
    Followed,
    /// It depends on the other markets of an event.
    Shared,
}

/// The flow of one market.
#[derive(Debug, Clone)]
struct Stream {
    market: Market,
    home: Price,
    fair: Price,
    worth: Worth,
    /// True if its accounts hold shares of it to sell.
    stocked: bool,
    walk_due: Time,
    quote_due: Time,
    take_due: Time,
    /// The last taker's side on YES, and the number of takers in a row on that side.
    streak: (Side, u32),
    /// The maker's orders by side and price on YES.
    quotes: BTreeMap<(Side, Price), VenueOrderId>,
}

/// The accounts used by the flow.
#[derive(Debug, Clone, Copy)]
struct Accounts {
    maker: AccountId,
    taker: AccountId,
}

/// The order flow of one venue.
#[derive(Debug, Clone)]
pub struct Flow {
    rng: Rng,
    streams: Vec<Stream>,
    event: Option<Course>,
    /// By the first of their markets, in groups of [`MARKETS_EACH`].
    accounts: BTreeMap<u32, Accounts>,
    /// Activity, in millionths of the normal pace.
    pace: u64,
    /// Index of the next market to step.
    next: usize,
}

impl Flow {
    /// Returns the flow of `seed` with its invented markets: some standalone ones, and an event of several that exclude
    /// each other.
    pub fn new(seed: u64) -> Self {
        Self::with_markets(seed, INVENTED)
    }

    /// Returns a flow of `count` invented markets. The texts of the first [`INVENTED`] are repeated, with a number, for
    /// the others.
    pub fn with_markets(seed: u64, count: usize) -> Self {
        let mut rng = Rng::new(seed);
        let alone = catalog::markets(&mut rng, count).into_iter();
        let mut streams: Vec<Stream> = alone
            .map(|market| {
                let home = home(&market, &mut rng);
                Stream::new(market, home, Worth::Wandering)
            })
            .collect();
        let exclusive = catalog::exclusive(&mut rng).into_iter();
        let exclusive: Vec<Stream> = exclusive.map(|(market, home)| Stream::new(market, home, Worth::Shared)).collect();
        let event = exclusive.first().and_then(|stream| Course::of(&stream.market, event::LASTS_MICROS));
        // The first few markets include both kinds.
        let place = ALONE_FIRST.min(streams.len());
        streams.splice(place..place, exclusive);
        Self { rng, streams, event, accounts: BTreeMap::new(), pace: PACE, next: 0 }
    }

    /// Sets the duration of the event from the first step on; an hour by default.
    #[must_use]
    pub fn with_event_lasting(mut self, micros: u64) -> Self {
        if let Some(event) = &mut self.event {
            event.lasts_micros = micros;
        }
        self
    }

    /// Sets the pace, in millionths of the normal one.
    #[must_use]
    pub const fn at_pace(mut self, millionths: u64) -> Self {
        self.pace = millionths;
        self
    }

    /// Returns the slug and the title of the invented event.
    pub fn event_names(&self, event: EventId) -> Option<(&'static str, &'static str)> {
        let invented = |stream: &Stream| stream.worth == Worth::Shared && stream.market.event == Some(event);
        self.streams.iter().any(invented).then_some(catalog::EVENT)
    }

    /// Returns a flow without markets; [`Flow::follow`] adds them.
    pub fn followed(seed: u64) -> Self {
        let (streams, accounts) = (Vec::new(), BTreeMap::new());
        Self { rng: Rng::new(seed), streams, event: None, accounts, pace: PACE, next: 0 }
    }

    /// Lists a market whose fair price is set by [`Flow::set_fair`] from now on.
    ///
    /// # Errors
    /// [`MarketError`] if the venue does not accept the market.
    pub fn follow(&mut self, venue: &mut Venue, market: Market) -> Result<MarketIx, MarketError> {
        let ix = venue.add_market(market.clone())?;
        accounts_of(&mut self.accounts, venue, ix)?.stock(venue, ix)?;
        self.streams.push(Stream { stocked: true, ..Stream::new(market, Price::HALF, Worth::Followed) });
        Ok(ix)
    }

    /// Sets the fair price of a followed market's first token.
    pub fn set_fair(&mut self, condition: ConditionId, fair: Price) {
        let micros = fair.micros().clamp(FOLLOWED_MARGIN, model::SCALE.saturating_sub(FOLLOWED_MARGIN));
        let followed = self
            .streams
            .iter_mut()
            .find(|stream| stream.worth == Worth::Followed && stream.market.condition == condition);
        if let (Some(stream), Some(fair)) = (followed, Price::from_micros(micros)) {
            stream.fair = fair;
        }
    }

    /// Stops trading a market; its open orders end with the market.
    pub fn forget(&mut self, condition: ConditionId) {
        self.streams.retain(|stream| stream.market.condition != condition);
    }

    /// Returns the flow's markets; they must be listed on the venue before the first step.
    pub fn markets(&self) -> Vec<Market> {
        self.streams.iter().map(|stream| stream.market.clone()).collect()
    }

    /// Performs everything that is due at `now` in every market that the venue lists; about ten calls a second look
    /// lively. Time without calls is not made up for.
    pub fn step(&mut self, now: Time, venue: &mut Venue) {
        while !self.step_some(now, venue, usize::MAX) {}
    }

    /// Performs a part of [`Flow::step`]: the next `at_most` markets, at least one. Returns true if this completed the
    /// pass over all markets; the next call then starts from the first one.
    pub fn step_some(&mut self, now: Time, venue: &mut Venue, at_most: usize) -> bool {
        if self.next == 0 {
            self.step_event(now, venue);
        }
        let turns = at_most.max(1);
        for stream in self.streams.iter_mut().skip(self.next).take(turns) {
            let Some(market) = venue.market_of(stream.market.condition) else { continue };
            let Ok(accounts) = accounts_of(&mut self.accounts, venue, market) else { continue };
            stream.stocked = stream.stocked || accounts.stock(venue, market).is_ok();
            stream.step(now, venue, market, accounts, (&mut self.rng, self.pace));
        }
        let next = self.next.saturating_add(turns);
        let all = next >= self.streams.len();
        self.next = if all { 0 } else { next };
        all
    }

    fn step_event(&mut self, now: Time, venue: &mut Venue) {
        let goes_on = |event: &mut Course| event.step(now, venue, &mut self.streams, (&mut self.rng, self.pace));
        if !self.event.as_mut().is_none_or(goes_on) {
            let over = self.event.take();
            self.streams.retain(|stream| !over.as_ref().is_some_and(|event| event.has(&stream.market)));
        }
    }
}

/// Draws the home price of a market: anywhere in the middle 40 cents.
fn home(market: &Market, rng: &mut Rng) -> Price {
    let micros = rng.below(400_000).saturating_add(300_000);
    u32::try_from(micros).ok().and_then(Price::from_micros).unwrap_or_else(|| clamped(500_000)).floor_to(market.tick)
}

fn clamped(micros: u32) -> Price {
    within(MARGIN, micros)
}

/// Returns the price nearest to `micros` that keeps `margin` from 0 and 1 dollar.
fn within(margin: u32, micros: u32) -> Price {
    let micros = micros.clamp(margin, model::SCALE.saturating_sub(margin));
    Price::from_micros(micros).unwrap_or(Price::HALF)
}

/// Returns the accounts used for a market, opening them if necessary.
fn accounts_of(
    accounts: &mut BTreeMap<u32, Accounts>,
    venue: &mut Venue,
    market: MarketIx,
) -> Result<Accounts, MarketError> {
    let group = market.0 / MARKETS_EACH;
    if let Some(known) = accounts.get(&group) {
        return Ok(*known);
    }
    let opened = Accounts::open(venue)?;
    accounts.insert(group, opened);
    Ok(opened)
}

impl Accounts {
    fn open(venue: &mut Venue) -> Result<Self, MarketError> {
        let cash = Usd::dollars(i64::from(FUNDS));
        Ok(Self { maker: venue.open_account(cash)?, taker: venue.open_account(cash)? })
    }

    /// Gives both accounts the shares that they sell in a market.
    fn stock(self, venue: &mut Venue, market: MarketIx) -> Result<(), MarketError> {
        for token in [market.token(0), market.token(1)] {
            venue.grant(self.maker, token, Size::shares(u64::from(FUNDS)))?;
            venue.grant(self.taker, token, Size::shares(u64::from(FUNDS)))?;
        }
        Ok(())
    }
}

impl Stream {
    const fn new(market: Market, home: Price, worth: Worth) -> Self {
        Self {
            market,
            home,
            fair: home,
            worth,
            stocked: false,
            walk_due: Time(0),
            quote_due: Time(0),
            take_due: Time(0),
            streak: (Side::Buy, 0),
            quotes: BTreeMap::new(),
        }
    }

    fn step(
        &mut self,
        now: Time,
        venue: &mut Venue,
        market: MarketIx,
        accounts: Accounts,
        (rng, pace): (&mut Rng, u64),
    ) {
        if self.worth == Worth::Wandering && now >= self.walk_due {
            self.walk_due = WALK_EVERY.after(now, rng, pace);
            self.walk(rng);
        }
        if now >= self.quote_due {
            self.quote_due = QUOTE_EVERY.after(now, rng, pace);
            self.quote(now, venue, market, accounts.maker, rng);
        }
        if now >= self.take_due {
            self.take_due = TAKE_EVERY.after(now, rng, pace);
            self.trade_against(now, venue, market, accounts.taker, rng);
        }
    }

    /// Moves the fair price a little, up or down with equal probability, and a little towards its home.
    fn walk(&mut self, rng: &mut Rng) {
        let part = self.market.tick.micros().checked_div(WALK_PART).unwrap_or(0);
        let width = u64::from(part).saturating_mul(2).saturating_add(1);
        let drawn = u32::try_from(rng.below(width)).unwrap_or(part);
        let (home, fair) = (self.home.micros(), self.fair.micros());
        let up = home.saturating_sub(fair).checked_div(PULL_PART).unwrap_or(0).saturating_add(drawn);
        let down = fair.saturating_sub(home).checked_div(PULL_PART).unwrap_or(0).saturating_add(part);
        self.fair = clamped(fair.saturating_add(up).saturating_sub(down));
    }

    /// Returns the maker's target quotes on YES. The best ones are a little more than one tick from the fair price,
    /// rounded outwards: a spread of two to four ticks.
    fn wanted(&self) -> BTreeSet<(Side, Price)> {
        let tick = self.market.tick;
        let away = tick.micros().saturating_add(tick.micros().checked_div(5).unwrap_or(0));
        let mut wanted = BTreeSet::new();
        for level in 0..LEVELS {
            let away = away.saturating_add(tick.micros().saturating_mul(level));
            let bid = Price::from_micros(self.fair.micros().saturating_sub(away));
            let ask = Price::from_micros(self.fair.micros().saturating_add(away));
            wanted.extend(bid.map(|price| (Side::Buy, price.floor_to(tick))));
            wanted.extend(ask.map(|price| (Side::Sell, price.ceil_to(tick))));
        }
        wanted
    }

    /// Cancels quotes that are no longer wanted or mostly filled, and places the missing ones.
    fn quote(&mut self, now: Time, venue: &mut Venue, market: MarketIx, account: AccountId, rng: &mut Rng) {
        let wanted = self.wanted();
        self.quotes.retain(|place, id| {
            let Some(order) = venue.order(*id) else { return false };
            let eaten = order.rest() < order.matched;
            if eaten || !wanted.contains(place) {
                venue.cancel(now, account, *id);
                return false;
            }
            true
        });
        let center = self.fair;
        for place in wanted {
            if self.quotes.contains_key(&place) {
                continue;
            }
            let (side, price) = place;
            let distance = price.micros().abs_diff(center.micros()).checked_div(self.market.tick.micros()).unwrap_or(1);
            let shares = rng.below(16).saturating_add(20).saturating_mul(u64::from(distance));
            let kind = OrderKind::Gtc { post_only: true };
            let order = either_token(rng, market, side, price, Size::shares(shares), kind);
            // If another account's quote is in the way, the maker stays out until its next turn.
            if venue.place(now, account, &order).is_ok() {
                self.quotes.insert(place, order.id);
            }
        }
    }

    /// Lets one taker trade the orders within range of the fair price.
    fn trade_against(&mut self, now: Time, venue: &mut Venue, market: MarketIx, account: AccountId, rng: &mut Rng) {
        let drawn = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (last, count) = self.streak;
        let side = if drawn == last && count >= STREAK_MAX { drawn.opposite() } else { drawn };
        self.streak = (side, if side == last { count.saturating_add(1) } else { 1 });
        let tick = self.market.tick;
        let reach = tick.micros().saturating_mul(REACH_TICKS);
        let margin = if self.worth == Worth::Wandering { MARGIN } else { tick.micros() };
        let limit = match side {
            Side::Buy => within(margin, self.fair.micros().saturating_add(reach)).floor_to(tick),
            Side::Sell => within(margin, self.fair.micros().saturating_sub(reach)).ceil_to(tick),
        };
        let size = Size::shares(rng.below(61).saturating_add(35));
        let order = either_token(rng, market, side, limit, size, OrderKind::Fak);
        // A refusal means that there is no order within range; the next taker comes soon.
        drop(venue.place(now, account, &order));
    }
}

/// Returns an order at a given place on YES, expressed on YES or, with equal probability, as its mirror on NO.
fn either_token(rng: &mut Rng, market: MarketIx, side: Side, price: Price, size: Size, kind: OrderKind) -> Order {
    let mut id = VenueOrderId([0; 32]);
    rng.fill(&mut id.0);
    let (token, side, price) = if rng.below(2) == 0 {
        (market.token(0), side, price)
    } else {
        (market.token(1), side.opposite(), price.complement())
    };
    let order = NewOrder { id: OrderId(0), strategy: StrategyId::EXTERNAL, tag: 0, token, side, price, size, kind };
    Order::signed(id, &order)
}

#[cfg(test)]
mod tests;
