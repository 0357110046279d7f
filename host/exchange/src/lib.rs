//! A local Polymarket: the venue's REST and WebSocket protocol in front of `sim`'s matching engine. Its other traders come
//! from a seeded flow, or from recordings of real order books. Start reading in [`server`], then `world`.

mod batch;
mod clock;
mod fail;
mod http;
mod keys;
pub mod recording;
pub mod server;
mod wire;
mod world;
mod ws;

pub use server::{Config, PricedFiles, Running, StartError, start};
pub use sim::flow::{INVENTED, INVENTED_MAX};
