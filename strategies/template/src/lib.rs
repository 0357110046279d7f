//! The smallest strategy that trades, to copy and change: in one market it bids for YES, and offers what it bought.

use polytrader_sdk::units::{SECOND, shares_worth, step, whole_size};
use polytrader_sdk::{
    Event, Intents, Level, Manifest, Market, OwnKind, Parameters, Quote, Session, Strategy, Top, Tracker, log,
};

/// What operators read of it.
const WHAT: &str = "Bids for YES in one market and offers what it bought.";
/// How long it stays away after it was refused.
const REFUSED_WAIT: u64 = 30 * SECOND;
/// The mark of what it wants; what follows from that carries it.
const TAG: u64 = 1;

/// What an operator can set.
#[derive(Debug, Parameters)]
struct Settings {
    /// How often it may change its mind.
    #[parameter(seconds, default = 3, min = 0.1, max = 3600)]
    pace: u64,
    /// The least that a bid is worth. Venues refuse orders under a dollar.
    #[parameter(dollars, default = 1.1, min = 1, max = 10000)]
    bid: u64,
}

/// What it knows.
#[derive(Debug)]
pub struct Template {
    settings: Settings,
    tracker: Tracker,
    market: Market,
    not_before: u64,
    bid: Option<u32>,
    ask: Option<u32>,
}

impl Strategy for Template {
    fn describe() -> Manifest {
        let manifest = Manifest::new("template", env!("CARGO_PKG_VERSION"), WHAT);
        manifest.parameters(&Settings::schema()).markets_max(1).without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        let market = session.markets.first().cloned().ok_or("it needs a market")?;
        let (settings, tracker) = (Settings::parse(&session.parameters)?, Tracker::new(session));
        Ok(Self { settings, tracker, market, not_before: 0, bid: None, ask: None })
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        self.tracker.hear(event);
        match event {
            Event::Top(top) if top.token == self.market.yes.handle => self.on_top(top, out),
            Event::Own(own) => match &own.what {
                // The host forgets all quotes when trading stops.
                OwnKind::Session(_) => (self.bid, self.ask) = (None, None),
                OwnKind::Parameters(text) => match Settings::parse(text) {
                    Ok(settings) => self.settings = settings,
                    Err(error) => log(Level::Error, &error),
                },
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
    fn on_top(&mut self, top: &Top, out: &mut Intents) {
        let (Some(bid), Some(ask)) = (top.bid, top.ask) else { return };
        if !self.tracker.trading() || top.host_time < self.not_before {
            return;
        }
        let tick = self.tracker.token(top.token).map_or(self.market.tick, |token| token.tick);
        // One tick inside the best prices if there is room, but never inside its own.
        let inside = |best: u32, own: Option<u32>, ticks: i32| {
            let room = ask.price.saturating_sub(bid.price) > tick && own != Some(best);
            if room { step(best, ticks, tick) } else { best }
        };
        let owned = self.tracker.held(top.token);
        let sells = owned >= self.market.min_size;
        self.bid = (!sells).then(|| inside(bid.price, self.bid, 1));
        self.ask = sells.then(|| inside(ask.price, self.ask, -1));
        let size = |price| shares_worth(self.settings.bid, price).max(self.market.min_size);
        let buy = self.bid.map(|price| Quote { price, size: size(price) });
        let sell = self.ask.map(|price| Quote { price, size: whole_size(owned) });
        out.quote(TAG, top.token, buy, sell, if sells { "offer what it owns" } else { "bid for a few shares" });
        self.not_before = top.host_time.saturating_add(self.settings.pace);
    }
}

polytrader_sdk::export_strategy!(Template);
