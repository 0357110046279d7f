//! The REST client (PROTOCOL 7). [`Client`] reads what is public, [`AccountClient`] acts for an account.
//! Every call has a timeout and a bounded answer; none is repeated here.

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
mod mood;
mod place;
mod public;
mod relayer;
mod transport;

pub use account::{AccountClient, CancelAnswer, Looked};
pub use catalog::{Catalog, NegRisk, Rules};
pub use data::DataApi;
pub use departure::{Terms, Withheld};
pub use error::{HeartbeatError, RequestError};
pub use limits::Class;
pub use listed::Listed;
pub use mood::Mood;
pub use place::{Ack, AckStatus, PlaceError, order_body};
pub use public::Client;
pub use relayer::{Relayer, RelayerKey, SubmitError};
pub use transport::{ClientError, RequestCounts, Timeouts};

/// The most bytes of an answer. A page of 500 markets with their descriptions has about 2 MB.
pub const BODY_MAX: usize = 16 * 1024 * 1024;
/// The most pages of one list; real accounts have a few.
pub const PAGES_MAX: usize = 1_000;
/// The most orders of one placement (PROTOCOL 4.4).
pub const BATCH_MAX: usize = 15;
/// The most order ids of one cancel (PROTOCOL 21).
pub const CANCEL_MAX: usize = 1_000;
/// The most tokens of one request for books (PROTOCOL 7.2).
pub const BOOKS_MAX: usize = 500;
