//! The host's side: the engine, its journal, and what carries out its effects.

use super::Story;
use super::draws::Fault;
use super::restart::Life;
use super::wire::Delivery;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use engine::{Approved, Effect, Effects, Engine, Placement, Purpose, Record};
use model::input::PlaceOutcome;
use model::{Body, Budget, Input, NewOrder, OrderId, Seq, StrategyId, Time, VenueOrderId};

/// How often the engine is told that time passes.
const TICK_MICROS: u64 = 100_000;
/// How often the venue's account is read.
const ACCOUNT_MICROS: u64 = 5_000_000;
/// How often fresh books are proven alive although nothing changed.
const ALIVE_MICROS: u64 = 10_000_000;

/// The host of the story. It dies and is made anew; the journal's synced bytes and the placements outlive it.
pub(super) struct Host {
    pub(super) engine: Engine,
    effects: Effects,
    pub(super) journal: Vec<u8>,
    /// How far the journal is on the disk.
    pub(super) synced: usize,
    pub(super) disk_failed: bool,
    pub(super) locked: bool,
    pub(super) seq: u64,
    /// Counts the processes.
    pub(super) process: u64,
    /// Trades before this moment are in the books already.
    pub(super) since: Time,
    /// The venue's ids of our orders, as the journal's placements tell them.
    pub(super) placements: BTreeMap<OrderId, VenueOrderId>,
    /// Whether this process saw the venue's account equal to its books, or began with no books at all.
    pub(super) proved: bool,
    /// The highest number of an order that was approved.
    pub(super) last_order: OrderId,
    pub(super) life: Life,
    /// Own events that strategies have not reacted to yet.
    pub(super) told: Vec<(StrategyId, model::OwnEvent)>,
    /// How many of the venue's records this process was told.
    pub(super) records: usize,
    /// What operators leave to strategies.
    pub(super) budgets: BTreeMap<StrategyId, Budget>,
    next_tick: Time,
    next_account: Time,
    next_alive: Time,
}

impl Host {
    pub(super) fn new() -> Self {
        Self {
            engine: Engine::new(Purpose::Rehearse),
            effects: Effects::new(),
            journal: Vec::new(),
            synced: 0,
            disk_failed: false,
            locked: false,
            seq: 0,
            process: 0,
            since: Time(0),
            placements: BTreeMap::new(),
            proved: true,
            last_order: OrderId(0),
            life: Life::default(),
            told: Vec::new(),
            records: 0,
            budgets: BTreeMap::new(),
            next_tick: Time(0),
            next_account: Time(0),
            next_alive: Time(0),
        }
    }
}

