//! Paper trading: the market channel is the real one, and `sim`'s paper venue stands where the exchange would. It answers
//! through the inbox, so its words are journaled like the real one's.

use super::submitter::Job;
use crate::order_ids::Index;
use control::clock;
use control::inbox::Inbox;
use model::event::MarketEvent;
use model::input::{AccountView, Channel, PlaceOutcome, Settlement, TradeUpdate, VenueStatus};
use model::{
    Body, CarriedFill, CarriedOrder, Carry, Market, NewOrder, OrderId, Price, Side, Size, Time, TokenId, TokenIx,
    TradeId, Usd, VenueOrderId,
};
use readmodel::views::VenueOrderView;
use sim::{Latency, Paper};
use std::collections::BTreeMap;
use std::time::Duration;
use store::journal_files::Journal;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Requests and market events that wait for the paper venue.
const ASKED_MAX: usize = 65_536;
/// How often the account is told, as it is read from a real venue.
const ACCOUNT_EVERY: Duration = Duration::from_secs(5);

/// What the paper venue is asked or told.
#[derive(Debug)]
enum Asked {
    Event(Time, MarketEvent),
    List(Box<Market>),
    BooksLost,
    Place(NewOrder, VenueOrderId),
    Cancel(OrderId),
    CancelAll,
    Look(OrderId),
    View(oneshot::Sender<(AccountView, Vec<VenueOrderView>)>),
}

/// A cheap handle on the paper venue.
#[derive(Debug, Clone)]
pub(crate) struct PaperVenue {
    asked: mpsc::Sender<Asked>,
    inbox: Inbox,
    index: Index,
    journal: Journal,
    runtime: Handle,
}

/// What an account on paper starts with, and what is said first.
pub(crate) struct Opening {
    cash: Usd,
    shares: BTreeMap<TokenIx, Size>,
    words: Vec<Body>,
}

impl Opening {
    /// Returns a new account with this much money, or what the last session left of the old one. Orders do not outlive
    /// the paper venue's process: they are told as cancelled, and what had matched is booked and final.
    pub(crate) fn new(cash: Usd, carry: Option<&Carry>) -> Self {
        let Some(carry) = carry else { return Self { cash, shares: BTreeMap::new(), words: Vec::new() } };
        let shares = carry.positions.iter().map(|(token, position)| (*token, position.size)).collect();
        let mut opening = Self { cash: carry.cash, shares, words: Vec::new() };
        carry.fills.iter().for_each(|fill| opening.settle(fill));
        carry.orders.iter().for_each(|order| opening.close(order));
        opening
    }

    fn settle(&mut self, fill: &CarriedFill) {
        if matches!(fill.settlement, Settlement::Confirmed | Settlement::Failed) {
            return;
        }
        let micros = u128::try_from(fill.entry.cost.0).unwrap_or(0).saturating_mul(u128::from(model::SCALE));
        let price = micros.checked_div(u128::from(fill.entry.size.0)).and_then(|price| u32::try_from(price).ok());
        let Some(maker_price) = price.and_then(Price::from_micros) else { return };
        let (trade, part, order, size) = (fill.trade, fill.part, fill.order, fill.entry.size);
        let (settlement, maker, crossed) = (Settlement::Confirmed, fill.entry.fee == Usd::ZERO, false);
        self.words.push(Body::Trade(TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed }));
    }

    fn close(&mut self, carried: &CarriedOrder) {
        let CarriedOrder { order, state, matched, traded } = carried;
        let missing = matched.saturating_sub(*traded);
        if !missing.is_zero() {
            // A crash came between the match and its trade: it is told now, at the order's own price.
            let mut id = [0xFF; 16];
            if let Some(place) = id.last_chunk_mut() {
                *place = order.id.0.to_be_bytes();
            }
            let update = TradeUpdate {
                trade: TradeId(id),
                part: 0,
                order: order.id,
                settlement: Settlement::Confirmed,
                maker_price: order.price,
                size: missing,
                maker: true,
                crossed: false,
            };
            let (cost, owned) = (update.cost().unwrap_or_default(), self.shares.entry(order.token).or_default());
            match order.side {
                Side::Buy => {
                    self.cash = self.cash.saturating_sub(cost);
                    *owned = owned.saturating_add(missing);
                }
                Side::Sell => {
                    self.cash = self.cash.saturating_add(cost);
                    *owned = owned.saturating_sub(missing);
                }
            }
            self.words.push(Body::Trade(update));
        }
        if !state.is_over() {
            let (order, status, matched) = (order.id, VenueStatus::Cancelled, *matched);
            self.words.push(Body::OrderUpdate { order, status, matched });
        }
    }
}

