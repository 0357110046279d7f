//! Sweeps on several machines: the leader puts jobs into a work queue on NATS JetStream, workers take them and publish
//! their rows under the jobs' hashes. A job that is delivered twice has one row, and a worker that is killed costs the
//! jobs that it ran. There is neither a keystore nor a connection to the venue here. Start reading in [`mod@work`] and
//! [`lead`].

pub mod address;
pub mod lead;
mod link;
pub mod message;
mod objects;
mod platform;
pub mod work;

pub use address::Address;
pub use lead::QueueLead;
pub use platform::Interrupts;
pub use work::{Worker, work};
