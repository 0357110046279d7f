//! The risk gate: the only place where [`Approved`] is created.

mod approved;
mod exposure;
mod gate;
mod refusal;
mod rules;
mod self_test;
mod throttle;

pub use approved::{Approved, Placement};
pub(crate) use exposure::{losses, worst};
pub(crate) use gate::{OrderRequest, Origin};
pub use refusal::{Refusal, Rule, sentence as refusal_sentence};
pub use self_test::self_test;
pub(crate) use throttle::{SlidingWindow, Throttles};
