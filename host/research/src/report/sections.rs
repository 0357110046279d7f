//! The sections of the page.

pub(crate) mod compare;
pub(crate) mod figures;
pub(crate) mod markets;
pub(crate) mod overview;
pub(crate) mod profit;
pub(crate) mod quality;
