//! Stories: one line per input, with the expected effects. See [`check`].

use engine::{Effect, Effects, Engine, EngineEvent, Purpose, Refusal, Rule};
use model::event::{MarketEvent, MarketEventKind};
use model::input::{
    AccountView, Breaker, CancelOutcome, Channel, Command, ExternalOrder, Mode, PlaceOutcome, Restriction, Scope,
    SessionStart, Settlement, StrategyAnswer, StrategyChange, TradeUpdate, VenueState, VenueStatus,
};
use model::{
    Activity, ActivityKind, Budget, FeeRate, InputKind, Intent, IntentKind, Level, Limits, Market, MarketIx, OrderId,
    OrderKind, Price, Quote, Reallocation, SessionId, Side, Size, StrategyId, Time, TokenIx, TradeId, Transfer,
    TransferKind, Usd, VenueOrderId, Wants,
};
use testkit::{input, market};

/// Midnight UTC of an arbitrary day.
pub(crate) const START: Time = Time(20_000 * 86_400_000_000);

/// Limits that are never reached; a story tightens only the one under test.
pub(crate) const WIDE: Limits = Limits {
    max_order: Usd::dollars(1_000),
    max_market: Usd::dollars(1_000),
    max_open_positions: 100,
    daily_loss: Usd::dollars(1_000),
    take_profit_bps: 1_000_000,
    stop_loss_bps: 10_000,
    max_open_orders: 100,
    max_orders_per_minute: 300,
    ..Limits::WIDE
};

/// An engine with one strategy on some markets, and the clock and sequence number of its inputs.
pub(crate) struct Story {
    pub(crate) engine: Engine,
    pub(crate) effects: Effects,
    pub(crate) now: Time,
    seq: u64,
    trades: u8,
    /// The strategy that sends the intents.
    pub(crate) who: u16,
    /// Its fair value of a share.
    pub(crate) fair: Option<Price>,
}

impl Story {
    /// Begins a running session with 1,000 dollars on `markets` markets whose books are 0.40 / 0.42, with `limits`.
    pub(crate) fn new(markets: u8, limits: Limits) -> Self {
        Self::charged(markets, limits, FeeRate::default())
    }

    /// Like [`Story::new`], but takers are charged `fee`.
    fn charged(markets: u8, limits: Limits, fee: FeeRate) -> Self {
        let mut story = Self {
            engine: Engine::new(Purpose::Trade),
            effects: Effects::new(),
            now: START,
            seq: 0,
            trades: 0,
            who: 1,
            fair: None,
        };
        story.step(InputKind::Session(SessionStart {
            session: SessionId(1),
            mode: Mode::Demo,
            cash: Usd::dollars(1_000),
            day_start: None,
            limits,
            salt_seed: 7,
            halted: false,
        }));
        for number in 0..markets {
            story.step(InputKind::Market(Market { fee, ..market(number.into()) }));
        }
        for strategy in [1, 2] {
            story.step(load(StrategyId(strategy), (0..u32::from(markets)).map(MarketIx).collect(), story.now));
        }
        story.step(InputKind::Feed { channel: Channel::Market, up: true });
        story.step(InputKind::Feed { channel: Channel::User, up: true });
        for number in 0..u32::from(markets) {
            story.book(MarketIx(number), "0.40", "0.42");
        }
        story.step(InputKind::Command(Command::Start));
        story
    }

    /// Feeds one input; its effects are then in `effects`.
    pub(crate) fn step(&mut self, body: InputKind) {
        self.seq += 1;
        self.engine.step(&input(self.seq, self.now, body), &mut self.effects);
    }

    /// Sets both tokens' books of a market to 1,000 shares at a bid and an ask of YES.
    pub(crate) fn book(&mut self, market: MarketIx, bid: &str, ask: &str) {
        let (bid, ask) = (price(bid), price(ask));
        self.snapshot(market.token(0), bid, ask);
        let kept = std::mem::take(&mut self.effects);
        self.snapshot(market.token(1), ask.complement(), bid.complement());
        self.effects.splice(0..0, kept);
    }

