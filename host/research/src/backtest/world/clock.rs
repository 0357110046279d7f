//! The clocks of a world: what is due, and when the next thing is.

use super::{MINUTE_MICROS, Output, Row, World, is_final};
use model::{InputKind, Time};

/// Maximum interval between clock events. The host's is 100 ms; a backtest takes fewer, because each costs a step.
pub(super) const TICK_MICROS: u64 = 250_000;
/// The same while nothing was heard for [`FEED_ALIVE_MICROS`], and for an hour: a tape may have days without events.
const SILENT_TICK_MICROS: u64 = 1_000_000;
const LONG_TICK_MICROS: u64 = 10_000_000;
const LONG_SILENCE_MICROS: u64 = 3_600_000_000;
/// Interval at which quiet books are confirmed while the feed is alive, as the host's book check does.
pub(super) const CONFIRM_MICROS: u64 = 20_000_000;
/// The feed is alive for this long after its last event.
const FEED_ALIVE_MICROS: u64 = 60_000_000;

impl World {
    /// Returns true if an answer of the venue or a payout is due by then.
    #[inline]
    pub(in crate::backtest) fn hears_venue_before(&self, at: Time) -> bool {
        at >= self.quiet_until && self.is_venue_due(at)
    }

    fn is_venue_due(&self, at: Time) -> bool {
        let due = self.paper.next_due().into_iter().chain(self.outcomes.next_due()).min();
        due.is_some_and(|due| due <= at)
    }

    /// Advances time: clock events, answers of the venue, outcomes, and rows.
    #[inline]
    pub(in crate::backtest) fn pass(&mut self, until: Time, output: &mut Output) {
        if until >= self.quiet_until {
            self.process_due(until, output);
        }
    }

    /// Processes everything that is due, in order.
    fn process_due(&mut self, until: Time, output: &mut Output) {
        loop {
            let never = Time(u64::MAX);
            let venue = self.paper.next_due().unwrap_or(never);
            let minute = self.next_minute.unwrap_or(never);
            let probe = self.probes.next_due().unwrap_or(never);
            let outcome = self.outcomes.next_due().unwrap_or(never);
            let income = self.income.next_due().unwrap_or(never);
            let next = venue.min(self.next_tick).min(income).min(minute).min(probe).min(outcome).min(self.next_confirm);
            if next > until {
                self.quiet_until = next;
                return;
            }
            if outcome == next {
                self.on_outcome(next, output);
            } else if minute == next {
                self.at = self.at.max(next);
                let row = self.equity();
                output.rows.push(Row::Equity(row));
                self.next_minute = Some(next.plus_micros(MINUTE_MICROS));
            } else if income == next {
                self.sample_rewards(next);
            } else if probe == next {
                self.probe(next, output);
            } else if self.next_confirm == next {
                self.next_confirm = next.plus_micros(CONFIRM_MICROS);
                self.confirm_books(next, output);
            } else if self.next_tick == next {
                self.next_tick = next.plus_micros(match next.since(self.heard_at) {
                    silent if silent > LONG_SILENCE_MICROS => LONG_TICK_MICROS,
                    silent if silent > FEED_ALIVE_MICROS => SILENT_TICK_MICROS,
                    _ => TICK_MICROS,
                });
                self.feed(next, InputKind::Clock, output);
            } else {
                let mut updates = Vec::new();
                self.paper.advance(next, &mut updates);
                self.take_notes(output);
                let settles = self.merges && updates.iter().any(is_final);
                updates.into_iter().for_each(|kind| self.feed(next, kind, output));
                if settles {
                    self.merge_all(output);
                }
            }
        }
    }

    /// Confirms the books of quiet markets, as the host does with the venue's REST API while the connection is alive.
    fn confirm_books(&mut self, at: Time, output: &mut Output) {
        if at.since(self.heard_at) > FEED_ALIVE_MICROS {
            return;
        }
        for market in self.each_market(&[]) {
            let quiet = self.markets.get(market.index()).is_some_and(|watched| !watched.blind && !watched.closed);
            if quiet && self.paper.book(market).is_some() {
                let confirm = |outcome| InputKind::BookConfirmed { token: market.token(outcome) };
                [0, 1].into_iter().for_each(|outcome| self.feed(at, confirm(outcome), output));
            }
        }
    }

    /// Forgets until when nothing is due, because something new may be.
    pub(super) fn stir(&mut self) {
        self.quiet_until = Time(0);
    }
}
