//! Carry-over from one session to the next.

use crate::story::{START, Story, price, show};
use engine::{Effects, Engine, Purpose, Restriction};
use model::input::{
    AccountView, Breaker, Channel, Command, Mode, PlaceOutcome, Scope, SessionStart, Settlement, StrategyAnswer,
    StrategyChange,
};
use model::{
    CarryOver, InputKind, Intent, IntentKind, Limits, MarketEvent, MarketEventKind, MarketIx, OrderId, OrderKind,
    OrderState, SessionId, Side, Size, StrategyId, Time, TokenIx, Transfer, TransferKind, Usd,
};
use testkit::{input, market};

const TOKEN: TokenIx = TokenIx(0);

fn bid(shares: u64, limit: &str) -> IntentKind {
    let kind = OrderKind::Gtc { post_only: false };
    IntentKind::Place { token: TOKEN, side: Side::Buy, price: price(limit), size: Size::shares(shares), kind }
}

fn buy(story: &mut Story, shares: u64, limit: &str) {
    story.intent(bid(shares, limit));
}

/// A session with a fill of 10, a live order, a pending order that was sent, and a pending one that was not.
fn first_session() -> Story {
    let mut story = Story::new(2, Limits::DEFAULT);
    buy(&mut story, 10, "0.40");
    story.trade(OrderId(1), Size::shares(10), price("0.40"), Settlement::Confirmed, 1);
    buy(&mut story, 10, "0.30");
    story.step(InputKind::Placed { order: OrderId(2), outcome: PlaceOutcome::Live });
    buy(&mut story, 10, "0.20");
    buy(&mut story, 10, "0.10");
    story
}

/// The next session on the same account.
struct Next {
    engine: Engine,
    effects: Effects,
    now: Time,
    seq: u64,
}

impl Next {
    fn begin(carry: CarryOver) -> Self {
        Self::begin_at(START.plus_millis(60_000), None, carry).0
    }

    /// Begins at `now` with a valuation of the day, and returns the effects of the carry-over as well.
    fn begin_at(now: Time, day_start: Option<(u64, Usd)>, carry: CarryOver) -> (Self, String) {
        let mut next = Self { engine: Engine::new(Purpose::Trade), effects: Effects::new(), now, seq: 0 };
        next.step(InputKind::Session(SessionStart {
            session: SessionId(2),
            mode: Mode::Demo,
            cash: Usd::dollars(1),
            day_start,
            limits: Limits::DEFAULT,
            salt_seed: 8,
            halted: false,
        }));
        (0..2).for_each(|number| drop(next.step(InputKind::Market(market(number)))));
        let taken_over = next.step(InputKind::CarryOver(Box::new(carry)));
        let (strategy, name, markets) = (StrategyId(1), "alice".into(), vec![MarketIx(0), MarketIx(1)]);
        next.step(InputKind::Strategy(StrategyChange::Loaded {
            strategy,
            name,
            hash: [0; 32],
            instance: 1,
            markets,
            places: Vec::new(),
            wants: model::Wants::FIRST,
            since: next.now,
            parameters: String::new(),
        }));
        next.step(InputKind::Feed { channel: Channel::User, up: true });
        (next, taken_over)
    }

    fn buy(&mut self, shares: u64, limit: &str) -> String {
        let intents = vec![Intent { tag: 9, reason: String::new(), fair: None, kind: bid(shares, limit) }];
        self.step(InputKind::Intents(StrategyAnswer::to_one(StrategyId(1), intents)))
    }

    fn step(&mut self, body: InputKind) -> String {
        self.seq += 1;
        self.engine.step(&input(self.seq, self.now, body), &mut self.effects);
        let seen: Vec<String> = self.effects.iter().filter_map(show).collect();
        seen.join("; ")
    }
}

#[test]
fn a_session_goes_on_where_the_last_one_ended() {
    let story = first_session();
    let before = story.engine.summary();
    let carry = story.engine.carry(|order| order == OrderId(3));
    let next = Next::begin(carry);
    let after = next.engine.summary();
    assert_eq!((after.cash, after.realised, after.fees), (before.cash, before.realised, before.fees));
    assert_eq!(next.engine.ledger().position(TOKEN), story.engine.ledger().position(TOKEN));
    let states: Vec<_> = (1..=4).map(|order| next.engine.order_state(OrderId(order))).collect();
    let (filled, live) = (OrderState::Filled, OrderState::Live);
    // A pending order that was sent may be at the venue; one that was not sent does not exist.
    assert_eq!(states, [Some(filled), Some(live), Some(OrderState::Unknown), Some(OrderState::Refused)]);
    assert_eq!(after.reserved, Usd::dollars(5));
}

