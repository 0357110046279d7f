//! The rate of book requests per token. A token whose messages cannot be parsed causes no storm of requests.

use crate::spacing::{Rule, Spacing};
use model::TokenIx;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The rule for one token's book.
const BOOK: Rule =
    Rule { first: Duration::from_secs(1), most: Duration::from_secs(60), quiet: Duration::from_secs(120) };
/// The rule for all books of a connection, after a message that does not name its token.
pub(super) const ALL: Rule =
    Rule { first: Duration::from_secs(5), most: Duration::from_secs(300), quiet: Duration::from_secs(600) };

/// The books that were requested recently.
#[derive(Debug, Default)]
pub(super) struct BookRequests(BTreeMap<TokenIx, Spacing>);

impl BookRequests {
    /// Requests a token's book. Returns true if the venue is to be asked now; if not, [`BookRequests::owed`] returns the token
    /// later.
    pub(super) fn request(&mut self, token: TokenIx, now: Instant) -> bool {
        self.0.entry(token).or_insert_with(|| Spacing::new(BOOK)).request(now)
    }

    /// Returns the tokens whose book is to be requested now.
    pub(super) fn owed(&mut self, now: Instant) -> Vec<TokenIx> {
        self.0.retain(|_, spacing| !spacing.is_over(now));
        let due = self.0.iter_mut().filter_map(|(token, spacing)| spacing.take_owed(now).then_some(*token));
        due.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_requested_repeatedly_waits_and_no_other_does() {
        let (mut asks, start) = (BookRequests::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(
            asks.request(TokenIx(1), at(0)) && !asks.request(TokenIx(1), at(400)) && asks.request(TokenIx(2), at(400))
        );
        assert_eq!(
            (asks.owed(at(900)), asks.owed(at(1_000)), asks.owed(at(1_400))),
            (vec![], vec![TokenIx(1)], vec![])
        );
        let asked = (0..60_000).step_by(400).filter(|millis| asks.request(TokenIx(1), at(2_000 + millis))).count();
        assert!((4..=6).contains(&asked), "{asked} times in a minute");
        asks.owed(at(1_000_000));
        asks.owed(at(1_000_000));
        assert!(asks.0.is_empty());
    }
}
