//! Figures of two runs side by side.

use super::figures::FIGURES;
use super::overview::model;
use crate::report::html::{count, escape, maybe, table};
use crate::run::{RunData, RunDescription};
use crate::statistics::Statistics;

/// Returns the comparison of a run with another one.
pub(crate) fn compare(own: (&RunData, &Statistics), other: (&RunData, &Statistics)) -> String {
    let (ours, theirs) = (&own.0.description, &other.0.description);
    let (a, b) = (escape(&ours.id), escape(&theirs.id));
    let differences = differences(ours, theirs);
    let items: String = differences.iter().map(|text| format!("<li>{text}</li>")).collect();
    let conditions = if items.is_empty() {
        "<p>Both runs have the same tapes, modules, parameters and models.</p>".to_owned()
    } else {
        format!("<p>The runs differ in:</p><ul>{items}</ul>")
    };
    let same = if ours.digest == theirs.digest { "<p>All decisions are equal.</p>" } else { "" };
    let mut rows: Vec<Vec<String>> = FIGURES
        .iter()
        .map(|figure| {
            let (one, two) = (own.1.summary.value(figure.name), other.1.summary.value(figure.name));
            let difference = one.zip(two).map(|(one, two)| one - two);
            let signed = maybe(difference, figure.write);
            let signed = if difference.is_some_and(|value| value > 0.0) && !signed.starts_with('+') {
                format!("+{signed}")
            } else {
                signed
            };
            vec![figure.label.to_owned(), maybe(one, figure.write), maybe(two, figure.write), signed]
        })
        .collect();
    for (label, one, two) in [
        ("Orders", ours.totals.orders, theirs.totals.orders),
        ("Fills", ours.totals.fills, theirs.totals.fills),
        ("Refusals", ours.totals.refusals, theirs.totals.refusals),
    ] {
        let difference = i128::from(one).saturating_sub(i128::from(two));
        rows.push(vec![label.to_owned(), count(one), count(two), format!("{difference:+}").replace('-', "\u{2212}")]);
    }
    conditions + same + &table("Figures of both runs", &["figure", &a, &b, "difference"], &rows)
}

/// Returns the conditions that differ, one sentence each.
fn differences(ours: &RunDescription, theirs: &RunDescription) -> Vec<String> {
    let mut all = Vec::new();
    let mut note = |label: &str, one: String, two: String| {
        if one != two {
            all.push(format!("{label}: {} and {}", escape(&one), escape(&two)));
        }
    };
    let joined = |texts: Vec<&str>| texts.join(", ");
    let tapes = |run: &RunDescription| {
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        run.tapes.iter().map(|tape| short(&tape.hash)).collect::<Vec<_>>().join(", ")
    };
    note("tapes", tapes(ours), tapes(theirs));
    note(
        "span",
        format!("{} to {}", ours.span.0.iso(), ours.span.1.iso()),
        format!("{} to {}", theirs.span.0.iso(), theirs.span.1.iso()),
    );
    let names = |run: &RunDescription| {
        run.strategies
            .iter()
            .map(|it| format!("{} {}", it.name, it.module.chars().take(12).collect::<String>()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    note("strategies and modules", names(ours), names(theirs));
    let parameters = |run: &RunDescription| joined(run.strategies.iter().map(|it| it.parameters.as_str()).collect());
    note("parameters", parameters(ours), parameters(theirs));
    note("fill model", model(ours.fill).to_owned(), model(theirs.fill).to_owned());
    let latency = |run: &RunDescription| format!("{} and {} µs", run.feed_latency_us, run.order_latency_us);
    note("latency of feed and orders", latency(ours), latency(theirs));
    note("fees", ours.fees.clone(), theirs.fees.clone());
    note("limits", ours.limits.to_string(), theirs.limits.to_string());
    note("cash at the start", ours.cash.to_string(), theirs.cash.to_string());
    note("seed", ours.seed.to_string(), theirs.seed.to_string());
    note("program", ours.program.clone(), theirs.program.clone());
    all
}
