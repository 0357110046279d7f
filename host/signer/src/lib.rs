//! The process that holds the private key, its own limits, and the client that the host talks to it with (DESIGN 8).
//! The key never leaves [`core`]; nothing here prints it, and the host's process never sees it.
//! Start reading in [`core`] (what is signed and what is refused), then [`process`] and [`client`], its two ends.

pub mod client;
mod confine;
pub mod core;
pub mod limits;
pub mod message;
pub mod moment;
pub mod process;
pub mod record;
pub mod refusal;
pub mod serve;
pub mod wire;

pub use client::{Client, ConnectError, SignError};
pub use core::{Signer, WrongKey};
pub use limits::Limits;
pub use moment::{Clock, Moment};
pub use process::{Config, Exit, ProcessError, run};
pub use record::{Damage, Record, RecordError};
pub use refusal::{Refusal, Rule, Value};
pub use serve::Notice;
