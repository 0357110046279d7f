//! Host time on a machine whose wall clock is set, that sleeps, or that is restored from a snapshot, and an engine that
//! uses it.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "test code may fail loudly; numbers are small")]

use super::*;
use engine::{Effect, Effects, Engine, EngineEvent, Purpose};
use model::event::{MarketEvent, MarketEventKind};
use model::input::{Breaker, Channel, Command, Mode, SessionStart, StrategyAnswer, StrategyChange};
use model::{
    InputKind, Intent, IntentKind, Level, Limits, MarketIx, OrderKind, Price, SessionId, Side, Size, StrategyId, Usd,
    Wants,
};
use std::sync::Arc;
use testkit::{input, market};

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600 * SECOND;
/// 23:30 UTC.
const START: Time = Time(20_000 * 86_400_000_000 + 23 * HOUR + HOUR / 2);

/// A machine whose clocks are moved by a test.
#[derive(Debug, Clone)]
struct Fake {
    boot: Arc<AtomicU64>,
    /// Error of the wall clock relative to true time, in microseconds.
    set: Arc<AtomicI64>,
    /// Time in which the machine was suspended with all its clocks.
    lost: Arc<AtomicU64>,
}

/// Time since boot at the start of a test.
const UPTIME: u64 = 7 * HOUR;

impl Fake {
    fn new() -> Self {
        Self { boot: Arc::new(AtomicU64::new(UPTIME)), set: Arc::default(), lost: Arc::default() }
    }

    /// Returns the true time.
    fn truth(&self) -> Time {
        START.plus_micros(self.boot() - UPTIME + self.lost.load(Ordering::Relaxed))
    }

    fn pass(&self, micros: u64) {
        self.boot.fetch_add(micros, Ordering::Relaxed);
    }

