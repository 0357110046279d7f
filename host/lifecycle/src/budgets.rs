//! Budgets of strategies: the smaller of the armed budget and that of the settings file. The engine enforces the
//! smaller of this budget and the session's limits.

use super::Strategies;
use model::Budget;
use model::input::StrategyChange;
use readmodel::views::BudgetView;
use std::fmt::Display;
use store::db::DecisionRow;

impl Strategies {
    /// Sets the budget from a strategy's settings file.
    pub(super) fn leave(&mut self, name: &str, file_budget: Budget) {
        if let Some(known) = self.known.get_mut(name) {
            known.file_budget = file_budget;
        }
        self.apply_budget(name);
    }

    /// Recomputes a strategy's budget from both sources, sends it to the engine if it changed, and shows it.
    pub(super) fn apply_budget(&mut self, name: &str) {
        let arming = self.tools.arming;
        let Some(known) = self.known.get_mut(name) else { return };
        let armed = known.armed_budget(arming);
        let budget = known.file_budget.lowered_by(armed);
        let (strategy, changed) = (known.id, budget != known.budget);
        known.budget = budget;
        if changed {
            tracing::info!(name, ?budget, "strategy budget changed");
            let bounded = bounded(name, known.file_budget, armed);
            if !bounded.is_empty() {
                tracing::warn!(name, bounded, "strategy file exceeds the armed budget; the armed budget applies");
            }
            self.send_change(StrategyChange::Budget { strategy, budget });
        }
        self.show_budget(name);
    }

    /// Shows a strategy's armed budget and its effective budget.
    pub(super) fn show_budget(&self, name: &str) {
        let Some(known) = self.known.get(name) else { return };
        let (armed, budget) = (known.armed_budget(self.tools.arming), known.budget);
        let bounded = bounded(name, known.file_budget, armed);
        let DecisionRow { armed: hash, .. } = &known.decision;
        self.edit(known.id, |view| {
            view.armed_hash.clone_from(hash);
            view.armed_budget = BudgetView::from(armed);
            view.budget = BudgetView::from(budget);
            view.bounded = bounded;
        });
    }
}

/// Describes where a file exceeds the armed budget; empty if it does not.
fn bounded(name: &str, file: Budget, armed: Budget) -> String {
    let wants = [
        more("capital_usd", file.capital, armed.capital),
        more("daily_loss_usd", file.daily_loss, armed.daily_loss),
        more("orders_per_minute", file.orders_per_minute, armed.orders_per_minute),
    ];
    let wants: Vec<String> = wants.into_iter().flatten().collect();
    if wants.is_empty() {
        return String::new();
    }
    format!("{name}.toml requests more than was armed, and gets the armed budget: {}", wants.join(", "))
}

fn more<T: Ord + Display>(key: &str, file: Option<T>, armed: Option<T>) -> Option<String> {
    let (file, armed) = file.zip(armed).filter(|(file, armed)| file > armed)?;
    Some(format!("{key} {file} over {armed}"))
}

/// Formats a budget; parts that it does not set have the session's limits.
pub(super) fn describe(budget: Budget) -> String {
    let orders = budget.orders_per_minute.map(|orders| format!("{orders} orders a minute"));
    let dollars = [(budget.capital, "of capital"), (budget.daily_loss, "of loss a day")];
    let dollars = dollars.into_iter().filter_map(|(amount, what)| amount.map(|amount| format!("${amount} {what}")));
    let parts: Vec<String> = dollars.chain(orders).collect();
    if parts.is_empty() { "no budget beyond the session's limits".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Usd;

    fn budget(capital: i64, orders: u32) -> Budget {
        Budget { capital: Some(Usd::dollars(capital)), orders_per_minute: Some(orders), ..Budget::NONE }
    }

    #[test]
    fn a_file_that_exceeds_the_armed_budget_is_reported_with_each_field() {
        let expected = "quoter.toml requests more than was armed, and gets the armed budget: capital_usd 7 over 5, \
                    orders_per_minute 3 over 2";
        assert_eq!(bounded("quoter", budget(7, 3), budget(5, 2)), expected);
        assert_eq!(bounded("quoter", budget(5, 1), budget(5, 2)), "");
        assert_eq!(bounded("quoter", budget(7, 3), Budget::NONE), "");
        assert_eq!(bounded("quoter", Budget::NONE, budget(5, 2)), "", "a file without a budget gets the armed one");
    }

    #[test]
    fn a_budget_is_formatted_as_text() {
        assert_eq!(describe(budget(5, 2)), "$5 of capital, 2 orders a minute");
        assert_eq!(describe(Budget { daily_loss: Some(Usd(1)), ..Budget::NONE }), "$0.000001 of loss a day");
        assert_eq!(describe(Budget::NONE), "no budget beyond the session's limits");
    }
}
