//! The engine and the venue on one order, with a book that moves between approval and match.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "test code may fail loudly")]

use super::*;
use engine::{Effect, Effects, Engine, Purpose};
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Channel, Command, Mode, SessionStart, StrategyAnswer, StrategyChange};
use model::{
    FeeRate, Intent, IntentKind, Level, Limits, Market, OrderKind, OrderState, Price, SessionId, Side, StrategyId,
    Wants,
};
use proptest::prelude::*;

const NOW: Time = Time(20_000 * 86_400_000_000);
const CASH: Usd = Usd::dollars(1_000);
const YES: TokenIx = TokenIx(0);
const FEE: FeeRate = FeeRate { rate_micros: 70_000 };

/// One of our accounts at the venue and the engine that manages it. The engine's effects go to the venue, the venue's
/// reports to the engine.
struct Pair {
    engine: Engine,
    effects: Effects,
    seq: u64,
    venue: Venue,
    member: Member,
}

impl Pair {
    fn new() -> Self {
        let mut venue = Venue::new();
        let market = Market { fee: FEE, ..testkit::market(0) };
        venue.add_market(market.clone()).unwrap();
        let account = venue.open_account(CASH).unwrap();
        let (engine, effects) = (Engine::new(Purpose::Trade), Effects::new());
        let mut pair = Self { engine, effects, seq: 0, venue, member: Member::new(account) };
        pair.feed(InputKind::Session(SessionStart {
            session: SessionId(1),
            mode: Mode::Demo,
            cash: CASH,
            day_start: None,
            limits: Limits::WIDE,
            salt_seed: 7,
            halted: false,
        }));
        pair.feed(InputKind::Market(market));
        pair.feed(InputKind::Strategy(StrategyChange::Loaded {
            strategy: StrategyId(1),
            name: "one".into(),
            hash: [0; 32],
            instance: 1,
            markets: alloc::vec![MarketIx(0)],
            places: Vec::new(),
            wants: Wants::FIRST,
            since: NOW,
            parameters: alloc::string::String::new(),
        }));
        pair.feed(InputKind::Feed { channel: Channel::Market, up: true });
        pair.feed(InputKind::Feed { channel: Channel::User, up: true });
        pair.feed(InputKind::Command(Command::Start));
        pair
    }

    /// Feeds the engine; a tripped breaker fails the test. Returns the approved order.
    fn feed(&mut self, body: InputKind) -> Option<NewOrder> {
        self.seq += 1;
        self.engine.step(&testkit::input(self.seq, NOW, body), &mut self.effects);
        let tripped = self
            .effects
            .iter()
            .find(|effect| matches!(effect, Effect::Event(engine::EngineEvent::Breaker { tripped: true, .. })));
        assert!(tripped.is_none(), "{tripped:?}");
        self.engine.audit().unwrap();
        self.effects.iter().find_map(|effect| match effect {
            Effect::Place(approved) => Some(approved.item().order),
            _ => None,
        })
    }

    /// Sets the asks on offer, and reports them to the engine if `tell` is set.
    fn offer(&mut self, asks: &[Level], tell: bool) {
        let bids = [Level { price: cent(1), size: Size::shares(1_000) }];
        self.venue.replace_external(NOW, YES, &bids, asks).unwrap();
        self.venue.drain();
        if tell {
            let kind = MarketEventKind::Book { bids: bids.to_vec(), asks: asks.to_vec() };
            self.feed(InputKind::Event(MarketEvent { token: YES, venue_time: NOW, kind }));
        }
    }

