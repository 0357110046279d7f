//! Runs a strategy: typed events in, one reaction out.

use crate::bindings::polytrader::strategy::types::{Batch, Manifest, Reaction, Session};
use crate::event::{Event, Events, WORD_LAYOUT};
use crate::intents::Intents;

/// A trading strategy: events in, intents out.
///
/// It must be deterministic: the same events give the same intents. It cannot reach a clock; every event brings its time.
pub trait Strategy: Sized {
    /// Says what this strategy is.
    fn describe() -> Manifest;

    /// Starts a run.
    ///
    /// # Errors
    /// The text is shown to the operator and the strategy does not run.
    fn new(session: &Session) -> Result<Self, String>;

    /// Hears one event and says what it wants. What it wants acts before it hears the next event.
    fn on_event(&mut self, event: &Event, out: &mut Intents);

    /// Returns the state that a next instance finds in [`Session::restored`].
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl Manifest {
    /// Describes a strategy without parameters that takes as many markets as the host grants.
    pub fn new(name: &str, version: &str, description: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            author: String::new(),
            description: description.into(),
            parameter_schema: "{}".into(),
            markets_max: 0,
            word_layout: WORD_LAYOUT,
        }
    }

    /// Names the author.
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
}

/// Shows a strategy the events of a batch, up to the first that it answers with intents.
///
/// Stopping there makes the result independent of how the host cuts its batches.
pub fn react<S: Strategy>(strategy: &mut S, batch: &Batch) -> Reaction {
    let mut out = Intents::default();
    let mut consumed = 0_u32;
    for event in Events::new(batch) {
        consumed = consumed.saturating_add(1);
        if let Some(event) = event {
            strategy.on_event(&event, &mut out);
        }
        if !out.is_empty() {
            break;
        }
    }
    Reaction { consumed, intents: out.take() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OwnEvent, OwnKind};

    /// Answers each timer of an even number.
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
    fn a_batch_is_heard_up_to_the_first_event_that_is_answered() {
        assert_eq!(consumed(&[1, 3, 4, 5, 6]), (3, 1));
        assert_eq!(consumed(&[1, 3]), (2, 0));
        assert_eq!(consumed(&[]), (0, 0));
    }
}
