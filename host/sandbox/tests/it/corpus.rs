//! Hostile files, and how each of them ends. Also read by the end-to-end tests of the program, which drop them beside real strategies.

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

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is not loaded; the error has these words.
    Refused(&'static str),
    /// It is loaded and fails when it starts, hears an event or is asked for its state; the fault has these words.
    Fails(&'static str),
    /// It says what it may say, and others hold it to their limits.
    Lives,
}

/// A file that nobody asked for.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) file: Vec<u8>,
    pub(crate) fate: Fate,
}

/// All of them.
pub(crate) fn corpus() -> Vec<Hostile> {
    let rows = [shape::rows(), loading::rows(), starting::rows(), answering::rows(), contracts::rows()].concat();
    rows.into_iter().map(|(name, file, fate)| Hostile { name, file, fate }).collect()
}

/// A row of the table: a name, a file, and how it ends.
type Row = (&'static str, Vec<u8>, Fate);

/// A module as it is written, without a guest around it.
fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error} in {text:.200}"))
}
