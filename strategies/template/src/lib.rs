//! The smallest strategy that trades, to copy and change: in one market it bids for YES, and offers what it bought.

use polytrader_sdk::units::{SECOND, shares_worth, step, whole_size};
use polytrader_sdk::{Event, Intents, Manifest, Market, OwnKind, Quote, Session, SessionState, Strategy, Top};

/// How often it may change its mind, and how long it stays away after it was refused.
const PACE: u64 = 3 * SECOND;
const REFUSED_WAIT: u64 = 30 * SECOND;
/// The least that a bid is worth: venues ignore smaller orders.
const BID_MIN: u64 = 1_100_000;
const TAG: u64 = 1;

/// What it knows.
#[derive(Debug)]
pub struct Template {
    market: Market,
    owned: u64,
    trading: bool,
    not_before: u64,
    bid: Option<u32>,
    ask: Option<u32>,
}

impl Strategy for Template {
    fn describe() -> Manifest {
        Manifest::new("template", "0.1.0", "Bids for YES in one market and offers what it bought.")
            .markets_max(1)
            .without_trades()
    }

    fn new(session: &Session) -> Result<Self, String> {
        let market = session.markets.first().cloned().ok_or("it needs a market")?;
        let held = session.positions.iter().find(|position| position.token == market.yes.handle);
        let owned = held.map_or(0, |position| position.size);
        Ok(Self { market, owned, trading: false, not_before: 0, bid: None, ask: None })
    }

    fn on_event(&mut self, event: &Event, out: &mut Intents) {
        match event {
            Event::Top(top) if top.token == self.market.yes.handle => self.on_top(top, out),
            Event::Status(status) => self.market.tick = status.tick,
            Event::Own(own) => match &own.what {
                OwnKind::Position(position) if position.token == self.market.yes.handle => self.owned = position.size,
                // The host forgets all quotes when trading stops.
                OwnKind::Session(state) => {
                    (self.trading, self.bid, self.ask) = (*state == SessionState::Running, None, None);
                }
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
        if !self.trading || top.host_time < self.not_before {
            return;
        }
        let tick = self.market.tick;
        // One tick inside the best prices if there is room, but never inside its own.
        let inside = |best: u32, own: Option<u32>, ticks: i32| {
            let room = ask.price.saturating_sub(bid.price) > tick && own != Some(best);
            if room { step(best, ticks, tick) } else { best }
        };
        let sells = self.owned >= self.market.min_size;
        self.bid = (!sells).then(|| inside(bid.price, self.bid, 1));
        self.ask = sells.then(|| inside(ask.price, self.ask, -1));
        let buy = self.bid.map(|price| Quote { price, size: shares_worth(BID_MIN, price).max(self.market.min_size) });
        let sell = self.ask.map(|price| Quote { price, size: whole_size(self.owned) });
        out.quote(TAG, top.token, buy, sell, if sells { "offer what it owns" } else { "bid for a few shares" });
        self.not_before = top.host_time.saturating_add(PACE);
    }
}

polytrader_sdk::export_strategy!(Template);
