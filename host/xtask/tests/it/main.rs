//! Rules of this repository that no tool checks: dependencies between crates, circles of modules, and tidiness of
//! files. Each rule is a function from text to a list of breaches, with a test that shows it failing.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic; clippy's switches for tests do not cover helpers outside of test functions"
)]

mod arrows;
mod circles;
mod duplicates;
mod source;
mod tidy;
