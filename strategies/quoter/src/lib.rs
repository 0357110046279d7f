//! Quotes both sides of each granted market: a bid on YES, a bid on NO, which is an ask on YES, and asks for its
//! shares.
//!
//! It quotes one tick inside the best prices of others where the spread has room, lowers both quotes with its YES
//! position, widens them with the price's movement, and in calm markets stays within the band that the venue rewards.
//! README.md describes its parameters.

mod maker;
mod parameters;
mod pricing;
mod token;

use maker::Maker;
use parameters::Settings;
use polytrader_sdk::units::SECOND;
use polytrader_sdk::{Event, Intents, Level, Manifest, OwnEvent, OwnKind, Parameters, Session, Strategy, Tracker, log};

/// Maximum number of markets: the host allows five open positions, and other strategies need one, too.
const MARKETS_MAX: u32 = 4;
/// Timer for updating quotes in markets without events.
const TIMER: u32 = 1;
const LOOK: u64 = SECOND;

/// State of a running instance.
#[derive(Debug)]
pub struct Quoter {
    settings: Settings,
    tracker: Tracker,
    makers: Vec<Maker>,
}

impl Strategy for Quoter {
    fn describe() -> Manifest {
        let description = "Quotes both sides of each market, inside the best prices, skewed by what it holds.";
        let manifest = Manifest::new("quoter", env!("CARGO_PKG_VERSION"), description).author("PolyTrader");
        manifest.parameters(&Settings::schema()).markets_max(MARKETS_MAX).without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        let settings = Settings::parse(&session.parameters)?;
        let makers = session.markets.iter().map(|market| Maker::new(market.clone(), session.now, &settings)).collect();
        log(Level::Info, &format!("quoting {} markets", session.markets.len()));
        Ok(Self { settings, tracker: Tracker::new(session), makers })
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        self.tracker.update(event);
        match event {
            Event::Top(top) => self.update_market(top.token, out, |maker, tracker, _| maker.on_top(top, tracker)),
            Event::Status(status) => self.update_market(status.token, out, |_, _, _| {}),
            Event::Own(own) => self.on_own(own, out),
            Event::Trade(_) | Event::Depth(_) => {}
        }
    }
}

impl Quoter {
    fn on_own(&mut self, own: &OwnEvent, out: &mut Intents) {
        let now = own.at;
        match &own.what {
            OwnKind::Session(_) => self.on_trading(now, out),
            OwnKind::Parameters(text) => match Settings::parse(text) {
                Ok(settings) => self.adapt(settings),
                Err(error) => log(Level::Error, &error),
            },
            OwnKind::Timer(TIMER) if self.tracker.trading() => {
                self.quote_all(out);
                out.set_timer(TIMER, now.saturating_add(LOOK));
            }
            OwnKind::Position(position) => self.update_market(position.token, out, |_, _, _| {}),
            OwnKind::Order(order) => self.update_market(order.token, out, |maker, _, out| {
                maker.token(order.token).into_iter().for_each(|token| token.on_order(order, now, out));
            }),
            OwnKind::Refused(refused) => {
                // The tag of a quote is its token.
                let Ok(token) = u32::try_from(refused.tag) else { return };
                self.update_market(token, out, |maker, tracker, out| {
                    maker.token(token).into_iter().for_each(|token| token.on_refused(&refused.rule, tracker, out));
                });
            }
            _ => {}
        }
    }

    /// Applies changed parameters.
    fn adapt(&mut self, settings: Settings) {
        self.makers.iter_mut().for_each(|maker| maker.adapt(self.tracker.now(), &settings));
        self.settings = settings;
    }

    fn on_trading(&mut self, now: u64, out: &mut Intents) {
        // The host drops all standing quotes when trading stops.
        for maker in &mut self.makers {
            maker.yes.forget();
            maker.no.forget();
        }
        if self.tracker.trading() {
            self.quote_all(out);
            out.set_timer(TIMER, now.saturating_add(LOOK));
        }
    }

    /// Applies an event to a token's market and then updates its quotes.
    fn update_market(&mut self, token: u32, out: &mut Intents, apply: impl FnOnce(&mut Maker, &Tracker, &mut Intents)) {
        let maker = self.makers.iter_mut().find(|maker| maker.yes.handle == token || maker.no.handle == token);
        if let Some(maker) = maker {
            apply(maker, &self.tracker, out);
            if self.tracker.trading() {
                maker.quote(&self.tracker, &self.settings, out);
            }
        }
    }

    fn quote_all(&mut self, out: &mut Intents) {
        for maker in &mut self.makers {
            maker.quote(&self.tracker, &self.settings, out);
        }
    }
}

polytrader_sdk::export_strategy!(Quoter);
