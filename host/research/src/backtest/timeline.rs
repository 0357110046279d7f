//! The two clocks of a run: each event of a tape acts at the venue at the venue's time, and is heard at its time of
//! receipt. The timeline turns a source, which is in the order of receipt, into moments in the order of time. It reads
//! ahead as far as events may be late, and keeps the events of moments that may be repeated. The moments do not depend
//! on how many events are read at once.

mod plain;

use super::job::Delay;
use crate::events::{EventSource, TapeEvent, TapeEventKind};
use model::Time;
use model::event::MarketEventKind;
use sim::Rng;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest feed latency for which an event acts at its own venue time; a later one acts this long before the receipt
/// of the event that was received before it. The recordings have up to 6.6 s.
const LATE_MAX_MICROS: u64 = 10_000_000;
/// The interval of moments after the end of the source.
const IDLE_MICROS: u64 = 1_000_000;

/// Events that are read at once, because that is faster than one at a time.
const READ_AHEAD: usize = 64;

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Time,
    /// Number of the event.
    pub(super) number: u64,
    pub(super) phase: Phase,
    /// True for the last event of a frame.
    pub(super) ends_frame: bool,
    /// True for a listing, and for the news that a market closed.
    pub(super) changes_markets: bool,
}

/// The kinds of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The event acts at the venue.
    Venue,
    /// The host receives the event.
    Heard,
    /// The event acts at the venue, and the host receives it at once.
    Both,
    /// Only time passes.
    Idle,
}

/// Notes on an event that was read and is still needed.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    received: Time,
    /// True if no later event of its frame acts at the venue, once that is known.
    ends_frame: bool,
    /// True once the rest of its frame was read.
    is_whole: bool,
}

/// The moments of a source.
pub(super) struct Timeline<'a> {
    source: &'a mut dyn EventSource,
    /// The latency of events without a time of receipt.
    feed: Delay,
    rng: Rng,
    to: Option<Time>,
    /// Events that are still needed, from number `base` on.
    events: VecDeque<TapeEvent>,
    base: u64,
    /// Number of the first event that is not in a moment and has no note.
    unnoted: u64,
    /// Notes on the events before it that are still to be heard.
    waiting: VecDeque<Waiting>,
    /// Events that have not acted at the venue, in the order of the venue's time.
    to_venue: VecDeque<(Time, u64)>,
    /// The next event to be heard.
    to_hear: u64,
    /// The last event read that acts at the venue.
    acting: Option<u64>,
    /// The moments since the last call of [`Timeline::release`].
    moments: VecDeque<Moment>,
    last: Time,
    front: Front,
    /// Nothing that has no note acts before this time.
    certain_until: Time,
    /// Time spent in the source, if it is measured.
    pub(super) decode: Option<Duration>,
    /// The longest time from an event to its receipt, for events with a time of receipt.
    late_max: u64,
    ended: bool,
    /// The error at which reading ended; the moments before it come first.
    failed: Option<anyhow::Error>,
    idle_until: Time,
    /// True if no two moments are made into one.
    apart: bool,
}

impl std::fmt::Debug for Timeline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline").field("last", &self.last).field("base", &self.base).finish_non_exhaustive()
    }
}

impl<'a> Timeline<'a> {
    /// Returns the moments of a source up to `to`; `feed` is the latency of events without a time of receipt.
    pub(super) fn new(source: &'a mut dyn EventSource, feed: &Delay, seed: u64, to: Option<Time>) -> Self {
        let window = match feed {
            Delay::Fixed(micros) => *micros,
            Delay::Samples(samples) => samples.iter().copied().max().unwrap_or(0),
        };
        let late_max = source.late_max_us().min(LATE_MAX_MICROS);
        Self {
            source,
            // A random choice of one is none.
            feed: match feed {
                Delay::Samples(samples) if samples.len() == 1 => Delay::Fixed(window),
                feed => feed.clone(),
            },
            rng: Rng::new(seed),
            to,
            events: VecDeque::new(),
            base: 0,
            unnoted: 0,
            waiting: VecDeque::new(),
            to_venue: VecDeque::new(),
            to_hear: 0,
            acting: None,
            moments: VecDeque::new(),
            last: Time(0),
            front: Front { window, ..Front::default() },
            certain_until: Time(0),
            decode: None,
            late_max,
            ended: false,
            failed: None,
            idle_until: Time(0),
            apart: false,
        }
    }

    /// Keeps the moments at which an event acts and is heard apart, also if their time is the same.
    pub(super) const fn keep_apart(&mut self) {
        self.apart = true;
    }

    /// Returns the moment at a place since the last release; `None` at the end.
    ///
    /// # Errors
    /// Those of the source.
    #[inline]
    pub(super) fn get(&mut self, place: usize) -> anyhow::Result<Option<Moment>> {
        if let Some(moment) = self.moments.get(place) {
            return Ok(Some(*moment));
        }
        self.extend(place)
    }

