//! The beginning of a session, the crash that ends it, and recovery from the journal.

use super::Story;
use super::draws::Fault;
use super::wire::CASH;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use engine::{Engine, Purpose};
use journal::{Reader, Record, Step};
use model::input::{Command, Mode, SessionStart, StrategyChange};
use model::{Budget, CarryOver, InputKind, Limits, OrderId, SessionId, StrategyId, Usd, Wants};

/// Number of strategies in a run.
pub(super) const STRATEGIES: u16 = 3;

/// State that outlives sessions.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Number of sessions begun.
    pub(super) sessions: u64,
    /// The valuation at 00:00 UTC, as stored in the database.
    day_start: Option<(u64, Usd)>,
    halted: bool,
}

impl Story<'_> {
    /// Begins the first session.
    pub(super) fn begin(&mut self) -> Result<(), String> {
        self.begin_session(None, Vec::new())?;
        self.feed(InputKind::Command(Command::Start))
    }

    fn begin_session(&mut self, carry: Option<CarryOver>, known: Vec<[u8; 32]>) -> Result<(), String> {
        self.host.life.sessions = self.host.life.sessions.saturating_add(1);
        let session = SessionId(self.host.life.sessions);
        self.host.journal = journal::MAGIC.to_vec();
        self.host.since = self.world.now;
        self.feed(InputKind::Session(SessionStart {
            session,
            mode: Mode::Demo,
            cash: CASH,
            day_start: self.host.life.day_start,
            limits: limits(),
            salt_seed: session.0,
            halted: self.host.life.halted,
        }))?;
        for market in self.world.flow.markets() {
            self.feed(InputKind::Market(market))?;
        }
        if let Some(carry) = carry {
            self.write_placements(&carry)?;
            self.host.since = carry.since();
            self.host.proved = false;
            self.feed(InputKind::CarryOver(carry.clone().into()))?;
            self.feed(InputKind::KnownActivities(known))?;
            self.check_carry(&carry)?;
            self.check_day()?;
        }
        self.host.synced = self.host.journal.len();
        for number in 1..=STRATEGIES {
            self.load(StrategyId(number), 1)?;
        }
        for channel in [model::input::Channel::Market, model::input::Channel::User] {
            self.reconnect(channel)?;
        }
        Ok(())
    }

    /// Loads a strategy with its own budget; each has all markets but one.
    pub(super) fn load(&mut self, strategy: StrategyId, instance: u32) -> Result<(), String> {
        self.set_budget(strategy)?;
        let skipped = usize::from(strategy.0);
        let seen = self.world.markets.iter().enumerate().filter(|(place, _)| *place != skipped);
        let markets = seen.map(|(_, market)| *market).collect();
        let name = format!("mad{}", strategy.0);
        let mut below = |bound| self.world.rng.below(bound);
        let wants = Wants {
            tops: below(4) != 0,
            trades: below(4) != 0,
            depth: u8::try_from(below(8)).unwrap_or(0),
            every_micros: below(3).saturating_mul(700_000),
        };
        let change = StrategyChange::Loaded {
            strategy,
            name,
            hash: [0; 32],
            instance,
            markets,
            places: Vec::new(),
            wants,
            since: self.world.now,
            parameters: String::new(),
        };
        self.feed(InputKind::Strategy(change))
    }

    /// Draws a strategy's budget; half of all budgets are empty.
    pub(super) fn set_budget(&mut self, strategy: StrategyId) -> Result<(), String> {
        let budget = draw_budget(|bound| self.world.rng.below(bound));
        self.host.budgets.insert(strategy, budget);
        self.feed(InputKind::Strategy(StrategyChange::Budget { strategy, budget }))
    }

    /// Copies the placements of carried-over orders to the new journal, for the next crash.
    fn write_placements(&mut self, carry: &CarryOver) -> Result<(), String> {
        let orders: BTreeSet<OrderId> = carry.orders.iter().map(|carried| carried.order.id).collect();
        self.host.placements.retain(|order, _| orders.contains(order));
        for (order, venue) in self.host.placements.clone() {
            let record = Record::Placement(journal::Placement { order, salt: 0, timestamp_ms: 0, venue });
            journal::encode(&record, &mut self.host.journal).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Crashes the host: unsynced bytes may or may not be on the disk, possibly torn. A new host recovers from them.
    pub(super) fn crash(&mut self) -> Result<(), String> {
        let summary = self.host.engine.summary();
        // The row with the day's valuation may not have reached the database.
        let lost = self.world.rng.below(4) == 0;
        self.host.life.day_start = (!lost).then_some(summary.day_start);
        if lost {
            self.world.summary.draws.count(Fault::LostValuation);
        }
        self.host.life.halted = self.host.engine.restriction_now() == engine::Restriction::Halted;
        let whole = self.host.journal.len();
        let tail = u64::try_from(whole.saturating_sub(self.host.synced)).unwrap_or(0);
        let kept = if self.world.rng.below(3) == 0 { tail } else { self.world.rng.below(tail.saturating_add(1)) };
        let length = self.host.synced.saturating_add(usize::try_from(kept).unwrap_or(0));
        if length < whole {
            self.world.summary.draws.count(Fault::TornJournal);
        }
        self.narrate(&format!("crash: {length} of {whole} bytes are left, {} were synced", self.host.synced));
        self.host.journal.truncate(length);
        self.world.forget_what_comes_in();
        let (back, placements) = read_again(&self.host.journal)?;
        if length == whole && !self.host.disk_failed {
            self.compare_with_the_dead(&back)?;
        }
        let carry = back.carry(|order| placements.contains_key(&order));
        self.host.placements = placements;
        // An order that was approved but not journaled was never sent, so its number is free.
        self.host.last_order = carry.last_order;
        self.host.engine = Engine::new(Purpose::Simulate);
        self.host.process = self.host.process.saturating_add(1);
        self.host.seq = 0;
        self.host.disk_failed = false;
        self.host.own_events.clear();
        self.host.records = 0;
        (self.world.user_up, self.world.market_up) = (true, true);
        let down = self.world.rng.below(10_000_000);
        self.world.now = self.world.now.plus_micros(down);
        self.world.move_market();
        self.bridge_events();
        self.begin_session(Some(carry), back.known_activities())?;
        if self.host.life.halted {
            return Ok(());
        }
        self.feed(InputKind::Command(Command::Start))
    }

    /// Checks that today's P&L starts at zero if no valuation of the day was given, whatever is carried over.
    fn check_day(&self) -> Result<(), String> {
        let today = self.host.engine.summary().today;
        if self.host.life.day_start.is_none() && today != Usd::ZERO {
            return Err(format!("today's P&L starts at {today} although no valuation was given"));
        }
        Ok(())
    }

    /// Checks that a complete journal restores exactly the engine that crashed.
    fn compare_with_the_dead(&self, back: &Engine) -> Result<(), String> {
        let dead = &self.host.engine;
        if back.summary() != dead.summary() {
            return Err(format!("the journal restores {:?}, expected {:?}", back.summary(), dead.summary()));
        }
        let allowances = |engine: &Engine| {
            (1..=STRATEGIES).map(|number| engine.allowance_of(StrategyId(number))).collect::<Vec<_>>()
        };
        if allowances(back) != allowances(dead) {
            return Err("the journal restores different budgets".to_string());
        }
        let all = |engine: &Engine| engine.carry(|_| true);
        if all(back) != all(dead) {
            return Err("the journal restores different orders, fills or positions".to_string());
        }
        Ok(())
    }
}

/// Replays a journal.
fn read_again(bytes: &[u8]) -> Result<(Engine, BTreeMap<OrderId, model::VenueOrderId>), String> {
    let mut engine = Engine::new(Purpose::Simulate);
    let mut placements = BTreeMap::new();
    let mut reader = Reader::new(bytes).map_err(|error| error.to_string())?;
    // A snapshot at any position must not change what follows it.
    let snapshot_at = bytes.len().checked_rem(97).unwrap_or(0).saturating_mul(bytes.len()) / 97;
    let mut snapshot = false;
    while let Some(step) = reader.step().map_err(|error| format!("the journal is corrupt: {error}"))? {
        if !snapshot && reader.at() > snapshot_at {
            snapshot = true;
            let bytes = postcard::to_allocvec(&engine).map_err(|error| error.to_string())?;
            engine = postcard::from_bytes(&bytes).map_err(|error| error.to_string())?;
        }
        match step {
            Step::Record(Record::Input(input)) => engine.recover(&input),
            Step::Record(Record::Placement(placement)) => {
                placements.insert(placement.order, placement.venue);
            }
            Step::Record(_) => {}
            Step::Torn { .. } => break,
        }
    }
    Ok((engine, placements))
}

/// Returns limits that are often reached.
pub(super) fn limits() -> Limits {
    Limits {
        portfolio_trade_bps: 300,
        max_order: Usd::dollars(40),
        max_market: Usd::dollars(120),
        max_open_positions: 4,
        max_open_orders: 24,
        max_orders_per_minute: 120,
        ..Limits::DEFAULT
    }
}

/// Draws the limits of a run; repeated now and then while it runs.
pub(super) fn draw_limits(mut below: impl FnMut(u64) -> u64) -> Limits {
    let dollars = |value: u64| Usd::dollars(i64::try_from(value).unwrap_or(1));
    Limits {
        max_order: dollars(below(60).saturating_add(2)),
        max_market: dollars(below(150).saturating_add(5)),
        max_open_positions: u32::try_from(below(6)).unwrap_or(1),
        daily_loss: dollars(below(50).saturating_add(1)),
        ..limits()
    }
}

fn draw_budget(mut below: impl FnMut(u64) -> u64) -> Budget {
    if below(2) == 0 {
        return Budget::NONE;
    }
    let mut maybe = |least: u64, most: u64| (below(2) == 0).then(|| least.saturating_add(below(most)));
    let (capital, daily_loss, orders) = (maybe(0, 150), maybe(1, 20), maybe(0, 120));
    let dollars = |value: u64| Usd::dollars(i64::try_from(value).unwrap_or(1));
    Budget {
        capital: capital.map(dollars),
        daily_loss: daily_loss.map(dollars),
        orders_per_minute: orders.and_then(|orders| u32::try_from(orders).ok()),
    }
}

/// Returns the tokens that a strategy may use, for the unit tests of other modules.
pub(super) fn tokens_of(strategy: StrategyId, markets: &[model::MarketIx]) -> Vec<model::TokenIx> {
    let skipped = usize::from(strategy.0);
    let seen = markets.iter().enumerate().filter(|(place, _)| *place != skipped);
    seen.flat_map(|(_, market)| [market.token(0), market.token(1)]).collect()
}