    fn snapshot(&mut self, token: TokenIx, bid: Price, ask: Price) {
        let level = |price| vec![Level { price, size: Size::shares(1_000) }];
        let kind = MarketEventKind::Book { bids: level(bid), asks: level(ask) };
        self.step(InputKind::Event(MarketEvent { token, venue_time: self.now, kind }));
    }

    /// Feeds a strategy's answer with one intent.
    pub(crate) fn intent(&mut self, kind: IntentKind) {
        let intents = vec![Intent { tag: 9, reason: String::new(), fair: self.fair, kind }];
        self.step(InputKind::Intents(StrategyAnswer::to_one(StrategyId(self.who), intents)));
    }

    /// Fills a part of an order, as the maker on its own token.
    pub(crate) fn trade(&mut self, order: OrderId, size: Size, maker_price: Price, settlement: Settlement, id: u8) {
        let (trade, part, maker, crossed) = (TradeId([id; 16]), 0, true, false);
        self.step(InputKind::Trade(TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed }));
    }
}

/// Loads the first instance of a strategy, with these markets.
fn load(strategy: StrategyId, markets: Vec<MarketIx>, since: Time) -> InputKind {
    load_as(strategy, markets, since, Wants::FIRST)
}

/// Loads an instance with these subscriptions.
pub(crate) fn load_as(strategy: StrategyId, markets: Vec<MarketIx>, since: Time, wants: Wants) -> InputKind {
    let name = format!("strategy {}", strategy.0).as_str().into();
    let (hash, instance, parameters) = ([0; 32], 1, String::new());
    let places = Vec::new();
    InputKind::Strategy(StrategyChange::Loaded {
        strategy,
        name,
        hash,
        instance,
        markets,
        places,
        wants,
        since,
        parameters,
    })
}

/// Parses a price.
pub(crate) fn price(text: &str) -> Price {
    Price::parse(text).unwrap_or_else(|| panic!("not a price: {text}"))
}

fn size(text: &str) -> Size {
    Size::parse(text).unwrap_or_else(|| panic!("not a size: {text}"))
}

/// Runs a story. Each line is `input -> effects`, the effects separated by `; ` in their order; a line without an arrow
/// must have none. Only effects that leave the engine are shown, see [`show`].
#[track_caller]
pub(crate) fn check(limits: Limits, table: &str) {
    check_charged(limits, 0, table);
}

/// Like [`check`], but takers are charged a rate of this many millionths.
#[track_caller]
pub(crate) fn check_charged(limits: Limits, rate_micros: u32, table: &str) {
    let mut story = Story::charged(6, limits, FeeRate { rate_micros });
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (input, expected) = line.split_once("->").unwrap_or((line, ""));
        feed(&mut story, input.trim());
        let seen: Vec<String> = story.effects.iter().filter_map(show).collect();
        assert_eq!(seen.join("; "), expected.trim(), "after: {input}");
        story.engine.audit().unwrap();
    }
}

/// Feeds an external order that was found at the venue, with the shares that are in the ledger already.
fn external(story: &mut Story, side: &str, (shares, limit): (&str, &str), counted: Option<&&str>) {
    let side = if side == "buy" { Side::Buy } else { Side::Sell };
    let (token, price) = (TokenIx(0), price(limit));
    let counted = counted.map_or(Size::ZERO, |counted| size(counted));
    let order = ExternalOrder { venue: VenueOrderId([9; 32]), token, side, price, size: size(shares), counted };
    story.step(InputKind::Adopt(order));
}

