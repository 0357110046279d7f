//! Paper trading: real market data, with `sim`'s paper venue in place of the exchange. It answers through the inbox, so
//! its answers are journaled like those of the real venue.

use super::submitter::Submission;
use crate::order_ids::OrderIds;
use control::clock;
use control::inbox::Inbox;
use model::event::MarketEvent;
use model::input::{AccountView, Channel, PlaceOutcome, Settlement, TradeUpdate, VenueStatus};
use model::{
    CarriedFill, CarriedOrder, CarryOver, InputKind, Market, NewOrder, OrderId, Price, Side, Size, Time, TokenId,
    TokenIx, TradeId, Usd, VenueOrderId,
};
use readmodel::views::VenueOrderView;
use sim::{Latency, Paper};
use std::collections::BTreeMap;
use std::time::Duration;
use store::journal_files::Journal;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// The most requests and market events that wait for the paper venue.
const ASKED_MAX: usize = 65_536;
/// The interval of account updates, the same as for a real venue.
const ACCOUNT_EVERY: Duration = Duration::from_secs(5);

/// A request or a notification to the paper venue.
#[derive(Debug)]
enum PaperRequest {
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
    asked: mpsc::Sender<PaperRequest>,
    inbox: Inbox,
    index: OrderIds,
    journal: Journal,
    runtime: Handle,
}

/// The opening state of a paper account, and its first inputs.
pub(crate) struct Opening {
    cash: Usd,
    shares: BTreeMap<TokenIx, Size>,
    words: Vec<InputKind>,
}

impl Opening {
    /// Returns a new account with this cash, or the account carried over from the last session. Orders do not outlive
    /// the paper venue's process: they are reported as cancelled, and what had matched is booked and final.
    pub(crate) fn new(cash: Usd, carry: Option<&CarryOver>) -> Self {
        let Some(carry) = carry else { return Self { cash, shares: BTreeMap::new(), words: Vec::new() } };
        let shares = carry.positions.iter().map(|(token, position)| (*token, position.size)).collect();
        let mut opening = Self { cash: carry.cash, shares, words: Vec::new() };
        carry.fills.iter().for_each(|fill| opening.apply_fill(fill));
        carry.orders.iter().for_each(|order| opening.close(order));
        opening
    }

    fn apply_fill(&mut self, fill: &CarriedFill) {
        if matches!(fill.settlement, Settlement::Confirmed | Settlement::Failed) {
            return;
        }
        let micros = u128::try_from(fill.entry.cost.0).unwrap_or(0).saturating_mul(u128::from(model::SCALE));
        let price = micros.checked_div(u128::from(fill.entry.size.0)).and_then(|price| u32::try_from(price).ok());
        let Some(maker_price) = price.and_then(Price::from_micros) else { return };
        let (trade, part, order, size) = (fill.trade, fill.part, fill.order, fill.entry.size);
        let (settlement, maker, crossed) = (Settlement::Confirmed, fill.entry.fee == Usd::ZERO, false);
        self.words.push(InputKind::Trade(TradeUpdate {
            trade,
            part,
            order,
            settlement,
            maker_price,
            size,
            maker,
            crossed,
        }));
    }

