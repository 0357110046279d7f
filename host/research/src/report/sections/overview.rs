//! Header, summary, fill models, and the description of the run.

use crate::report::html::{count, escape, maybe, money, percent, signed, signed_usd, table, usd};
use crate::run::{FillModel, RunData, RunEnd, RunKind, Totals};
use crate::statistics::Statistics;
use model::Time;

/// Name of a fill model.
pub(crate) const fn model(model: FillModel) -> &'static str {
    match model {
        FillModel::Pessimistic => "pessimistic",
        FillModel::Queue => "queue",
        FillModel::Optimistic => "optimistic",
    }
}

/// Writes a time to the second.
pub(crate) fn time(at: Time) -> String {
    at.iso().replace('T', " ").replace('Z', "")
}

fn duration(micros: u64) -> String {
    let minutes = micros / 60_000_000;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) if minutes == 0 => format!("{} s", micros / 1_000_000),
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Returns the header: first what is invented, then the title, then the warnings.
pub(crate) fn header(data: &RunData, other: Option<&RunData>) -> String {
    let about = &data.description;
    let invented = about.tapes.iter().any(|tape| tape.invented);
    let first = if invented {
        "<p class=\"invented\" role=\"alert\"><strong>Invented books.</strong> The order books of this run were invented from \
         recorded prices. Its profit says nothing about real liquidity.</p>\n"
    } else {
        ""
    };
    let mut warnings: Vec<String> = match &about.end {
        RunEnd::Complete => Vec::new(),
        RunEnd::Interrupted(at) => {
            vec![format!("The run was interrupted at {} UTC; nothing later is in it.", time(*at))]
        }
        RunEnd::Failed(at, reason) => vec![format!("The run failed at {} UTC: {}", time(*at), escape(reason))],
    };
    warnings.extend(about.warnings.iter().map(|warning| escape(warning)));
    let items: String = warnings.iter().map(|warning| format!("<li>{warning}</li>")).collect();
    let warnings = if items.is_empty() {
        "<p class=\"fine\">No warnings.</p>".to_owned()
    } else {
        format!("<div class=\"warnings\"><h2>Warnings</h2><ul>{items}</ul></div>")
    };
    let kind = match about.kind {
        RunKind::Backtest => "Backtest",
        RunKind::Sweep => "Job of a sweep",
        RunKind::Session => "Session",
    };
    let names: Vec<String> = about.strategies.iter().map(|strategy| escape(&strategy.name)).collect();
    let against = other.map_or_else(String::new, |other| format!(", compared with {}", escape(&other.description.id)));
    format!(
        "<header>\n{first}<h1>{kind} <span>{}</span></h1>\n<p class=\"lead\">{} on {} {}, {} to {} UTC ({}){against}</p>\n{warnings}\n</header>\n",
        escape(&about.id),
        if names.is_empty() { "no strategy".to_owned() } else { names.join(", ") },
        about.tapes.len(),
        if about.tapes.len() == 1 { "tape" } else { "tapes" },
        time(about.span.0),
        time(about.span.1),
        duration(about.span.1.since(about.span.0)),
    )
}

/// Returns the tiles of the most important figures.
pub(crate) fn summary(data: &RunData, statistics: &Statistics) -> String {
    let totals = &data.description.totals;
    let found = &statistics.summary;
    let profit = [
        ("Profit at the bid", signed_usd(totals.profit_at_bid), "open positions at the bid with size"),
        ("Profit at zero", signed_usd(totals.profit_at_zero), "open positions worthless"),
        ("Profit at outcome", signed_usd(totals.profit_at_outcome), "paid out; unresolved at the bid"),
        ("Realised", signed_usd(totals.realised), "after fees"),
    ];
    let risk = [
        ("Largest drawdown", money(found.drawdown), "of the equity at the bid"),
        ("Largest worst-case loss", money(found.exposure_max), "as the gate counts it"),
        ("Return per dollar-day", maybe(found.return_per_dollar_day, percent), "of locked capital"),
        ("Event groups won", maybe(found.win_rate, percent), "of all that were traded"),
    ];
    let flow = [
        ("Turnover", usd(totals.turnover), "traded dollars"),
        ("Fees", usd(totals.fees), "in the profit already"),
        ("Maker rebates", usd(totals.rebates), "not in any profit"),
        ("Rewards", usd(totals.rewards), "not in any profit"),
    ];
    let activity = [
        ("Orders", count(totals.orders), "approved by the gate"),
        ("Fills", count(totals.fills), "of these orders"),
        ("Maker share", maybe(found.maker_share, percent), "of traded dollars; the rest is taker"),
        ("Refusals", count(totals.refusals), "intents that the gate refused"),
    ];
    let tiles = |tiles: [(&str, String, &str); 4]| {
        let items = tiles.map(|(label, value, note)| {
            format!("<div class=\"tile\"><dt>{label}</dt><dd>{value}<small>{note}</small></dd></div>")
        });
        format!("<dl class=\"tiles\">{}</dl>\n", items.concat())
    };
    [tiles(profit), tiles(risk), tiles(flow), tiles(activity)].concat()
}

