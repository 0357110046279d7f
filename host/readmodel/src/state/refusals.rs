//! Refusals as shown on the page.

use super::{State, push_bounded};
use crate::views::{RefusalView, Update};
use engine::Refusal;
use model::{StrategyId, Time, TokenIx};
use std::sync::Arc;

/// The most refusals shown.
const REFUSALS_MAX: usize = 50;
/// Equal refusals within this time of the first are shown as one.
const WINDOW_MS: u64 = 60_000;
/// The shortest interval between two streamed counts of a repeated refusal.
const TELL_MS: u64 = 1_000;

impl State {
    /// Adds a refusal, or counts it with the equal ones.
    pub(super) fn refusal(
        &mut self,
        at: Time,
        strategy: StrategyId,
        token: Option<TokenIx>,
        refusal: &Refusal,
    ) -> Option<Update> {
        self.count(strategy, |view| &mut view.refusals);
        let (market, outcome) = self.names(token);
        let view = RefusalView {
            at_ms: at.millis(),
            last_at_ms: at.millis(),
            count: 1,
            strategy: self.strategy_name(strategy),
            rule: refusal.rule.as_str().to_owned(),
            market,
            outcome,
            value: refusal.value,
            limit: refusal.limit,
            text: refusal.to_string(),
        };
        if let Some(known) = self.refusals.iter_mut().find(|known| is_equal(known, &view)) {
            let known = Arc::make_mut(known);
            let begins = |ms: u64| ms.checked_div(TELL_MS);
            let same_period = begins(known.last_at_ms) == begins(view.at_ms);
            let (at_ms, count) = (known.at_ms, known.count.saturating_add(1));
            *known = RefusalView { at_ms, count, ..view };
            return (!same_period).then(|| Update::Refusal(known.clone()));
        }
        push_bounded(&mut self.refusals, Arc::new(view.clone()), REFUSALS_MAX);
        Some(Update::Refusal(view))
    }
}

fn is_equal(known: &RefusalView, view: &RefusalView) -> bool {
    view.at_ms.saturating_sub(known.at_ms) < WINDOW_MS
        && (&known.rule, &known.strategy) == (&view.rule, &view.strategy)
        && (&known.market, &known.outcome) == (&view.market, &view.outcome)
}