    fn set(&self, seconds: i64) {
        self.set.store(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Source for Fake {
    fn boot(&self) -> u64 {
        self.boot.load(Ordering::Relaxed)
    }

    fn wall(&self) -> Time {
        Time(self.truth().0.saturating_add_signed(self.set.load(Ordering::Relaxed)))
    }
}

fn clock() -> (Fake, Clock<Fake>) {
    let fake = Fake::new();
    (fake.clone(), Clock::new(fake))
}

/// Advances time in steps of a tenth of a second, and returns how far host time advanced.
fn pass(fake: &Fake, clock: &Clock<Fake>, seconds: u64) -> u64 {
    let begin = clock.now();
    for _ in 0..seconds * 10 {
        let before = clock.now();
        fake.pass(SECOND / 10);
        assert!(clock.now() > before, "host time did not advance");
    }
    clock.now().since(begin)
}

#[test]
fn a_wall_clock_that_jumps_ahead_for_three_seconds_moves_nothing() {
    let (fake, clock) = clock();
    assert_eq!(pass(&fake, &clock, 10), 10 * SECOND);
    fake.set(3_600);
    assert_eq!((pass(&fake, &clock, 3), clock.is_apart()), (3 * SECOND, true));
    assert_eq!(clock.wall().since(clock.now()), HOUR);
    fake.set(0);
    assert_eq!((pass(&fake, &clock, 60), clock.is_apart()), (60 * SECOND, false));
    assert_eq!(clock.now(), fake.truth());
}

#[test]
fn a_wall_clock_that_is_set_back_by_an_hour_moves_nothing() {
    let (fake, clock) = clock();
    fake.set(-3_600);
    assert_eq!((pass(&fake, &clock, 600), clock.is_apart()), (600 * SECOND, true));
    assert_eq!(clock.now(), fake.truth());
    assert_eq!(clock.now().since(clock.wall()), HOUR);
}

#[test]
fn a_sleep_counts_at_once() {
    let (fake, clock) = clock();
    let before = clock.now();
    fake.pass(90 * SECOND);
    assert_eq!((clock.now().since(before), clock.is_apart()), (90 * SECOND, false));
    assert_eq!(pass(&fake, &clock, 10), 10 * SECOND);
}

#[test]
fn small_corrections_are_worked_off_by_a_tenth_of_the_time() {
    let (fake, clock) = clock();
    fake.set(2);
    assert_eq!(pass(&fake, &clock, 10), 11 * SECOND);
    assert_eq!(pass(&fake, &clock, 20), 21 * SECOND);
    assert_eq!(clock.now(), clock.wall());
    fake.set(-3);
    assert_eq!(pass(&fake, &clock, 10), 9 * SECOND);
    pass(&fake, &clock, 60);
    assert_eq!(clock.now(), clock.wall());
    // One reading after hours corrects no more than one reading after a second.
    fake.set(1);
    fake.pass(HOUR);
    let off = clock.wall().since(clock.now());
    assert!(off >= 4 * SECOND - SPAN_MAX_MICROS / GENTLY, "{off}");
}

#[test]
fn a_machine_that_is_restored_is_right_once_the_venue_confirms_its_wall_clock() {
    let (fake, clock) = clock();
    let before = clock.now();
    fake.lost.store(90 * SECOND, Ordering::Relaxed);
    assert!(clock.is_apart());
    clock.follow_wall();
    assert_eq!((clock.now().since(before), clock.is_apart()), (90 * SECOND, false));
    assert_eq!(clock.now(), fake.truth());
}

#[test]
fn a_host_that_began_an_hour_ahead_goes_back_slowly_and_only_to_what_was_confirmed() {
    let fake = Fake::new();
    fake.set(3_600);
    let clock = Clock::new(fake.clone());
    fake.set(0);
    assert_eq!(pass(&fake, &clock, 60), 60 * SECOND, "the wall clock is not confirmed yet");
    clock.follow_wall();
    assert_eq!(pass(&fake, &clock, 100), 90 * SECOND);
    fake.set(-7_200);
    assert_eq!(pass(&fake, &clock, 100), 100 * SECOND, "this setting was not confirmed");
    fake.set(0);
    assert_eq!(pass(&fake, &clock, 100), 90 * SECOND);
    pass(&fake, &clock, 36_000);
    assert_eq!((clock.now(), clock.is_apart()), (fake.truth(), false));
}

#[test]
fn the_machines_own_clocks_agree() {
    let (first, second) = (now(), now());
    assert!(first <= second && !is_apart());
    assert!(since_boot() <= since_boot());
    assert!(first.0.abs_diff(wall().0) < NEAR_MICROS);
}

/// An engine fed as in the host: with host time, and with a clock event every tenth of a second.
struct Host {
    fake: Fake,
    clock: Clock<Fake>,
    engine: Engine,
    effects: Effects,
    seq: u64,
    ticks: u64,
    next_tick: Time,
    /// All breakers that tripped.
    tripped: Vec<Breaker>,
    /// The UTC days that started.
    days: Vec<u64>,
}

impl Host {
    fn new() -> Self {
        let (fake, clock) = clock();
        let (engine, effects, next_tick) = (Engine::new(Purpose::Trade), Effects::new(), clock.now());
        let (tripped, days) = (Vec::new(), Vec::new());
        let mut host = Self { fake, clock, engine, effects, seq: 0, ticks: 0, next_tick, tripped, days };
        let (session, cash, limits) = (SessionId(1), Usd::dollars(1_000), Limits::WIDE);
        let (mode, day_start, salt_seed, halted) = (Mode::Live, None, 7, false);
        host.feed(InputKind::Session(SessionStart { session, mode, cash, day_start, limits, salt_seed, halted }));
        host.feed(InputKind::Market(market(0)));
        host.feed(InputKind::Strategy(StrategyChange::Loaded {
            strategy: StrategyId(1),
            name: "strategy".into(),
            hash: [0; 32],
            instance: 1,
            markets: vec![MarketIx(0)],
            places: Vec::new(),
            wants: Wants::FIRST,
            since: START,
            parameters: String::new(),
        }));
        host.feed(InputKind::Feed { channel: Channel::Market, up: true });
        host.feed(InputKind::Feed { channel: Channel::User, up: true });
        host.feed(InputKind::Command(Command::Start));
        host.books();
        host
    }

    fn feed(&mut self, body: InputKind) {
        self.seq += 1;
        let at = self.clock.now();
        self.engine.step(&input(self.seq, at, body), &mut self.effects);
        for effect in &self.effects {
            if let Effect::Event(EngineEvent::Breaker { breaker, tripped: true, .. }) = effect {
                self.tripped.push(*breaker);
            }
        }
        let (day, _) = self.engine.summary().day_start;
        if self.days.last() != Some(&day) {
            self.days.push(day);
        }
    }

    /// Sends both books with the venue's time.
    fn books(&mut self) {
        let level = |micros| vec![Level { price: Price::from_micros(micros).unwrap(), size: Size::shares(1_000) }];
        for (outcome, bid, ask) in [(0, 400_000, 420_000), (1, 580_000, 600_000)] {
            let kind = MarketEventKind::Book { bids: level(bid), asks: level(ask) };
            let (token, venue_time) = (MarketIx(0).token(outcome), self.fake.truth());
            self.feed(InputKind::Event(MarketEvent { token, venue_time, kind }));
        }
    }

    /// Advances time, with clock events when they are due and books every second.
    fn pass(&mut self, seconds: u64) {
        for step in 0..seconds * 100 {
            self.fake.pass(SECOND / 100);
            if step % 100 == 0 {
                self.books();
            }
            let now = self.clock.now();
            if now >= self.next_tick {
                self.next_tick = now.plus_micros(100_000);
                self.ticks += 1;
                self.feed(InputKind::Clock);
            }
        }
    }

    /// Places an order that expires `seconds` after the true time, and returns the expiry of its approval and its
    /// creation time.
    fn place(&mut self, seconds: u64) -> Option<(Time, Time)> {
        let until_s = u32::try_from(self.fake.truth().seconds() + seconds).unwrap();
        let kind = OrderKind::Gtd { post_only: false, until_s };
        let (token, price, size) = (MarketIx(0).token(0), Price::from_micros(300_000).unwrap(), Size::shares(10));
        let kind = IntentKind::Place { token, side: Side::Buy, price, size, kind };
        let intents = vec![Intent { tag: 1, reason: String::new(), fair: None, kind }];
        self.feed(InputKind::Intents(StrategyAnswer::to_one(StrategyId(1), intents)));
        self.effects.iter().find_map(|effect| match effect {
            Effect::Place(approved) => Some((approved.expires(), Time::from_millis(approved.item().timestamp_ms))),
            _ => None,
        })
    }

    /// Checks that an order is approved for a quarter of a second, is created now, and expires at the venue's time.
    #[track_caller]
    fn places_right(&mut self) {
        assert_eq!(self.place(124), None, "the venue rejects orders that expire so soon");
        let (expires, made) = self.place(126).unwrap();
        assert_eq!(made.millis(), self.fake.truth().millis());
        self.fake.pass(250_000);
        assert!(self.clock.now() <= expires, "expired early");
        self.fake.pass(10_000);
        assert!(self.clock.now() > expires, "not expired");
    }
}

const FIRST_DAY: u64 = 20_000;

#[test]
fn an_engine_goes_on_while_the_wall_clock_is_an_hour_ahead_for_three_seconds() {
    let mut host = Host::new();
    host.pass(10);
    host.fake.set(3_600);
    host.pass(1);
    host.places_right();
    host.pass(2);
    assert_eq!(host.days, [FIRST_DAY], "only the wall clock was in the next day");
    host.fake.set(0);
    let before = host.ticks;
    host.pass(10);
    assert_eq!(host.ticks - before, 100);
    host.places_right();
    host.pass(1_800);
    assert_eq!((host.days, host.tripped), (vec![FIRST_DAY, FIRST_DAY + 1], Vec::new()));
}

#[test]
fn an_engine_goes_on_while_the_wall_clock_is_set_back_by_an_hour() {
    let mut host = Host::new();
    host.pass(1_801);
    assert_eq!(host.days, [FIRST_DAY, FIRST_DAY + 1]);
    host.fake.set(-3_600);
    let before = host.ticks;
    host.pass(60);
    assert_eq!(host.ticks - before, 600);
    host.places_right();
    host.pass(3_600);
    host.fake.set(0);
    host.pass(10);
    host.places_right();
    assert_eq!((host.days, host.tripped), (vec![FIRST_DAY, FIRST_DAY + 1], Vec::new()));
}

#[test]
fn after_a_sleep_of_ninety_seconds_approvals_are_over_and_books_are_stale_until_they_are_confirmed() {
    let mut host = Host::new();
    host.pass(10);
    let (expires, _) = host.place(300).unwrap();
    host.fake.pass(90 * SECOND);
    assert!(host.clock.now() > expires);
    assert_eq!(host.place(300), None, "the book is from before the sleep");
    host.books();
    let before = host.ticks;
    host.pass(10);
    assert_eq!(host.ticks - before, 100);
    host.places_right();
    assert_eq!((host.days, host.tripped), (vec![FIRST_DAY], Vec::new()));
}

#[test]
fn the_breaker_for_clock_skew_opens_and_closes_with_the_venues_word() {
    let mut host = Host::new();
    host.feed(InputKind::ClockSkew { micros: 3_600_000_000 });
    assert_eq!((host.tripped.clone(), host.place(300)), (vec![Breaker::ClockSkew], None));
    host.feed(InputKind::ClockSkew { micros: 0 });
    assert!(host.place(300).is_some());
}
