//! Recordings of real order books: reading them, and playing them as the other side of the exchange.

pub mod player;
pub mod reader;

pub use player::{Player, Step};
pub use reader::{Frame, FrameKind, ReadError, Recording, read_file};