impl Story<'_> {
    /// Tells the listener what happens.
    pub(super) fn say(&mut self, what: &str) {
        let at = self.world.now.since(super::START);
        let (seconds, rest) = (at / 1_000_000, at % 1_000_000);
        (self.tell)(&alloc::format!("{seconds:>5}.{rest:06} {what}"));
    }

    /// Gives the engine one input, journals it, and carries out what comes of it.
    pub(super) fn feed(&mut self, body: Body) -> Result<(), String> {
        self.host.seq = self.host.seq.saturating_add(1);
        let input = Input { seq: Seq(self.host.seq), at: self.world.now, body };
        if !self.host.disk_failed {
            journal::encode_input(&input, &mut self.host.journal).map_err(|error| error.to_string())?;
        }
        self.world.summary.inputs = self.world.summary.inputs.saturating_add(1);
        self.tell_input(&input.body);
        let mut effects = core::mem::take(&mut self.host.effects);
        self.host.engine.step(&input, &mut effects);
        // What the venue's records told may have become the explanation in this very step.
        if let Body::Account(view) = &input.body {
            self.host.proved |= self.is_equal(view);
        }
        for effect in effects.drain(..) {
            self.act(effect)?;
        }
        self.host.effects = effects;
        self.host.engine.audit().map_err(|what| alloc::format!("the books contradict themselves: {what}"))
    }

    fn tell_input(&mut self, body: &Body) {
        match body {
            Body::Event(_) | Body::Tick | Body::Alive { .. } | Body::Account(_) | Body::Market(_) => {}
            Body::TakeOver(carry) => {
                let text = alloc::format!("<- takes over {} orders, cash {}", carry.orders.len(), carry.cash);
                self.say(&text);
            }
            other => self.say(&alloc::format!("<- {other:?}")),
        }
    }

    fn act(&mut self, effect: Effect) -> Result<(), String> {
        match effect {
            // Nobody trades by hand in a soak.
            Effect::Adopted { .. } => {}
            Effect::Place(approved) => return self.place(approved),
            Effect::Cancel { order } => {
                self.say(&alloc::format!("-> cancel {order}"));
                if !self.world.strikes(Fault::LostRequest) {
                    let process = self.host.process;
                    let market = self.host.engine.cancelled_by_host(order);
                    let delivery = match market.filter(|_| self.world.strikes(Fault::NoRoom)) {
                        Some(market) => Delivery::Sweep(order, market, process),
                        None => Delivery::Cancel(order, process),
                    };
                    self.world.send(delivery);
                }
            }
            Effect::CancelAll => {
                if !self.world.strikes(Fault::LostRequest) {
                    self.world.send(Delivery::CancelAll);
                }
            }
            Effect::Look { order } => {
                let asked = self.world.now;
                self.world.send(Delivery::Look(order, asked));
            }
            Effect::Resnapshot { token } => {
                let book = self.world.book(token);
                self.world.send_in(20_000, Delivery::Market(book));
            }
            Effect::LockSigner => self.host.locked = true,
            Effect::UnlockSigner => self.host.locked = false,
            Effect::NotifyOwn { strategy, event } => {
                if self.host.told.len() < 1_000 {
                    self.host.told.push((strategy, event));
                }
            }
            Effect::Record(Record::Breaker { breaker, tripped, ref reason, .. }) => {
                let word = if tripped { "trips" } else { "closes" };
                self.say(&alloc::format!("!! {} {word} {reason}", breaker.as_str()));
            }
            Effect::NotifyMarket { .. } | Effect::Answered { .. } | Effect::Record(_) => {}
        }
        Ok(())
    }

    /// An order was approved: it is checked, written down, and leaves when the journal is synced.
    fn place(&mut self, approved: Approved<Placement>) -> Result<(), String> {
        let Placement { order, salt, timestamp_ms } = *approved.item();
        self.check_approval(&approved)?;
        self.host.last_order = order.id;
        self.say(&alloc::format!("-> place {order:?}"));
        let venue = venue_id(order.id, salt);
        self.host.placements.insert(order.id, venue);
        if !self.host.disk_failed {
            let record = journal::Placement { order: order.id, salt, timestamp_ms, venue };
            let written = journal::encode(&journal::Record::Placement(record), &mut self.host.journal);
            written.map_err(|error| error.to_string())?;
        }
        let (place, expires) = (self.host.journal.len(), approved.expires());
        let sync = self.world.draw_delay().min(400_000);
        self.world.send_in(sync, Delivery::Leave(order, venue, place, expires));
        Ok(())
    }

    /// The journal is on the disk up to `place`, and the order leaves, unless something kept it.
    pub(super) fn leave(&mut self, order: NewOrder, venue: VenueOrderId, place: usize, expires: Time) {
        let kept = if self.host.disk_failed {
            Some("the journal is broken")
        } else if self.host.locked {
            Some("the signer is locked")
        } else if self.world.now > expires {
            Some("the approval is too old")
        } else {
            None
        };
        if let Some(reason) = kept {
            let outcome = PlaceOutcome::NotSent { reason: reason.to_string() };
            return self.world.send_in(1, Delivery::Answer(Body::Placed { order: order.id, outcome }));
        }
        self.host.synced = self.host.synced.max(place);
        let process = self.host.process;
        if self.world.strikes(Fault::LostRequest) {
            let outcome = PlaceOutcome::Unknown { reason: "the connection broke".to_string() };
            return self.world.send_in(3_000_000, Delivery::Answer(Body::Placed { order: order.id, outcome }));
        }
        self.world.send(Delivery::Place(order, venue, process));
    }

    /// Ticks, proofs of life, and looks at the account.
    pub(super) fn keep_time(&mut self) -> Result<(), String> {
        if self.world.now >= self.host.next_alive && self.world.market_up {
            self.host.next_alive = self.world.now.plus_micros(ALIVE_MICROS);
            for token in self.world.tokens() {
                self.feed(Body::Alive { token })?;
            }
        }
        if self.world.now >= self.host.next_account {
            self.host.next_account = self.world.now.plus_micros(ACCOUNT_MICROS);
            self.world.send(Delivery::Account);
            self.read_records()?;
        }
        if self.world.now >= self.host.next_tick {
            self.host.next_tick = self.world.now.plus_micros(TICK_MICROS);
            self.feed(Body::Tick)?;
        }
        Ok(())
    }
}

/// Returns the id that the venue will know an order by.
fn venue_id(order: OrderId, salt: u64) -> VenueOrderId {
    let mut id = [0; 32];
    for (place, byte) in id.iter_mut().zip(order.0.to_be_bytes().into_iter().chain(salt.to_be_bytes())) {
        *place = byte;
    }
    VenueOrderId(id)
}
