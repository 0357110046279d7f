//! Checkpoints of the paper venue, for a backtest that runs ahead of its strategies and may have to go back.

use super::Paper;
use model::StaleCheckpoint;

/// A state to which a paper venue can return. Its books return by themselves; the rest is a copy.
#[derive(Debug)]
pub struct Checkpoint {
    rest: Paper,
    books: model::Checkpoint,
}

impl Paper {
    /// Makes a checkpoint, which takes the place of an earlier one.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let mut books = core::mem::take(&mut self.books);
        let rest = self.clone();
        let checkpoint = books.checkpoint();
        self.books = books;
        Checkpoint { rest, books: checkpoint }
    }

    /// Returns to the last checkpoint.
    ///
    /// # Errors
    /// If a later checkpoint was made, or it was forgotten; nothing changes then.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        self.books.restore(checkpoint.books)?;
        let books = core::mem::take(&mut self.books);
        *self = Self { books, ..checkpoint.rest };
        Ok(())
    }

    /// Forgets the checkpoint.
    pub fn forget_checkpoint(&mut self) {
        self.books.forget_checkpoint();
    }
}