    fn close(&mut self, carried: &CarriedOrder) {
        let CarriedOrder { order, state, matched, traded } = carried;
        let missing = matched.saturating_sub(*traded);
        if !missing.is_zero() {
            // A crash came between the match and its trade: the trade is reported now, at the order's own price.
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
            self.words.push(InputKind::Trade(update));
        }
        if !state.is_over() {
            let (order, status, matched) = (order.id, VenueStatus::Cancelled, *matched);
            self.words.push(InputKind::OrderUpdate { order, status, matched });
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
        index: OrderIds,
        journal: Journal,
    ) -> anyhow::Result<Self> {
        let shares: Vec<(TokenIx, Size)> = opening.shares.into_iter().collect();
        let paper = Paper::new(latency, markets.iter().cloned(), opening.cash, &shares)?;
        let (asked, questions) = mpsc::channel(ASKED_MAX);
        let now = clock::now();
        opening.words.into_iter().for_each(|word| inbox.account(now, word));
        inbox.account(now, InputKind::Feed { channel: Channel::User, up: true });
        tokio::spawn(serve(paper, questions, inbox.clone()));
        Ok(Self { asked, inbox, index, journal, runtime: Handle::current() })
    }

    /// Sends an event of the real market; returns false if there was no room: the paper venue's books are then
    /// incomplete.
    pub(crate) fn on_market_event(&self, at: Time, event: &MarketEvent) -> bool {
        self.asked.try_send(PaperRequest::Event(at, event.clone())).is_ok()
    }

    /// Adds a market that was not there at the start.
    pub(crate) fn list(&self, market: &Market) {
        self.request(PaperRequest::List(Box::new(market.clone())), "a new market");
    }

    /// Reports the loss of the market channel.
    pub(crate) fn lose_books(&self) {
        self.request(PaperRequest::BooksLost, "the loss of the market channel");
    }

    /// Places an order once the journal has it, as on a real venue.
    pub(crate) fn place(&self, job: Submission) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let (order, expires) = (job.approved.item().order, job.approved.expires());
            let refused = match (this.journal.synced(job.place).await, this.index.venue(order.id)) {
                (Err(reason), _) => Some(format!("the journal: {reason}")),
                (Ok(()), _) if clock::now() > expires => Some(super::submitter::TOO_OLD.to_owned()),
                (Ok(()), None) => Some("the order cannot be built".to_owned()),
                (Ok(()), Some(venue)) if this.asked.try_send(PaperRequest::Place(order, venue)).is_ok() => None,
                (Ok(()), Some(_)) => Some(format!("more than {ASKED_MAX} requests wait for the paper venue")),
            };
            if let Some(reason) = refused {
                let outcome = PlaceOutcome::NotSent { reason };
                this.inbox.account(clock::now(), InputKind::Placed { order: order.id, outcome });
            }
        });
    }

    /// Cancels an order.
    pub(crate) fn cancel(&self, order: OrderId) {
        self.request(PaperRequest::Cancel(order), "a cancel");
    }

    /// Cancels everything.
    pub(crate) fn cancel_everything(&self) {
        self.request(PaperRequest::CancelAll, "a cancel of everything");
    }

    /// Queries an order's state.
    pub(crate) fn query_order(&self, order: OrderId) {
        self.request(PaperRequest::Look(order), "an order query");
    }

    /// Returns the account and its open orders.
    ///
    /// # Errors
    /// If the paper venue is gone.
    pub(crate) async fn view(&self) -> Result<(AccountView, Vec<VenueOrderView>), String> {
        let (reply, answer) = oneshot::channel();
        let gone = || "the paper venue is gone".to_owned();
        self.asked.send(PaperRequest::View(reply)).await.map_err(|_gone| gone())?;
        answer.await.map_err(|_gone| gone())
    }

    /// Sends a request. If there is no answer, the caller asks again.
    fn request(&self, asked: PaperRequest, what: &str) {
        if self.asked.try_send(asked).is_err() {
            tracing::warn!(what, "request to the paper venue dropped; its queue is full");
        }
    }
}

/// Runs the paper venue until all handles are dropped.
async fn serve(mut paper: Paper, mut questions: mpsc::Receiver<PaperRequest>, inbox: Inbox) {
    let mut inputs = Vec::new();
    let mut account = tokio::time::interval(ACCOUNT_EVERY);
    loop {
        tokio::select! {
            asked = questions.recv() => match asked {
                Some(asked) => handle_request(&mut paper, asked),
                None => return,
            },
            () = until(paper.next_due()) => {}
            _ = account.tick() => inbox.account(clock::now(), InputKind::Account(paper.view())),
        }
        let now = clock::now();
        paper.advance(now, &mut inputs);
        inputs.drain(..).for_each(|body| inbox.account(now, body));
    }
}

fn handle_request(paper: &mut Paper, asked: PaperRequest) {
    let now = clock::now();
    match asked {
        PaperRequest::Event(at, event) => {
            if let Err(error) = paper.on_market_event(at, &event) {
                tracing::warn!(%error, "market event refused by the paper venue");
            }
        }
        PaperRequest::List(market) => {
            if let Err(error) = paper.list(*market) {
                tracing::error!(%error, "new market refused by the paper venue");
            }
        }
        PaperRequest::BooksLost => paper.lose_books(),
        PaperRequest::Place(order, venue) => paper.place(now, &order, venue),
        PaperRequest::Cancel(order) => paper.cancel(now, order),
        PaperRequest::CancelAll => paper.cancel_all(now),
        PaperRequest::Look(order) => paper.query_order(now, order),
        PaperRequest::View(reply) => {
            if reply.send((paper.view(), open_orders(paper))).is_err() {
                tracing::debug!("paper account no longer awaited");
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
    use model::carry_over::FillEntry;
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
        let carry = CarryOver {
            cash: Usd::dollars(100),
            positions: vec![(token, position)],
            orders: vec![carried],
            fills: vec![fill],
            ..CarryOver::default()
        };
        let opening = Opening::new(Usd::dollars(1_000), Some(&carry));
        // Three shares at 40 cents had matched when the crash came.
        assert_eq!(opening.cash, Usd(98_800_000));
        assert_eq!(opening.shares.get(&token), Some(&Size::shares(4)));
        let is_trade = |settlement: Settlement, size: Size, word: &InputKind| matches!(word, InputKind::Trade(update) if update.settlement == settlement && update.size == size && update.maker_price == price);
        let [settled, booked, cancelled] = opening.words.as_slice() else { panic!("{:?}", opening.words) };
        assert!(is_trade(Settlement::Confirmed, traded, settled), "{settled:?}");
        assert!(is_trade(Settlement::Confirmed, Size::shares(3), booked), "{booked:?}");
        assert_eq!(*cancelled, InputKind::OrderUpdate { order: id, status: VenueStatus::Cancelled, matched });
        assert_eq!(Opening::new(Usd::dollars(5), None).cash, Usd::dollars(5));
    }
}
