//! Market data: its connections, the check of books against REST, the discovery of markets and how they end.

mod asks;
mod book_check;
pub(crate) mod discovery;
pub(crate) mod feeds;
pub(crate) mod resolutions;
mod shard;
