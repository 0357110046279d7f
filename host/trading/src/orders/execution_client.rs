//! The execution client: the destination of orders and the source of the account, either the venue or the paper venue.

use super::cancels::Cancel;
use super::paper::PaperVenue;
use super::submitter::{OrderSubmitter, Submission};
use crate::account::venue_account::VenueAccount;
use crate::listed_orders::{ListedOrder, ListedOrders};
use control::{OpenOrders, OpenOrdersAnswer};
use model::event::MarketEvent;
use model::input::{AccountView, Channel};
use model::{InputKind, Market, OrderId, Time, VenueOrderId};
use polymarket::RequestError;
use polymarket::client::Listed;
use polymarket::parse::VenueOrder;
use readmodel::views::VenueOrderView;

/// A cheap handle on the execution client.
#[derive(Debug, Clone)]
pub(crate) enum ExecutionClient {
    /// A venue that speaks Polymarket's protocol.
    Venue {
        /// Sends orders and cancels.
        desk: Box<OrderSubmitter>,
        /// Reads orders and the account.
        account: Box<VenueAccount>,
    },
    /// Simulated fills on the real market.
    Paper(PaperVenue),
}

impl ExecutionClient {
    /// Returns true if fills are simulated.
    pub(crate) const fn is_paper(&self) -> bool {
        matches!(self, Self::Paper(_))
    }

    /// Submits an order.
    pub(crate) fn place(&self, job: Submission) {
        match self {
            Self::Venue { desk, .. } => desk.place(job),
            Self::Paper(paper) => paper.place(job),
        }
    }

    /// Cancels an order.
    pub(crate) fn cancel(&self, cancel: Cancel) {
        match self {
            Self::Venue { desk, account } if account.has_id(cancel.order) => desk.cancel(cancel),
            Self::Venue { account, .. } => account.cancel_without_id(cancel.order),
            Self::Paper(paper) => paper.cancel(cancel.order),
        }
    }

    /// Cancels everything on the account.
    pub(crate) fn cancel_everything(&self) {
        match self {
            Self::Venue { desk, .. } => desk.cancel_everything(),
            Self::Paper(paper) => paper.cancel_everything(),
        }
    }

    /// Locks or unlocks the signer; in paper mode nothing is signed.
    pub(crate) fn lock(&self, lock: bool) {
        if let Self::Venue { desk, .. } = self {
            desk.lock(lock);
        }
    }

    /// Queries an order's state.
    pub(crate) fn query_order(&self, order: OrderId) {
        match self {
            Self::Venue { account, .. } => account.query_order(order),
            Self::Paper(paper) => paper.query_order(order),
        }
    }

    /// Queries the history of an order from before the host knew it.
    pub(crate) fn query_history(&self, order: OrderId) {
        match self {
            Self::Venue { account, .. } => account.query_history(order),
            Self::Paper(paper) => paper.query_order(order),
        }
    }

    /// Adds a market that was not there at the start to the paper venue.
    pub(crate) fn list(&self, market: &Market) {
        if let Self::Paper(paper) = self {
            paper.list(market);
        }
    }

    /// Sends market data to the paper venue; returns false if its books are now incomplete.
    pub(crate) fn on_market_input(&self, at: Time, body: &InputKind) -> bool {
        match (self, body) {
            (Self::Paper(paper), InputKind::Event(event)) => Self::on_market_event(paper, at, event),
            (Self::Paper(paper), InputKind::Feed { channel: Channel::Market, up: false }) => {
                paper.lose_books();
                true
            }
            _ => true,
        }
    }

    fn on_market_event(paper: &PaperVenue, at: Time, event: &MarketEvent) -> bool {
        let fits = paper.on_market_event(at, event);
        if !fits {
            paper.lose_books();
        }
        fits
    }

    /// Reads the whole account.
    ///
    /// # Errors
    /// A message, if there is no answer.
    pub(crate) async fn whole(&self) -> Result<AccountView, String> {
        match self {
            Self::Venue { account, .. } => account.whole().await.map_err(|error| error.to_string()),
            Self::Paper(paper) => paper.view().await.map(|(view, _)| view),
        }
    }

    /// Returns the account's open orders, for an operator.
    async fn shown_orders(&self) -> Result<Vec<VenueOrderView>, String> {
        match self {
            Self::Venue { account, .. } => views(account.client().shown_orders().await),
            Self::Paper(paper) => paper.view().await.map(|(_, open)| open),
        }
    }
}

impl ListedOrders for ExecutionClient {
    async fn listed(&self) -> Result<Vec<ListedOrder>, String> {
        match self {
            Self::Venue { account, .. } => account.listed().await,
            Self::Paper(paper) => {
                let (_, open) = paper.view().await?;
                let ids = open.iter().filter_map(|order| VenueOrderId::parse(&order.venue_id));
                Ok(ids.map(|id| ListedOrder { id, market: None }).collect())
            }
        }
    }

    async fn cancel_listed(&self, orders: &[ListedOrder]) -> Result<(), String> {
        match self {
            Self::Venue { account, .. } => account.cancel_listed(orders).await,
            Self::Paper(paper) => {
                paper.cancel_everything();
                Ok(())
            }
        }
    }
}

impl OpenOrders for ExecutionClient {
    fn open_orders(&self) -> OpenOrdersAnswer<'_> {
        Box::pin(self.shown_orders())
    }
}

/// Rows that could not be parsed are reported in `/health/detailed`.
fn views(answer: Result<Listed<VenueOrder>, RequestError>) -> Result<Vec<VenueOrderView>, String> {
    let open = answer.map_err(|error| format!("the venue did not answer: {error}"))?;
    Ok(open.rows.into_iter().map(view).collect())
}

fn view(order: VenueOrder) -> VenueOrderView {
    VenueOrderView {
        venue_id: order.id.to_string(),
        token: order.token.to_string(),
        side: order.side.into(),
        price_micro_usd: order.price.micros(),
        size_micros: order.original.micros(),
        filled_micros: order.matched.micros(),
    }
}
