//! The trades of a run as CSV: a line for each fill, with decimals and names in place of numbers.

use crate::run::{FillRow, MarketRow, OrderRow, RunData};
use anyhow::Context;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::private_file;

/// File name of the trades.
pub const TRADES: &str = "trades.csv";

const HEADER: [&str; 17] = [
    "time",
    "time_us",
    "strategy",
    "market",
    "slug",
    "condition",
    "outcome",
    "side",
    "price",
    "shares",
    "dollars",
    "fee",
    "realised",
    "role",
    "tag",
    "reason",
    "order",
];

/// Writes the trades of a run into a folder, and returns the path.
///
/// # Errors
/// If the file cannot be written; the message names it.
pub fn write_trades(data: &RunData, folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(TRADES);
    let bytes = trades(data).context("the trades as CSV")?;
    private_file::replace(&path, &bytes).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// Returns the trades as CSV.
fn trades(data: &RunData) -> anyhow::Result<Vec<u8>> {
    let markets: BTreeMap<u32, &MarketRow> = data.markets.iter().map(|market| (market.market, market)).collect();
    let orders: BTreeMap<u64, &OrderRow> =
        data.orders.iter().filter(|order| order.order != 0).map(|order| (order.order, order)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for fill in &data.fills {
        let market = markets.get(&fill.market).copied();
        let reason = orders.get(&fill.order).map_or("", |order| order.reason.as_str());
        writer.write_record(line(data, fill, market, reason).iter().map(Cow::as_ref))?;
    }
    Ok(writer.into_inner()?)
}

fn line<'r>(data: &'r RunData, fill: &FillRow, market: Option<&'r MarketRow>, reason: &'r str) -> [Cow<'r, str>; 17] {
    let strategy = usize::try_from(fill.strategy).ok().and_then(|number| data.description.strategies.get(number));
    let of = |get: fn(&MarketRow) -> &str| market.map_or(Cow::from(""), |market| text(get(market)));
    let outcome = market.and_then(|market| market.outcomes.get(usize::from(fill.outcome)));
    [
        fill.at.iso().into(),
        fill.at.0.to_string().into(),
        strategy.map_or(Cow::from(""), |strategy| text(&strategy.name)),
        of(|market| &market.question),
        of(|market| &market.slug),
        of(|market| &market.condition),
        outcome.map_or(Cow::from(""), |outcome| text(outcome)),
        fill.side.to_string().into(),
        fill.price.to_string().into(),
        fill.size.to_string().into(),
        fill.price.cost_floor(fill.size).unwrap_or_default().to_string().into(),
        fill.fee.to_string().into(),
        fill.realised.to_string().into(),
        if fill.maker { "maker" } else { "taker" }.into(),
        fill.tag.to_string().into(),
        text(reason),
        fill.order.to_string().into(),
    ]
}

/// Returns a text that spreadsheets do not evaluate as a formula, on one line.
fn text(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !text.contains(char::is_control) {
        return text.into();
    }
    let line = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let prefix = if formula { "'" } else { "" };
    prefix.chars().chain(line).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::sample;
    use model::{Side, Usd};

    #[test]
    fn a_line_has_names_decimals_and_no_formula() {
        let mut data = sample::empty();
        data.markets = vec![sample::market(0, "a", None)];
        data.markets[0].question = "=HYPERLINK(\"x\")".to_owned();
        data.orders = vec![OrderRow { reason: "a,\n\"b\"".to_owned(), ..sample::order(1, 0, 0) }];
        data.fills = vec![FillRow { fee: Usd(120_000), tag: 7, ..sample::fill(61, 0, 1, Side::Sell, "0.255", 40) }];
        let text = String::from_utf8(trades(&data).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("time,time_us,strategy,market"));
        let condition = &data.markets[0].condition;
        assert_eq!(
            lines[1],
            format!(
                "2026-11-29T00:01:01Z,1795910461000000,quoter,\"'=HYPERLINK(\"\"x\"\")\",market-0,{condition},No,SELL,0.255,40,10.2,\
                 0.12,0,maker,7,\"a, \"\"b\"\"\",1"
            )
        );
    }
}
