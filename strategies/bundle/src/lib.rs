//! Buys complete sets for less than a dollar: YES and NO of one market, of which one pays a dollar, and, with the
//! parameter `events`, one YES of each market of a negative-risk event. README.md describes its parameters and risks.

mod parameters;
mod set;
mod sums;

use parameters::Settings;
use polytrader_sdk::units::SECOND;
use polytrader_sdk::{
    Event, Intents, Level, Manifest, Market, OrderState, OwnEvent, OwnKind, Parameters, Session, Strategy, Tracker, log,
};
use set::Set;
use std::collections::BTreeMap;

/// Timer for checking sets whose prices do not change.
const TIMER: u32 = 1;
const LOOK: u64 = SECOND;

/// State of a running instance.
#[derive(Debug)]
pub struct Bundle {
    settings: Settings,
    tracker: Tracker,
    sets: Vec<Set>,
}

impl Strategy for Bundle {
    fn describe() -> Manifest {
        let description = "Buys YES and NO, or one YES of each market of an event, for less than a dollar together.";
        let manifest = Manifest::new("bundle", env!("CARGO_PKG_VERSION"), description).author("PolyTrader");
        manifest.parameters(&Settings::schema()).whole_events().without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        let settings = Settings::parse(&session.parameters)?;
        let sets = sets(&session.markets, settings.events);
        Ok(Self { settings, tracker: Tracker::new(session), sets })
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        self.tracker.update(event);
        match event {
            Event::Top(top) => self.evaluate(|set| set.legs.contains(&top.token), out),
            Event::Own(own) => self.on_own(own, out),
            Event::Status(_) | Event::Trade(_) | Event::Depth(_) => {}
        }
    }
}

impl Bundle {
    fn on_own(&mut self, own: &OwnEvent, out: &mut Intents) {
        match &own.what {
            OwnKind::Session(_) => {
                self.sets.iter_mut().for_each(Set::stopped);
                if self.tracker.trading() {
                    out.set_timer(TIMER, own.at.saturating_add(LOOK));
                }
            }
            OwnKind::Timer(TIMER) if self.tracker.trading() => {
                self.evaluate(|_| true, out);
                out.set_timer(TIMER, own.at.saturating_add(LOOK));
            }
            OwnKind::Order(order) => {
                let (settings, over) =
                    (&self.settings, matches!(order.state, OrderState::Cancelled | OrderState::Refused));
                let set = self.sets.iter_mut().find(|set| set.tag == order.tag);
                set.into_iter().for_each(|set| match order.state {
                    OrderState::Pending => set.answered(),
                    _ if over && order.filled == 0 => set.failed(own.at, settings),
                    _ => {}
                });
                // After a fill a position event follows, and the set is checked again then.
                if over {
                    self.evaluate(|set| set.tag == order.tag, out);
                }
            }
            OwnKind::Position(position) => self.evaluate(|set| set.legs.contains(&position.token), out),
            OwnKind::Parameters(text) => match Settings::parse(text) {
                Ok(settings) if settings.events == self.settings.events => self.settings = settings,
                Ok(_) => log(Level::Error, "a change of `events` takes effect at the next start"),
                Err(error) => log(Level::Error, &error),
            },
            OwnKind::Refused(refused) => {
                let settings = &self.settings;
                let set = self.sets.iter_mut().find(|set| set.tag == refused.tag);
                set.into_iter().for_each(|set| {
                    set.answered();
                    set.failed(own.at, settings);
                });
            }
            _ => {}
        }
    }

    fn evaluate(&mut self, of: impl Fn(&Set) -> bool, out: &mut Intents) {
        for set in self.sets.iter_mut().filter(|set| of(set)) {
            set.evaluate(&self.tracker, &self.settings, out);
        }
    }
}

/// Builds the sets: one per event with several markets if `events` is true, and one per other market.
fn sets(markets: &[Market], events: bool) -> Vec<Set> {
    let mut of_events: BTreeMap<&str, Vec<&Market>> = BTreeMap::new();
    let mut legs: Vec<(Vec<u32>, u64)> = Vec::new();
    for market in markets {
        match event_of(market).filter(|_| events) {
            Some(event) => of_events.entry(event).or_default().push(market),
            None => legs.push((vec![market.yes.handle, market.no.handle], market.end)),
        }
    }
    for markets in of_events.into_values() {
        let end = markets.iter().map(|market| market.end).filter(|end| *end > 0).min().unwrap_or(0);
        // An event with a single granted market is treated as a plain market.
        match markets.as_slice() {
            [only] => legs.push((vec![only.yes.handle, only.no.handle], end)),
            all => legs.push((all.iter().map(|market| market.yes.handle).collect(), end)),
        }
    }
    legs.into_iter().zip(1..).map(|((legs, end), tag)| Set::new(legs, tag, end)).collect()
}

/// Returns the negative-risk event that a market belongs to, if any.
fn event_of(market: &Market) -> Option<&str> {
    market.event.as_deref().filter(|_| market.neg_risk)
}

polytrader_sdk::export_strategy!(Bundle);
