//! One query of a host's status: its health and its account.

use crate::commands::bot::{breaker_line, text};
use crate::exit::{self, code_of};
use api::client::{HostError, Remote};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// A part of the program, whose log explains a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Feeds, the venue, breakers, strategies.
    Worker,
    /// The API, the database, alerts.
    Api,
}

impl Part {
    /// Returns the prefix of the names of its logs.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Worker => "worker_",
            Self::Api => "api_",
        }
    }
}

/// A reason why a host is not healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) part: Part,
    pub(super) text: String,
}

/// The result of a query.
#[derive(Debug)]
pub(super) enum Look {
    /// The host answered.
    Up { health: Value, snapshot: Value, problems: Vec<Problem> },
    /// It did not answer; the exit code and the reason.
    Down { code: u8, why: String },
}

impl Look {
    /// Queries the host of a data folder.
    pub(super) fn of_folder(data_dir: &Path) -> Self {
        Self::of(|| Remote::of(data_dir))
    }

    /// Queries the host that `open` returns.
    pub(super) fn of(open: impl FnOnce() -> anyhow::Result<Remote>) -> Self {
        let found = open().and_then(|remote| Ok((remote.get_any("/health/detailed")?, remote.get("/v1/snapshot")?)));
        match found {
            Ok((health, snapshot)) => {
                let problems = problems(&health, &snapshot);
                Self::Up { health, snapshot, problems }
            }
            Err(error) => {
                // A healthy host does not refuse a query.
                let refused = matches!(error.downcast_ref(), Some(HostError::Refused { .. }));
                let code = if refused { exit::UNREACHABLE } else { code_of(&error) };
                Self::Down { code, why: format!("{error:#}") }
            }
        }
    }

    pub(super) const fn is_healthy(&self) -> bool {
        matches!(self, Self::Up { problems, .. } if problems.is_empty())
    }

    /// Returns the exit code.
    pub(super) const fn code(&self) -> u8 {
        match self {
            Self::Up { problems, .. } if problems.is_empty() => 0,
            Self::Up { .. } => exit::UNHEALTHY,
            Self::Down { code, .. } => *code,
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// Returns the parts that are not healthy; all parts if the host did not answer.
    pub(super) fn parts(&self) -> Vec<Part> {
        match self {
            Self::Up { problems, .. } => problems.iter().map(|problem| problem.part).collect(),
            Self::Down { .. } => vec![Part::Worker, Part::Api],
        }
    }

    /// Returns the status as text.
    pub(super) const fn word(&self) -> &'static str {
        match self.code() {
            0 => "healthy",
            exit::UNHEALTHY => "unhealthy",
            exit::NOT_RUNNING => "not running",
            _ => "not reachable",
        }
    }

    /// Returns the status as JSON.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Up { health, snapshot, problems } => {
                let problems: Vec<&str> = problems.iter().map(|problem| problem.text.as_str()).collect();
                let field = |key: &str| snapshot.get(key).cloned().unwrap_or(Value::Null);
                json!({
                    "status": self.word(),
                    "exit_code": self.code(),
                    "problems": problems,
                    "health": health,
                    "bot": field("bot"),
                    "pnl": field("pnl"),
                    "positions": field("positions"),
                    "orders": field("orders"),
                    "strategies": field("strategies"),
                    "breakers": field("breakers"),
                })
            }
            Self::Down { code, why } => json!({ "status": self.word(), "exit_code": code, "problems": [why] }),
        }
    }
}

/// Returns the reasons why a host is not healthy. A host that reports `degraded` always has a problem, even if the
/// cause is unknown.
fn problems(health: &Value, snapshot: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |part, text: String| found.push(Problem { part, text });
    let is = |key: &str| health.get(key).and_then(Value::as_bool).unwrap_or(false);
    for (key, name) in [("market_channel_up", "market"), ("user_channel_up", "user")] {
        if !is(key) {
            add(Part::Worker, format!("the {name} channel to the venue is down"));
        }
    }
    let breakers = snapshot.get("breakers").and_then(Value::as_array);
    let is_tripped = |breaker: &&Value| breaker.get("tripped").and_then(Value::as_bool).unwrap_or(false);
    for breaker in breakers.into_iter().flatten().filter(is_tripped) {
        let line = breaker_line(breaker);
        add(Part::Worker, format!("breaker {}", line.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let restriction = text(health, "restriction");
    if !matches!(restriction, "" | "none") {
        let reason = snapshot.get("bot").map(|bot| text(bot, "reason")).unwrap_or_default();
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        add(Part::Worker, format!("the session is {restriction}{reason}"));
    }
    let lost = health.get("rows_lost").and_then(Value::as_u64).unwrap_or(0);
    if lost > 0 {
        add(
            Part::Api,
            format!(
                "{lost} rows were not written to the database; `polytrader db rebuild` restores them from the journal"
            ),
        );
    }
    let log = text(health, "database_log_problem");
    if !log.is_empty() {
        add(Part::Api, log.to_owned());
    }
    let alerts = health.get("alerts").map(|alerts| text(alerts, "error")).unwrap_or_default();
    if !alerts.is_empty() {
        add(Part::Api, format!("alerts are not delivered: {alerts}"));
    }
    if found.is_empty() && text(health, "status") != "ok" {
        found.push(Problem { part: Part::Worker, text: "the host reports that it is degraded".to_owned() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Value {
        json!({
            "status": "ok", "restriction": "none", "market_channel_up": true, "user_channel_up": true, "rows_lost": 0,
            "database_log_problem": "", "alerts": { "error": "" },
        })
    }

    fn with(key: &str, value: Value) -> Vec<Problem> {
        let mut health = healthy();
        if let Some(fields) = health.as_object_mut() {
            fields.insert(key.to_owned(), value);
            fields.insert("status".to_owned(), "degraded".into());
        }
        problems(&health, &json!({ "breakers": [], "bot": { "reason": "smoke" } }))
    }

    #[test]
    fn each_problem_is_named_with_the_part_whose_log_explains_it() {
        assert_eq!(problems(&healthy(), &json!({})), []);
        for (key, value, part, words) in [
            ("market_channel_up", json!(false), Part::Worker, "the market channel to the venue is down"),
            ("user_channel_up", Value::Null, Part::Worker, "the user channel to the venue is down"),
            ("restriction", json!("halted"), Part::Worker, "the session is halted: smoke"),
            ("rows_lost", json!(7), Part::Api, "7 rows were not written"),
            ("database_log_problem", json!("70 MiB"), Part::Api, "70 MiB"),
            ("alerts", json!({ "error": "410 Gone" }), Part::Api, "410 Gone"),
            ("other", json!(1), Part::Worker, "degraded"),
        ] {
            let found = with(key, value);
            assert_eq!(found.len(), 1, "{key}: {found:?}");
            assert!(found.iter().all(|problem| problem.part == part && problem.text.contains(words)), "{found:?}");
        }
        let breakers = json!({ "breakers": [{ "name": "stale_data", "tripped": true, "reason": "61 s" }] });
        let found = problems(&healthy(), &breakers);
        assert_eq!(found.first().map(|problem| problem.text.as_str()), Some("breaker stale_data TRIPPED: 61 s"));
    }
}
