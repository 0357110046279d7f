//! Test inputs of every kind.

use model::event::{MarketEvent, MarketEventKind};
use model::input::{
    AccountView, Blob, Breaker, CancelOutcome, Channel, Command, ExternalOrder, HostFault, Mode, PlaceOutcome,
    Restriction, Scope, SessionStart, Settlement, StrategyAnswer, StrategyChange, TradeUpdate, VenueState, VenueStatus,
};
use model::{
    Activity, ActivityKind, Budget, CarriedFill, CarriedOrder, CarryOver, ConditionId, FeeRate, FillEntry, Input,
    InputKind, Intent, IntentKind, Level, Limits, Market, MarketIx, NewOrder, OrderId, OrderKind, OrderState, Position,
    Price, Quote, RealisedBefore, Reallocation, Score, SessionId, Side, Signal, Size, StrategyId, TickSize, Time,
    TokenId, TokenIx, TradeId, Transfer, TransferKind, Usd, VenueOrderId, Wants,
};
use testkit::input;

fn price(micros: u32) -> Price {
    Price::from_micros(micros).unwrap()
}

fn event(kind: MarketEventKind) -> InputKind {
    InputKind::Event(MarketEvent { token: TokenIx(3), venue_time: Time(5), kind })
}

/// Spelled out instead of using `testkit`: the committed files contain each of these values.
fn market() -> Market {
    Market {
        condition: ConditionId([9; 32]),
        tokens: [TokenId([1; 32]), TokenId([2; 32])],
        outcomes: ["Yes".into(), "Nein, ä".into()],
        slug: "a-market".into(),
        question: "Will it?".into(),
        tick: TickSize::CENT,
        min_size: Size::shares(5),
        neg_risk: true,
        event: Some(model::EventId([6; 32])),
        fee: FeeRate { rate_micros: 70_000 },
        end: Some(Time(77)),
    }
}

fn intents() -> Vec<Intent> {
    let (token, size) = (TokenIx(1), Size::shares(7));
    let quote = Some(Quote { price: price(410_000), size });
    let place = |kind| IntentKind::Place { token, side: Side::Sell, price: price(1), size, kind };
    let kinds = [
        place(OrderKind::Gtc { post_only: true }),
        place(OrderKind::Fak),
        place(OrderKind::Fok),
        IntentKind::Cancel { order: OrderId(4) },
        IntentKind::CancelAll { token: None },
        IntentKind::CancelAll { token: Some(token) },
        IntentKind::Quote { token, bid: quote, ask: None },
        IntentKind::SetTimer { timer: 1, at: Time(9) },
    ];
    kinds
        .into_iter()
        .map(|kind| Intent { tag: 8, reason: "because".into(), fair: Some(price(420_000)), kind })
        .collect()
}

fn commands() -> Vec<InputKind> {
    let reason = || String::from("an operator's");
    let mut commands = vec![
        Command::Start,
        Command::Stop,
        Command::Pause,
        Command::Resume,
        Command::EmergencyStop { reason: reason() },
        Command::Release { reason: reason() },
        Command::Cancel { order: OrderId(3) },
        Command::CancelAll,
        Command::Close { token: TokenIx(4) },
        Command::Restrict { scope: Scope::Session, restriction: Restriction::None },
        Command::Restrict { scope: Scope::Session, restriction: Restriction::CancelOnly },
        Command::Restrict { scope: Scope::Session, restriction: Restriction::Halted },
    ];
    commands.extend(Breaker::ALL.map(|breaker| Command::ResetBreaker { breaker }));
    commands.into_iter().map(InputKind::Command).collect()
}

fn transfer(kind: TransferKind) -> InputKind {
    InputKind::Transfer(Transfer { kind, reference: "0x1".into() })
}

