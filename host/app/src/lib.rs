//! The program: configuration, database, tokens and the command line around the engine.
//! Start reading in [`config`] for what a user can set and [`db`] for what is kept.

pub mod auth;
pub mod cli;
pub mod config;
pub mod db;
pub mod http;
