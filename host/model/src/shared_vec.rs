//! A vector that copies share in parts.

use crate::shared::Shared;
use alloc::vec::Vec;
use serde::ser::SerializeSeq;

/// Values in one part, as a power of two.
const PART_BITS: u32 = 5;
const PART: usize = 1 << PART_BITS;

/// A vector that only grows. A change while a copy of it exists copies the part of 32 values that it is in and the list of
/// parts, not all values.
///
/// Serialises as the sequence of its values.
#[derive(Debug, Clone)]
pub struct SharedVec<T> {
    parts: Shared<Vec<Shared<Vec<T>>>>,
    len: usize,
}

impl<T> Default for SharedVec<T> {
    fn default() -> Self {
        Self { parts: Shared::new(Vec::new()), len: 0 }
    }
}

impl<T> SharedVec<T> {
    /// Returns the number of values.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns true if there are no values.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns a value.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.parts.get(place >> PART_BITS)?.get(place & (PART - 1))
    }

    /// Returns all values in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| part.iter())
    }
}

impl<T: Clone> SharedVec<T> {
    /// Returns a value to change it.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        if place >= self.len {
            return None;
        }
        self.parts.get_mut(place >> PART_BITS)?.get_mut(place & (PART - 1))
    }

    /// Adds a value at the end.
    pub fn push(&mut self, value: T) {
        match self.parts.last_mut() {
            Some(part) if part.len() < PART => part.push(value),
            _ => self.parts.push(Shared::new(alloc::vec![value])),
        }
        self.len = self.len.saturating_add(1);
    }
}

impl<T: Clone> FromIterator<T> for SharedVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut all = Self::default();
        values.into_iter().for_each(|value| all.push(value));
        all
    }
}

impl<T: serde::Serialize> serde::Serialize for SharedVec<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The length is given, because the format of snapshots needs it before the values.
        let mut values = serializer.serialize_seq(Some(self.len))?;
        self.iter().try_for_each(|value| values.serialize_element(value))?;
        values.end()
    }
}

impl<'de, T: Clone + serde::Deserialize<'de>> serde::Deserialize<'de> for SharedVec<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_vector_and_a_copy_stays_as_it_was(
            steps in proptest::collection::vec((any::<bool>(), 0usize..200, any::<u32>()), 0..300),
            copied_at in 0usize..300,
        ) {
            let (mut shared, mut plain) = (SharedVec::default(), Vec::new());
            let mut copy = None;
            for (count, (grows, place, value)) in steps.into_iter().enumerate() {
                if count == copied_at {
                    copy = Some((shared.clone(), plain.clone()));
                }
                if grows {
                    shared.push(value);
                    plain.push(value);
                } else {
                    let [ours, other] = [shared.get_mut(place), plain.get_mut(place)];
                    prop_assert_eq!(ours.is_some(), other.is_some());
                    ours.into_iter().chain(other).for_each(|old| *old = value);
                }
                prop_assert_eq!((shared.len(), shared.get(place)), (plain.len(), plain.get(place)));
            }
            for (shared, plain) in copy.into_iter().chain([(shared, plain)]) {
                prop_assert_eq!(shared.iter().collect::<Vec<_>>(), plain.iter().collect::<Vec<_>>());
            }
        }
    }
}
