//! Values that copies share until one of the copies changes them.

use alloc::sync::Arc;
use core::ops::{Deref, DerefMut};

/// A value that is copied only when it is changed while another copy of it exists. A copy of a state with many tables
/// then costs a count for each table, and the first change of a table its copy.
///
/// Serialises as the value itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Wraps a value that nothing shares yet.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: serde::Serialize> serde::Serialize for Shared<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Shared<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_copy_shares_the_value_until_one_of_them_changes_it() {
        let mut one = Shared::new(vec![1, 2]);
        let other = one.clone();
        assert!(core::ptr::eq(&raw const *one, &raw const *other));
        one.push(3);
        assert_eq!((&*one, &*other), (&vec![1, 2, 3], &vec![1, 2]));
        let place = &raw const *one;
        one.push(4);
        assert!(core::ptr::eq(place, &raw const *one), "a value that nothing shares is changed in its place");
    }
}
