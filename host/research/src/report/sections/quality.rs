//! Markouts, forecasts, orders, refusals, worst moments, baselines and data quality.

use super::overview::time;
use crate::report::html::{count, escape, maybe, money, number, percent, signed, table};
use crate::run::RunData;
use crate::statistics::{CalibrationRow, HORIZONS, Statistics};
use model::Time;

fn cents(value: f64) -> String {
    number(value * 100.0)
}

/// Returns the table of markouts.
pub(crate) fn markouts(statistics: &Statistics) -> String {
    let heads: Vec<&str> = ["fills", ""].into_iter().chain(HORIZONS).collect();
    let mut rows = Vec::new();
    for markouts in &statistics.markouts {
        let of = |label: &str, write: &dyn Fn(&crate::statistics::Markout) -> String| {
            let cells = markouts.horizons.iter().map(write);
            [markouts.of.to_owned(), label.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
        };
        rows.push(of("cents a share", &|markout| maybe(markout.per_share, cents)));
        rows.push(of("dollars", &|markout| signed(markout.total)));
        rows.push(of("known for", &|markout| count(markout.fills)));
    }
    "<p>The price after each fill less the price of the fill, from our side, weighted by shares and before fees. Makers earn \
     the spread at the fill and lose it to better informed takers within seconds; the resolution adds the noise of a coin.</p>"
        .to_owned()
        + &table("Markouts", &heads, &rows)
}

/// Returns Brier scores and the tables of calibration.
pub(crate) fn forecasts(statistics: &Statistics) -> String {
    let found = &statistics.forecasts;
    let rows = found.brier.iter().map(|brier| {
        vec![
            brier.horizon.to_owned(),
            count(brier.markets),
            maybe(brier.score, number),
            count(brier.compared),
            maybe(brier.market, number),
            maybe(brier.skill, number),
        ]
    });
    let heads = ["forecast", "markets", "score", "compared", "score of the market's mid", "skill"];
    let calibration = |rows: &[CalibrationRow]| -> Vec<Vec<String>> {
        let cells = rows.iter().map(|row| {
            vec![
                format!("{:.1} to {:.1}", row.from, row.from + 0.1),
                count(row.count),
                maybe(row.expected, number),
                maybe(row.happened, number),
                maybe(row.happened.zip(row.expected).map(|(happened, expected)| happened - expected), number),
            ]
        });
        cells.collect()
    };
    "<p>One forecast for each resolved market and horizon: the last fair value that a strategy gave with an order by then. The \
     score is the mean square error; beside it that of the market's own mid at the same moments. Below, what was paid and \
     forecast in each tenth, and what happened: for binary shares the price is a probability, so a buyer has an edge only \
     where more paid than was expected.</p>"
        .to_owned()
        + &table("Brier scores", &heads, &rows.collect::<Vec<_>>())
        + &table("Shares bought in resolved markets", &["price", "fills", "mean price", "paid", "difference"], &calibration(&found.bought))
        + &table("Last forecast of each market", &["forecast", "markets", "mean", "happened", "difference"], &calibration(&found.calibration))
}

/// Returns the tables of orders and the queue.
pub(crate) fn orders(statistics: &Statistics) -> String {
    let found = &statistics.orders;
    let states = found.states.iter().map(|(state, number)| vec![escape(state), count(*number)]).collect::<Vec<_>>();
    let role = |label: &str, role: &crate::statistics::Role| {
        vec![label.to_owned(), count(role.fills), money(role.turnover), money(role.fees)]
    };
    let queue = found.queue.iter().map(|row| {
        vec![
            row.ahead.to_owned(),
            count(row.orders),
            count(row.filled),
            count(row.partly),
            maybe(row.ahead_mean, number),
            maybe(row.fill_rate, percent),
        ]
    });
    let heads = ["depth ahead at arrival", "orders", "filled", "in part", "mean ahead (shares)", "filled shares"];
    format!(
        "<p>Resting orders by the depth ahead of them when they arrived, as a multiple of their size. If only orders with nothing \
         ahead are filled, the profit depends on being first. The median wait for the first fill is {}.</p>",
        maybe(found.wait_median_s, |value| format!("{} s", number(value)))
    ) + &table("Queue", &heads, &queue.collect::<Vec<_>>())
        + &table(
            "Makers and takers",
            &["role", "fills", "turnover", "fees"],
            &[role("maker", &found.maker), role("taker", &found.taker)],
        )
        + &table("Orders by final state", &["state", "orders"], &states)
}

/// Returns the table of refusals.
pub(crate) fn refusals(statistics: &Statistics) -> String {
    let rows = statistics.refusals.iter().map(|(rule, number)| vec![escape(rule), count(*number)]).collect::<Vec<_>>();
    "<p>Intents that the gate refused, by rule. Live trading refuses them too: a backtest without them is a different \
     strategy.</p>"
        .to_owned()
        + &table("Refusals by rule", &["rule", "intents"], &rows)
}

/// Returns the table of the worst moments.
pub(crate) fn worst(statistics: &Statistics) -> String {
    let rows = statistics.worst.iter().map(|moment| {
        vec![
            time(Time(moment.from_us)),
            signed(moment.change),
            count(moment.fills),
            escape(&moment.market),
            maybe(moment.market_change, signed),
        ]
    });
    let heads = ["from (UTC)", "change of the equity", "fills", "market that lost most", "of it"];
    "<p>The largest falls of the equity at the bid between two of its rows, a minute apart. A fall without fills is a book that \
     emptied or an outcome that arrived; one with fills is a trade.</p>"
        .to_owned()
        + &table("Worst ten moments", &heads, &rows.collect::<Vec<_>>())
}

/// Returns the baselines.
pub(crate) fn baselines(statistics: &Statistics) -> String {
    let found = &statistics.baselines;
    let row = |label: &str, value: Option<f64>, note: String| vec![label.to_owned(), maybe(value, signed), note];
    let rows = [
        row("this run", Some(found.run), "open positions at their outcome".to_owned()),
        row("do nothing", Some(found.nothing), String::new()),
        row(
            "buy the favourite at mid and hold",
            Some(found.favourite),
            format!(
                "in {} markets, with the dollars of the run's buys in equal parts, taker fees included",
                found.favourite_markets
            ),
        ),
        row(
            "random trades, median",
            found.random_median,
            format!(
                "the same turnover at random moments of the same markets, {} seeds, taker fees included",
                found.seeds
            ),
        ),
        row("random trades, 5 %", found.random_low, String::new()),
        row("random trades, 95 %", found.random_high, String::new()),
    ];
    let rank = found.rank.map_or_else(String::new, |rank| {
        format!("The run ranks {rank} of {} with the random ones.", found.seeds.saturating_add(1))
    });
    format!(
        "<p>A strategy has to beat what needs no strategy. {rank} A rank below 6 happens to one random trader in twenty.</p>{}",
        table("Baselines", &["baseline", "profit", "how"], &rows).replace("<table>", "<table class=\"explained\">")
    )
}

/// Returns data quality and the survivorship table.
pub(crate) fn data(data: &RunData, statistics: &Statistics) -> String {
    let quality =
        statistics.quality.iter().map(|(kind, number)| vec![escape(kind), count(*number)]).collect::<Vec<_>>();
    let found = &statistics.survivorship;
    let row = |label: &str, number: u64| vec![label.to_owned(), count(number)];
    let survivors = [
        row("listed and recorded in the tapes", found.listed),
        row("traded", found.traded),
        row("resolved to one outcome", found.resolved),
        row("void or divided", found.void),
        row("still open", found.open),
        row("resolved after the end of the run", found.resolved_later),
    ];
    let chosen: String = found.chosen.iter().map(|rule| format!("<li>{}</li>", escape(rule))).collect();
    let tapes = data.description.tapes.iter().map(|tape| {
        vec![
            escape(&tape.path),
            format!("<code>{}</code>", escape(&tape.hash)),
            count(tape.events),
            if tape.invented { "invented".to_owned() } else { "recorded".to_owned() },
        ]
    });
    format!(
        "<p>A sample of markets that are known to have resolved, or that were picked for their volume, flatters every strategy. The \
         markets of this run were chosen so:</p><ul>{chosen}</ul>{}{}{}",
        table("Markets by their end (survivorship)", &["markets", "number"], &survivors),
        table("Data quality of the tapes", &["kind", "count"], &quality),
        table("Tapes", &["path", "SHA-256", "events", "books"], &tapes.collect::<Vec<_>>())
            .replace("<table>", "<table class=\"words\">")
    )
}
