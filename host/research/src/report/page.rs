//! The page: head with its policy, sections, data of the charts, and the script that draws them.

use super::charts::{self, Chart};
use super::html::{escape, escape_json};
use super::sections;
use crate::run::RunData;
use crate::statistics::{Book, Statistics};
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The page's own style.
const STYLE: &str = include_str!("report.css");
/// The charting library's style, from the dashboard's build; empty without one.
const CHART_STYLE: &str = include_str!(env!("REPORT_STYLE"));
/// The script that draws the charts, from the dashboard's build; empty without one.
const SCRIPT: &str = include_str!(env!("REPORT_SCRIPT"));

/// Data of the script.
#[derive(Serialize)]
struct Data {
    charts: Vec<Chart>,
}

/// Returns the page.
///
/// # Errors
/// If the data of the charts cannot be written as JSON.
pub(crate) fn page(
    data: &RunData,
    statistics: &Statistics,
    compare: Option<(&RunData, &Statistics)>,
) -> anyhow::Result<String> {
    let book = Book::of(data);
    let mut all = Vec::new();
    let body = body(data, statistics, compare, &book, &mut all);
    let json = serde_json::to_string(&Data { charts: all }).context("the data of the charts")?;
    let style = format!("{CHART_STYLE}\n{STYLE}");
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(&style),
        hash(SCRIPT)
    );
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>Run {}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\
         <script type=\"application/json\" id=\"chart-data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&data.description.id),
        escape_json(&json)
    ))
}

/// Returns the hash of an inline element, as a policy names it.
fn hash(content: &str) -> String {
    STANDARD.encode(Sha256::digest(content.as_bytes()))
}

/// A section: the id of its anchor, its title, and its content.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) content: String,
}

/// Returns the sections, and adds their charts to `all`.
fn body(
    data: &RunData,
    statistics: &Statistics,
    compare: Option<(&RunData, &Statistics)>,
    book: &Book<'_>,
    all: &mut Vec<Chart>,
) -> String {
    let mut add = |chart: Chart| {
        let element = chart.element();
        all.push(chart);
        element
    };
    let other = compare.map(|(other, _)| other);
    let section = |id, title: &str, content: String| Section { id, title: title.to_owned(), content };
    let missing = if SCRIPT.is_empty() {
        "<p class=\"note\">The charts are not in this build of the program: build the dashboard first (<code>cargo xtask \
         dashboard</code>), then the program. All figures are below.</p>"
    } else {
        ""
    };
    let capital = add(charts::capital(data)) + &add(charts::inventory(data));
    let equity = missing.to_owned() + &add(charts::equity(data, other));
    let mut list = vec![section("summary", "Summary", sections::overview::summary(data, statistics))];
    list.extend(compare.map(|(other, theirs)| {
        section("compare", "Comparison", sections::compare::compare((data, statistics), (other, theirs)))
    }));
    list.push(section("equity-section", "Equity and drawdown", equity));
    list.push(section("bounds", "Fill models", sections::overview::bounds(data, statistics)));
    list.push(section("statistics", "Statistics", sections::figures::figures(statistics)));
    list.push(section("capital-section", "Exposure, locked capital, inventory", capital));
    list.push(section("profit", "Profit", sections::profit::profit(statistics)));
    list.push(section("markets", "Busiest markets", sections::markets::markets(data, book, &mut add)));
    let markouts = add(charts::markouts(statistics)) + &sections::quality::markouts(statistics);
    list.push(section("markouts-section", "Markouts", markouts));
    let calibration = sections::quality::forecasts(statistics) + &add(charts::calibration(statistics));
    list.push(section("calibration-section", "Forecasts and calibration", calibration));
    list.push(section("orders", "Orders and queue", sections::quality::orders(statistics)));
    list.push(section("refusals", "Refusals", sections::quality::refusals(statistics)));
    list.push(section("worst", "Worst ten moments", sections::quality::worst(statistics)));
    list.push(section("baselines", "Baselines", sections::quality::baselines(statistics)));
    list.push(section("data", "Data", sections::quality::data(data, statistics)));
    list.push(section("run", "Run", sections::overview::run(data)));
    let links = list.iter().map(|section| format!("<li><a href=\"#{}\">{}</a></li>", section.id, section.title));
    let links: String = links.collect();
    let sections = list.iter().map(|section| {
        let Section { id, title, content } = section;
        format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{content}</section>\n")
    });
    format!(
        "{}<nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n<main>\n{}</main>\n",
        sections::overview::header(data, other),
        sections.collect::<String>()
    )
}