    /// Returns an event by its number, as long as its moments are not released.
    #[inline]
    pub(super) fn event(&self, number: u64) -> Option<&TapeEvent> {
        self.events.get(usize::try_from(number.checked_sub(self.base)?).ok()?)
    }

    /// Makes two moments of one in which an event acts and is heard: what it does at the venue comes between.
    pub(super) fn split(&mut self, place: usize) {
        if let Some(moment) = self.moments.get_mut(place).filter(|moment| moment.phase == Phase::Both) {
            moment.phase = Phase::Venue;
            let heard = Moment { phase: Phase::Heard, ends_frame: false, ..*moment };
            self.moments.insert(place.saturating_add(1), heard);
        }
    }

    /// Forgets the first `count` moments; the others are counted from there.
    pub(super) fn release(&mut self, count: usize) {
        let released = self.moments.drain(..count.min(self.moments.len()));
        // An event is heard after it acted, and events are heard in their order.
        let heard = released.filter(|moment| matches!(moment.phase, Phase::Heard | Phase::Both)).count();
        self.events.drain(..heard.min(self.events.len()));
        self.base = self.base.saturating_add(u64::try_from(heard).unwrap_or(0));
    }

    /// Returns true if an event had no time of receipt.
    pub(super) const fn assumed(&self) -> bool {
        self.front.assumed
    }

    /// Returns the number of events that were heard.
    pub(super) const fn heard(&self) -> u64 {
        self.base
    }

    /// Returns true if the run ends at a given time rather than with its source.
    pub(super) const fn has_end(&self) -> bool {
        self.to.is_some()
    }

    /// Appends moments after the end of the source, in which only time passes.
    pub(super) const fn idle_until(&mut self, until: Time) {
        self.idle_until = until;
    }

