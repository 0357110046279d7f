//! Buys complete sets for less than a dollar: YES and NO of one market, of which one pays a dollar, and, if told to, one YES of each
//! market of a negative-risk event. See README.md for its parameters and what it risks.

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

/// The timer by which it looks at sets where nothing happens.
const TIMER: u32 = 1;
const LOOK: u64 = SECOND;

/// The strategy.
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
        self.tracker.hear(event);
        match event {
            Event::Top(top) => self.look_at(|set| set.legs.contains(&top.token), out),
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
                self.look_at(|_| true, out);
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
                // What was bought is told as a position next; until then nothing more is known than before.
                if over {
                    self.look_at(|set| set.tag == order.tag, out);
                }
            }
            OwnKind::Position(position) => self.look_at(|set| set.legs.contains(&position.token), out),
            OwnKind::Parameters(text) => match Settings::parse(text) {
                Ok(settings) if settings.events == self.settings.events => self.settings = settings,
                Ok(_) => log(Level::Error, "`events` makes other sets: it holds from the next start on"),
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

    fn look_at(&mut self, of: impl Fn(&Set) -> bool, out: &mut Intents) {
        for set in self.sets.iter_mut().filter(|set| of(set)) {
            set.look(&self.tracker, &self.settings, out);
        }
    }
}

/// The sets of markets: one of each event of several markets, if `events` are wanted, and one of each other market.
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
        // One market of an event is a market like any other.
        match markets.as_slice() {
            [only] => legs.push((vec![only.yes.handle, only.no.handle], end)),
            all => legs.push((all.iter().map(|market| market.yes.handle).collect(), end)),
        }
    }
    legs.into_iter().zip(1..).map(|((legs, end), tag)| Set::new(legs, tag, end)).collect()
}

/// The negative-risk event that a market belongs to.
fn event_of(market: &Market) -> Option<&str> {
    market.event.as_deref().filter(|_| market.neg_risk)
}

polytrader_sdk::export_strategy!(Bundle);
