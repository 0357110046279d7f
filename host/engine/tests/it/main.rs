//! The engine from outside: stories as text tables, and properties over random inputs.
#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

mod properties;
mod scenarios;
mod story;
