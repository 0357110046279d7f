//! A page with a heat map for each pair of parameters: tables with the best score of each pair of values. It is one file
//! without scripts, loads nothing, and each cell shows its number, so that it can be read without colours.

use super::lead::{Outcome, Plan, Trial};
use super::space::{Axis, Domain};
use super::verdict::Verdict;
use serde_json::Value;
use std::fmt::Write;

/// Most values of a parameter in a map; more are put into as many ranges.
const VALUES_MAX: usize = 12;
/// Most maps of a page.
const MAPS_MAX: usize = 45;
/// Most trials in the table of the best.
const BEST_MAX: usize = 20;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#1a1a1a}\
table{border-collapse:collapse;margin:.5em 0 2em}th,td{padding:.25em .6em;text-align:right;border:1px solid #ccc}\
th{background:#f3f3f3;font-weight:600}.warning{border-left:4px solid #b00;padding:.5em 1em;background:#fff3f0}\
caption{text-align:left;font-weight:600;padding:.3em 0}@media print{body{margin:0}}";

/// A column or a row of a map: one value, or a range of numbers.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    One(Value),
    Numbers { from: f64, to: f64, last: bool },
}

/// Returns the page of a sweep.
pub fn page(plan: &Plan, outcome: &Outcome, verdict: &Verdict) -> String {
    let mut html = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    let name = escaped(&plan.name);
    add(&mut html, format_args!("<title>Sweep {name}</title><style>{STYLE}</style></head><body>"));
    add(&mut html, format_args!("<h1>Sweep {name}</h1>"));
    for warning in &verdict.warnings {
        add(&mut html, format_args!("<p class=\"warning\">{}</p>", escaped(warning)));
    }
    facts(&mut html, plan, outcome, verdict);
    best(&mut html, plan, outcome);
    let axes = &plan.space.axes;
    let pairs = axes
        .iter()
        .enumerate()
        .flat_map(|(place, one)| axes.iter().skip(place.saturating_add(1)).map(move |other| (one, other)));
    let all = pairs.clone().count();
    if all > 0 {
        add(&mut html, format_args!("<h2>Best score of each pair of values</h2>"));
    }
    if all > MAPS_MAX {
        add(&mut html, format_args!("<p>{MAPS_MAX} of {all} pairs of parameters are shown.</p>"));
    }
    for (down, across) in pairs.take(MAPS_MAX) {
        map(&mut html, down, across, outcome);
    }
    html.push_str("</body></html>\n");
    html
}

fn add(html: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ok = html.write_fmt(text);
}

fn facts(html: &mut String, plan: &Plan, outcome: &Outcome, verdict: &Verdict) {
    let optional =
        |value: Option<f64>| value.map_or_else(|| "too few event groups".to_owned(), |value| value.to_string());
    let rows = [
        ("strategy", format!("{} ({})", plan.strategy, plan.module)),
        ("tapes", plan.tapes.join(", ")),
        ("objective", plan.objective.clone()),
        ("trials of this sweep", outcome.trials.len().to_string()),
        ("trials ever run on these tapes", verdict.trials_ever.to_string()),
        ("deflated Sharpe ratio of the best trial", optional(verdict.deflated_sharpe)),
        ("probability of over-fitting", optional(verdict.overfit)),
    ];
    html.push_str("<table>");
    for (name, value) in rows {
        add(html, format_args!("<tr><th>{name}</th><td>{}</td></tr>", escaped(&value)));
    }
    html.push_str("</table>");
}

fn best(html: &mut String, plan: &Plan, outcome: &Outcome) {
    let mut trials: Vec<&Trial> = outcome.trials.iter().filter(|trial| trial.score.is_some()).collect();
    trials.sort_by(|one, other| other.score.partial_cmp(&one.score).unwrap_or(std::cmp::Ordering::Equal));
    html.push_str("<table><caption>Best trials</caption><tr><th>score</th>");
    plan.space.axes.iter().for_each(|axis| add(html, format_args!("<th>{}</th>", escaped(&axis.name))));
    html.push_str("</tr>");
    for trial in trials.into_iter().take(BEST_MAX) {
        add(html, format_args!("<tr><td>{}</td>", trial.score.unwrap_or_default()));
        for axis in &plan.space.axes {
            let value = trial.proposal.get(&axis.name).map(ToString::to_string).unwrap_or_default();
            add(html, format_args!("<td>{}</td>", escaped(&value)));
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
}

fn map(html: &mut String, down: &Axis, across: &Axis, outcome: &Outcome) {
    let (rows, columns) = (cells(down), cells(across));
    let score = |row: &Cell, column: &Cell| {
        let matching = outcome.trials.iter().filter(|trial| {
            let is = |axis: &Axis, cell: &Cell| trial.proposal.get(&axis.name).is_some_and(|value| cell.has(value));
            is(down, row) && is(across, column)
        });
        matching.filter_map(|trial| trial.score).reduce(f64::max)
    };
    let table: Vec<Vec<Option<f64>>> =
        rows.iter().map(|row| columns.iter().map(|column| score(row, column)).collect()).collect();
    let known = || table.iter().flatten().flatten().copied();
    let (least, most) = (known().reduce(f64::min).unwrap_or(0.0), known().reduce(f64::max).unwrap_or(0.0));
    let (first, second) = (escaped(&down.name), escaped(&across.name));
    add(html, format_args!("<table><caption>{first} (down) and {second} (across)</caption><tr><th></th>"));
    columns.iter().for_each(|column| add(html, format_args!("<th>{}</th>", escaped(&column.label()))));
    html.push_str("</tr>");
    for (row, scores) in rows.iter().zip(&table) {
        add(html, format_args!("<tr><th>{}</th>", escaped(&row.label())));
        for score in scores {
            match score {
                None => html.push_str("<td>&ndash;</td>"),
                Some(score) => {
                    let light = lightness(*score, least, most);
                    add(html, format_args!("<td style=\"background:hsl(150 45% {light}%)\">{}</td>", short(*score)));
                }
            }
        }
        html.push_str("</tr>");
    }
    html.push_str("</table>");
}

/// Returns a lightness from 96 for the least score to 62 for the best; dark text is readable on each.
#[allow(clippy::float_arithmetic, reason = "a colour")]
fn lightness(score: f64, least: f64, most: f64) -> String {
    let part = if most > least { (score - least) / (most - least) } else { 0.5 };
    format!("{:.0}", 96.0 - 34.0 * part)
}

/// Formats a score with four digits.
fn short(score: f64) -> String {
    if score == 0.0 || (1e-3..1e6).contains(&score.abs()) { format!("{score:.4}") } else { format!("{score:.3e}") }
}

#[allow(clippy::float_arithmetic, reason = "bounds of a chart")]
fn cells(axis: &Axis) -> Vec<Cell> {
    let count = axis.domain.count().and_then(|count| usize::try_from(count).ok());
    if let Some(count) = count.filter(|count| *count <= VALUES_MAX || matches!(axis.domain, Domain::List(_))) {
        let most = count.min(VALUES_MAX);
        return (0_u64..).take(most).map(|place| Cell::One(axis.domain.value(place))).collect();
    }
    let (from, to) = (axis.domain.at(0.0).as_f64().unwrap_or(0.0), axis.domain.at(1.0).as_f64().unwrap_or(0.0));
    let width = (to - from) / super::real(VALUES_MAX);
    let bound = |place: usize| from + width * super::real(place);
    let cell = |place: usize| {
        let next = place.saturating_add(1);
        Cell::Numbers {
            from: bound(place),
            to: if next == VALUES_MAX { to } else { bound(next) },
            last: next == VALUES_MAX,
        }
    };
    (0..VALUES_MAX).map(cell).collect()
}

impl Cell {
    fn has(&self, value: &Value) -> bool {
        match self {
            Self::One(own) => own == value,
            Self::Numbers { from, to, last } => {
                value.as_f64().is_some_and(|value| *from <= value && (value < *to || (*last && value <= *to)))
            }
        }
    }

    fn label(&self) -> String {
        match self {
            Self::One(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            Self::Numbers { from, to, .. } => format!("{} to {}", short(*from), short(*to)),
        }
    }
}

/// Escapes a text for an element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_arithmetic, clippy::indexing_slicing, reason = "test code")]

    use super::*;
    use crate::sweep::Method;
    use crate::sweep::job::SCHEMA;
    use crate::sweep::job::tests::models;
    use crate::sweep::space::Space;

    const SCRIPT: &str = "<script>alert(1)</script>";

    fn plan() -> Plan {
        let text = format!("fast = {{ from = 1, to = 100 }}\nside = ['{SCRIPT}', 'b']\nedge = [0.5, 1.5]");
        Plan {
            schema: SCHEMA,
            name: "x\"><script>".to_owned(),
            strategy: SCRIPT.to_owned(),
            module: "ab".to_owned(),
            tapes: vec!["cd".to_owned()],
            method: Method::Random { trials: 200 },
            seed: 1,
            objective: "profit".to_owned(),
            parameters: [].into(),
            space: Space::parse(&text.parse().unwrap()).unwrap(),
            models: models(),
            splits: None,
        }
    }

    #[test]
    fn each_pair_has_a_map_with_the_best_scores_and_no_text_is_markup() {
        let plan = plan();
        let mut search = crate::sweep::search::Random::new(plan.space.clone(), 200, 1);
        let proposals = crate::sweep::search::Search::propose(&mut search).unwrap();
        let trials = proposals.into_iter().enumerate().map(|(place, proposal)| Trial {
            score: proposal["fast"].as_f64().map(|fast| fast / 8.0),
            job: place.to_string(),
            place,
            proposal,
        });
        let outcome = Outcome { trials: trials.collect(), rows: Vec::new() };
        let verdict = Verdict { warnings: vec![SCRIPT.to_owned()], ..Verdict::default() };
        let page = page(&plan, &outcome, &verdict);
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("(down)").count(), 3);
        assert!(page.contains("<caption>edge (down) and fast (across)</caption>"));
        let best = outcome.best().unwrap().score.unwrap();
        // Once in the table of the best; each map with the parameter has it too.
        assert!(page.matches(&format!(">{}<", short(best))).count() >= 2, "{best}");
        assert!(page.contains("default-src 'none'") && page.len() < 100_000);
    }

    #[test]
    fn ranges_cover_all_numbers_once() {
        let axis = plan().space.axes.into_iter().find(|axis| axis.name == "fast").unwrap();
        let cells = cells(&axis);
        for number in 1..=100 {
            let value = Value::from(number);
            assert_eq!(cells.iter().filter(|cell| cell.has(&value)).count(), 1, "{number}");
        }
    }
}
