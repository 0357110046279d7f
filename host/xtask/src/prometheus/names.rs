//! The names in the files: alerts, their cases, expressions and metrics. The YAML of this repository is read line by line, as it is written.

use serde_json::Value;
use std::collections::BTreeSet;

/// The numbers of alerts and of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cases {
    pub(super) alerts: usize,
    pub(super) cases: usize,
}

/// Variables of Grafana, and what stands in their place.
const VARIABLES: [(&str, &str); 4] =
    [("$__rate_interval", "5m"), ("$__interval", "1m"), ("$instance", ".*"), ("$strategy", ".*")];

/// Returns the names of the alerts of a file of rules.
pub(super) fn alerts(rules: &str) -> Vec<String> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

/// Returns each case of a file of tests: the alert, and whether it fires.
pub(super) fn cases(tests: &str) -> Vec<(String, bool)> {
    let lines: Vec<&str> = tests.lines().map(str::trim).collect();
    let case = |pair: &[&str]| match pair {
        [name, expected] => {
            Some((name.strip_prefix("alertname: ")?.to_owned(), expected.strip_prefix("exp_alerts:")?.trim() != "[]"))
        }
        _ => None,
    };
    lines.windows(2).filter_map(case).collect()
}

/// Returns the expressions of all panels.
pub(super) fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard.get("panels").and_then(Value::as_array).into_iter().flatten();
    let targets = panels.filter_map(|panel| panel.get("targets").and_then(Value::as_array)).flatten();
    targets.filter_map(|target| target.get("expr").and_then(Value::as_str)).map(str::to_owned).collect()
}

/// Returns an expression with Grafana's variables replaced.
pub(super) fn substituted(expression: &str) -> String {
    VARIABLES.iter().fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value))
}

/// Returns the metrics of ours that a text names.
pub(super) fn metrics(text: &str) -> Vec<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("polytrader_")).map(str::to_owned).collect()
}

/// Returns the names of the samples of an exposition.
pub(super) fn samples(exposition: &str) -> BTreeSet<String> {
    let lines = exposition.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_are_found_in_all_panels_and_have_no_variables_left() {
        let dashboard = json!({"panels": [{"targets": [{"expr": "rate(x{instance=~\"$instance\"}[$__rate_interval])"}]}, {"title": "row"}]});
        let found = expressions(&dashboard);
        assert_eq!(found.iter().map(|text| substituted(text)).collect::<Vec<_>>(), ["rate(x{instance=~\".*\"}[5m])"]);
    }

    #[test]
    fn the_names_of_samples_are_those_before_their_labels() {
        let found = samples("# TYPE a counter\na_total 1\nb{x=\"y z\"} 2\n\n");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a_total", "b"]);
    }
}