impl PaperVenue {
    /// Opens the paper venue with these markets. Call it inside a runtime.
    ///
    /// # Errors
    /// If the markets contradict each other.
    pub(crate) fn start(
        latency: Latency,
        markets: &[Market],
        opening: Opening,
        inbox: Inbox,
        index: Index,
        journal: Journal,
    ) -> anyhow::Result<Self> {
        let shares: Vec<(TokenIx, Size)> = opening.shares.into_iter().collect();
        let paper = Paper::new(latency, markets.iter().cloned(), opening.cash, &shares)?;
        let (asked, questions) = mpsc::channel(ASKED_MAX);
        let now = clock::now();
        opening.words.into_iter().for_each(|word| inbox.account(now, word));
        inbox.account(now, Body::Feed { channel: Channel::User, up: true });
        tokio::spawn(serve(paper, questions, inbox.clone()));
        Ok(Self { asked, inbox, index, journal, runtime: Handle::current() })
    }

    /// Tells what the real market said; false if it did not fit: the paper venue's books have a hole then.
    pub(crate) fn hear(&self, at: Time, event: &MarketEvent) -> bool {
        self.asked.try_send(Asked::Event(at, event.clone())).is_ok()
    }

    /// Tells of a market that was not there at the start.
    pub(crate) fn list(&self, market: &Market) {
        self.ask(Asked::List(Box::new(market.clone())), "a new market");
    }

    /// Tells that the market channel is lost.
    pub(crate) fn lose_books(&self) {
        self.ask(Asked::BooksLost, "the loss of the market channel");
    }

    /// Places an order once the journal has it, as a real one would be.
    pub(crate) fn place(&self, job: Job) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let (order, expires) = (job.approved.item().order, job.approved.expires());
            let refused = match (this.journal.synced(job.place).await, this.index.venue(order.id)) {
                (Err(reason), _) => Some(format!("the journal: {reason}")),
                (Ok(()), _) if clock::now() > expires => Some(super::submitter::TOO_OLD.to_owned()),
                (Ok(()), None) => Some("the order cannot be built".to_owned()),
                (Ok(()), Some(venue)) if this.asked.try_send(Asked::Place(order, venue)).is_ok() => None,
                (Ok(()), Some(_)) => Some(format!("more than {ASKED_MAX} requests wait for the paper venue")),
            };
            if let Some(reason) = refused {
                let outcome = PlaceOutcome::NotSent { reason };
                this.inbox.account(clock::now(), Body::Placed { order: order.id, outcome });
            }
        });
    }

    /// Cancels an order.
    pub(crate) fn cancel(&self, order: OrderId) {
        self.ask(Asked::Cancel(order), "a cancel");
    }

    /// Cancels everything.
    pub(crate) fn cancel_everything(&self) {
        self.ask(Asked::CancelAll, "a cancel of everything");
    }

    /// Asks how an order stands.
    pub(crate) fn look(&self, order: OrderId) {
        self.ask(Asked::Look(order), "a question for an order");
    }

    /// Returns the account and its open orders.
    ///
    /// # Errors
    /// If the paper venue is gone.
    pub(crate) async fn view(&self) -> Result<(AccountView, Vec<VenueOrderView>), String> {
        let (reply, answer) = oneshot::channel();
        let gone = || "the paper venue is gone".to_owned();
        self.asked.send(Asked::View(reply)).await.map_err(|_gone| gone())?;
        answer.await.map_err(|_gone| gone())
    }

    /// Whoever asked asks again if there is no answer.
    fn ask(&self, asked: Asked, what: &str) {
        if self.asked.try_send(asked).is_err() {
            tracing::warn!(what, "the paper venue takes no more requests");
        }
    }
}

