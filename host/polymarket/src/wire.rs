//! What stands on the wire, as serde types. Unknown fields are tolerated; numbers are read from their text, whether the
//! venue wrote a string or a number. Nothing outside of this crate sees these types.

pub(crate) mod account;
pub(crate) mod market;
pub(crate) mod order;
pub(crate) mod text;
pub(crate) mod trade;

pub(crate) use text::Text;
