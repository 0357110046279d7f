//! Quotes both sides of each granted market: a bid on YES, a bid on NO, which is an ask on YES, and asks for what it owns.
//!
//! It goes one tick inside the best prices of others where there is room, and lowers both quotes the more YES it holds.

mod maker;
mod parameters;
mod pricing;
mod token;

use maker::Maker;
use parameters::{Parameters, SCHEMA};
use polytrader_sdk::units::SECOND;
use polytrader_sdk::{Event, Intents, Level, Manifest, OwnEvent, OwnKind, Session, SessionState, Strategy, log};

/// Markets that it quotes: the host allows five open positions, and other strategies want one, too.
const MARKETS_MAX: u32 = 4;
/// The timer by which it looks again at markets where nothing happens.
const TIMER: u32 = 1;
const LOOK: u64 = SECOND;

/// The strategy.
#[derive(Debug)]
pub struct Quoter {
    parameters: Parameters,
    makers: Vec<Maker>,
    trading: bool,
}

impl Strategy for Quoter {
    fn describe() -> Manifest {
        let description = "Quotes both sides of each market, inside the best prices, skewed by what it holds.";
        let manifest = Manifest::new("quoter", env!("CARGO_PKG_VERSION"), description).author("PolyTrader");
        manifest.parameters(SCHEMA).markets_max(MARKETS_MAX).without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        let parameters = Parameters::read(&session.parameters)?;
        let makers = session.markets.iter().cloned().map(Maker::new).collect();
        let mut quoter = Self { parameters, makers, trading: false };
        for position in &session.positions {
            quoter.on_position(position.token, position.size);
        }
        for order in &session.orders {
            let token = quoter.maker(order.token).and_then(|maker| maker.token(order.token));
            token.into_iter().for_each(|token| token.adopt(order));
        }
        log(Level::Info, &format!("{} markets, {parameters:?}", quoter.makers.len()));
        Ok(quoter)
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        match event {
            Event::Top(top) => self.hear(top.token, top.host_time, out, |maker, _| maker.on_top(top)),
            Event::Status(status) => self.hear(status.token, status.host_time, out, |maker, _| maker.on_status(status)),
            Event::Own(own) => self.on_own(own, out),
            Event::Trade(_) | Event::Depth(_) => {}
        }
    }
}

impl Quoter {
    fn on_own(&mut self, own: &OwnEvent, out: &mut Intents) {
        let now = own.at;
        match &own.what {
            OwnKind::Session(state) => self.on_trading(*state == SessionState::Running, now, out),
            OwnKind::Parameters(text) => match Parameters::read(text) {
                Ok(parameters) => self.parameters = parameters,
                Err(error) => log(Level::Error, &error),
            },
            OwnKind::Timer(TIMER) if self.trading => {
                self.quote_all(now, out);
                out.set_timer(TIMER, now.saturating_add(LOOK));
            }
            OwnKind::Position(position) => {
                self.on_position(position.token, position.size);
                self.hear(position.token, now, out, |_, _| {});
            }
            OwnKind::Order(order) => self.hear(order.token, now, out, |maker, out| {
                maker.token(order.token).into_iter().for_each(|token| token.on_order(order, now, out));
            }),
            OwnKind::Refused(refused) => {
                // A quote's tag is its token.
                let Ok(token) = u32::try_from(refused.tag) else { return };
                self.hear(token, now, out, |maker, out| {
                    maker.token(token).into_iter().for_each(|token| token.on_refused(&refused.rule, now, out));
                });
            }
            _ => {}
        }
    }

    fn on_trading(&mut self, on: bool, now: u64, out: &mut Intents) {
        self.trading = on;
        // The host forgets all quotes when trading stops.
        for maker in &mut self.makers {
            maker.yes.forget();
            maker.no.forget();
        }
        if on {
            self.quote_all(now, out);
            out.set_timer(TIMER, now.saturating_add(LOOK));
        }
    }

    fn on_position(&mut self, token: u32, size: u64) {
        let token = self.maker(token).and_then(|maker| maker.token(token));
        token.into_iter().for_each(|token| token.owned = size);
    }

    fn maker(&mut self, token: u32) -> Option<&mut Maker> {
        self.makers.iter_mut().find(|maker| maker.yes.handle == token || maker.no.handle == token)
    }

    /// Lets a token's market hear something and then look at its quotes.
    fn hear(&mut self, token: u32, now: u64, out: &mut Intents, heard: impl FnOnce(&mut Maker, &mut Intents)) {
        let (trading, parameters) = (self.trading, self.parameters);
        if let Some(maker) = self.maker(token) {
            heard(maker, out);
            if trading {
                maker.quote(now, &parameters, out);
            }
        }
    }

    fn quote_all(&mut self, now: u64, out: &mut Intents) {
        for maker in &mut self.makers {
            maker.quote(now, &self.parameters, out);
        }
    }
}

polytrader_sdk::export_strategy!(Quoter);
