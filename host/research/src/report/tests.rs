#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use crate::run::{RunEnd, sample};
use crate::statistics::statistics;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Time;
use sha2::{Digest, Sha256};
use testkit::Scratch;

const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&</script><!--";

fn page_of(data: &RunData, other: Option<&RunData>) -> String {
    let own = statistics(data);
    let theirs = other.map(statistics);
    page::page(data, &own, other.zip(theirs.as_ref())).unwrap()
}

/// Returns the content of the nth element of a kind.
fn element<'p>(page: &'p str, open: &str, close: &str, nth: usize) -> &'p str {
    page.split(open).nth(nth + 1).unwrap().split(close).next().unwrap()
}

#[test]
fn a_day_of_a_hundred_markets_is_under_two_megabytes() {
    let data = sample::day(100, 5);
    let page = page_of(&data, None);
    println!("{} bytes, {} tops, {} fills", page.len(), data.tops.len(), data.fills.len());
    assert!(data.tops.len() > 100_000 && data.fills.len() > 2_000);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn hostile_text_is_shown_and_never_interpreted() {
    let mut data = sample::day(3, 2);
    let hostile = || HOSTILE.to_owned();
    data.description.id = hostile();
    data.description.strategies[0].name = hostile();
    data.description.strategies[0].parameters = hostile();
    data.description.warnings.push(hostile());
    data.description.refusals.push((hostile(), 1));
    data.description.tapes[0].selection = hostile();
    data.description.tapes[0].path = hostile();
    data.description.tapes[0].quality.push((hostile(), 1));
    data.description.fees = hostile();
    data.description.limits = serde_json::json!({ HOSTILE: HOSTILE });
    data.description.end = RunEnd::Failed(Time(7), hostile());
    for market in &mut data.markets {
        market.question = hostile();
        market.group = hostile();
        market.slug = hostile();
        market.outcomes = [hostile(), hostile()];
    }
    data.orders.iter_mut().for_each(|order| order.reason = hostile());
    let page = page_of(&data, Some(&data));
    // The data block and the page's own script.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert_eq!(page.matches("<img").count(), 0);
    let body = element(&page, "<body>", "<script type", 0);
    assert!(!body.contains("<!--") && !body.contains("<script") && !body.contains("onerror=alert(2)>"));
    assert!(body.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() > 20);
    let json: serde_json::Value = serde_json::from_str(element(&page, "id=\"chart-data\">", "</script>", 0)).unwrap();
    assert!(json["charts"].as_array().unwrap().len() > 5);
}

#[test]
fn the_policy_allows_the_pages_own_style_and_script_only() {
    let page = page_of(&sample::day(2, 1), None);
    let policy = element(&page, "Content-Security-Policy\" content=\"", "\"", 0);
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let hash = |content: &str| STANDARD.encode(Sha256::digest(content.as_bytes()));
    let (style, script) = (element(&page, "<style>", "</style>", 0), element(&page, "<script>", "</script>", 0));
    assert!(policy.contains(&format!("style-src 'sha256-{}';", hash(style))), "{policy}");
    assert!(policy.contains(&format!("script-src 'sha256-{}';", hash(script))), "{policy}");
    assert!(!policy.contains("unsafe"));
    // No other resource, no inline style and no handler.
    let markup = page.replace(script, "");
    for forbidden in [" src=", "href=\"http", "url(", "@import", " style=", " onclick", " onload"] {
        assert!(!markup.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn invented_books_are_named_first_and_warnings_come_before_figures() {
    let mut data = sample::day(2, 1);
    let body = |data: &RunData| element(&page_of(data, None), "<body>\n<header>\n", "</main>", 0).to_owned();
    let with = body(&data);
    assert!(
        with.starts_with("<p class=\"invented\" role=\"alert\"><strong>Invented books.</strong>"),
        "{}",
        &with[..200]
    );
    assert!(with.find("the feed latency is assumed") < with.find("Profit at the bid"));
    data.description.tapes[0].invented = false;
    assert!(!body(&data).contains("Invented books"));
}

#[test]
fn every_section_of_the_contract_is_there() {
    let page = page_of(&sample::day(4, 1), None);
    for text in [
        "Equity and drawdown",
        "By market",
        "By event group",
        "By strategy",
        "By tag",
        "By hour of the day",
        "By outcome",
        "By exit reason",
        "pessimistic",
        "queue ◆ chosen",
        "optimistic",
        "Turnover",
        "Maker rebates",
        "Rewards",
        "Maker share",
        "Brier skill",
        "Markouts",
        "60 s",
        "resolution",
        "Shares bought in resolved markets",
        "Refusals by rule",
        "Worst ten moments",
        "buy the favourite at mid and hold",
        "random trades, median",
        "Data quality of the tapes",
        "survivorship",
        "<span class=\"none\">too few</span>",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn every_fill_of_a_shown_market_is_marked() {
    let data = sample::day(30, 4);
    let page = page_of(&data, None);
    let json: serde_json::Value = serde_json::from_str(element(&page, "id=\"chart-data\">", "</script>", 0)).unwrap();
    let charts = json["charts"].as_array().unwrap();
    let marks: usize = charts
        .iter()
        .filter_map(|chart| chart["marks"].as_array())
        .flatten()
        .map(|marks| marks["x"].as_array().unwrap().len())
        .sum();
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    data.fills.iter().for_each(|fill| *counts.entry(fill.market).or_default() += 1);
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(marks, counts.iter().take(20).sum::<usize>());
    for chart in charts {
        assert!(chart["x"].as_array().unwrap().len() <= thin::POINTS_MAX + 1);
        assert!(page.contains(&format!("id=\"{}\"", chart["id"].as_str().unwrap())));
    }
}

#[test]
fn two_runs_are_compared_with_differences_and_conditions() {
    let (own, mut other) = (sample::day(4, 1), sample::day(4, 2));
    other.description.id = "other".to_owned();
    other.description.seed = 9;
    let page = page_of(&own, Some(&other));
    let section = element(&page, "<section id=\"compare\">", "</section>", 0);
    assert!(
        section.contains("<th scope=\"col\">sample</th><th scope=\"col\">other</th><th scope=\"col\">difference</th>")
    );
    assert!(section.contains("<li>seed: 1 and 9</li>"));
    let (one, two) = (own.description.totals.fills, other.description.totals.fills);
    let difference = format!("{:+}", i128::from(one) - i128::from(two)).replace('-', "\u{2212}");
    assert!(
        section.contains(&format!("<th scope=\"row\">Fills</th><td>{one}</td><td>{two}</td><td>{difference}</td>"))
    );
    let same = page_of(&own, Some(&own));
    assert!(same.contains("Both runs have the same tapes") && same.contains("All decisions are equal."));
}

#[test]
fn an_empty_run_has_a_report() {
    let page = page_of(&sample::empty(), None);
    assert!(page.contains("No warnings.") && page.contains("no strategy") || page.contains("quoter"));
}

#[test]
fn the_json_has_run_statistics_and_comparison() {
    let folder = Scratch::new("report-json");
    let (own, other) = (sample::day(2, 1), sample::day(2, 2));
    let path = write(&own, Some(&other), &folder).unwrap();
    assert_eq!(path, folder.join("report.html"));
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    assert_eq!(json["run"]["id"], "sample");
    assert_eq!(json["statistics"]["summary"]["fills"], own.description.totals.fills);
    assert_eq!(json["compared"]["statistics"]["summary"]["fills"], other.description.totals.fills);
    // Equal rows give an equal file.
    let again = Scratch::new("report-json-again");
    write(&own, Some(&other), &again).unwrap();
    assert_eq!(std::fs::read(again.join("report.json")).unwrap(), std::fs::read(folder.join("report.json")).unwrap());
}

/// Writes a report beside the build, for the browser tests (`dashboard/e2e/report.spec.ts`).
#[test]
fn a_report_for_the_browser_is_written() {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let mut data = sample::day(100, 5);
    data.markets[0].question = HOSTILE.to_owned();
    let mut other = sample::day(100, 6);
    other.description.id = "other".to_owned();
    write(&data, Some(&other), &target.join("report-check")).unwrap();
}
