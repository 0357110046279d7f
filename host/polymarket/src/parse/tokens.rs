//! Maps the venue's token ids, as written on the wire, to token indexes.

use model::{ConditionId, MarketIx, TokenId, TokenIx};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// Maximum tokens in a map: far above the number that one host follows.
pub const TOKENS_MAX: usize = 100_000;

/// The map already has [`TOKENS_MAX`] tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {TOKENS_MAX} tokens")]
pub struct TooManyTokens;

/// Finds a token by the text of its id. Exact: the whole text is compared, and the hash only speeds up the search.
#[derive(Debug, Clone, Default)]
pub struct TokenMap {
    places: HashMap<Box<[u8]>, TokenIx, BuildHasherDefault<DigitsHasher>>,
    markets: BTreeMap<ConditionId, MarketIx>,
}

impl TokenMap {
    /// Adds a token; a later index replaces an earlier one.
    ///
    /// # Errors
    /// [`TooManyTokens`] if the map is full.
    pub fn insert(&mut self, id: &TokenId, place: TokenIx) -> Result<(), TooManyTokens> {
        if self.places.len() >= TOKENS_MAX {
            return Err(TooManyTokens);
        }
        self.places.insert(id.to_string().into_bytes().into_boxed_slice(), place);
        Ok(())
    }

    /// Names a market, so that a message whose token is invalid can be attributed to it. Its tokens are added
    /// separately.
    pub fn name_market(&mut self, condition: ConditionId, place: MarketIx) {
        if self.markets.len() < TOKENS_MAX {
            self.markets.insert(condition, place);
        }
    }

    /// Returns the index of a named market.
    pub fn market(&self, condition: &ConditionId) -> Option<MarketIx> {
        self.markets.get(condition).copied()
    }

    /// Returns the index of the token with this id, in plain decimal without leading zeros.
    pub fn get(&self, text: &[u8]) -> Option<TokenIx> {
        self.places.get(text).copied()
    }

    /// Returns the number of tokens.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns true if there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// Hashes the first and the last digits of an id. Ids are hashes themselves, so these digits differ; the inserted ids
/// come from the venue, not from an attacker, so a keyed hash of all 78 digits would gain nothing.
#[derive(Debug, Clone, Default)]
struct DigitsHasher(u64);

impl Hasher for DigitsHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let first = bytes.first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let last = match bytes.last_chunk::<16>() {
            Some(chunk) => u128::from_le_bytes(*chunk),
            // Short ids exist in tests only; their bytes are folded one by one.
            None => bytes.iter().fold(0, |sum, byte| (sum << 8) | u128::from(*byte)),
        };
        let mixed = last.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ u128::from(first);
        let folded = mixed ^ (mixed >> 64);
        self.0 ^= u64::try_from(folded & u128::from(u64::MAX)).unwrap_or(0);
    }

    fn write_usize(&mut self, length: usize) {
        // Slices hash their length first; it does not distinguish ids.
        self.0 ^= u64::try_from(length).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_found_and_no_other() {
        let mut map = TokenMap::default();
        let ids: Vec<TokenId> = (0..=255u8).map(|byte| TokenId([byte; 32])).collect();
        for (place, id) in ids.iter().enumerate() {
            map.insert(id, TokenIx(u32::try_from(place).unwrap())).unwrap();
        }
        assert_eq!(map.len(), 256);
        for (place, id) in ids.iter().enumerate() {
            let found = map.get(id.to_string().as_bytes()).map(TokenIx::index);
            assert_eq!(found, Some(place));
        }
        assert_eq!(map.get(b""), None);
        assert_eq!(map.get(b"7"), None);
        let almost = ids[9].to_string().replacen('1', "2", 1);
        assert_eq!(map.get(almost.as_bytes()), None);
    }

    #[test]
    fn ids_that_differ_in_the_middle_are_two_tokens() {
        // Their first and last digits are equal, so their hashes are.
        let texts = [
            "11111111222222222222222222222222222222223333333333333333",
            "11111111222222922222222222222222222222223333333333333333",
        ];
        let mut map = TokenMap::default();
        for (place, text) in (0u32..).zip(texts) {
            map.insert(&TokenId::parse(text).unwrap(), TokenIx(place)).unwrap();
        }
        assert_eq!(map.get(texts[0].as_bytes()), Some(TokenIx(0)));
        assert_eq!(map.get(texts[1].as_bytes()), Some(TokenIx(1)));
    }
}
