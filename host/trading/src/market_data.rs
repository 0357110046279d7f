//! Market data: connections, book checks against REST, market discovery and resolutions.

mod book_check;
mod book_requests;
pub(crate) mod discovery;
pub(crate) mod feeds;
pub(crate) mod recording;
pub(crate) mod resolutions;
mod shard;
