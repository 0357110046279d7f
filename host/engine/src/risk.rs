//! The risk gate: the only maker of [`Approved`].

mod approved;
mod exposure;
mod gate;
mod habits;
mod refusal;
mod rules;
mod self_test;

pub use approved::{Approved, Placement};
pub(crate) use gate::{Origin, Wish};
pub(crate) use habits::{Habits, Rate};
pub use refusal::{Refusal, Rule};
pub use self_test::self_test;
