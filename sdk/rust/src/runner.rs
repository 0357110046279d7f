//! The strategy trait and its runner: typed events in, one reaction out.

use crate::bindings::polytrader::strategy::types::{Batch, Manifest, Reaction, Selection, Session, Subscription};
use crate::event::{DEPTH_MAX, Event, Events, WORD_LAYOUT};
use crate::intents::Intents;
use core::mem::ManuallyDrop;

/// A trading strategy: events in, intents out.
///
/// It must be deterministic: the same events give the same intents. It has no access to a clock; every event carries
/// its time.
pub trait Strategy: Sized {
    /// Returns the strategy's manifest.
    fn describe() -> Manifest;

    /// Starts a run.
    ///
    /// # Errors
    /// The error is shown to the operator and the strategy does not run.
    fn new(session: &Session) -> Result<Self, String>;

    /// Handles one event and adds intents to `out`. The host acts on them before the strategy receives the next event.
    fn on_event(&mut self, event: &Event, out: &mut Intents);

    /// Returns the state that the next instance finds in [`Session::restored`].
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl Manifest {
    /// Describes a strategy without parameters that takes as many markets as the host grants, of any kind, and receives
    /// tops and trades.
    pub fn new(name: &str, version: &str, description: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            author: String::new(),
            description: description.into(),
            parameter_schema: "{}".into(),
            markets_max: 0,
            selection: Selection { slugs: Vec::new(), neg_risk: false, whole_events: false },
            hears: Subscription { tops: true, trades: true, depth: 0 },
            every: 0,
            word_layout: WORD_LAYOUT,
        }
    }

    /// Sets the author.
    #[must_use]
    pub fn author(mut self, author: &str) -> Self {
        self.author = author.into();
        self
    }

    /// Sets the JSON Schema of the parameters.
    #[must_use]
    pub fn parameters(mut self, schema: &str) -> Self {
        self.parameter_schema = schema.into();
        self
    }

    /// Limits the number of markets; 0 means as many as the host grants.
    #[must_use]
    pub const fn markets_max(mut self, markets: u32) -> Self {
        self.markets_max = markets;
        self
    }

    /// Selects markets whose slug begins with `beginning`, in addition to the beginnings added before.
    #[must_use]
    pub fn slug(mut self, beginning: &str) -> Self {
        self.selection.slugs.push(beginning.into());
        self
    }

    /// Selects markets of negative-risk events only.
    #[must_use]
    pub const fn neg_risk_only(mut self) -> Self {
        self.selection.neg_risk = true;
        self
    }

    /// Selects whole events only: all open markets of an event, or none.
    #[must_use]
    pub const fn whole_events(mut self) -> Self {
        self.selection.whole_events = true;
        self
    }

    /// Subscribes to `levels` levels of both sides, at most [`DEPTH_MAX`].
    #[must_use]
    pub const fn depth(mut self, levels: u32) -> Self {
        self.hears.depth = if levels > DEPTH_MAX { DEPTH_MAX } else { levels };
        self
    }

    /// Turns off `Top` events, for example in a strategy that uses depth.
    #[must_use]
    pub const fn without_tops(mut self) -> Self {
        self.hears.tops = false;
        self
    }

    /// Turns off `Trade` events.
    #[must_use]
    pub const fn without_trades(mut self) -> Self {
        self.hears.trades = false;
        self
    }

    /// Requests a timer event every `micros` microseconds, at least 100,000. Its id is
    /// [`REGULAR_TIMER`](crate::REGULAR_TIMER).
    #[must_use]
    pub const fn every(mut self, micros: u64) -> Self {
        self.every = micros;
        self
    }
}

/// Passes the events of a batch to a strategy, up to the first one that yields intents.
///
/// Stopping there makes the result independent of how the host splits events into batches.
pub fn react<S: Strategy>(strategy: &mut S, batch: &Batch) -> Reaction {
    let mut out = Intents::default();
    let mut consumed = 0_u32;
    let mut events = Events::new(batch);
    loop {
        // `Event` takes about a hundred bytes, of which a `Top` needs few; one shared path would copy the rest for
        // nothing.
        if let Some(top) = events.top() {
            // A `Top` has nothing to drop; `ManuallyDrop` saves the check.
            strategy.on_event(&ManuallyDrop::new(Event::Top(top)), &mut out);
        } else if !deliver_next(strategy, &mut events, &mut out) {
            break;
        }
        consumed = consumed.saturating_add(1);
        if !out.is_empty() {
            break;
        }
    }
    Reaction { consumed, intents: out.take() }
}

/// Passes on the next event of any kind, and returns whether there was one.
#[inline(never)]
fn deliver_next<S: Strategy>(strategy: &mut S, events: &mut Events<'_>, out: &mut Intents) -> bool {
    let Some(event) = events.other() else { return false };
    if let Some(event) = event {
        strategy.on_event(&event, out);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OwnEvent, OwnKind};

    /// Returns an intent for each timer with an even id.
    struct Even;

    impl Strategy for Even {
        fn describe() -> Manifest {
            Manifest::new("even", "1.0.0", "")
        }

        fn new(_session: &Session) -> Result<Self, String> {
            Ok(Self)
        }

        fn on_event(&mut self, event: &Event, out: &mut Intents) {
            match event {
                Event::Own(OwnEvent { what: OwnKind::Timer(timer), .. }) if timer % 2 == 0 => out.set_timer(*timer, 1),
                _ => {}
            }
        }
    }

    fn consumed(timers: &[u32]) -> (u32, usize) {
        let own = timers.iter().map(|timer| OwnEvent { after: 0, at: 0, what: OwnKind::Timer(*timer) }).collect();
        let reaction = react(&mut Even, &Batch { first: 0, words: Vec::new(), own });
        (reaction.consumed, reaction.intents.len())
    }

    #[test]
    fn a_batch_is_consumed_up_to_the_first_event_that_is_answered() {
        assert_eq!(consumed(&[1, 3, 4, 5, 6]), (3, 1));
        assert_eq!(consumed(&[1, 3]), (2, 0));
        assert_eq!(consumed(&[]), (0, 0));
    }
}
