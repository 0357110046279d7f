//! A local Polymarket: the venue's REST and WebSocket protocol in front of `sim`'s matching engine. Its other traders
//! are a seeded flow, or recordings of real order books. Start reading in [`server`], then `world`.

mod batch;
mod clock;
mod error;
mod http;
pub mod invented;
mod keys;
mod priced;
pub mod recording;
pub mod server;
mod wire;
mod world;
mod ws;

pub use server::{Config, PricedFiles, Running, StartError, start};
pub use sim::flow::{INVENTED, INVENTED_MAX};