    /// Reads until there is a moment at this place.
    #[cold]
    fn extend(&mut self, place: usize) -> anyhow::Result<Option<Moment>> {
        loop {
            while self.add_moment() {}
            if let Some(moment) = self.moments.get(place) {
                return Ok(Some(*moment));
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if !self.ended {
                self.read()?;
            } else if self.last < self.idle_until && self.last > Time(0) {
                let at = self.last.plus_micros(IDLE_MICROS).min(self.idle_until);
                let (number, ends_frame, changes_markets) = (self.base, false, false);
                self.push(Moment { at, number, phase: Phase::Idle, ends_frame, changes_markets });
            } else {
                return Ok(None);
            }
        }
    }

    /// Adds the next moment if it is certain: no unread event can act before it, and the frame of the next event that
    /// acts is read as a whole.
    fn add_moment(&mut self) -> bool {
        let heard = self.waiting(self.to_hear).map(|waiting| waiting.received);
        let venue = self.to_venue.front().copied().filter(|(at, _)| heard.is_none_or(|heard| *at <= heard));
        let Some(next) = venue.map(|(at, _)| at).or(heard) else { return false };
        if !self.ended && next >= self.certain_until {
            return false;
        }
        let (at, number) = venue.unwrap_or((next, self.to_hear));
        let (Some(waiting), Some(event)) = (self.waiting(number).copied(), self.event(number)) else { return false };
        if venue.is_some() && !waiting.is_whole && !self.ended {
            return false;
        }
        let (phase, ends_frame, changes_markets) = match (venue.is_some(), &event.kind) {
            (true, TapeEventKind::Level(_)) if self.is_heard_next(at, number) => {
                (Phase::Both, waiting.ends_frame, false)
            }
            (true, kind) => (Phase::Venue, waiting.ends_frame, matches!(kind, TapeEventKind::Listed(_))),
            (false, kind) => (Phase::Heard, false, matches!(kind, TapeEventKind::Closed { .. })),
        };
        if venue.is_some() {
            self.to_venue.pop_front();
        }
        if phase != Phase::Venue {
            // It acted before, so that nothing needs its note any more.
            self.waiting.pop_front();
            self.to_hear = self.to_hear.saturating_add(1);
        }
        self.push(Moment { at, number, phase, ends_frame, changes_markets });
        true
    }

    /// Returns true if the next event to act at the venue is heard at that time, before any other one acts.
    fn is_heard_next(&self, at: Time, number: u64) -> bool {
        !self.apart
            && number == self.to_hear
            && self.waiting(number).is_some_and(|waiting| waiting.received == at)
            && self.to_venue.get(1).is_none_or(|(next, _)| *next > at)
    }

    /// Adds a moment.
    fn push(&mut self, moment: Moment) {
        self.last = self.last.max(moment.at);
        self.moments.push_back(Moment { at: self.last, ..moment });
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let began = self.decode.is_some().then(Instant::now);
        let known = self.events.len();
        let more = match self.source.read(&mut self.events, known.saturating_add(READ_AHEAD)) {
            Ok(more) => more,
            Err(error) => {
                self.failed = Some(error);
                true
            }
        };
        if let (Some(sum), Some(began)) = (&mut self.decode, began) {
            *sum = sum.saturating_add(began.elapsed());
        }
        let over = self.to.and_then(|to| self.events.iter().skip(known).position(|event| event.venue_at >= to));
        if let Some(count) = over {
            self.events.truncate(known.saturating_add(count));
        }
        let ended = !more || over.is_some();
        // What the last event leads to is known with the next one.
        let count = self.events.len().saturating_sub(usize::from(!ended));
        self.note_until(self.base.saturating_add(u64::try_from(count)?));
        if ended {
            self.ended = true;
            self.end_frame();
        }
        Ok(())
    }

    /// Notes the events before this number.
    fn note_until(&mut self, end: u64) {
        loop {
            self.add_plain();
            if self.unnoted >= end {
                return;
            }
            self.note();
            self.look_ahead();
            while self.add_moment() {}
        }
    }

    /// Notes when the next event acts and when it is heard.
    fn note(&mut self) {
        let number = self.unnoted;
        self.unnoted = number.saturating_add(1);
        let Some(event) = self.event(number) else { return };
        let (frame, venue_at, acts, received) = (event.frame, event.venue_at, !is_heard_only(event), event.received_at);
        let heard = received.unwrap_or_else(|| venue_at.plus_micros(self.feed.draw(&mut self.rng)));
        let other_frame = frame != self.front.frame;
        let received = self.front.pass(frame, received.is_some(), heard, self.late_max);
        self.certain_until = self.front.certain_until();
        if other_frame {
            self.end_frame();
        } else if acts && let Some(before) = self.acting.and_then(|number| self.waiting_mut(number)) {
            before.is_whole = true;
        }
        if acts {
            self.acting = Some(number);
            // A venue's clock that is ahead of ours does not make an event act after it was heard.
            let key = (venue_at.min(received).max(self.front.floor), number);
            let behind = self.to_venue.iter().rev().take_while(|other| **other > key).count();
            if behind == 0 {
                self.to_venue.push_back(key);
            } else {
                self.to_venue.insert(self.to_venue.len().saturating_sub(behind), key);
            }
        }
        self.waiting.push_back(Waiting { received, ends_frame: false, is_whole: false });
    }

    /// Marks the last event that acts at the venue as the last one of its frame.
    fn end_frame(&mut self) {
        if let Some(last) = self.acting.take().and_then(|number| self.waiting_mut(number)) {
            (last.ends_frame, last.is_whole) = (true, true);
        }
    }

    fn waiting(&self, number: u64) -> Option<&Waiting> {
        self.waiting.get(usize::try_from(number.checked_sub(self.to_hear)?).ok()?)
    }

    fn waiting_mut(&mut self, number: u64) -> Option<&mut Waiting> {
        let place = usize::try_from(number.checked_sub(self.to_hear)?).ok()?;
        self.waiting.get_mut(place)
    }
}

/// The state of reading.
#[derive(Debug, Clone, Copy, Default)]
struct Front {
    /// The frame of the last event.
    frame: u64,
    /// The time at which the last event is heard.
    read_until: Time,
    /// No event that is read from now on acts before this time.
    floor: Time,
    /// The longest time from an event to its receipt.
    window: u64,
    /// True if an event had no time of receipt.
    assumed: bool,
}

impl Front {
    /// Passes the next event, and returns when it is heard.
    fn pass(&mut self, frame: u64, is_received: bool, heard: Time, late_max: u64) -> Time {
        self.floor = self.floor.max(self.certain_until());
        self.assumed |= !is_received;
        if is_received {
            self.window = self.window.max(late_max);
        }
        self.frame = frame;
        self.read_until = self.read_until.max(heard);
        self.read_until
    }

    /// Returns a time before which no event acts that is read from now on.
    const fn certain_until(&self) -> Time {
        Time(self.read_until.0.saturating_sub(self.window))
    }

    /// Returns a time before which neither the next event acts, which is heard at `heard`, nor one after it.
    fn certain_with(mut self, next: &TapeEvent, heard: Time, late_max: u64) -> Time {
        let heard = self.pass(next.frame, next.received_at.is_some(), heard, late_max);
        next.venue_at.min(heard).max(self.floor).min(self.certain_until())
    }
}

/// Returns when an event is heard, unless an event before it is heard later; `None` if that is random.
fn heard_at(event: &TapeEvent, feed: &Delay) -> Option<Time> {
    match (event.received_at, feed) {
        (Some(received), _) => Some(received),
        (None, Delay::Fixed(micros)) => Some(event.venue_at.plus_micros(*micros)),
        (None, Delay::Samples(_)) => None,
    }
}

/// Returns true for a change of a second token's book: the paper venue has one book a market, that of the first token.
fn is_heard_only(event: &TapeEvent) -> bool {
    match &event.kind {
        TapeEventKind::Level(change) => change.token.outcome() == 1,
        TapeEventKind::Market(event) => {
            event.token.outcome() == 1 && matches!(event.kind, MarketEventKind::Book { .. })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
