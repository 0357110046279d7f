//! The smallest strategy that trades, as a starting point for your own.
//!
//! In one market it bids for YES one tick inside the best bid. Once it owns enough shares for an order, it offers them
//! one tick inside the best ask. `Settings` has its parameters and `Template::on_top` its trading decision; the rest
//! is what every strategy needs.

use polytrader_sdk::units::{SECOND, shares_worth, step, whole_size};
use polytrader_sdk::{
    Event, Intents, Level, Manifest, Market, OwnKind, Parameters, Quote, Session, Strategy, Top, Tracker, log,
};

/// Description shown to operators.
const WHAT: &str = "Bids for YES in one market and offers the shares it bought.";
/// Pause after a refusal. The host stops a strategy that keeps repeating refused orders.
const REFUSED_WAIT: u64 = 30 * SECOND;
/// Tag of its quote. Orders, fills and refusals that result from the quote carry the same tag.
const TAG: u64 = 1;

/// Parameters that operators set, in `template.toml` or while the strategy runs.
///
/// The derive macro generates the JSON Schema and the parser. Operators see the doc comment of each field.
#[derive(Debug, Parameters)]
struct Settings {
    /// Minimum time between two changes of the quote.
    #[parameter(seconds, default = 3, min = 0.1, max = 3600)]
    pace: u64,
    /// Minimum value of a bid. The venue refuses orders under one dollar.
    #[parameter(dollars, default = 1.1, min = 1, max = 10000)]
    bid: u64,
}

/// State of a running instance.
#[derive(Debug)]
pub struct Template {
    settings: Settings,
    /// Best prices, own orders and positions, updated from every event.
    tracker: Tracker,
    market: Market,
    /// Host time in microseconds before which the quote is not changed.
    not_before: u64,
    /// Price of its bid, if it has one.
    bid: Option<u32>,
    /// Price of its ask, if it has one.
    ask: Option<u32>,
}

impl Strategy for Template {
    fn describe() -> Manifest {
        let manifest = Manifest::new("template", env!("CARGO_PKG_VERSION"), WHAT);
        // It needs one market and no trade events.
        manifest.parameters(&Settings::schema()).markets_max(1).without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        // A strategy that returns an error does not run; the error is shown to operators.
        let market = session.markets.first().cloned().ok_or("no market granted; expected one")?;
        let (settings, tracker) = (Settings::parse(&session.parameters)?, Tracker::new(session));
        Ok(Self { settings, tracker, market, not_before: 0, bid: None, ask: None })
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        // First, so that the code below sees current prices, orders and positions.
        self.tracker.update(event);
        match event {
            Event::Top(top) if top.token == self.market.yes.handle => self.on_top(top, out),
            Event::Own(own) => match &own.what {
                // The host drops all standing quotes when trading stops.
                OwnKind::Session(_) => (self.bid, self.ask) = (None, None),
                // An operator changed parameters while the strategy runs.
                OwnKind::Parameters(text) => match Settings::parse(text) {
                    Ok(settings) => self.settings = settings,
                    Err(error) => log(Level::Error, &error),
                },
                // Withdraw the quote and pause. The reason is shown to operators.
                OwnKind::Refused(refused) if refused.tag == TAG => {
                    (self.bid, self.ask) = (None, None);
                    self.not_before = own.at.saturating_add(REFUSED_WAIT);
                    out.cancel_all(TAG, Some(self.market.yes.handle), format!("wait: {}", refused.rule));
                }
                _ => {}
            },
            _ => {}
        }
    }
}

impl Template {
    /// Sets the quote for new best prices: an ask if it owns enough shares for an order, a bid otherwise.
    fn on_top(&mut self, top: &Top, out: &mut Intents) {
        let (Some(bid), Some(ask)) = (top.bid, top.ask) else { return };
        if !self.tracker.trading() || top.host_time < self.not_before {
            return;
        }
        let tick = self.tracker.token(top.token).map_or(self.market.tick, |token| token.tick);
        // One tick inside the best price if the spread has room, but never inside its own quote.
        let inside = |best: u32, own: Option<u32>, ticks: i32| {
            let room = ask.price.saturating_sub(bid.price) > tick && own != Some(best);
            if room { step(best, ticks, tick) } else { best }
        };
        // The market's smallest order decides whether there is something to sell.
        let owned = self.tracker.held(top.token);
        let sells = owned >= self.market.min_size;
        self.bid = (!sells).then(|| inside(bid.price, self.bid, 1));
        self.ask = sells.then(|| inside(ask.price, self.ask, -1));
        let size = |price| shares_worth(self.settings.bid, price).max(self.market.min_size);
        let buy = self.bid.map(|price| Quote { price, size: size(price) });
        let sell = self.ask.map(|price| Quote { price, size: whole_size(owned) });
        // The host keeps orders at the venue that match the quote; setting an unchanged quote has no effect.
        out.quote(TAG, top.token, buy, sell, if sells { "offer its shares" } else { "bid for a few shares" });
        self.not_before = top.host_time.saturating_add(self.settings.pace);
    }
}

polytrader_sdk::export_strategy!(Template);