fn carry() -> CarryOver {
    let (strategy, token, market, size) = (StrategyId(2), TokenIx(3), MarketIx(1), Size(11));
    let position = Position { size, cost: Usd(12), realised: Usd(-13), unsettled: Size(14) };
    let kind = OrderKind::Gtc { post_only: false };
    let order =
        NewOrder { id: OrderId(9), strategy, tag: 10, token, side: Side::Buy, price: price(420_000), size, kind };
    let states = [
        OrderState::Pending,
        OrderState::Live,
        OrderState::PartlyFilled,
        OrderState::Filled,
        OrderState::Cancelled,
        OrderState::Refused,
        OrderState::Unknown,
    ];
    let entry =
        FillEntry { strategy, token, side: Side::Sell, size, cost: Usd(15), fee: Usd(16), basis: [Usd(17), Usd(18)] };
    let settlement = Settlement::Retrying;
    CarryOver {
        at: Time(8),
        last_order: OrderId(9),
        cash: Usd(19),
        fees: Usd(20),
        unsettled: Usd(21),
        positions: vec![(token, position)],
        parts: vec![((strategy, token), position)],
        orders: states.map(|state| CarriedOrder { order, state, matched: size, traded: Size(1) }).to_vec(),
        fills: vec![CarriedFill {
            trade: TradeId([22; 16]),
            part: 23,
            order: OrderId(9),
            entry,
            settlement,
            at: Time(27),
        }],
        breakers: [Scope::Session, Scope::Market(market), Scope::Strategy(strategy)]
            .map(|scope| ((Breaker::DailyLossLimit, scope), "too much".into()))
            .to_vec(),
        cooling: vec![((strategy, market), Time(24))],
        sent: vec![Time(25), Time(26)],
        restrictions: vec![(Scope::Session, Restriction::ReduceOnly)],
        peak: Usd(29),
        scores: vec![Score { strategy, opening: Usd(-30), fees: Usd(31), losing: 32, rests: Time(33) }],
        trips: vec![((strategy, token), Usd(-34))],
    }
}

fn orders() -> Vec<InputKind> {
    let (order, reason) = (OrderId(12), || String::from("words"));
    let placed = [
        PlaceOutcome::Live,
        PlaceOutcome::Matched { matched: Size(7) },
        PlaceOutcome::Delayed,
        PlaceOutcome::Refused { reason: reason() },
        PlaceOutcome::NotSent { reason: reason() },
        PlaceOutcome::Unknown { reason: reason() },
    ];
    let cancelled = [CancelOutcome::Cancelled, CancelOutcome::NotOpen, CancelOutcome::Failed { reason: reason() }];
    let statuses = [VenueStatus::Live, VenueStatus::Matched, VenueStatus::Cancelled, VenueStatus::Invalid];
    let settled =
        [Settlement::Matched, Settlement::Mined, Settlement::Confirmed, Settlement::Retrying, Settlement::Failed];
    let trade = |settlement| TradeUpdate {
        trade: TradeId([6; 16]),
        part: 2,
        order,
        settlement,
        maker_price: price(300_000),
        size: Size(1),
        maker: true,
        crossed: false,
    };
    let placed = placed.map(|outcome| InputKind::Placed { order, outcome });
    let cancelled = cancelled.map(|outcome| InputKind::CancelAnswer { order, outcome });
    let statuses = statuses.map(|status| InputKind::OrderUpdate { order, status, matched: Size(3) });
    let trades = settled.map(|settlement| InputKind::Trade(trade(settlement)));
    placed.into_iter().chain(cancelled).chain(statuses).chain(trades).collect()
}

fn session(mode: Mode) -> InputKind {
    InputKind::Session(SessionStart {
        session: SessionId(5),
        mode,
        cash: Usd(-1),
        day_start: Some((20_000, Usd::dollars(3))),
        limits: Limits::DEFAULT,
        salt_seed: u64::MAX,
        halted: true,
    })
}

fn transfers() -> [InputKind; 9] {
    [
        transfer(TransferKind::Deposit(Usd(1))),
        transfer(TransferKind::Withdrawal(Usd(2))),
        transfer(TransferKind::Reward(Usd(3))),
        transfer(TransferKind::Rebate(Usd(4))),
        transfer(TransferKind::Gas(Usd(5))),
        transfer(TransferKind::Split { market: MarketIx(1), size: Size(6) }),
        transfer(TransferKind::Merge { market: MarketIx(1), size: Size(7) }),
        transfer(TransferKind::Redeem { token: TokenIx(1), size: Size(8), paid: Usd(9) }),
        transfer(TransferKind::Convert { token: TokenIx(1), size: Size(10), paid: Usd(11) }),
    ]
}