/// Feeds one line of a story.
fn feed(story: &mut Story, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let token = TokenIx(0);
    match words.as_slice() {
        ["fair", worth] => {
            story.fair = (*worth != "none").then(|| price(worth));
            story.effects.clear();
        }
        ["venue", state] => {
            let states = [VenueState::Open, VenueState::PostOnly, VenueState::CancelOnly, VenueState::Restarting];
            let state = states.into_iter().find(|it| format!("{it:?}") == *state).unwrap();
            story.step(InputKind::Venue { state });
        }
        ["external", side, shares, "at", limit, counted @ ..] => external(story, side, (shares, limit), counted.last()),
        ["heartbeat", word] => story.step(InputKind::Heartbeat { alive: *word == "taken" }),
        ["granted", markets @ ..] => {
            let markets = markets.iter().map(|market| MarketIx(market.trim_start_matches('m').parse().unwrap()));
            let (strategy, since) = (StrategyId(story.who), story.now);
            story.step(load(strategy, markets.collect(), since));
        }
        ["removed"] => {
            let (strategy, reason) = (StrategyId(story.who), "its file is gone".into());
            story.step(InputKind::Strategy(StrategyChange::Removed { strategy, reason }));
        }
        ["who", who] => {
            story.who = who.parse().unwrap();
            story.effects.clear();
        }
        ["wait", seconds] => wait(story, seconds.trim_end_matches('s').parse().unwrap()),
        ["book", bid, ask] => story.book(MarketIx(0), bid, ask),
        ["book", market, bid, ask] => story.book(MarketIx(market.trim_start_matches('m').parse().unwrap()), bid, ask),
        [side @ ("buy" | "sell"), shares, "at", limit, rest @ ..] => {
            let side = if *side == "buy" { Side::Buy } else { Side::Sell };
            let kind = match () {
                () if rest.contains(&"fak") => OrderKind::Fak,
                () if rest.contains(&"fok") => OrderKind::Fok,
                () => OrderKind::Gtc { post_only: false },
            };
            let market = rest.iter().find_map(|word| word.strip_prefix('m')).map_or(0, |m| m.parse().unwrap());
            let outcome = u32::from(rest.contains(&"no"));
            let token = MarketIx(market).token(outcome);
            story.intent(IntentKind::Place { token, side, price: price(limit), size: size(shares), kind });
        }
        ["quote", bid_size, bid, "/", ask_size, ask] => {
            let leg =
                |shares: &str, limit: &str| (shares != "0").then(|| Quote { price: price(limit), size: size(shares) });
            story.intent(IntentKind::Quote { token, bid: leg(bid_size, bid), ask: leg(ask_size, ask) });
        }
        ["cancel", order] => story.intent(IntentKind::Cancel { order: id(order) }),
        ["operator", words @ ..] => command(story, words),
        [verb, order, rest @ ..] if order.starts_with('#') => feed_answer(story, verb, id(order), rest),
        ["feed", channel, up] => {
            let channel = if *channel == "user" { Channel::User } else { Channel::Market };
            story.step(InputKind::Feed { channel, up: *up == "up" });
        }
        [how @ ("faults" | "unsaved")] => {
            // A fault outside of an event: the strategy could not return its state.
            let count = u32::from(*how == "faults");
            let (strategy, instance, first, consumed, fuel) = (StrategyId(story.who), 1, 0, 0, 1);
            let (fault, intents) = (Some("it panicked".into()), Vec::new());
            let answer =
                StrategyAnswer { strategy, instance, first, count, consumed, fuel, fault, intents, lost: Vec::new() };
            story.step(InputKind::Intents(answer));
        }
        words => account(story, words),
    }
}

/// Parses a budget: pairs of a name and an amount.
fn budget(words: &[&str]) -> Budget {
    let value_of = |word| words.iter().skip_while(|it| **it != word).nth(1);
    let dollars = |word| value_of(word).map(|text| Usd::parse(text).unwrap());
    let orders_per_minute = value_of("orders").map(|text| text.parse().unwrap());
    Budget { capital: dollars("capital"), daily_loss: dollars("loss"), orders_per_minute }
}

