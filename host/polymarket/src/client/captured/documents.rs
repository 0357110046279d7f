//! Readers of whole responses: the order book's lists and the catalog's.

use super::Seen;
use super::fields::count_unread;
use crate::parse::{CatalogRow, catalog_page, market_page, resolution};
use crate::wire::market::{Ending, Market};
use model::{ConditionId, TokenId};
use serde_json::{Value, json};

fn parsed(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn rows<'v>(whole: &'v Value, name: &str) -> Result<&'v [Value], String> {
    whole.as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} is not a list"))
}

fn is(row: &Value, name: &str) -> bool {
    row[name] == true
}

/// Reads a page of the order book's markets: the list as discovery reads it, and each row as a resolution query.
pub(super) fn clob_list(bytes: &[u8]) -> Result<Seen, String> {
    let whole = parsed(bytes)?;
    let page = market_page(bytes).map_err(|error| error.to_string())?;
    let rows = rows(&whole["data"], "data")?;
    let tradable = |row: &&Value| {
        let open = is(row, "enable_order_book") && is(row, "active") && is(row, "accepting_orders");
        open && !is(row, "closed") && !is(row, "archived")
    };
    let wanted = rows.iter().filter(tradable).count();
    if page.items.len() != wanted || page.next.is_none() {
        return Err(format!("{} of {wanted} markets found, next page {:?}", page.items.len(), page.next));
    }
    let mut seen = Seen::default();
    for row in rows {
        count_unread::<Market<'_>>(row, &mut seen);
        count_unread::<Ending<'_>>(row, &mut seen);
        // The oldest markets have no condition and no tokens, so their resolution cannot be queried.
        let token = |place: usize| TokenId::parse(row["tokens"][place]["token_id"].as_str().unwrap_or_default());
        if let (Some(yes), Some(no)) = (token(0), token(1)) {
            let ended =
                resolution(row.to_string().as_bytes(), &[yes, no]).map_err(|error| format!("{error}: {row}"))?;
            if ended.is_some() && !is(row, "closed") {
                return Err(format!("an open market has an outcome: {row}"));
            }
        } else if ConditionId::parse(row["condition_id"].as_str().unwrap_or_default()).is_some() && !is(row, "archived")
        {
            return Err(format!("a market without tokens: {row}"));
        }
        seen.read += 1;
    }
    Ok(seen)
}

/// Returns true if a catalog market is of the protocol generation that we sign for.
fn is_ours(row: &Value) -> bool {
    row["version"].is_null() || row["version"] == "v1"
}

/// Reads catalog markets as a page of their own, twice: unchanged, and with all of ours marked tradable, so that every
/// row is read to its end.
fn gamma(markets: &[Value]) -> Result<Seen, String> {
    let read = |markets: &[Value]| {
        let page = json!({"markets": markets, "next_cursor": "x"}).to_string();
        let page = catalog_page(page.as_bytes()).map_err(|error| error.to_string())?;
        if page.refused.is_empty() { Ok(page.items) } else { Err(format!("{:?}", page.refused)) }
    };
    let tradable = |row: &&Value| {
        let open = is(row, "active") && is(row, "acceptingOrders") && is(row, "enableOrderBook");
        open && is_ours(row) && !is(row, "closed") && !is(row, "archived")
    };
    let (found, wanted) = (read(markets)?.len(), markets.iter().filter(tradable).count());
    if found != wanted {
        return Err(format!("{found} of {wanted} tradable markets were found"));
    }
    let others = markets.iter().filter(|row| !is_ours(row)).count();
    let mut seen = Seen { read: others, ..Seen::default() };
    let mut opened: Vec<Value> = markets.iter().filter(|row| is_ours(row)).cloned().collect();
    for row in &mut opened {
        count_unread::<CatalogRow<'_>>(row, &mut seen);
        for (flag, value) in [
            ("active", true),
            ("acceptingOrders", true),
            ("enableOrderBook", true),
            ("closed", false),
            ("archived", false),
        ] {
            row[flag] = value.into();
        }
    }
    for (row, found) in opened.iter().zip(read(&opened)?) {
        let condition_id = ConditionId::parse(row["conditionId"].as_str().unwrap_or_default());
        let end = row["endDate"].as_str();
        let liquid = row["liquidityNum"].is_number();
        if condition_id.as_ref() != Some(found.condition())
            || row["slug"] != found.slug()
            || end.is_some() != found.end().is_some()
            || liquid != found.liquidity.is_some()
            || found.is_neg_risk() != is(row, "negRisk")
        {
            return Err(format!("read {found:?} from {row}"));
        }
        seen.read += 1;
    }
    Ok(seen)
}

/// Reads `GET /markets` of the catalog, a list.
pub(super) fn gamma_markets(bytes: &[u8]) -> Result<Seen, String> {
    gamma(rows(&parsed(bytes)?, "the response")?)
}

/// Reads the markets of a page.
pub(super) fn gamma_page(bytes: &[u8]) -> Result<Seen, String> {
    let whole = parsed(bytes)?;
    catalog_page(bytes).map_err(|error| error.to_string())?;
    gamma(rows(&whole["markets"], "markets")?)
}

/// Reads `GET /events` of the catalog: the markets of each event.
pub(super) fn gamma_events(bytes: &[u8]) -> Result<Seen, String> {
    let mut markets = Vec::new();
    for event in rows(&parsed(bytes)?, "the response")? {
        markets.extend_from_slice(rows(&event["markets"], "markets")?);
    }
    gamma(&markets)
}

/// Reads a single market of the catalog.
pub(super) fn gamma_market(bytes: &[u8]) -> Result<Seen, String> {
    gamma(&[parsed(bytes)?])
}

/// Reads the lines of a collector that stored the catalog's object under `raw`.
pub(super) fn gamma_of_collector(bytes: &[u8]) -> Result<Seen, String> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let markets: Result<Vec<Value>, String> = lines.map(|line| Ok(parsed(line)?["raw"].take())).collect();
    gamma(&markets?)
}
