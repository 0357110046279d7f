//! The wire format as serde types. Unknown fields are tolerated; numbers are read from their text, whether the venue
//! wrote a string or a number. These types are private to this crate.

pub(crate) mod account;
pub(crate) mod market;
pub(crate) mod order;
pub(crate) mod text;
pub(crate) mod trade;

pub(crate) use text::Text;