/// Returns an activity row of the Data API.
fn activity(at: Time, what: &str, amount: &str, name: &str) -> InputKind {
    let (market, dollars) = (MarketIx(0), || Usd::parse(amount).unwrap());
    let kind = match what {
        "deposit" => ActivityKind::Transfer(TransferKind::Deposit(dollars())),
        "withdrawal" => ActivityKind::Transfer(TransferKind::Withdrawal(dollars())),
        "reward" => ActivityKind::Transfer(TransferKind::Reward(dollars())),
        "split" => ActivityKind::Transfer(TransferKind::Split { market, size: size(amount) }),
        "merge" => ActivityKind::Transfer(TransferKind::Merge { market, size: size(amount) }),
        _ => ActivityKind::Redeemed { market, paid: dollars() },
    };
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    InputKind::Activity(Activity { key, at, kind, reference: format!("row-{name}") })
}

/// Feeds inputs other than trading: to the account and to budgets.
fn account(story: &mut Story, words: &[&str]) {
    match words {
        ["budget", words @ ..] => {
            let (strategy, budget) = (StrategyId(story.who), budget(words));
            story.step(InputKind::Strategy(StrategyChange::Budget { strategy, budget }));
        }
        ["assign", shares, "from", from, "to", to] => {
            let [from, to] = [from, to].map(|who| StrategyId(who.parse().unwrap()));
            let (token, size) = (TokenIx(0), (*shares != "all").then(|| size(shares)));
            story.step(InputKind::Reallocate(Reallocation { token, from, to, size }));
        }
        ["requests", ok, failed] => {
            story.step(InputKind::Requests { ok: ok.parse().unwrap(), failed: failed.parse().unwrap() });
        }
        ["row", what, amount, "as", name] => story.step(activity(story.now, what, amount, name)),
        ["deposit", dollars] => {
            let amount = Usd::parse(dollars).unwrap();
            let kind = TransferKind::Deposit(amount);
            story.step(InputKind::Transfer(Transfer { kind, reference: "0x1".into() }));
        }
        ["merge", pairs] => {
            let kind = TransferKind::Merge { market: MarketIx(0), size: size(pairs) };
            story.step(InputKind::Transfer(Transfer { kind, reference: "0x2".into() }));
        }
        ["redeem", shares, "for", dollars] => {
            let kind =
                TransferKind::Redeem { token: TokenIx(0), size: size(shares), paid: Usd::parse(dollars).unwrap() };
            story.step(InputKind::Transfer(Transfer { kind, reference: "0x3".into() }));
        }
        ["venue", "has", dollars, "and", shares @ ..] => {
            let shares = shares.iter().zip(0..).map(|(shares, token)| (TokenIx(token), size(shares)));
            let shares = shares.filter(|(_, size)| !size.is_zero()).collect();
            story.step(InputKind::Account(AccountView { cash: Usd::parse(dollars).unwrap(), shares }));
        }
        ["resolves", winner] => {
            let pays = match *winner {
                "yes" => Usd::dollars(1),
                "half" => Usd(500_000),
                _ => Usd::ZERO,
            };
            let kind = MarketEventKind::Resolved { pays };
            story.step(InputKind::Event(MarketEvent { token: TokenIx(0), venue_time: story.now, kind }));
        }
        ["later", seconds] => {
            story.now = story.now.plus_millis(seconds.trim_end_matches('s').parse::<u64>().unwrap() * 1_000);
            story.effects.clear();
        }
        ["worth", dollars] => {
            assert_eq!(story.engine.summary().portfolio, Usd::parse(dollars).unwrap());
            story.effects.clear();
        }
        ["has", dollars, "and", shares] => {
            let ledger = story.engine.ledger();
            let (cash, held) = (ledger.cash(), ledger.position(TokenIx(0)).size);
            assert_eq!((cash.to_string().as_str(), held.to_string().as_str()), (*dollars, *shares));
            story.effects.clear();
        }
        ["reserves", dollars] => {
            assert_eq!(story.engine.summary().reserved, Usd::parse(dollars).unwrap());
            story.effects.clear();
        }
        ["today", dollars] => {
            assert_eq!(story.engine.summary().today, Usd::parse(dollars).unwrap());
            story.effects.clear();
        }
        ["skew", seconds] => {
            let seconds: i64 = seconds.trim_end_matches('s').parse().unwrap();
            story.step(InputKind::ClockSkew { micros: seconds * 1_000_000 });
        }
        _ => panic!("unknown line: {words:?}"),
    }
}

