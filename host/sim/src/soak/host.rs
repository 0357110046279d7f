//! The host's side: the engine, its journal, and the execution of its effects.

use super::Story;
use super::draws::Fault;
use super::restart::Life;
use super::wire::Delivery;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use engine::{Approved, Effect, Effects, Engine, EngineEvent, Placement, Purpose};
use model::input::PlaceOutcome;
use model::{Budget, Input, InputKind, NewOrder, OrderId, Seq, StrategyId, Time, VenueOrderId};

/// The interval of clock events.
const TICK_MICROS: u64 = 100_000;
/// The interval at which the venue's account is read.
const ACCOUNT_MICROS: u64 = 5_000_000;
/// The interval at which unchanged books are confirmed.
const ALIVE_MICROS: u64 = 10_000_000;

/// The host of the story. It crashes and is recreated; the journal's synced bytes and the placements survive.
pub(super) struct Host {
    pub(super) engine: Engine,
    effects: Effects,
    pub(super) journal: Vec<u8>,
    /// The length of the journal that is synced to disk.
    pub(super) synced: usize,
    pub(super) disk_failed: bool,
    pub(super) locked: bool,
    pub(super) seq: u64,
    /// The number of the current process.
    pub(super) process: u64,
    /// Trades before this time are already booked.
    pub(super) since: Time,
    /// The venue's ids of our orders, from the placements in the journal.
    pub(super) placements: BTreeMap<OrderId, VenueOrderId>,
    /// True if this process confirmed that the venue's account equals its ledger, or began with an empty ledger.
    pub(super) proved: bool,
    /// The highest number of an approved order.
    pub(super) last_order: OrderId,
    pub(super) life: Life,
    /// Own events that strategies have not reacted to yet.
    pub(super) own_events: Vec<(StrategyId, model::OwnEvent)>,
    /// Number of Data API rows that this process has read.
    pub(super) records: usize,
    /// Budgets set by operators.
    pub(super) budgets: BTreeMap<StrategyId, Budget>,
    next_tick: Time,
    next_account: Time,
    next_alive: Time,
}

impl Host {
    pub(super) fn new() -> Self {
        Self {
            engine: Engine::new(Purpose::Simulate),
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
            own_events: Vec::new(),
            records: 0,
            budgets: BTreeMap::new(),
            next_tick: Time(0),
            next_account: Time(0),
            next_alive: Time(0),
        }
    }
}

impl Story<'_> {
    /// Reports a line to the listener.
    pub(super) fn narrate(&mut self, what: &str) {
        let at = self.world.now.since(super::START);
        let (seconds, rest) = (at / 1_000_000, at % 1_000_000);
        (self.tell)(&alloc::format!("{seconds:>5}.{rest:06} {what}"));
    }

    /// Feeds the engine one input, journals it, and executes its effects.
    pub(super) fn feed(&mut self, body: InputKind) -> Result<(), String> {
        self.host.seq = self.host.seq.saturating_add(1);
        let input = Input { seq: Seq(self.host.seq), at: self.world.now, kind: body };
        if !self.host.disk_failed {
            journal::encode_input(&input, &mut self.host.journal).map_err(|error| error.to_string())?;
        }
        self.world.summary.inputs = self.world.summary.inputs.saturating_add(1);
        self.narrate_input(&input.kind);
        let mut effects = core::mem::take(&mut self.host.effects);
        self.host.engine.step(&input, &mut effects);
        // A pending activity may have explained the difference in this very step.
        if let InputKind::Account(view) = &input.kind {
            self.host.proved |= self.is_equal(view);
        }
        for effect in effects.drain(..) {
            self.act(effect)?;
        }
        self.host.effects = effects;
        self.host.engine.audit().map_err(|what| alloc::format!("the engine's books contradict each other: {what}"))
    }

    fn narrate_input(&mut self, body: &InputKind) {
        match body {
            InputKind::Event(_)
            | InputKind::Clock
            | InputKind::BookConfirmed { .. }
            | InputKind::Account(_)
            | InputKind::Market(_) => {}
            InputKind::CarryOver(carry) => {
                let text = alloc::format!("<- takes over {} orders, cash {}", carry.orders.len(), carry.cash);
                self.narrate(&text);
            }
            other => self.narrate(&alloc::format!("<- {other:?}")),
        }
    }

    fn act(&mut self, effect: Effect) -> Result<(), String> {
        match effect {
            // The soak has no external orders.
            Effect::Adopted { .. } => {}
            Effect::Place(approved) => return self.place(approved),
            Effect::Cancel { order } => {
                self.narrate(&alloc::format!("-> cancel {order}"));
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
            Effect::QueryOrder { order } => {
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
                if self.host.own_events.len() < 1_000 {
                    self.host.own_events.push((strategy, event));
                }
            }
            Effect::Event(EngineEvent::Breaker { breaker, tripped, ref reason, .. }) => {
                let word = if tripped { "trips" } else { "closes" };
                self.narrate(&alloc::format!("!! {} {word} {reason}", breaker.as_str()));
            }
            Effect::NotifyMarket { .. } | Effect::Answered { .. } | Effect::Event(_) => {}
        }
        Ok(())
    }

    /// Checks and journals an approved order, which is sent once the journal is synced.
    fn place(&mut self, approved: Approved<Placement>) -> Result<(), String> {
        let Placement { order, salt, timestamp_ms } = *approved.item();
        self.check_approval(&approved)?;
        self.host.last_order = order.id;
        self.narrate(&alloc::format!("-> place {order:?}"));
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

    /// Sends the order, now that the journal is synced up to `place`, unless something prevents it.
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
            return self.world.send_in(1, Delivery::Answer(InputKind::Placed { order: order.id, outcome }));
        }
        self.host.synced = self.host.synced.max(place);
        let process = self.host.process;
        if self.world.strikes(Fault::LostRequest) {
            let outcome = PlaceOutcome::Unknown { reason: "the connection broke".to_string() };
            return self.world.send_in(3_000_000, Delivery::Answer(InputKind::Placed { order: order.id, outcome }));
        }
        self.world.send(Delivery::Place(order, venue, process));
    }

    /// Sends clock events and proofs of life, and reads the account.
    pub(super) fn on_tick(&mut self) -> Result<(), String> {
        if self.world.now >= self.host.next_alive && self.world.market_up {
            self.host.next_alive = self.world.now.plus_micros(ALIVE_MICROS);
            for token in self.world.tokens() {
                self.feed(InputKind::BookConfirmed { token })?;
            }
        }
        if self.world.now >= self.host.next_account {
            self.host.next_account = self.world.now.plus_micros(ACCOUNT_MICROS);
            self.world.send(Delivery::Account);
            self.read_records()?;
        }
        if self.world.now >= self.host.next_tick {
            self.host.next_tick = self.world.now.plus_micros(TICK_MICROS);
            self.feed(InputKind::Clock)?;
        }
        Ok(())
    }
}

/// Returns the venue's id of an order.
fn venue_id(order: OrderId, salt: u64) -> VenueOrderId {
    let mut id = [0; 32];
    for (place, byte) in id.iter_mut().zip(order.0.to_be_bytes().into_iter().chain(salt.to_be_bytes())) {
        *place = byte;
    }
    VenueOrderId(id)
}
