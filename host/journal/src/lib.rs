//! The journal's codec: records with kind, version, length and checksum, and every engine input as explicit fields.
//! It converts bytes to records and back, and accesses no files. Decoding is total: any bytes give a record or a
//! [`DecodeError`].
//! Start reading in [`Record`], then [`Reader`] for how a torn tail differs from a corrupt middle.
#![no_std]

extern crate alloc;

mod reader;
mod record;
mod wire;

pub use model::bounds::{BLOB_MAX, LIST_MAX, TEXT_MAX};
pub use reader::{Reader, Step};
pub use record::{Header, Placement, Record, encode, encode_input};
pub use wire::{DecodeError, What};

/// The format version that this code writes, and the only one that it reads.
pub const VERSION: u8 = 1;
/// The first bytes of every journal.
pub const MAGIC: [u8; 8] = *b"PTJRNL\0\x01";
/// Maximum payload bytes of a record: a book with two full sides takes 240 kB, an answer with many intents less.
pub const PAYLOAD_MAX: usize = 4 * 1024 * 1024;