/// Advances time in clock events of half a second, and collects all effects. Books stay alive.
fn wait(story: &mut Story, seconds: u64) {
    let mut gathered = Effects::new();
    for _ in 0..seconds * 2 {
        story.now = story.now.plus_millis(500);
        story.step(InputKind::Clock);
        gathered.append(&mut story.effects);
    }
    story.effects = gathered;
}

fn feed_answer(story: &mut Story, verb: &str, order: OrderId, rest: &[&str]) {
    let reason = || String::from("given by the story");
    let placed = |outcome| InputKind::Placed { order, outcome };
    let body = match (verb, rest) {
        ("live", []) => placed(PlaceOutcome::Live),
        ("delayed", []) => placed(PlaceOutcome::Delayed),
        ("matched", [shares]) => placed(PlaceOutcome::Matched { matched: size(shares) }),
        ("refused", []) => placed(PlaceOutcome::Refused { reason: reason() }),
        ("lost", []) => placed(PlaceOutcome::Unknown { reason: reason() }),
        ("denied", []) => InputKind::OrderQueried { order, not_found: true, asked: story.now },
        ("cancelled", [shares]) => {
            InputKind::OrderUpdate { order, status: VenueStatus::Cancelled, matched: size(shares) }
        }
        ("seen", [shares]) => InputKind::OrderUpdate { order, status: VenueStatus::Live, matched: size(shares) },
        ("cancel-acked", []) => InputKind::CancelAnswer { order, outcome: CancelOutcome::Cancelled },
        ("cancel-failed", []) => InputKind::CancelAnswer { order, outcome: CancelOutcome::Failed { reason: reason() } },
        ("swept", []) => InputKind::CancelAnswer { order, outcome: CancelOutcome::Swept { reason: reason() } },
        ("not-open", []) => InputKind::CancelAnswer { order, outcome: CancelOutcome::NotOpen },
        ("fill", [shares, "at", limit]) => {
            story.trades += 1;
            let number = story.trades;
            return story.trade(order, size(shares), price(limit), Settlement::Confirmed, number);
        }
        ("taken", [shares, "at", limit]) => {
            story.trades += 1;
            let (trade, part, settlement, size) = (TradeId([story.trades; 16]), 0, Settlement::Confirmed, size(shares));
            let (maker_price, maker, crossed) = (price(limit), false, false);
            InputKind::Trade(TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed })
        }
        ("is", [state]) => {
            let seen = story.engine.order_state(order).map(|state| state.as_str());
            assert_eq!(seen, Some(*state), "order {order}");
            return story.effects.clear();
        }
        ("match", [shares, "at", limit, "as", name]) => {
            let (shares, limit, name) = (size(shares), price(limit), name.parse().unwrap());
            return story.trade(order, shares, limit, Settlement::Matched, name);
        }
        ("fail", [shares, "at", limit, "as", name]) => {
            let (shares, limit, name) = (size(shares), price(limit), name.parse().unwrap());
            return story.trade(order, shares, limit, Settlement::Failed, name);
        }
        _ => panic!("unknown answer: {verb} {rest:?}"),
    };
    story.step(body);
}

