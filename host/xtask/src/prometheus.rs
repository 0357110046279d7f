//! Checks of the metrics, the rules with a firing and a silent case of each, and the dashboard, by `promtool` of Debian's
//! package `prometheus`.

mod demo;
mod names;

use crate::gate::Checked;
use crate::repo::Repo;
use crate::{command, system};
use anyhow::{Context, bail, ensure};
use names::{Cases, alerts, cases, expressions, metrics, samples, substituted};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

const RULES: &str = "polytrader.rules.yml";
const TESTS: &str = "polytrader.rules.test.yml";

/// Runs all checks, with the binary that the tests have built.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<Checked> {
    let promtool = match system::ensure_promtool() {
        Ok(promtool) => promtool,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    let ops = repo.root.join("host/ops");
    let folder = ops.join("prometheus");
    let rules = read(&folder.join(RULES))?;
    let Cases { alerts, cases } = tested(&rules, &read(&folder.join(TESTS))?)?;
    run(command::new(&promtool, &folder).args(["check", "rules", RULES]), "promtool check rules")?;
    run(command::new(&promtool, &folder).args(["test", "rules", TESTS]), "promtool test rules")?;

    let exposition = demo::exposition(repo)?;
    let place = repo.target.join("prometheus");
    fs::create_dir_all(&place).with_context(|| format!("making the folder {}", place.display()))?;
    let text = place.join("metrics.txt");
    fs::write(&text, &exposition).with_context(|| format!("writing {}", text.display()))?;
    let file = fs::File::open(&text).with_context(|| format!("reading {}", text.display()))?;
    let mut lint = command::new(&promtool, &place);
    run(lint.args(["check", "metrics"]).stdin(Stdio::from(file)), "promtool check metrics")?;

    let exported = samples(&exposition);
    let dashboard: Value =
        serde_json::from_str(&read(&ops.join("grafana/polytrader.json"))?).context("reading the dashboard")?;
    let panels = expressions(&dashboard);
    ensure!(!panels.is_empty(), "the dashboard has no expressions");
    let recorded = place.join("dashboard.rules.yml");
    // JSON is YAML too.
    fs::write(&recorded, as_rules(&panels).to_string()).with_context(|| format!("writing {}", recorded.display()))?;
    run(command::new(&promtool, &place).args(["check", "rules"]).arg(&recorded), "promtool over the dashboard")?;
    let unknown = unknown(panels.iter().map(String::as_str).chain([rules.as_str()]), &exported);
    ensure!(unknown.is_empty(), "the rules or the dashboard name metrics that a demo does not export: {unknown:?}");
    let detail = format!(
        "{alerts} alerts in {cases} cases, {} expressions of the dashboard, {} metrics",
        panels.len(),
        exported.len()
    );
    Ok(Checked::with(&detail, Vec::new()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn run(promtool: &mut std::process::Command, what: &str) -> anyhow::Result<()> {
    command::run(promtool, what)
}

/// Returns the numbers of alerts and of test cases.
///
/// # Errors
/// If one has no firing or no silent case.
fn tested(rules: &str, tests: &str) -> anyhow::Result<Cases> {
    let alerts = alerts(rules);
    let cases = cases(tests);
    for alert in &alerts {
        for fires in [true, false] {
            if !cases.contains(&(alert.clone(), fires)) {
                bail!("the alert {alert} has no {} case in {TESTS}", if fires { "firing" } else { "silent" });
            }
        }
    }
    ensure!(!alerts.is_empty(), "{RULES} has no alerts");
    Ok(Cases { alerts: alerts.len(), cases: cases.len() })
}

/// Returns each expression as a recording rule.
fn as_rules(expressions: &[String]) -> Value {
    let rule = |(number, expression): (usize, &String)| json!({ "record": format!("dashboard:{number}"), "expr": substituted(expression) });
    let rules: Vec<Value> = expressions.iter().enumerate().map(rule).collect();
    json!({ "groups": [{ "name": "dashboard", "rules": rules }] })
}

/// Returns the metrics that texts name and that are not exported.
fn unknown<'a>(texts: impl Iterator<Item = &'a str>, exported: &BTreeSet<String>) -> Vec<String> {
    let named: BTreeSet<String> = texts.flat_map(metrics).collect();
    named.difference(exported).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_without_a_case_of_each_kind_is_found() {
        let rules = "    rules:\n      - alert: A\n        expr: x\n      - alert: B\n";
        let fires = |name: &str| format!("        alertname: {name}\n        exp_alerts:\n          - exp_labels:\n");
        let silent = |name: &str| format!("        alertname: {name}\n        exp_alerts: []\n");
        let all = [fires("A"), silent("A"), fires("B"), silent("B")];
        assert!(tested(rules, &all.concat()).is_ok_and(|found| (found.alerts, found.cases) == (2, 4)));
        let error = tested(rules, &all[..3].concat()).unwrap_err().to_string();
        assert!(error.contains("B has no silent case"), "{error}");
        let error = tested(rules, &all[1..].concat()).unwrap_err().to_string();
        assert!(error.contains("A has no firing case"), "{error}");
        assert!(tested("", "").is_err());
    }

    #[test]
    fn a_metric_that_is_not_exported_is_found() {
        let exported = samples("# HELP polytrader_a a\npolytrader_a 1\npolytrader_b_bucket{le=\"1.0\"} 2\n");
        let texts = ["rate(polytrader_a[5m])", "sum(polytrader_b_bucket{x=\"polytrader_no\"}) - polytrader_c"];
        // A name in a label's value counts as a metric; none of our texts has one.
        assert_eq!(unknown(texts.into_iter(), &exported), ["polytrader_c", "polytrader_no"]);
    }

    #[test]
    fn the_rules_of_this_repository_are_all_tested() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/prometheus");
        let found = tested(&read(&folder.join(RULES)).unwrap(), &read(&folder.join(TESTS)).unwrap()).unwrap();
        assert!(found.alerts >= 20 && found.cases >= 2 * found.alerts, "{found:?}");
    }
}
