//! Recordings of real order books: reading them, and replaying them as the other side of the exchange.

pub mod columns;
pub mod damaged;
mod player;
pub mod prices;
pub mod reader;

pub use player::{Player, Step};
pub use prices::{Decided, DecidedMarkets, Prices, read_markets, read_prices};
pub use reader::{Frame, FrameKind, ReadError, Recording, read_file};
