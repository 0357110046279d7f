//! host.

pub(crate) mod serve;
