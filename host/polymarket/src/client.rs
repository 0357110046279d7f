//! The REST client (PROTOCOL 7). [`Client`] reads public data; [`AccountClient`] acts for an account. Every call has a
//! timeout and a bounded response; no call is retried here.

mod account;
#[cfg(test)]
mod captured;
mod catalog;
mod data;
mod departure;
mod error;
#[cfg(test)]
mod fake;
mod limits;
mod listed;
mod place;
mod public;
mod relayer;
mod transport;
mod venue_state_hint;

pub use account::{AccountClient, CancelAnswer, OrderLookup};
pub use catalog::{Catalog, NegRisk, Rules};
pub use data::DataApi;
pub use departure::{Terms, Withheld};
pub use error::{HeartbeatError, RequestError};
pub use limits::Class;
pub use listed::Listed;
pub use place::{Ack, AckStatus, PlaceError, order_body};
pub use public::Client;
pub use relayer::{Relayer, RelayerKey, SubmitError};
pub use transport::{ClientError, RequestCounts, Timeouts};
pub use venue_state_hint::VenueStateHint;

/// Maximum bytes of a response. A page of 500 markets with descriptions is about 2 MB.
pub const BODY_MAX: usize = 16 * 1024 * 1024;
/// Maximum pages of one list; real accounts have a few.
pub const PAGES_MAX: usize = 1_000;
/// Maximum orders of one placement (PROTOCOL 4.4).
pub const BATCH_MAX: usize = 15;
/// Maximum order ids of one cancel (PROTOCOL 21).
pub const CANCEL_MAX: usize = 1_000;
/// Maximum tokens of one request for books (PROTOCOL 7.2).
pub const BOOKS_MAX: usize = 500;
