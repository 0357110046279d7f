//! The whole path with the signer in its own process: from the text of a market frame to the bytes of a signed order.
//! The journal's sync runs in parallel with the signature and is not included.

use super::engine_paths::Rig;
use super::{Figure, market_paths, percentiles, sandbox_paths};
use anyhow::{Context, ensure};
use engine::{Approved, Effect, Placement, Purpose};
use model::event::{OwnEvent, SessionState};
use model::input::{Command, PlaceOutcome, StrategyAnswer, VenueStatus};
use model::{InputKind, MarketIx, MarketNote, OrderId, Size, StrategyId};
use order::{Exchange, OrderTerms, SignedOrder};
use polymarket::client::order_body;
use polymarket::{TokenMap, parse_market};
use sandbox::{Batch, Instance};
use std::path::Path;
use std::time::Instant;

/// Number of measured orders; a tenth of it is added for warm-up.
const ORDERS: usize = 1_000;
/// Longer than the template strategy waits between two quotes. The time of its market notes advances by this much each
/// turn; the engine keeps real time, which the signer compares with its own clock.
const PACE_MICROS: u64 = 20_000_000;

/// The stages from a market frame to a signature.
struct Line<'a> {
    rig: Rig,
    instance: Instance,
    events_consumed: u64,
    /// Lead of the strategy's clock, in microseconds.
    ahead: u64,
    signer: &'a signer::Client,
    map: TokenMap,
    frames: [String; 2],
    listing: OrderTerms,
}

/// Measures the signer's round trip and the whole path. `bare` is the time of a signature alone, in nanoseconds.
pub(super) async fn measure(strategies: &Path, signer: &signer::Client, bare: u64) -> anyhow::Result<[Figure; 2]> {
    let rig = Rig::new(&[MarketIx(0)], Purpose::Trade)?;
    signer.begin(rig.session()).await.context("beginning a session at the signer")?;
    let market = rig.market(MarketIx(0))?.clone();
    let [yes, no] = market.tokens;
    let mut map = TokenMap::default();
    map.insert(&yes, MarketIx(0).token(0))?;
    map.insert(&no, MarketIx(0).token(1))?;
    let instance = sandbox_paths::start(&rig, strategies, "template.wasm")?;
    let frames = [1, 2].map(|size| market_paths::frame(&yes.to_string(), &no.to_string(), size));
    let listing = OrderTerms { token_id: yes, tick: market.tick, exchange: Exchange::of(market.neg_risk) };
    let mut line = Line { rig, instance, events_consumed: 0, ahead: 0, signer, map, frames, listing };
    line.begin()?;
    let (mut whole, mut trips) = (Vec::new(), Vec::new());
    for turn in 0..ORDERS.saturating_add(ORDERS / 10) {
        let (all, trip) = line.order(turn).await?;
        if turn >= ORDERS / 10 {
            whole.push(all);
            trips.push(trip);
        }
    }
    let (p50_ns, p99_ns) = percentiles(trips);
    let trip = Figure {
        path: "signature by the signer's process, round trip",
        p50_ns,
        p99_ns,
        budget_ns: Some(bare.saturating_add(60_000)),
        note: "budget: the bare signature and 60 us".to_owned(),
    };
    let (p50_ns, p99_ns) = percentiles(whole);
    let whole = Figure {
        path: "market frame in -> signed order bytes out",
        p50_ns,
        p99_ns,
        budget_ns: Some(250_000),
        note: "parse, book, WASM, gate, signer's process".to_owned(),
    };
    Ok([trip, whole])
}

impl Line<'_> {
    /// Notifies the strategy that the session is running.
    fn begin(&mut self) -> anyhow::Result<()> {
        let mut batch = Batch::default();
        batch.own(self.instance.grants(), self.rig.now(), &OwnEvent::Session { state: SessionState::Running });
        let reaction = self.instance.on_events(1, &mut batch)?;
        self.events_consumed = u64::from(reaction.consumed);
        Ok(())
    }

    /// Sends one order through the path, and returns the nanoseconds of the whole path and of the signature.
    async fn order(&mut self, turn: usize) -> anyhow::Result<(u64, u64)> {
        self.rig.use_machine_time();
        self.ahead = self.ahead.saturating_add(PACE_MICROS);
        let frame = self.frames.get(turn % 2).context("a frame")?;
        let started = Instant::now();
        let mut events = Vec::new();
        parse_market(frame.as_bytes(), &self.map, &mut events)?;
        let mut notes = Vec::new();
        for event in events {
            self.rig.step(InputKind::Event(event));
            let ahead = self.ahead;
            notes.extend(self.rig.effects.drain(..).filter_map(|effect| market_note(effect, ahead)));
        }
        let approved = self.decide(&notes)?;
        let order = *approved.item();
        let asked = Instant::now();
        let signed = self.signer.sign(approved, &self.listing, self.rig.now()).await?;
        let trip = nanos(asked);
        std::hint::black_box(bytes(&signed, &order)?);
        let all = nanos(started);
        self.clear(order.order.id)?;
        Ok((all, trip))
    }

    /// Sends the notes to the strategy, and its intents to the gate.
    fn decide(&mut self, notes: &[MarketNote]) -> anyhow::Result<Approved<Placement>> {
        let mut batch = Batch::default();
        notes.iter().for_each(|note| batch.market(self.instance.grants(), note));
        let first = self.events_consumed.saturating_add(1);
        let reaction = self.instance.on_events(first, &mut batch)?;
        self.events_consumed = self.events_consumed.saturating_add(u64::from(reaction.consumed));
        self.rig.step(InputKind::Intents(StrategyAnswer {
            strategy: StrategyId(1),
            instance: 1,
            first,
            count: u32::try_from(notes.len()).unwrap_or(u32::MAX),
            consumed: reaction.consumed,
            fuel: reaction.fuel,
            fault: None,
            intents: reaction.intents,
            lost: Vec::new(),
        }));
        let placed = self.rig.effects.drain(..).find_map(|effect| match effect {
            Effect::Place(approved) => Some(approved),
            _ => None,
        });
        placed.context("the strategy placed no order")
    }

    /// Cancels the order, so that the next one starts from the same state.
    fn clear(&mut self, order: OrderId) -> anyhow::Result<()> {
        self.rig.step(InputKind::Placed { order, outcome: PlaceOutcome::Live });
        self.rig.step(InputKind::Command(Command::CancelAll));
        let (status, matched) = (VenueStatus::Cancelled, Size::ZERO);
        self.rig.step(InputKind::OrderUpdate { order, status, matched });
        ensure!(self.rig.engine.summary().open_orders == 0, "an order is still open");
        Ok(())
    }
}

fn market_note(effect: Effect, ahead: u64) -> Option<MarketNote> {
    match effect {
        Effect::NotifyMarket { note, .. } => Some(MarketNote { host_time: note.host_time.plus_micros(ahead), ..note }),
        _ => None,
    }
}

fn bytes(signed: &SignedOrder, placement: &Placement) -> anyhow::Result<String> {
    Ok(order_body(signed, placement.order.kind, "11111111-2222-4333-8444-555555555555")?)
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
