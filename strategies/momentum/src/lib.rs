//! Buys the outcome towards which the price has drifted: YES when the mid price rose far enough within a time window,
//! NO when it fell. It takes the best offer, up to a cap for each market, and then waits. It never sells: the host's
//! guards take profits and stop losses (`take_profit_pct`, `stop_loss_pct`). README.md describes its parameters.

mod market;
mod parameters;

use market::Watched;
use parameters::Settings;
use polytrader_sdk::memory::{Reader, Writer};
use polytrader_sdk::{Event, Intents, Level, Manifest, OwnEvent, OwnKind, Parameters, Session, Strategy, Tracker, log};

/// Version of its saved state: for each market, the handle of YES and the end of its cool-down.
const STATE: u16 = 1;

/// State of a running instance.
#[derive(Debug)]
pub struct Momentum {
    settings: Settings,
    tracker: Tracker,
    watched: Vec<Watched>,
}

impl Strategy for Momentum {
    fn describe() -> Manifest {
        let description = "Buys the outcome towards which the price has drifted; the host's guards sell.";
        let manifest = Manifest::new("momentum", env!("CARGO_PKG_VERSION"), description).author("PolyTrader");
        manifest.parameters(&Settings::schema()).without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        let settings = Settings::parse(&session.parameters)?;
        let watched = session.markets.iter().map(|market| Watched::new(market, &settings)).collect();
        let mut momentum = Self { settings, tracker: Tracker::new(session), watched };
        if let Some(Err(error)) = session.restored.as_deref().map(|state| momentum.restore(state)) {
            log(Level::Warn, &format!("starting without the saved state: {error}"));
        }
        Ok(momentum)
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        self.tracker.update(event);
        match event {
            Event::Top(top) => {
                let watched = self.watched.iter_mut().find(|watched| watched.yes == top.token);
                watched.into_iter().for_each(|watched| watched.evaluate(&self.tracker, &self.settings, out));
            }
            // Prices from before a change of the market's state are not comparable with those after it.
            Event::Status(status) => {
                let watched = self.watched.iter_mut().find(|watched| watched.has(status.token));
                watched.into_iter().for_each(Watched::forget);
            }
            Event::Own(OwnEvent { what: OwnKind::Parameters(text), .. }) => match Settings::parse(text) {
                Ok(settings) => {
                    self.watched.iter_mut().for_each(|watched| watched.adapt(&settings));
                    self.settings = settings;
                }
                Err(error) => log(Level::Error, &error),
            },
            Event::Own(OwnEvent { at, what: OwnKind::Refused(refused), .. }) => {
                // The tag of an order is the market's YES token.
                let watched = self.watched.iter_mut().find(|watched| u64::from(watched.yes) == refused.tag);
                watched.into_iter().for_each(|watched| watched.wait(*at, &self.settings));
            }
            _ => {}
        }
    }

    fn save(&self) -> Vec<u8> {
        let state = Writer::new(STATE);
        state.list(self.watched.iter(), |state, watched| state.u32(watched.yes).u64(watched.not_before)).finish()
    }
}

impl Momentum {
    /// Restores the cool-downs, which continue across a reload.
    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut state = Reader::new(state, STATE)?;
        let waits = state.list(|state| Ok((state.u32()?, state.u64()?)))?;
        state.end()?;
        for (yes, not_before) in waits {
            let watched = self.watched.iter_mut().find(|watched| watched.yes == yes);
            watched.into_iter().for_each(|watched| watched.not_before = not_before);
        }
        Ok(())
    }
}

polytrader_sdk::export_strategy!(Momentum);
