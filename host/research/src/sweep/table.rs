//! `trials.parquet`: a row for each trial of a sweep.

use super::lead::{Outcome, Plan};
use super::verdict::sharpe_of;
use super::{TrialEnd, TrialRow};
use crate::parquet_file::{Field, Kind, Value, bytes};

/// Version of the columns.
const SCHEMA: u32 = 1;
const UNITS: &str = "*_micros: millionths of a dollar; *_nanos: billionths";

/// A row.
#[derive(Debug)]
struct Row {
    place: i64,
    job: String,
    parameters: String,
    score: Option<i64>,
    sharpe: Option<i64>,
    profit: i64,
    drawdown: i64,
    fees: i64,
    turnover: i64,
    fills: i64,
    groups: i64,
    failure: Option<String>,
    digest: String,
}

const FIELDS: [Field<Row>; 13] = [
    Field { name: "trial", kind: Kind::I64, optional: false, get: |row| Value::Int(row.place) },
    Field { name: "job", kind: Kind::Text, optional: false, get: |row| Value::Text(&row.job) },
    Field { name: "parameters", kind: Kind::Text, optional: false, get: |row| Value::Text(&row.parameters) },
    Field { name: "score_nanos", kind: Kind::I64, optional: true, get: |row| maybe(row.score) },
    Field { name: "sharpe_nanos", kind: Kind::I64, optional: true, get: |row| maybe(row.sharpe) },
    Field { name: "profit_micros", kind: Kind::I64, optional: false, get: |row| Value::Int(row.profit) },
    Field { name: "drawdown_micros", kind: Kind::I64, optional: false, get: |row| Value::Int(row.drawdown) },
    Field { name: "fees_micros", kind: Kind::I64, optional: false, get: |row| Value::Int(row.fees) },
    Field { name: "turnover_micros", kind: Kind::I64, optional: false, get: |row| Value::Int(row.turnover) },
    Field { name: "fills", kind: Kind::I64, optional: false, get: |row| Value::Int(row.fills) },
    Field { name: "groups", kind: Kind::I64, optional: false, get: |row| Value::Int(row.groups) },
    Field {
        name: "failure",
        kind: Kind::Text,
        optional: true,
        get: |row| row.failure.as_deref().map_or(Value::Null, Value::Text),
    },
    Field { name: "digest", kind: Kind::Text, optional: false, get: |row| Value::Text(&row.digest) },
];

const fn maybe<'r>(value: Option<i64>) -> Value<'r> {
    match value {
        Some(value) => Value::Int(value),
        None => Value::Null,
    }
}

/// Returns a real number in billionths; `None` if it does not fit.
#[allow(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    reason = "the range is checked"
)]
pub fn nanos(value: f64) -> Option<i64> {
    let scaled = (value * 1e9).round();
    (scaled.abs() < 9e18).then_some(scaled as i64)
}

/// Returns billionths as a real number.
#[allow(clippy::as_conversions, clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a statistic")]
pub fn of_nanos(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

fn row(place: usize, score: Option<f64>, row: &TrialRow) -> Row {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Row {
        place: i64::try_from(place).unwrap_or(i64::MAX),
        job: row.job.clone(),
        parameters: serde_json::to_string(&row.parameters).unwrap_or_default(),
        score: score.and_then(nanos),
        sharpe: sharpe_of(row).and_then(nanos),
        profit: row.totals.profit_at_outcome.micros(),
        drawdown: row.totals.drawdown.micros(),
        fees: row.totals.fees.micros(),
        turnover: row.totals.turnover.micros(),
        fills: whole(row.totals.fills),
        groups: i64::try_from(row.groups.len()).unwrap_or(i64::MAX),
        failure: match &row.end {
            TrialEnd::Complete => None,
            TrialEnd::Failed(reason) => Some(reason.clone()),
        },
        digest: row.digest.clone(),
    }
}

/// Returns the trials of a sweep as the bytes of a Parquet file.
///
/// # Errors
/// If a value does not fit its column.
pub fn trials(plan: &Plan, sweep: &str, outcome: &Outcome) -> anyhow::Result<Vec<u8>> {
    let known = outcome.trials.iter().filter_map(|trial| Some((trial, outcome.row(&trial.job)?)));
    let rows: Vec<Row> = known.map(|(trial, found)| row(trial.place, trial.score, found)).collect();
    let metadata = [
        ("schema", SCHEMA.to_string()),
        ("units", UNITS.to_owned()),
        ("sweep", sweep.to_owned()),
        ("module", plan.module.clone()),
        ("tape", plan.tape()),
        ("objective", plan.objective.clone()),
    ];
    bytes("trials", &FIELDS, &rows, &metadata)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use crate::parquet_file::{Table, schema};

    #[test]
    fn the_schema_is_fixed() {
        let text = "message trials {\n  required int64 trial;\n  required binary job (STRING);\n  required binary \
                    parameters (STRING);\n  optional int64 score_nanos;\n  optional int64 sharpe_nanos;\n  required int64 \
                    profit_micros;\n  required int64 drawdown_micros;\n  required int64 fees_micros;\n  required int64 \
                    turnover_micros;\n  required int64 fills;\n  required int64 groups;\n  optional binary failure \
                    (STRING);\n  required binary digest (STRING);\n}\n";
        assert_eq!(schema("trials", &FIELDS), text);
    }

    #[test]
    fn rows_can_be_read_back() {
        let scratch = testkit::Scratch::new("trials-parquet");
        let rows = [Row {
            place: 3,
            job: "ab".to_owned(),
            parameters: "{}".to_owned(),
            score: None,
            sharpe: nanos(-0.25),
            profit: -7,
            drawdown: 1,
            fees: 2,
            turnover: 3,
            fills: 4,
            groups: 5,
            failure: Some("out of fuel".to_owned()),
            digest: "d".to_owned(),
        }];
        let path = scratch.join("trials.parquet");
        std::fs::write(&path, bytes("trials", &FIELDS, &rows, &[("sweep", "s".to_owned())]).unwrap()).unwrap();
        let table = Table::open(&path).unwrap();
        let read: Vec<_> = table.rows().map(|row| row.maybe_int("sharpe_nanos").unwrap()).collect();
        assert_eq!((read, of_nanos(-250_000_000)), (vec![Some(-250_000_000)], -0.25));
        assert_eq!((nanos(f64::NAN), nanos(1e10)), (None, None));
    }
}