/// Runs the paper venue until nobody can ask any more.
async fn serve(mut paper: Paper, mut questions: mpsc::Receiver<Asked>, inbox: Inbox) {
    let mut heard = Vec::new();
    let mut account = tokio::time::interval(ACCOUNT_EVERY);
    loop {
        tokio::select! {
            asked = questions.recv() => match asked {
                Some(asked) => take(&mut paper, asked),
                None => return,
            },
            () = until(paper.next_due()) => {}
            _ = account.tick() => inbox.account(clock::now(), Body::Account(paper.view())),
        }
        let now = clock::now();
        paper.advance(now, &mut heard);
        heard.drain(..).for_each(|body| inbox.account(now, body));
    }
}

fn take(paper: &mut Paper, asked: Asked) {
    let now = clock::now();
    match asked {
        Asked::Event(at, event) => {
            if let Err(error) = paper.hear(at, &event) {
                tracing::warn!(%error, "a market event that the paper venue does not know");
            }
        }
        Asked::List(market) => {
            if let Err(error) = paper.list(*market) {
                tracing::error!(%error, "a new market that the paper venue does not take");
            }
        }
        Asked::BooksLost => paper.lose_books(),
        Asked::Place(order, venue) => paper.place(now, &order, venue),
        Asked::Cancel(order) => paper.cancel(now, order),
        Asked::CancelAll => paper.cancel_all(now),
        Asked::Look(order) => paper.look(now, order),
        Asked::View(reply) => {
            if reply.send((paper.view(), open_orders(paper))).is_err() {
                tracing::debug!("nobody waits for the paper account any more");
            }
        }
    }
}

fn open_orders(paper: &Paper) -> Vec<VenueOrderView> {
    let view = |(order, token): (sim::OpenOrder, Option<TokenId>)| VenueOrderView {
        venue_id: order.id.to_string(),
        token: token.map(|token| token.to_string()).unwrap_or_default(),
        side: order.side.into(),
        price_micro_usd: order.price.micros(),
        size_micros: order.size.micros(),
        filled_micros: order.matched.micros(),
    };
    paper.open_orders().map(view).collect()
}

async fn until(due: Option<Time>) {
    match due {
        Some(due) => tokio::time::sleep(Duration::from_micros(due.since(clock::now()))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::carry::FillEntry;
    use model::{OrderKind, OrderState, Position, StrategyId};

    #[test]
    fn the_next_session_goes_on_with_the_same_account_and_no_orders() {
        let token = TokenIx(0);
        let price = Price::from_micros(400_000).unwrap();
        let (id, strategy, side) = (OrderId(7), StrategyId(1), Side::Buy);
        let kind = OrderKind::Gtc { post_only: false };
        let order = NewOrder { id, strategy, tag: 0, token, side, price, size: Size::shares(10), kind };
        let (matched, traded) = (Size::shares(4), Size::shares(1));
        let carried = CarriedOrder { order, state: OrderState::PartlyFilled, matched, traded };
        let (size, cost, fee, basis) = (traded, Usd(400_000), Usd::ZERO, [Usd::ZERO; 2]);
        let entry = FillEntry { strategy, token, side, size, cost, fee, basis };
        let (trade, settlement) = (TradeId([1; 16]), Settlement::Matched);
        let fill = CarriedFill { trade, part: 0, order: id, entry, settlement, at: Time(5) };
        let position = Position { size: traded, cost, ..Position::default() };
        let carry = Carry {
            cash: Usd::dollars(100),
            positions: vec![(token, position)],
            orders: vec![carried],
            fills: vec![fill],
            ..Carry::default()
        };
        let opening = Opening::new(Usd::dollars(1_000), Some(&carry));
        // Three shares at 40 cents had matched when the crash came.
        assert_eq!(opening.cash, Usd(98_800_000));
        assert_eq!(opening.shares.get(&token), Some(&Size::shares(4)));
        let said = |settlement: Settlement, size: Size, word: &Body| matches!(word, Body::Trade(update) if update.settlement == settlement && update.size == size && update.maker_price == price);
        let [settled, booked, cancelled] = opening.words.as_slice() else { panic!("{:?}", opening.words) };
        assert!(said(Settlement::Confirmed, traded, settled), "{settled:?}");
        assert!(said(Settlement::Confirmed, Size::shares(3), booked), "{booked:?}");
        assert_eq!(*cancelled, Body::OrderUpdate { order: id, status: VenueStatus::Cancelled, matched });
        assert_eq!(Opening::new(Usd::dollars(5), None).cash, Usd::dollars(5));
    }
}
