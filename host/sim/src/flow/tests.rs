#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use crate::venue::{Event, Trade};

const STEP_MILLIS: u64 = 100;

fn started(seed: u64) -> (Flow, Venue) {
    let flow = Flow::new(seed);
    let mut venue = Venue::new();
    for market in flow.markets() {
        venue.add_market(market).unwrap();
    }
    (flow, venue)
}

fn ticks_between(low: Price, high: Price, market: &Market) -> u32 {
    (high.micros() - low.micros()) / market.tick.micros()
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let story = |seed| {
        let (mut flow, mut venue) = started(seed);
        (0..300).for_each(|step| flow.step(Time::from_millis(step * STEP_MILLIS), &mut venue));
        venue.drain()
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[test]
fn a_step_in_parts_is_the_same_step() {
    let story = |at_most| {
        let (mut flow, mut venue) = started(7);
        let mut parts = 0;
        for step in 0..300 {
            while !flow.step_some(Time::from_millis(step * STEP_MILLIS), &mut venue, at_most) {
                parts += 1;
            }
        }
        (venue.drain(), parts)
    };
    let whole = story(usize::MAX);
    let markets = Flow::new(7).markets().len();
    for at_most in [0, 1, 4, markets] {
        let (events, parts) = story(at_most);
        assert_eq!(events, whole.0, "{at_most} at a time");
        assert_eq!(parts, 300 * (markets.div_ceil(at_most.max(1)) - 1), "{at_most} at a time");
    }
    assert!(!whole.0.is_empty());
}

#[test]
fn a_flow_may_have_many_markets_and_all_have_names_and_books_of_their_own() {
    // A maker has twenty orders in each market, and an account may have only a limited number.
    let count = crate::venue::ORDERS_MAX / 20 + 30;
    let mut flow = Flow::with_markets(7, count);
    let mut venue = Venue::new();
    for market in flow.markets() {
        venue.add_market(market).unwrap();
    }
    let slugs: BTreeSet<_> = flow.markets().into_iter().map(|market| market.slug).collect();
    // The standalone markets; the event's markets come in addition.
    let alone = |flow: &Flow| -> Vec<_> {
        let alone = flow.markets().into_iter().filter(|market| market.event.is_none());
        alone.map(|market| (market.slug, market.condition)).collect()
    };
    let (few, many) = (alone(&Flow::new(7)), alone(&flow));
    assert_eq!((few.len(), many.len(), slugs.len()), (INVENTED, count, flow.markets().len()));
    let first = many[..INVENTED].to_vec();
    assert_eq!(first, few, "more markets do not change the first ones");
    (1..=50).for_each(|step| flow.step(Time::from_millis(step * STEP_MILLIS), &mut venue));
    for (ix, market) in venue.listed() {
        let both = [Side::Buy, Side::Sell].map(|side| venue.levels(ix.token(0), side).len());
        assert!(both[0] >= 5 && both[1] >= 5, "{both:?} levels of {}", market.slug);
    }
}

#[test]
fn the_most_markets_that_are_invented_fit_a_venue_with_those_of_the_event() {
    let flow = Flow::with_markets(7, INVENTED_MAX);
    let mut venue = Venue::new();
    assert!(flow.markets().len() > INVENTED_MAX);
    assert!(flow.markets().into_iter().all(|market| venue.add_market(market).is_ok()));
}

#[test]
fn at_another_pace_there_is_so_much_more_or_less() {
    let trades = |pace| {
        let (flow, mut venue) = started(7);
        let mut flow = flow.at_pace(pace);
        (0..2_000).for_each(|step| flow.step(Time::from_millis(step * 10), &mut venue));
        venue.drain().into_iter().filter(|event| matches!(event, Event::Trade(_))).count()
    };
    let (slow, usual, fast) = (trades(PACE / 5), trades(PACE), trades(PACE * 5));
    assert!(slow * 4 < usual && usual < slow * 6, "{slow} and {usual}");
    assert!(usual * 4 < fast && fast < usual * 6, "{usual} and {fast}");
}

#[test]
fn books_stay_two_sided_deep_and_narrow() {
    let (mut flow, mut venue) = started(42);
    let mut narrow = 0;
    let mut looks = 0;
    for step in 0..6_000 {
        flow.step(Time::from_millis(step * STEP_MILLIS), &mut venue);
        venue.drain();
        for (place, market) in venue.markets().enumerate() {
            let token = MarketIx(u32::try_from(place).unwrap()).token(0);
            assert!(venue.levels(token, Side::Buy).len() >= 5, "bids of {} at step {step}", market.slug);
            assert!(venue.levels(token, Side::Sell).len() >= 5, "asks of {} at step {step}", market.slug);
            let (bid, ask) = (venue.best(token, Side::Buy).unwrap(), venue.best(token, Side::Sell).unwrap());
            assert!(bid.price < ask.price, "{} is crossed at step {step}", market.slug);
            looks += 1;
            narrow += u32::from((2..=4).contains(&ticks_between(bid.price, ask.price, market)));
        }
    }
    assert!(narrow * 10 >= looks * 7, "the spread was 2 to 4 ticks in {narrow} of {looks} samples");
}

/// A quoter of ten dollars at the best price of both sides of every market, which quotes again every second.
struct Quoter {
    account: AccountId,
    rng: Rng,
    open: BTreeMap<VenueOrderId, Time>,
    waits: Vec<u64>,
}

impl Quoter {
    fn quote(&mut self, now: Time, venue: &mut Venue) {
        venue.cancel_all(now, self.account);
        self.open.clear();
        let markets = venue.markets().len();
        for place in 0..markets {
            let token = MarketIx(u32::try_from(place).unwrap()).token(0);
            for side in [Side::Buy, Side::Sell] {
                let Some(best) = venue.best(token, side) else { continue };
                let mut id = VenueOrderId([0; 32]);
                self.rng.fill(&mut id.0);
                let size = Size(10_000_000 * 1_000_000 / u64::from(best.price.micros())).floor_to_cents();
                let kind = OrderKind::Gtc { post_only: true };
                let order = Order { id, token, side, price: best.price, size, spend: None, kind };
                if venue.place(now, self.account, &order).is_ok() {
                    self.open.insert(id, now);
                }
            }
        }
    }

    fn hear(&mut self, trade: &Trade) {
        for part in &trade.parts {
            if let Some(since) = part.order.and_then(|id| self.open.remove(&id)) {
                self.waits.push(trade.at.since(since) / 1_000);
            }
        }
    }
}

#[test]
fn a_ten_dollar_quote_at_the_best_price_is_hit_within_seconds_and_earns() {
    let (mut flow, mut venue) = started(11);
    let cash = Usd::dollars(100_000);
    let account = venue.open_account(cash).unwrap();
    let tokens: Vec<_> =
        (0..u32::try_from(venue.markets().len()).unwrap()).map(|place| MarketIx(place).token(0)).collect();
    let start = Size::shares(1_000_000);
    tokens.iter().for_each(|token| venue.grant(account, *token, start).unwrap());
    let mut quoter = Quoter { account, rng: Rng::new(5), open: BTreeMap::new(), waits: Vec::new() };
    let (rounds, steps) = (200_u64, 30);
    let mut quotes = 0;
    for step in 0..rounds * steps {
        let now = Time::from_millis(step * STEP_MILLIS);
        flow.step(now, &mut venue);
        if step % steps == 5 {
            venue.drain();
            quoter.quote(now, &mut venue);
            quotes += quoter.open.len();
        }
        for event in venue.drain() {
            if let Event::Trade(trade) = event {
                quoter.hear(&trade);
            }
        }
    }
    let hit = quoter.waits.len();
    let mean = quoter.waits.iter().sum::<u64>() / u64::try_from(hit).unwrap();
    assert!(hit * 10 >= quotes * 8, "{hit} of {quotes} quotes were hit within three seconds");
    assert!(mean < 2_000, "the mean wait was {mean} ms");
    let held = tokens.iter().map(|token| {
        let shares = venue.shares(account, *token).total - i64::try_from(start.micros()).unwrap();
        let fair = (venue.best(*token, Side::Buy).unwrap().price.micros()
            + venue.best(*token, Side::Sell).unwrap().price.micros())
            / 2;
        i128::from(shares) * i128::from(fair) / 1_000_000
    });
    let earned = i128::from(venue.cash(account).total - cash.micros()) + held.sum::<i128>();
    assert!(earned > 0, "the quoter lost {earned} micro-dollars");
}

#[test]
fn a_followed_market_trades_around_the_given_price_and_ends_quietly() {
    let market = Flow::new(3).markets().remove(0);
    let condition = market.condition;
    let (mut flow, mut venue) = (Flow::followed(3), Venue::new());
    let ix = flow.follow(&mut venue, market.clone()).unwrap();
    assert_eq!(flow.follow(&mut venue, market), Err(MarketError::Taken));
    let mut traded = 0;
    for step in 0..600u32 {
        // The fair price moves from 50 cents to 95 within half a minute, then to 5.
        let fair = if step < 300 { 500_000 + step * 1_500 } else { 950_000 - (step - 300) * 3_000 };
        flow.set_fair(condition, Price::from_micros(fair).unwrap());
        flow.step(Time::from_millis(u64::from(step) * STEP_MILLIS), &mut venue);
        traded += venue.drain().iter().filter(|event| matches!(event, Event::Trade(_))).count();
        let (bid, ask) = (venue.best(ix.token(0), Side::Buy), venue.best(ix.token(0), Side::Sell));
        let middle = (bid.unwrap().price.micros() + ask.unwrap().price.micros()) / 2;
        assert!(middle.abs_diff(fair) < 40_000, "the mid price is {middle} at step {step}, the fair price is {fair}");
    }
    assert!(traded > 50, "{traded} trades in a minute");
    venue.resolve(Time::from_millis(61_000), ix, [Usd::ZERO, Usd::dollars(1)]).unwrap();
    flow.forget(condition);
    flow.step(Time::from_millis(62_000), &mut venue);
    assert_eq!(venue.levels(ix.token(0), Side::Buy).len(), 0);
}

fn middle(venue: &Venue, market: MarketIx) -> u32 {
    let price = |side| venue.best(market.token(0), side).unwrap().price.micros();
    price(Side::Buy).midpoint(price(Side::Sell))
}

#[test]
fn the_prices_of_an_event_make_a_dollar_and_it_ends_with_one_winner() {
    let lasts = 600;
    let (mut winners, mut moved) = (BTreeSet::new(), 0);
    for seed in 1..9 {
        let (flow, mut venue) = started(seed);
        let mut flow = flow.with_event_lasting(lasts * 1_000_000);
        let event = venue.markets().find_map(|market| market.event).unwrap();
        let markets = venue.event_markets(event);
        assert!(markets.len() >= 3 && flow.event_names(event).is_some());
        let first = markets.iter().map(|market| flow.streams[market.index()].fair).collect::<Vec<_>>();
        for step in 0..lasts * 1_000 / STEP_MILLIS {
            flow.step(Time::from_millis(step * STEP_MILLIS), &mut venue);
            venue.drain();
            let fairs = || markets.iter().map(|market| flow.streams[market.index()].fair.micros());
            assert_eq!(fairs().sum::<u32>(), 1_000_000, "seed {seed}, step {step}");
            let sum: u32 = markets.iter().map(|market| middle(&venue, *market)).sum();
            assert!(sum.abs_diff(1_000_000) <= 50_000, "the mid prices sum to {sum}: seed {seed}, step {step}");
        }
        let last = markets.iter().map(|market| flow.streams[market.index()].fair);
        moved += first.iter().zip(last).filter(|(first, last)| first.micros().abs_diff(last.micros()) > 2_000).count();
        let later = Time::from_millis(lasts * 1_000);
        flow.step(later, &mut venue);
        let paid: Vec<_> = markets.iter().map(|market| venue.resolution(*market).unwrap()[0]).collect();
        assert_eq!(paid.iter().filter(|pays| **pays == Usd::dollars(1)).count(), 1, "{paid:?}");
        assert_eq!(paid.iter().filter(|pays| **pays == Usd::ZERO).count(), markets.len() - 1, "{paid:?}");
        winners.insert(paid.iter().position(|pays| *pays == Usd::dollars(1)));
        flow.step(later.plus_millis(10_000), &mut venue);
        assert!(venue.levels(markets[0].token(0), Side::Buy).is_empty(), "trading in it has ended");
        assert!(venue.best(MarketIx(0).token(0), Side::Buy).is_some(), "the other markets continue");
    }
    assert!(winners.len() > 1, "the same place won every time");
    assert!(moved >= 8, "{moved} prices moved");
}
