//! Backoff for repeated requests: the first is served at once, later ones at doubling intervals until a quiet period
//! resets them.

use std::time::{Duration, Instant};

/// The intervals of a backoff.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// The interval after the first time.
    pub(crate) first: Duration,
    /// The longest interval; each time doubles it.
    pub(crate) most: Duration,
    /// The interval starts over after this long without a request; longer than `most`.
    pub(crate) quiet: Duration,
}

/// The backoff of one action: the time of the last run, and whether a request is pending.
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

    /// Registers a request. Returns true if the action is to run now; if not, it stays pending.
    pub(crate) fn request(&mut self, now: Instant) -> bool {
        if self.asked.is_some_and(|asked| now.saturating_duration_since(asked) >= self.rule.quiet) {
            (self.wait, self.done) = (self.rule.first, None);
        }
        self.asked = Some(now);
        self.owed = true;
        self.take_owed(now)
    }

    /// Returns true if a request is pending and due now, and marks it as served.
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

    /// Returns true if no request has come for so long that this state can be dropped.
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
    fn repeated_requests_are_served_further_and_further_apart() {
        let (mut spacing, start) = (Spacing::new(RULE), Instant::now());
        let mut done = Vec::new();
        for second in 0..=100 {
            if spacing.request(start + Duration::from_secs(second)) {
                done.push(second);
            }
        }
        assert_eq!(done, [0, 5, 15, 35, 55, 75, 95]);
        let at = |second| start + Duration::from_secs(second);
        assert!(!spacing.take_owed(at(114)) && spacing.take_owed(at(115)), "the pending request is served");
        assert!(!spacing.take_owed(at(500)) && !spacing.is_over(at(159)) && spacing.is_over(at(160)));
        assert!(
            spacing.request(at(200)) && !spacing.request(at(204)) && spacing.request(at(205)),
            "the quiet period resets the interval"
        );
    }
}
