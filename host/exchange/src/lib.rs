//! The local exchange: real recorded order books as its other side. The server that speaks the venue's protocol stands on
//! this and on `sim`. Start reading in [`recording`].

pub mod recording;