/// Returns the totals of each fill model side by side.
pub(crate) fn bounds(data: &RunData, statistics: &Statistics) -> String {
    let chosen = data.description.fill;
    let heads: Vec<String> = statistics
        .bounds
        .iter()
        .map(|(found, _)| format!("{}{}", model(*found), if *found == chosen { " ◆ chosen" } else { "" }))
        .collect();
    let heads: Vec<&str> = std::iter::once("").chain(heads.iter().map(String::as_str)).collect();
    let row = |label: &str, of: &dyn Fn(&Totals) -> String| {
        std::iter::once(label.to_owned()).chain(statistics.bounds.iter().map(|(_, totals)| of(totals))).collect()
    };
    let rows: Vec<Vec<String>> = vec![
        row("Profit at the bid", &|totals| signed_usd(totals.profit_at_bid)),
        row("Profit with open positions at zero", &|totals| signed_usd(totals.profit_at_zero)),
        row("Profit with open positions at their outcome", &|totals| signed_usd(totals.profit_at_outcome)),
        row("Realised", &|totals| signed_usd(totals.realised)),
        row("Fees", &|totals| usd(totals.fees)),
        row("Turnover", &|totals| usd(totals.turnover)),
        row("Drawdown", &|totals| usd(totals.drawdown)),
        row("Orders", &|totals| count(totals.orders)),
        row("Fills", &|totals| count(totals.fills)),
    ];
    let missing = if statistics.bounds.len() < 3 {
        "<p class=\"note\">Not all fill models were run; the missing bounds are unknown.</p>"
    } else {
        ""
    };
    "<p>The data does not say which resting orders were filled. The pessimistic model gives fills that hurt and withholds \
     fills that help until nothing else explains the data; the optimistic one fills when the price is touched. The truth \
     lies between them: a strategy that loses in the pessimistic one depends on its place in the queue.</p>"
        .to_owned()
        + missing
        + &table("Totals of the same run with each fill model", &heads, &rows)
}

/// Returns the description of the run.
pub(crate) fn run(data: &RunData) -> String {
    let about = &data.description;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |label: &str, value: String| rows.push(vec![label.to_owned(), value]);
    add("Run", escape(&about.id));
    add("Program", escape(&about.program));
    add("Started", format!("{} UTC", time(about.started_at)));
    add("Fill model", model(about.fill).to_owned());
    add("Latency", format!("feed {} ms, order {} ms", about.feed_latency_us / 1_000, about.order_latency_us / 1_000));
    add("Request limits", format!("the venue's tier {}", about.request_tier.name()));
    add("Fees", escape(&about.fees));
    add("Seed", about.seed.to_string());
    add("Cash at the start", usd(about.cash));
    add("Limits", format!("<code>{}</code>", escape(&about.limits.to_string())));
    add("Events", count(about.totals.events));
    add("Intents", count(about.totals.intents));
    add("Digest of all decisions", format!("<code>{}</code>", escape(&about.digest)));
    let strategies = about.strategies.iter().map(|strategy| {
        vec![
            escape(&strategy.name),
            format!("<code>{}</code>", escape(&strategy.module)),
            format!("<code>{}</code>", escape(&strategy.parameters)),
            strategy.warm_up.map_or_else(|| "–".to_owned(), count),
        ]
    });
    let strategies: Vec<Vec<String>> = strategies.collect();
    table("Run", &["", ""], &rows).replace("<table>", "<table class=\"words\">")
        + &table("Strategies", &["name", "module (SHA-256)", "parameters", "warm-up events"], &strategies)
            .replace("<table>", "<table class=\"words\">")
        + "<p class=\"note\">All orders, fills and markets are in the Parquet files beside this page (integers in millionths, \
           times in microseconds UTC); docs/reports.md has an example that loads them into pandas.</p>"
}

/// Writes a figure of money with its sign.
pub(crate) fn profit_cell(micros: i64) -> String {
    signed(crate::statistics::units(micros))
}
