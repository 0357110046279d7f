//! A map that copies share in parts: a change copies the part with its key, not the map. The simulated venue remembers a
//! hundred thousand orders and trades, and a backtest copies it at each batch.

use alloc::collections::BTreeMap;
use model::{OrderId, Shared, TradeId};

/// Keys in one part, as a power of two.
const PART_BITS: u32 = 6;

/// A key with the number of its part, which rises with the key.
pub(crate) trait Parted: Ord + Copy {
    fn part(&self) -> u128;
}

impl Parted for OrderId {
    fn part(&self) -> u128 {
        u128::from(self.0 >> PART_BITS)
    }
}

impl Parted for (TradeId, u32, OrderId) {
    fn part(&self) -> u128 {
        u128::from_be_bytes(self.0.0) >> PART_BITS
    }
}

/// A sorted map. Parts without keys do not exist.
#[derive(Debug, Clone)]
pub(crate) struct SharedMap<K, V> {
    parts: Shared<BTreeMap<u128, Shared<BTreeMap<K, V>>>>,
    len: usize,
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { parts: Shared::new(BTreeMap::new()), len: 0 }
    }
}

impl<K: Parted, V: Clone> SharedMap<K, V> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.parts.get(&key.part())?.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.get(key)?;
        self.parts.get_mut(&key.part())?.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        let part = self.parts.entry(key.part()).or_insert_with(|| Shared::new(BTreeMap::new()));
        if part.insert(key, value).is_none() {
            self.len = self.len.saturating_add(1);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if self.get(key).is_none() {
            return;
        }
        let number = key.part();
        let Some(part) = self.parts.get_mut(&number) else { return };
        part.remove(key);
        self.len = self.len.saturating_sub(1);
        if part.is_empty() {
            self.parts.remove(&number);
        }
    }

    /// Removes the entry with the lowest key.
    pub(crate) fn pop_first(&mut self) {
        let first = self.iter().next().map(|(key, _)| *key);
        if let Some(key) = first {
            self.remove(&key);
        }
    }

    /// Returns all entries in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.values().flat_map(|part| part.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_a_copy_stays_as_it_was(
            steps in proptest::collection::vec((0u8..5, 0u64..400, any::<u32>()), 0..300),
            copied_at in 0usize..300,
        ) {
            let (mut map, mut plain) = (SharedMap::default(), BTreeMap::new());
            let mut copy = None;
            for (place, (what, key, value)) in steps.into_iter().enumerate() {
                if place == copied_at {
                    copy = Some((map.clone(), plain.clone()));
                }
                let key = OrderId(key);
                match what {
                    0 | 1 => {
                        map.insert(key, value);
                        plain.insert(key, value);
                    }
                    2 => {
                        map.remove(&key);
                        plain.remove(&key);
                    }
                    3 => {
                        map.pop_first();
                        plain.pop_first();
                    }
                    _ => {
                        let [ours, other] = [map.get_mut(&key), plain.get_mut(&key)];
                        prop_assert_eq!(ours.is_some(), other.is_some());
                        ours.into_iter().chain(other).for_each(|old| *old = value);
                    }
                }
                prop_assert_eq!(map.len(), plain.len());
                prop_assert_eq!(map.get(&key), plain.get(&key));
            }
            for (map, plain) in copy.into_iter().chain([(map, plain)]) {
                prop_assert_eq!(map.iter().collect::<Vec<_>>(), plain.iter().collect::<Vec<_>>());
            }
        }
    }
}