/// Returns one input of every kind, with every variant inside it.
pub(crate) fn every_input() -> Vec<Input> {
    let level = Level { price: price(999_999), size: Size(1) };
    let (strategy, hash) = (StrategyId(2), [4; 32]);
    let loaded = StrategyChange::Loaded {
        strategy,
        name: "quoter".into(),
        hash,
        instance: 3,
        markets: vec![MarketIx(1)],
        places: Vec::new(),
        wants: Wants::FIRST,
        since: Time(4),
        parameters: "{}".into(),
    };
    let answer = StrategyAnswer {
        strategy,
        instance: 3,
        first: 100,
        count: 5,
        consumed: 4,
        fuel: 1_234,
        fault: Some("it did".into()),
        intents: intents(),
        lost: vec![3, 5],
    };
    let mut bodies: Vec<InputKind> =
        [Mode::Demo, Mode::Paper, Mode::Live, Mode::Backtest, Mode::Replay].map(session).into();
    bodies.extend([
        InputKind::Limits(Limits::DEFAULT),
        InputKind::Market(market()),
        event(MarketEventKind::Book { bids: vec![level], asks: vec![] }),
        event(MarketEventKind::Level { side: Side::Buy, price: price(1), size: Size::ZERO }),
        event(MarketEventKind::Trade { side: Side::Sell, price: price(2), size: Size(3) }),
        event(MarketEventKind::TickSize { tick: TickSize::MILL }),
        event(MarketEventKind::Resolved { pays: Usd(500_000) }),
        InputKind::Feed { channel: Channel::Market, up: true },
        InputKind::Feed { channel: Channel::User, up: false },
        InputKind::BookConfirmed { token: TokenIx(1) },
        InputKind::Clock,
        InputKind::Strategy(loaded),
        InputKind::Strategy(StrategyChange::Removed { strategy, reason: "gone".into() }),
        InputKind::Intents(answer),
        InputKind::OrderQueried { order: OrderId(1), not_found: true, asked: Time(28) },
        InputKind::Requests { ok: 1, failed: 2 },
        InputKind::Account(AccountView { cash: Usd(1), shares: vec![(TokenIx(1), Size(2))] }),
        InputKind::HostFault { fault: HostFault::Journal },
        InputKind::HostFault { fault: HostFault::AccountOverflow },
        InputKind::HostFault { fault: HostFault::TaskEnded },
        InputKind::CarryOver(Box::new(carry())),
        InputKind::ClockSkew { micros: -5 },
        InputKind::Adopt(ExternalOrder {
            venue: VenueOrderId([35; 32]),
            token: TokenIx(1),
            side: Side::Sell,
            price: price(36),
            size: Size(37),
            counted: Size(38),
        }),
        InputKind::Heartbeat { alive: true },
        InputKind::Venue { state: VenueState::Open },
        InputKind::Venue { state: VenueState::PostOnly },
        InputKind::Venue { state: VenueState::CancelOnly },
        InputKind::Venue { state: VenueState::Restarting },
    ]);
    bodies.extend(transfers());
    bodies.extend(orders());
    bodies.extend(commands());
    bodies.into_iter().zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}

/// Returns the inputs added with the second strategy contract.
pub(crate) fn inputs_of_the_second_contract() -> Vec<Input> {
    let strategy = StrategyId(2);
    let loaded = StrategyChange::Loaded {
        strategy,
        name: "listener".into(),
        hash: [4; 32],
        instance: 3,
        markets: vec![MarketIx(1), MarketIx(0)],
        places: vec![7, 3],
        wants: Wants { tops: false, trades: true, depth: 5, every_micros: 1_000_000 },
        since: Time(4),
        parameters: "{}".into(),
    };
    let changes = [
        loaded,
        StrategyChange::Parameters { strategy, parameters: "{\"spread\": 2}".into() },
        StrategyChange::Signal { strategy, signal: Signal { name: "score".into(), value: "0.7".into() } },
    ];
    let bodies = changes.into_iter().map(InputKind::Strategy);
    bodies.zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}

