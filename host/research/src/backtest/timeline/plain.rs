//! Moments of the most frequent events: changes of levels that are heard when they act.

use super::{Moment, Phase, Timeline, heard_at};
use crate::events::TapeEventKind;

impl Timeline<'_> {
    /// Notes what the next event, if it was read, shows about the events before it.
    pub(super) fn look_ahead(&mut self) {
        let Some(next) = self.event(self.unnoted) else { return };
        let Some(heard) = heard_at(next, &self.feed) else { return };
        let until = self.front.certain_with(next, heard, self.late_max);
        if next.frame != self.front.frame {
            self.end_frame();
        }
        self.certain_until = self.certain_until.max(until);
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
        let (mut front, mut number, mut added) = (self.front, self.unnoted, self.moments.len());
        for pair in events.windows(2) {
            let [event, next] = pair else { break };
            let is_level = matches!(&event.kind, TapeEventKind::Level(change) if change.token.outcome() == 0);
            let [Some(heard), Some(heard_next)] = [event, next].map(|event| heard_at(event, &self.feed)) else { break };
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
            if !ends_frame || front.certain_with(next, heard_next, self.late_max) <= at {
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
