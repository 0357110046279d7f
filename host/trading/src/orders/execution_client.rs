//! Where orders go and where the account is: the venue, or paper in its place.

use super::cancels::Cancel;
use super::paper::PaperVenue;
use super::submitter::{Desk, Job};
use crate::account::venue_account::VenueAccount;
use crate::listed_orders::{ListedOrder, ListedOrders};
use control::{OpenOrders, OpenOrdersAnswer};
use model::event::MarketEvent;
use model::input::{AccountView, Channel};
use model::{Body, Market, OrderId, Time, VenueOrderId};
use polymarket::RequestError;
use polymarket::client::Listed;
use polymarket::parse::VenueOrder;
use readmodel::views::VenueOrderView;

/// A cheap handle on the account, wherever it is.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// A venue that speaks Polymarket's protocol.
    Venue {
        /// The way out.
        desk: Box<Desk>,
        /// The way to ask.
        account: Box<VenueAccount>,
    },
    /// Invented fills on the real market.
    Paper(PaperVenue),
}

impl Access {
    /// Sends an order on its way.
    pub(crate) fn place(&self, job: Job) {
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

    /// Locks or unlocks the signer; on paper nothing is signed.
    pub(crate) fn lock(&self, lock: bool) {
        if let Self::Venue { desk, .. } = self {
            desk.lock(lock);
        }
    }

    /// Asks how an order stands.
    pub(crate) fn look(&self, order: OrderId) {
        match self {
            Self::Venue { account, .. } => account.look(order),
            Self::Paper(paper) => paper.look(order),
        }
    }

    /// Asks what an order did before it was known here.
    pub(crate) fn look_back(&self, order: OrderId) {
        match self {
            Self::Venue { account, .. } => account.look_back(order),
            Self::Paper(paper) => paper.look(order),
        }
    }

    /// Tells paper of a market that was not there at the start.
    pub(crate) fn list(&self, market: &Market) {
        if let Self::Paper(paper) = self {
            paper.list(market);
        }
    }

    /// Lets paper hear what the real market says; false if its books have a hole now.
    pub(crate) fn hear(&self, at: Time, body: &Body) -> bool {
        match (self, body) {
            (Self::Paper(paper), Body::Event(event)) => Self::hear_event(paper, at, event),
            (Self::Paper(paper), Body::Feed { channel: Channel::Market, up: false }) => {
                paper.lose_books();
                true
            }
            _ => true,
        }
    }

    fn hear_event(paper: &PaperVenue, at: Time, event: &MarketEvent) -> bool {
        let fits = paper.hear(at, event);
        if !fits {
            paper.lose_books();
        }
        fits
    }

    /// Reads the whole account.
    ///
    /// # Errors
    /// A sentence, if there is no answer.
    pub(crate) async fn whole(&self) -> Result<AccountView, String> {
        match self {
            Self::Venue { account, .. } => account.whole().await.map_err(|error| error.to_string()),
            Self::Paper(paper) => paper.view().await.map(|(view, _)| view),
        }
    }

    /// Asks which orders of the account are open now, for an operator.
    async fn shown_orders(&self) -> Result<Vec<VenueOrderView>, String> {
        match self {
            Self::Venue { account, .. } => views(account.client().shown_orders().await),
            Self::Paper(paper) => paper.view().await.map(|(_, open)| open),
        }
    }
}

impl ListedOrders for Access {
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

impl OpenOrders for Access {
    fn open_orders(&self) -> OpenOrdersAnswer<'_> {
        Box::pin(self.shown_orders())
    }
}

/// What is not understood stands in `/health/detailed`.
fn views(answer: Result<Listed<VenueOrder>, RequestError>) -> Result<Vec<VenueOrderView>, String> {
    let open = answer.map_err(|error| format!("the venue gave no answer: {error}"))?;
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
