//! Moments of the most frequent events: changes of levels that are heard when they act.

use super::{Moment, Phase, Timeline};
use crate::backtest::job::Delay;
use crate::events::{TapeEvent, TapeEventKind};
use model::Time;

impl Timeline<'_> {
    /// Notes what the next event, if it was read, shows about the events before it.
    pub(super) fn look_ahead(&mut self) {
        let Some(next) = self.event(self.unnoted) else { return };
        let (frame, venue_at, received) = (next.frame, next.venue_at, next.received_at);
        let Some(heard) = self.heard_at(next) else { return };
        if frame != self.front.frame {
            self.end_frame();
        }
        let mut front = self.front;
        let heard = front.pass(frame, received.is_some(), heard, self.late_max);
        let acts = venue_at.min(heard).max(front.floor);
        self.certain_until = self.certain_until.max(acts.min(front.certain_until()));
    }

    /// Returns when an event is heard, unless an event before it is heard later; `None` if that is random.
    fn heard_at(&self, event: &TapeEvent) -> Option<Time> {
        match (event.received_at, &self.feed) {
            (Some(received), _) => Some(received),
            (None, Delay::Fixed(micros)) => Some(event.venue_at.plus_micros(*micros)),
            (None, Delay::Samples(_)) => None,
        }
    }

    /// Adds the moments of changes of levels that act when everything before them was heard, and are heard before
    /// anything after them acts. [`Timeline::note`] and [`Timeline::add_moment`] would make the same moments in more
    /// steps. Ends at the first other event.
    pub(super) fn add_plain(&mut self) {
        if self.apart || self.unnoted != self.to_hear || !self.to_venue.is_empty() {
            return;
        }
        let from = usize::try_from(self.unnoted.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let (one, other) = self.events.as_slices();
        let events = one.get(from..).filter(|events| !events.is_empty());
        let events = events.or_else(|| other.get(from.checked_sub(one.len())?..)).unwrap_or_default();
        let at_once = matches!(self.feed, Delay::Fixed(0));
        let heard_at = |event: &TapeEvent| event.received_at.or(if at_once { Some(event.venue_at) } else { None });
        let (mut front, mut number, mut added) = (self.front, self.unnoted, self.moments.len());
        for pair in events.windows(2) {
            let [event, next] = pair else { break };
            let is_level = matches!(&event.kind, TapeEventKind::Level(change) if change.token.outcome() == 0);
            let (Some(heard), Some(heard_next)) = (heard_at(event), heard_at(next)) else { break };
            let begins = number == self.unnoted;
            if !is_level || event.venue_at < heard.max(front.read_until) || (begins && event.frame == front.frame) {
                break;
            }
            let at = front.pass(event.frame, event.received_at.is_some(), heard, self.late_max);
            let ends_frame = next.frame != event.frame;
            let moment = Moment { at, number, phase: Phase::Venue, ends_frame, changes_markets: false };
            number = number.saturating_add(1);
            if heard_next <= at {
                // Of events at the same time all act before the first one is heard.
                self.moments.push_back(moment);
                continue;
            }
            let window = if next.received_at.is_some() { front.window.max(self.late_max) } else { front.window };
            if !ends_frame || heard_next <= at.plus_micros(window) || next.venue_at <= at {
                break;
            }
            if begins {
                self.moments.push_back(Moment { phase: Phase::Both, ..moment });
            } else {
                self.moments.push_back(moment);
                let receipt = |number| Moment { number, phase: Phase::Heard, ends_frame: false, ..moment };
                self.moments.extend((self.unnoted..number).map(receipt));
            }
            (self.front, self.last, self.unnoted, self.to_hear) = (front, at, number, number);
            added = self.moments.len();
        }
        // The last events at one time may be followed by others at that time.
        self.moments.truncate(added);
    }
}
