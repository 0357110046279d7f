//! Orders: submission to the execution client, cancellation, and their ids at the venue.

pub(crate) mod cancels;
pub(crate) mod execution_client;
pub(crate) mod paper;
pub(crate) mod submitter;
