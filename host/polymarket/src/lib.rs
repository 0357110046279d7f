//! The venue adapter: wire types, parsing, the market and user channels, the REST client and its
//! L2 authentication (PROTOCOL).
//! It never holds a private key, never makes trading decisions, and never retries a placement. Start reading in
//! [`parse`] for inbound data, [`client`] for outbound requests and [`feed`] for the sockets.

pub mod auth;
pub mod client;
pub mod feed;
mod left_out;
pub mod parse;
pub mod tls;
mod wire;

pub use auth::{Credentials, L1Headers};
pub use client::{AccountClient, Ack, CancelAnswer, Client, PlaceError, RequestError};
pub use feed::{Feed, FeedConfig, FeedEvent};
pub use left_out::{LeftOut, LeftOutOf};
pub use parse::{Owner, ParseError, TokenMap, UserEvent, parse_market, parse_user};
