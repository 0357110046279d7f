//! What a strategy may use: the smaller of what it was armed with and what its file of settings gives. The engine holds it to the smaller
//! of that and the session's limits.

use super::Strategies;
use model::Budget;
use model::input::StrategyChange;
use readmodel::views::BudgetView;
use std::fmt::Display;
use store::db::DecisionRow;

impl Strategies {
    /// Takes what a strategy's file gives.
    pub(super) fn leave(&mut self, name: &str, file_budget: Budget) {
        if let Some(known) = self.known.get_mut(name) {
            known.file_budget = file_budget;
        }
        self.settle_budget(name);
    }

    /// Leaves a strategy what is left of both words, if that is another budget than before, and shows it.
    pub(super) fn settle_budget(&mut self, name: &str) {
        let arming = self.tools.arming;
        let Some(known) = self.known.get_mut(name) else { return };
        let armed = known.armed_budget(arming);
        let budget = known.file_budget.lowered_by(armed);
        let (strategy, changed) = (known.id, budget != known.budget);
        known.budget = budget;
        if changed {
            tracing::info!(name, ?budget, "a strategy has another budget");
            let bounded = bounded(name, known.file_budget, armed);
            if !bounded.is_empty() {
                tracing::warn!(name, bounded, "a strategy's file wants more than the strategy was armed with");
            }
            self.tell(StrategyChange::Budget { strategy, budget });
        }
        self.show_budget(name);
    }

    /// Shows what a strategy was armed with, and what it may use.
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

/// Says where a file wants more than was armed; nothing if it does not.
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
    format!("{name}.toml wants more than was armed, and gets what was armed: {}", wants.join(", "))
}

fn more<T: Ord + Display>(key: &str, file: Option<T>, armed: Option<T>) -> Option<String> {
    let (file, armed) = file.zip(armed).filter(|(file, armed)| file > armed)?;
    Some(format!("{key} {file} over {armed}"))
}

/// Returns a budget in words; what it leaves out has the session's limits.
pub(super) fn words(budget: Budget) -> String {
    let orders = budget.orders_per_minute.map(|orders| format!("{orders} orders a minute"));
    let dollars = [(budget.capital, "of capital"), (budget.daily_loss, "of loss a day")];
    let dollars = dollars.into_iter().filter_map(|(amount, what)| amount.map(|amount| format!("${amount} {what}")));
    let parts: Vec<String> = dollars.chain(orders).collect();
    if parts.is_empty() { "no budget but the session's limits".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Usd;

    fn budget(capital: i64, orders: u32) -> Budget {
        Budget { capital: Some(Usd::dollars(capital)), orders_per_minute: Some(orders), ..Budget::NONE }
    }

    #[test]
    fn a_file_that_wants_more_than_was_armed_is_told_of_each_field() {
        let told = "quoter.toml wants more than was armed, and gets what was armed: capital_usd 7 over 5, orders_per_minute 3 over 2";
        assert_eq!(bounded("quoter", budget(7, 3), budget(5, 2)), told);
        assert_eq!(bounded("quoter", budget(5, 1), budget(5, 2)), "");
        assert_eq!(bounded("quoter", budget(7, 3), Budget::NONE), "");
        assert_eq!(bounded("quoter", Budget::NONE, budget(5, 2)), "", "who says nothing gets what was armed");
    }

    #[test]
    fn a_budget_is_told_in_words() {
        assert_eq!(words(budget(5, 2)), "$5 of capital, 2 orders a minute");
        assert_eq!(words(Budget { daily_loss: Some(Usd(1)), ..Budget::NONE }), "$0.000001 of loss a day");
        assert_eq!(words(Budget::NONE), "no budget but the session's limits");
    }
}
