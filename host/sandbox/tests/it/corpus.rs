//! Corpus of hostile files, with the expected outcome of each. The program's end-to-end tests use it as well, next to
//! real strategies.

#[path = "corpus/answering.rs"]
mod answering;
#[path = "corpus/contracts.rs"]
mod contracts;
#[path = "corpus/loading.rs"]
mod loading;
#[path = "corpus/shape.rs"]
mod shape;
#[path = "corpus/starting.rs"]
mod starting;

/// Expected outcome of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not loaded; the error contains this text.
    Refused(&'static str),
    /// It is loaded, and fails when it starts, receives an event or saves its state; the fault contains this text.
    Fails(&'static str),
    /// It runs: its output is valid for the sandbox, and later checks limit it.
    Lives,
}

/// A hostile file.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) file: Vec<u8>,
    pub(crate) fate: Fate,
}

/// Returns all hostile files.
pub(crate) fn corpus() -> Vec<Hostile> {
    let rows = [shape::rows(), loading::rows(), starting::rows(), answering::rows(), contracts::rows()].concat();
    rows.into_iter().map(|(name, file, fate)| Hostile { name, file, fate }).collect()
}

/// A row of the table: name, file and expected outcome.
type Row = (&'static str, Vec<u8>, Fate);

/// Returns a module from its text, without a guest around it.
fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error} in {text:.200}"))
}
