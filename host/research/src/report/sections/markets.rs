//! Charts of the busiest markets.

use crate::report::charts::{BUSIEST, Chart, MARKS_MAX, busiest, of_market};
use crate::report::html::{count, escape, maybe, money};
use crate::run::{MarketRow, RunData};
use crate::statistics::{Book, units};

/// Returns the charts of the busiest markets; the others are in the Parquet files.
pub(crate) fn markets(data: &RunData, book: &Book<'_>, add: &mut impl FnMut(Chart) -> String) -> String {
    let traded = data.markets.iter().filter(|market| market.traded).count();
    let busy = busiest(data);
    let shown = busy.len();
    let mut html = format!(
        "<p>The {shown} markets with the most fills{}. Long series are thinned to 2 000 points, which keep every peak; fills \
         are never thinned.</p>",
        if traded > shown {
            format!(
                " of {traded} that were traded; all others are in <code>tops.parquet</code> and <code>fills.parquet</code>"
            )
        } else {
            String::new()
        }
    );
    let mut marks = 0_usize;
    for (market, fills) in busy.into_iter().take(BUSIEST) {
        html.push_str("<div class=\"market\">");
        html.push_str(&heading(market, fills.len()));
        marks = marks.saturating_add(fills.len());
        if marks > MARKS_MAX {
            html.push_str("<p class=\"note\">This market has too many fills for a chart; they are in <code>fills.parquet</code>.</p></div>");
            continue;
        }
        for chart in of_market(book, market, &fills) {
            html.push_str(&add(chart));
        }
        html.push_str("</div>\n");
    }
    html
}

fn heading(market: &MarketRow, fills: usize) -> String {
    let pays = maybe(market.pays.map(|pays| units(pays.0)), money);
    let [first, second] = &market.outcomes;
    format!(
        "<h3>{}</h3><p class=\"lead\">{} / {} · {} fills · the first outcome paid {pays}</p>",
        escape(&market.question),
        escape(first),
        escape(second),
        count(u64::try_from(fills).unwrap_or(u64::MAX)),
    )
}
