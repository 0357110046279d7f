//! The risk gate: the only maker of [`Approved`].

mod approved;
mod exposure;
mod gate;
mod refusal;
mod rules;

pub use approved::{Approved, Placement};
pub(crate) use gate::{Origin, Rate, Wish};
pub use refusal::{Refusal, Rule};
