//! The process that holds the private key, its own limits, and the host's client for it (DESIGN 8).
//! The key never leaves [`core`]; nothing here prints it, and the host's process never has access to it.
//! Start reading in [`core`] (the rules for signing), then [`process`] and [`client`], its two ends.

pub mod client;
mod confine;
pub mod core;
pub mod limits;
pub mod message;
pub mod moment;
mod platform;
pub mod process;
pub mod refusal;
pub mod serve;
pub mod signing_log;
pub mod wire;

pub use client::{Client, ConnectError, SignError};
pub use core::{Signer, WrongKey};
pub use limits::Limits;
pub use moment::{Clock, Moment};
pub use platform::Socket;
pub use process::{Config, Exit, ProcessError, run};
pub use refusal::{Refusal, Rule, Value};
pub use serve::Notice;
pub use signing_log::{Damage, SigningLog, SigningLogError};
