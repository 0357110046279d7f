//! Which books are asked for anew, and how often. A token of which nothing is understood costs the venue no storm of requests.

use crate::spacing::{Rule, Spacing};
use model::TokenIx;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A token's book.
const BOOK: Rule =
    Rule { first: Duration::from_secs(1), most: Duration::from_secs(60), quiet: Duration::from_secs(120) };
/// All books of a connection, for something that does not say which it is about.
pub(super) const ALL: Rule =
    Rule { first: Duration::from_secs(5), most: Duration::from_secs(300), quiet: Duration::from_secs(600) };

/// The books that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<TokenIx, Spacing>);

impl Asks {
    /// Asks for a token's book. Says whether to ask the venue now; if not, [`Asks::owed`] has it later.
    pub(super) fn ask(&mut self, token: TokenIx, now: Instant) -> bool {
        self.0.entry(token).or_insert_with(|| Spacing::new(BOOK)).ask(now)
    }

    /// Returns the tokens whose book is to be asked for now.
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
    fn a_token_that_is_asked_for_again_and_again_waits_and_no_other_does() {
        let (mut asks, start) = (Asks::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(asks.ask(TokenIx(1), at(0)) && !asks.ask(TokenIx(1), at(400)) && asks.ask(TokenIx(2), at(400)));
        assert_eq!(
            (asks.owed(at(900)), asks.owed(at(1_000)), asks.owed(at(1_400))),
            (vec![], vec![TokenIx(1)], vec![])
        );
        let asked = (0..60_000).step_by(400).filter(|millis| asks.ask(TokenIx(1), at(2_000 + millis))).count();
        assert!((4..=6).contains(&asked), "{asked} times in a minute");
        asks.owed(at(1_000_000));
        asks.owed(at(1_000_000));
        assert!(asks.0.is_empty());
    }
}
