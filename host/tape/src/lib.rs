//! Tapes: recordings of the venue's market channel in the format `tape-v1`. A tape keeps what the venue sent, byte for
//! byte, so that an error of our parser never becomes permanent. Its parsed form is a cache of `research`.
//!
//! A tape is one file: independent zstd frames of records, and between them skippable frames with the manifest, a
//! header for each frame of records, and at the end a seek table. So `zstd -dc FILE | sha256sum` gives its identity,
//! which neither recompression nor splitting and merging changes. Start reading in [`record`], then [`Writer`] and
//! [`Tape`]; the layout of the file is in `layout`.

mod edit;
mod error;
mod layout;
pub mod manifest;
mod reader;
pub mod record;
pub mod recorder;
mod writer;

pub use edit::{merge, slice};
pub use error::TapeError;
pub use layout::{FrameEntry, Identity};
pub use manifest::Manifest;
pub use reader::{Damage, Records, Step, Tape};
pub use record::{Record, Stamp};
pub use recorder::{Recorder, RecorderThread};
pub use writer::{Pace, Summary, Writer};
