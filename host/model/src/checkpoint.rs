//! A table that can return to a checkpoint. The rows that change after it are saved, not the table, so that a checkpoint
//! of a state with thousands of rows costs nothing but their changes.

use alloc::vec::Vec;

/// Rows by index. Without a checkpoint a change costs a comparison more than in a `Vec`.
///
/// Serialises as the sequence of its rows; a copy has no checkpoint.
#[derive(Debug)]
pub struct CheckpointTable<T> {
    rows: Vec<Row<T>>,
    /// Rows as they were at the checkpoint, for those that changed since.
    saved: Vec<(usize, T)>,
    /// Number of the last checkpoint; `None` once it was forgotten.
    checkpoint: Option<Checkpoint>,
    /// Checkpoints so far.
    made: u64,
}

#[derive(Debug)]
struct Row<T> {
    value: T,
    /// Number of the checkpoint since which the row changed or was added; zero before the first one.
    changed: u64,
}

/// A checkpoint of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    number: u64,
    len: usize,
}

/// Error: the checkpoint is not the table's last one, or was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleCheckpoint;

impl<T> Default for CheckpointTable<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), saved: Vec::new(), checkpoint: None, made: 0 }
    }
}

impl<T> CheckpointTable<T> {
    /// Adds a row.
    pub fn push(&mut self, value: T) {
        self.rows.push(Row { value, changed: self.made });
    }

    /// Returns the number of rows.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns true if there are no rows.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns a row.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.rows.get(place).map(|row| &row.value)
    }

    /// Returns all rows in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|row| &row.value)
    }

    /// Makes a checkpoint, which takes the place of an earlier one.
    pub fn checkpoint(&mut self) -> Checkpoint {
        self.saved.clear();
        self.made = self.made.saturating_add(1);
        let checkpoint = Checkpoint { number: self.made, len: self.rows.len() };
        self.checkpoint = Some(checkpoint);
        checkpoint
    }

    /// Forgets the checkpoint: changes are no longer saved.
    pub fn forget_checkpoint(&mut self) {
        self.saved.clear();
        self.checkpoint = None;
    }

    /// Returns to the checkpoint, which stays.
    ///
    /// # Errors
    /// If it is not the table's last one; nothing changes then.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        if self.checkpoint != Some(checkpoint) {
            return Err(StaleCheckpoint);
        }
        for (place, value) in self.saved.drain(..) {
            if let Some(row) = self.rows.get_mut(place) {
                *row = Row { value, changed: checkpoint.number.saturating_sub(1) };
            }
        }
        self.rows.truncate(checkpoint.len);
        Ok(())
    }
}

impl<T: Clone> CheckpointTable<T> {
    /// Returns a row to change it. Its value is saved if a checkpoint needs it.
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let row = self.rows.get_mut(place)?;
        if let Some(checkpoint) = self.checkpoint
            && row.changed != checkpoint.number
        {
            Self::save(&mut self.saved, place, row, checkpoint.number);
        }
        Some(&mut row.value)
    }

    /// Saves a row before its first change since a checkpoint.
    #[cold]
    fn save(saved: &mut Vec<(usize, T)>, place: usize, row: &mut Row<T>, number: u64) {
        row.changed = number;
        saved.push((place, row.value.clone()));
    }
}

impl<T: Clone> Clone for CheckpointTable<T> {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl<T> FromIterator<T> for CheckpointTable<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let rows = values.into_iter().map(|value| Row { value, changed: 0 }).collect();
        Self { rows, ..Self::default() }
    }
}

impl<T: serde::Serialize> serde::Serialize for CheckpointTable<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for CheckpointTable<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn rows(table: &CheckpointTable<Vec<u8>>) -> Vec<Vec<u8>> {
        table.iter().cloned().collect()
    }

    #[test]
    fn a_checkpoint_that_was_replaced_or_forgotten_cannot_be_restored() {
        let mut table: CheckpointTable<u8> = [1, 2].into_iter().collect();
        let first = table.checkpoint();
        let second = table.checkpoint();
        assert_eq!(table.restore(first), Err(StaleCheckpoint));
        *table.get_mut(0).unwrap() = 9;
        assert_eq!(table.restore(second), Ok(()));
        assert_eq!(table.get(0), Some(&1));
        table.forget_checkpoint();
        assert_eq!(table.restore(second), Err(StaleCheckpoint));
    }

    proptest! {
        /// The changes are: change of a row, new row, checkpoint, return to it, end of it.
        #[test]
        fn a_table_returns_to_its_checkpoint(changes in proptest::collection::vec((0u8..5, 0usize..8, any::<u8>()), 0..200)) {
            let mut table: CheckpointTable<Vec<u8>> = vec![vec![1], vec![2], vec![3]].into_iter().collect();
            let mut plain = rows(&table);
            let mut kept = None;
            for (kind, place, value) in changes {
                match kind {
                    0 => {
                        if let Some(row) = table.get_mut(place) { row.push(value); }
                        if let Some(row) = plain.get_mut(place) { row.push(value); }
                    }
                    1 => {
                        table.push(vec![value]);
                        plain.push(vec![value]);
                    }
                    2 => kept = Some((table.checkpoint(), plain.clone())),
                    3 => if let Some((checkpoint, then)) = &kept {
                        table.restore(*checkpoint).unwrap();
                        plain = then.clone();
                    },
                    _ => {
                        table.forget_checkpoint();
                        kept = None;
                    }
                }
                prop_assert_eq!(rows(&table), plain.clone());
            }
        }
    }
}
