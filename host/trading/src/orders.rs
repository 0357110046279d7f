//! Orders: their way to where they are executed, and their ids there.

pub(crate) mod cancels;
pub(crate) mod execution_client;
pub(crate) mod paper;
pub(crate) mod submitter;
