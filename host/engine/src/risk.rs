//! The risk gate: the only maker of [`Approved`].

mod approved;
mod exposure;
mod gate;
mod habits;
mod refusal;
mod rules;
mod self_test;

pub use approved::{Approved, Placement};
pub(crate) use gate::{Origin, Rate, Wish};
pub(crate) use habits::Habits;
pub use refusal::{Refusal, Rule};
pub use self_test::self_test;
