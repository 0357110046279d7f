//! How often something is done that may be asked for again and again: at once, and then further and further apart until it was quiet.

use std::time::{Duration, Instant};

/// How far apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// After the first time.
    pub(crate) first: Duration,
    /// At most; each time doubles the distance.
    pub(crate) most: Duration,
    /// After so long without a request the distance is the first again; longer than `most`.
    pub(crate) quiet: Duration,
}

/// When something was done last, and whether it is owed.
#[derive(Debug)]
pub(crate) struct Spacing {
    rule: Rule,
    wait: Duration,
    done: Option<Instant>,
    asked: Option<Instant>,
    owed: bool,
}

impl Spacing {
    pub(crate) const fn new(rule: Rule) -> Self {
        Self { rule, wait: rule.first, done: None, asked: None, owed: false }
    }

    /// Asks for it. Says whether it is to be done now; if not, it is owed.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        if self.asked.is_some_and(|asked| now.saturating_duration_since(asked) >= self.rule.quiet) {
            (self.wait, self.done) = (self.rule.first, None);
        }
        self.asked = Some(now);
        self.owed = true;
        self.take_owed(now)
    }

    /// Says whether it is owed and to be done now.
    pub(crate) fn take_owed(&mut self, now: Instant) -> bool {
        if !self.owed || self.done.is_some_and(|done| now.saturating_duration_since(done) < self.wait) {
            return false;
        }
        if self.done.is_some() {
            self.wait = self.wait.saturating_mul(2).min(self.rule.most);
        }
        (self.done, self.owed) = (Some(now), false);
        true
    }

    /// Says whether nothing was asked for in so long that it can be forgotten.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        !self.owed && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= self.rule.quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule =
        Rule { first: Duration::from_secs(5), most: Duration::from_secs(20), quiet: Duration::from_secs(60) };

    #[test]
    fn what_is_asked_for_again_and_again_is_done_further_and_further_apart() {
        let (mut spacing, start) = (Spacing::new(RULE), Instant::now());
        let mut done = Vec::new();
        for second in 0..=100 {
            if spacing.ask(start + Duration::from_secs(second)) {
                done.push(second);
            }
        }
        assert_eq!(done, [0, 5, 15, 35, 55, 75, 95]);
        let at = |second| start + Duration::from_secs(second);
        assert!(!spacing.take_owed(at(114)) && spacing.take_owed(at(115)), "what was owed is done");
        assert!(!spacing.take_owed(at(500)) && !spacing.is_over(at(159)) && spacing.is_over(at(160)));
        assert!(
            spacing.ask(at(200)) && !spacing.ask(at(204)) && spacing.ask(at(205)),
            "it was quiet, so it begins anew"
        );
    }
}