#[test]
fn nothing_is_placed_before_the_account_was_reconciled_and_unmanaged_orders_are_cancelled() {
    let story = first_session();
    let mut next = Next::begin(story.engine.carry(|_| true));
    assert_eq!(next.step(InputKind::Command(Command::Start)), "");
    assert_eq!(next.engine.restriction_now(), Restriction::CancelOnly);
    assert_eq!(next.step(InputKind::Clock), "cancel 2; look 3; cancel 3; look 4; cancel 4");
    assert_eq!(next.buy(5, "0.40"), "refuse restricted: 2 over 0");
    let shares = vec![(TOKEN, Size::shares(10))];
    next.step(InputKind::Account(AccountView { cash: Usd::dollars(996), shares: Vec::new() }));
    assert!(!next.engine.is_reconciled(), "the shares differ");
    next.step(InputKind::Account(AccountView { cash: Usd::dollars(996), shares }));
    assert!(next.engine.is_reconciled());
    assert_eq!(next.engine.restriction_now(), Restriction::None);
}

#[test]
fn a_repeated_trade_of_the_last_session_is_not_booked_twice() {
    let mut story = first_session();
    let mut next = Next::begin(story.engine.carry(|_| true));
    story.trade(OrderId(1), Size::shares(10), price("0.40"), Settlement::Confirmed, 1);
    let before = next.engine.summary();
    let (trade, part, order) = (model::TradeId([1; 16]), 0, OrderId(1));
    let (size, maker_price, settlement) = (Size::shares(10), price("0.40"), Settlement::Confirmed);
    let update =
        model::input::TradeUpdate { trade, part, order, settlement, maker_price, size, maker: true, crossed: false };
    next.step(InputKind::Trade(update));
    assert_eq!(next.engine.summary(), before);
    // A trade that the session missed is booked.
    let missed = model::input::TradeUpdate {
        trade: model::TradeId([9; 16]),
        order: OrderId(2),
        maker_price: price("0.30"),
        ..update
    };
    next.step(InputKind::Trade(missed));
    assert_eq!(next.engine.ledger().position(TOKEN).size, Size::shares(20));
    assert_eq!(next.engine.ledger().cash(), Usd::dollars(993));
}

#[test]
fn what_is_restricted_is_carried_over_but_for_markets_that_have_ended() {
    let mut story = Story::new(2, Limits::DEFAULT);
    let scopes =
        [Scope::Session, Scope::Strategy(StrategyId(1)), Scope::Market(MarketIx(0)), Scope::Market(MarketIx(1))];
    for scope in scopes {
        story.step(InputKind::Command(Command::Restrict { scope, restriction: Restriction::CancelOnly }));
    }
    let kind = MarketEventKind::Resolved { pays: Usd::dollars(1) };
    story.step(InputKind::Event(MarketEvent { token: MarketIx(1).token(0), venue_time: START, kind }));
    let carried: Vec<Scope> = story.engine.carry(|_| true).restrictions.into_iter().map(|(scope, _)| scope).collect();
    for scope in scopes {
        assert_eq!(carried.contains(&scope), scope != Scope::Market(MarketIx(1)), "{scope:?}");
    }
}

#[test]
fn a_locked_market_stays_locked_in_the_next_session_until_its_time_is_over() {
    let mut story = Story::new(2, Limits::DEFAULT);
    let until = START.plus_millis(90_000);
    for market in [MarketIx(0), MarketIx(1)] {
        story.step(InputKind::Command(Command::Lock { market, until }));
    }
    let kind = MarketEventKind::Resolved { pays: Usd::dollars(1) };
    story.step(InputKind::Event(MarketEvent { token: MarketIx(1).token(0), venue_time: START, kind }));
    assert!(story.engine.markets_to_carry().into_iter().eq([MarketIx(0)]), "one that has ended is left behind");
    let mut carry = story.engine.carry(|_| true);
    assert_eq!(carry.cooling, [((StrategyId::EXTERNAL, MarketIx(0)), until)]);
    // The next session numbers markets differently.
    assert_eq!(carry.renumber(|_| Some(MarketIx(1))), Ok(()));
    let (mut next, _) = Next::begin_at(START.plus_millis(60_000), None, carry);
    assert!(next.engine.locks().eq([(MarketIx(1), until)]));
    assert_eq!(next.engine.carry(|_| true).cooling, [((StrategyId::EXTERNAL, MarketIx(1)), until)]);
    next.now = until;
    next.step(InputKind::Clock);
    assert_eq!(next.engine.locks().count(), 0);
}

#[test]
fn an_unsettled_fill_is_carried_however_many_came_after_it() {
    let mut story = Story::new(2, crate::story::WIDE);
    buy(&mut story, 100_000, "0.01");
    for number in 0..10_001u64 {
        let settlement = if number == 0 { Settlement::Mined } else { Settlement::Confirmed };
        let mut trade = [0; 16];
        trade[..8].copy_from_slice(&number.to_be_bytes());
        let (trade, part, order, maker_price, size) =
            (model::TradeId(trade), 0, OrderId(1), price("0.01"), Size::shares(1));
        let maker = true;
        let update =
            model::input::TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed: false };
        story.step(InputKind::Trade(update));
    }
    story.step(InputKind::OrderUpdate {
        order: OrderId(1),
        status: model::input::VenueStatus::Cancelled,
        matched: Size::shares(10_001),
    });
    let carry = story.engine.carry(|_| true);
    assert_eq!(carry.fills.len(), 10_001);
    assert_eq!(carry.fills.iter().filter(|fill| fill.settlement == Settlement::Mined).count(), 1);
    let next = Next::begin(carry);
    assert_eq!(next.engine.ledger().position(TOKEN).unsettled, Size::shares(1));
    assert!(!next.engine.is_done(OrderId(1)));
}