    /// Places an order at the venue and reports everything that follows to the engine, the placement's answer first or
    /// last.
    fn place(&mut self, order: &NewOrder, answer_first: bool) {
        let outcome = self.member.place(NOW, &mut self.venue, order, VenueOrderId([7; 32]));
        let answer = InputKind::Placed { order: order.id, outcome };
        if answer_first {
            self.feed(answer.clone());
        }
        for event in self.venue.drain() {
            match event {
                venue::Event::Trade(trade) => {
                    for part in self.member.on_trade(&trade) {
                        let free = self.engine.summary();
                        assert!(free.cash >= free.reserved && free.reserved >= Usd::ZERO);
                        self.feed(InputKind::Trade(part.update));
                    }
                }
                venue::Event::Order { change, order, .. } => {
                    if let Some(update) = self.member.on_order(change, &order) {
                        self.feed(update);
                    }
                }
                _ => {}
            }
        }
        if !answer_first {
            self.feed(answer);
        }
    }
}

fn cent(cents: u32) -> Price {
    Price::from_micros(cents.clamp(1, 99) * 10_000).unwrap()
}

fn levels() -> impl Strategy<Value = Vec<Level>> {
    let level = (2u32..99, 1u64..60_000_000).prop_map(|(cents, size)| Level { price: cent(cents), size: Size(size) });
    proptest::collection::vec(level, 0..6).prop_map(|mut levels| {
        levels.sort_by_key(|level| level.price);
        levels.dedup_by_key(|level| level.price);
        levels
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_market_buy_spends_no_more_than_its_dollars_and_is_booked_to_the_millionth(
        seen in levels(), met in levels(), cap in 2u32..99, hundredths in 500u64..8_000, fok in any::<bool>(), first in any::<bool>(),
    ) {
        let mut pair = Pair::new();
        pair.offer(&seen, true);
        let (price, size) = (cent(cap), Size(hundredths * 10_000));
        let kind = if fok { OrderKind::Fok } else { OrderKind::Fak };
        let place = IntentKind::Place { token: YES, side: Side::Buy, price, size, kind };
        let intent = Intent { tag: 9, reason: alloc::string::String::new(), fair: None, kind: place };
        let approved = pair.feed(InputKind::Intents(StrategyAnswer::to_one(StrategyId(1), alloc::vec![intent])));
        let Some(order) = approved else { return Ok(()) };
        let (dollars, reserved) = (order.dollars().unwrap(), pair.engine.summary().reserved);
        // The book moves before the order arrives, and the engine may not know of it yet.
        pair.offer(&met, first);
        pair.place(&order, first);

        let (ledger, summary) = (pair.engine.ledger(), pair.engine.summary());
        let paid = CASH.saturating_sub(ledger.cash());
        prop_assert!(paid <= reserved, "{paid} paid, {reserved} reserved");
        let spent = paid.saturating_sub(ledger.fees());
        prop_assert!(spent <= dollars, "{spent} spent of {dollars}");
        let state = pair.engine.order_state(order.id).unwrap();
        // The total offered within the cap, in millionths of a millionth of a dollar.
        let there = met.iter().filter(|level| level.price <= price);
        let there: u128 = there.map(|level| u128::from(level.size.0) * u128::from(level.price.micros())).sum();
        let enough = there >= u128::try_from(dollars.0).unwrap() * 1_000_000;
        if enough && dollars >= Usd::dollars(1) {
            prop_assert_eq!((spent, state), (dollars, OrderState::Filled));
            prop_assert!(ledger.position(YES).size >= order.shares_min());
        } else if fok || dollars < Usd::dollars(1) {
            // For a filled order, less than a hundredth of a cent may be lost to rounding.
            let filled = state == OrderState::Filled && dollars.0 - spent.0 < 100;
            prop_assert!(filled || (spent == Usd::ZERO && state == OrderState::Refused));
        } else {
            prop_assert!(state.is_over());
        }
        prop_assert_eq!(summary.reserved, Usd::ZERO);
        let view = pair.member.view(&pair.venue, [MarketIx(0)].into_iter());
        prop_assert_eq!(view.cash, ledger.cash());
        prop_assert!(view.shares.iter().all(|(token, size)| ledger.position(*token).size == *size));
    }
}
