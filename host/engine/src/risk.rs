//! The risk gate: the only maker of [`Approved`].

mod approved;
mod refusal;

pub use approved::{Approved, Placement};
pub use refusal::{Refusal, Rule};
