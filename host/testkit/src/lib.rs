//! Shared test values and folders. A dev-dependency only: no product code may depend on it, which
//! `host/xtask/tests/it/arrows.rs` checks.
//!
//! It depends on `model` and on no other crate of this workspace. The unit tests of a crate that it depends on would
//! see that crate's types twice; so `model` does not use it, and values of other crates, such as the sandbox's session,
//! belong to the tests of those crates. Start reading in [`market`], [`Scratch`] and [`VolatileFolder`].

mod pipes;
mod powerloss;
mod scratch;

pub use pipes::{at_once, named_pipe};
pub use powerloss::VolatileFolder;
pub use scratch::Scratch;

use model::{Input, InputKind, Market, Seq, Time};

/// Returns the synthetic market [`Market::synthetic`]. A test about one of its fields overrides only that field.
///
/// ```
/// use model::Market;
/// use testkit::market;
///
/// let market = Market { neg_risk: true, ..market(1) };
/// assert_ne!(market.condition, testkit::market(2).condition);
/// ```
pub fn market(number: u32) -> Market {
    Market::synthetic(number)
}

/// Returns an engine input with this sequence number and time.
pub fn input(seq: u64, at: Time, body: InputKind) -> Input {
    Input { seq: Seq(seq), at, kind: body }
}