fn command(story: &mut Story, words: &[&str]) {
    let command = match words {
        ["start"] => Command::Start,
        ["stop"] => Command::Stop,
        ["pause"] => Command::Pause,
        ["resume"] => Command::Resume,
        ["cancels", "all"] => Command::CancelAll,
        ["cancels", order] => Command::Cancel { order: id(order) },
        ["kills"] => Command::EmergencyStop { reason: "smoke".into() },
        ["releases", reason @ ..] => Command::Release { reason: reason.join(" ") },
        ["closes", token] => Command::Close { token: TokenIx(token.parse().unwrap()) },
        ["restricts", scope, word] => Command::Restrict {
            scope: match *scope {
                "session" => Scope::Session,
                "market" => Scope::Market(MarketIx(0)),
                _ => Scope::Strategy(StrategyId(1)),
            },
            restriction: Restriction::parse(word).unwrap(),
        },
        ["locks", "market", "for", seconds] => {
            let until = story.now.plus_millis(seconds.trim_end_matches('s').parse::<u64>().unwrap() * 1_000);
            Command::Lock { market: MarketIx(0), until }
        }
        ["resets", name] => Command::ResetBreaker { breaker: Breaker::parse(name).unwrap() },
        _ => panic!("unknown command: {words:?}"),
    };
    story.step(InputKind::Command(command));
}

fn id(text: &str) -> OrderId {
    OrderId(text.trim_start_matches('#').parse().unwrap())
}

/// Formats an effect for a story; `None` for effects that only rows and strategies see.
pub(crate) fn show(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Place(approved) => {
            let order = approved.item().order;
            let (side, what) = (order.side.to_string().to_lowercase(), if order.token.0 % 2 == 0 { "" } else { " no" });
            format!("place {} {side} {} at {}{what}", order.id, order.size, order.price)
        }
        Effect::Cancel { order } => format!("cancel {order}"),
        Effect::CancelAll => "cancel everything".into(),
        Effect::Adopted { order, .. } => format!("adopt {order}"),
        Effect::LockSigner => "lock".into(),
        Effect::UnlockSigner => "unlock".into(),
        Effect::QueryOrder { order } => format!("look {order}"),
        Effect::Resnapshot { token } => format!("resnapshot {token}"),
        Effect::Answered { refused: Some(reason) } => format!("no: {reason}"),
        Effect::Event(EngineEvent::Refused { refusal, .. }) => refused(refusal),
        Effect::Event(EngineEvent::Breaker { breaker, tripped, .. }) => {
            format!("{} {}", if *tripped { "trip" } else { "close" }, breaker.as_str())
        }
        Effect::Event(EngineEvent::Guard { rule, .. }) => format!("guard {rule}"),
        Effect::Event(EngineEvent::Transfer { kind, reference, .. }) if reference.starts_with("row-") => {
            format!("book {kind} {reference}")
        }
        Effect::Event(EngineEvent::Activity { kind, reference, .. }) => format!("dismiss {kind} {reference}"),
        _ => return None,
    })
}

fn refused(Refusal { rule, value, limit }: &Refusal) -> String {
    let units = |micros: i64| Usd(micros).to_string();
    let (value, limit) = match rule {
        Rule::Tick | Rule::SelfTrade | Rule::Size | Rule::Shares => (units(*value), units(*limit)),
        Rule::Cash | Rule::PortfolioTradePct | Rule::MaxOrderUsd | Rule::MaxMarketUsd => (units(*value), units(*limit)),
        Rule::MaxEventUsd | Rule::MaxStrategyPct | Rule::StrategyCapital => (units(*value), units(*limit)),
        Rule::MaxRestingPct | Rule::MaxGrossPct | Rule::CashReserve => (units(*value), units(*limit)),
        Rule::MaxOrderShares | Rule::PriceCollar | Rule::Slippage | Rule::Depth => (units(*value), units(*limit)),
        _ => (value.to_string(), limit.to_string()),
    };
    format!("refuse {}: {value} over {limit}", rule.as_str())
}
