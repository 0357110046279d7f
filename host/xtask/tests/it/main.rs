//! Rules of this repository that no tool checks: which crate may use which, and what tidy code looks like.
//! Each rule is a function from text to a list of breaches, with a test that shows it failing.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop; the switches for tests do not reach helpers outside of test functions"
)]

mod arrows;
mod circles;
mod source;
mod tidy;
