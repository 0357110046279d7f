//! Values and folders that tests of several crates use. A dev-dependency only: no crate may have it in its product code, which
//! `host/xtask/tests/it/arrows.rs` checks.
//! It depends on `model` and on no other crate of ours. Unit tests of a crate that it depended on would see that crate's types twice, so
//! `model` does not use it, and a value of another crate, such as the sandbox's session, belongs to that crate's own tests.
//! Start reading in [`market`], [`Scratch`] and [`VolatileFolder`].

mod pipes;
mod powerloss;
mod scratch;

pub use pipes::{at_once, named_pipe};
pub use powerloss::VolatileFolder;
pub use scratch::Scratch;

use model::{Body, Input, Market, Seq, Time};

/// Returns the market of tests, [`Market::synthetic`]. A test that is about one of its fields names that field alone.
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

/// Returns an input of the engine by its place in the journal and its time.
pub fn input(seq: u64, at: Time, body: Body) -> Input {
    Input { seq: Seq(seq), at, body }
}