/// Returns the time `days` days after `START`.
fn days_later(days: u64) -> Time {
    START.plus_millis(days * 86_400_000)
}

#[test]
fn a_day_without_a_valuation_counts_from_cash_and_what_is_carried_over() {
    let carry = first_session().engine.carry(|_| true);
    let (mut next, _) = Next::begin_at(days_later(1), None, carry);
    // 996 in cash and 10 shares that cost 0.40 each; the session's starting cash of 1 dollar is not used.
    let day = days_later(1).day();
    assert_eq!(next.engine.summary().day_start, (day, Usd::dollars(1_000)));
    assert_eq!(next.engine.summary().today, Usd::ZERO);
    next.step(InputKind::Clock);
    assert_eq!(next.engine.summary().day_start, (day, Usd::dollars(1_000)));
}

#[test]
fn a_valuation_that_was_given_holds_and_money_from_outside_is_no_gain() {
    let carry = first_session().engine.carry(|_| true);
    let day = days_later(1).day();
    let (mut next, _) = Next::begin_at(days_later(1), Some((day, Usd::dollars(1_020))), carry);
    next.step(InputKind::Clock);
    assert_eq!(next.engine.summary().today, Usd::dollars(-20));
    let kind = TransferKind::Deposit(Usd::dollars(500));
    next.step(InputKind::Transfer(Transfer { kind, reference: "while it was down".into() }));
    assert_eq!(next.engine.summary().today, Usd::dollars(-20));
    assert_eq!(next.engine.summary().day_start, (day, Usd::dollars(1_520)));
    // The next day starts from the last valuation before it.
    next.now = days_later(2);
    next.step(InputKind::Clock);
    assert_eq!(next.engine.summary().day_start, (day + 1, Usd::dollars(1_500)));
    assert_eq!(next.engine.summary().today, Usd::ZERO);
}

#[test]
fn a_valuation_of_an_earlier_day_is_where_the_first_day_counts_from() {
    let carry = first_session().engine.carry(|_| true);
    let (mut next, _) = Next::begin_at(days_later(3), Some((days_later(1).day(), Usd::dollars(1_010))), carry);
    next.step(InputKind::Clock);
    assert_eq!(next.engine.summary().day_start, (days_later(3).day(), Usd::dollars(1_010)));
    assert_eq!(next.engine.summary().today, Usd::dollars(-10));
}

#[test]
fn a_carried_daily_loss_holds_for_its_day_and_closes_on_the_next() {
    let mut story = Story::new(2, Limits { daily_loss: Usd::dollars(1), ..Limits::DEFAULT });
    buy(&mut story, 100, "0.40");
    story.trade(OrderId(1), Size::shares(100), price("0.40"), Settlement::Confirmed, 1);
    story.book(MarketIx(0), "0.38", "0.42");
    story.step(InputKind::Clock);
    let carry = story.engine.carry(|_| true);
    let tripped = carry.breakers.iter().map(|((breaker, _), _)| *breaker).collect::<Vec<_>>();
    assert_eq!(tripped, [Breaker::DailyLossLimit]);
    let (same, changes) =
        Next::begin_at(START.plus_millis(60_000), Some((START.day(), Usd::dollars(1_000))), carry.clone());
    assert_eq!(changes, "trip daily_loss_limit", "the tripped breaker is recorded");
    assert_eq!(same.engine.carry(|_| true).breakers, carry.breakers);
    let (mut next, changes) = Next::begin_at(days_later(1), Some((days_later(1).day(), Usd::dollars(998))), carry);
    assert_eq!(changes, "close daily_loss_limit");
    next.step(InputKind::Clock);
    assert_eq!(next.engine.carry(|_| true).breakers, []);
}

#[test]
fn what_is_lost_while_the_machine_sleeps_over_midnight_is_lost_on_the_new_day() {
    let mut story = Story::new(1, Limits::DEFAULT);
    buy(&mut story, 10, "0.40");
    story.trade(OrderId(1), Size::shares(10), price("0.40"), Settlement::Confirmed, 1);
    story.step(InputKind::Clock);
    story.now = days_later(1);
    story.book(MarketIx(0), "0.30", "0.42");
    story.step(InputKind::Clock);
    let summary = story.engine.summary();
    assert_eq!((summary.day_start, summary.today), ((days_later(1).day(), Usd::dollars(1_000)), Usd::dollars(-1)));
}