/// Returns the inputs added with strategies that restart from their state.
pub(crate) fn inputs_of_saved_states() -> Vec<Input> {
    let strategy = StrategyId(2);
    let changes = [
        StrategyChange::Kept { strategy, instance: 4, reason: "it refused".into() },
        StrategyChange::Saved { strategy, instance: 3, state: Some(Blob(vec![0, 255])) },
        StrategyChange::Saved { strategy, instance: 3, state: None },
    ];
    let bodies = changes.into_iter().map(InputKind::Strategy);
    bodies.zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}

/// Returns the answer of a strategy that could not save its state: an answer to no event.
pub(crate) fn inputs_of_failed_saves() -> Vec<Input> {
    let answer = StrategyAnswer {
        strategy: StrategyId(2),
        instance: 3,
        first: 48,
        count: 0,
        consumed: 0,
        fuel: 0,
        fault: Some("asked for its state: it crashed".into()),
        intents: Vec::new(),
        lost: Vec::new(),
    };
    vec![input(1, Time(10), InputKind::Intents(answer))]
}

/// Returns the inputs added with budgets: one with every field, and one with none.
pub(crate) fn inputs_of_budgets() -> Vec<Input> {
    let strategy = StrategyId(2);
    let full = Budget { capital: Some(Usd(45)), daily_loss: Some(Usd(46)), orders_per_minute: Some(47) };
    let bodies = [full, Budget::NONE].map(|budget| InputKind::Strategy(StrategyChange::Budget { strategy, budget }));
    bodies.into_iter().zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}

/// Returns the inputs added with a strategy's remaining fuel: some, and the maximum.
pub(crate) fn inputs_of_fuel() -> Vec<Input> {
    let strategy = StrategyId(2);
    let bodies = [Some(49), None].map(|most| InputKind::Strategy(StrategyChange::Fuel { strategy, most }));
    bodies.into_iter().zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}

/// Returns the inputs added with cancels that cover more than the named orders.
pub(crate) fn inputs_of_sweeps() -> Vec<Input> {
    let outcome = CancelOutcome::Swept { reason: "words".into() };
    vec![input(1, Time(10), InputKind::CancelAnswer { order: OrderId(12), outcome })]
}

/// Returns the inputs added with reallocation of positions: a whole one, and a part.
pub(crate) fn inputs_of_assignments() -> Vec<Input> {
    let (token, from, to) = (TokenIx(3), StrategyId(2), StrategyId(5));
    let bodies = [None, Some(Size(48))].map(|size| InputKind::Reallocate(Reallocation { token, from, to, size }));
    bodies.into_iter().zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}

/// Returns the inputs added when flat markets were no longer carried over.
pub(crate) fn inputs_of_realised_sums() -> Vec<Input> {
    let strategies = vec![(StrategyId(1), Usd(-7)), (StrategyId(9), Usd(12))];
    let sums = [RealisedBefore::default(), RealisedBefore { account: Usd(5), strategies }];
    (1..).zip(sums).map(|(seq, sums)| input(seq, Time(7), InputKind::RealisedBefore(sums))).collect()
}

/// Returns the inputs added when a message that fails to parse began to affect only its token.
pub(crate) fn inputs_of_unread_messages() -> Vec<Input> {
    let event = |grid| {
        let kind = MarketEventKind::Unread { grid };
        InputKind::Event(MarketEvent { token: TokenIx(45), venue_time: Time(46), kind })
    };
    (1..).zip([false, true]).map(|(seq, grid)| input(seq, Time(7), event(grid))).collect()
}

/// Returns the inputs added after the first file was committed, with every variant inside them.
pub(crate) fn later_inputs() -> Vec<Input> {
    let activity = |kind| {
        let (key, at, reference) = ([39; 32], Time(40), String::from("0x2"));
        InputKind::Activity(Activity { key, at, kind, reference })
    };
    let bodies = [
        activity(ActivityKind::Transfer(TransferKind::Reward(Usd(41)))),
        activity(ActivityKind::Redeemed { market: MarketIx(1), paid: Usd(42) }),
        InputKind::KnownActivities(vec![[43; 32], [44; 32]]),
    ];
    bodies.into_iter().zip(1..).map(|(body, seq)| input(seq, Time(seq * 10), body)).collect()
}
