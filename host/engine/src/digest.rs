//! Digest of the effects of a step, with which a replay checks that it made the same decisions.

use crate::effect::Effect;
use core::hash::{Hash, Hasher};

/// FNV-1a, 64 bits: equal on all machines of the same word size, which suffices for a replay of the same build.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Returns the number of effects that are decisions, and their digest; `None` if there are none. Market notifications
/// follow from the books alone and are left out: there is one for almost every event.
pub fn digest(effects: &[Effect]) -> Option<(u32, u64)> {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    let mut count: u32 = 0;
    for effect in effects.iter().filter(|effect| !matches!(effect, Effect::NotifyMarket { .. })) {
        effect.hash(&mut hasher);
        count = count.saturating_add(1);
    }
    (count > 0).then(|| (count, hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::OrderId;

    #[test]
    fn other_effects_have_another_digest_and_nothing_has_none() {
        assert_eq!(digest(&[]), None);
        let one = digest(&[Effect::Cancel { order: OrderId(1) }]);
        assert_eq!(one.map(|(count, _)| count), Some(1));
        assert_ne!(one, digest(&[Effect::Cancel { order: OrderId(2) }]));
        assert_eq!(one, digest(&[Effect::Cancel { order: OrderId(1) }]));
    }
}
