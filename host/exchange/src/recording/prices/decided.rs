//! A line of a file of markets: a market's catalog data and its resolution.

use super::Decided;
use model::amount::parse_micros;
use model::{ConditionId, FeeRate, Market, Size, TickSize, TokenId, Usd};
use serde_json::Value;

/// Maximum characters of an invalid value that an error repeats.
const SHOWN_MAX: usize = 80;

/// Reads a market. Absent fields have defaults; invalid ones are errors.
///
/// # Errors
/// A message that names the field.
pub(super) fn decided(row: &Value) -> Result<Decided, String> {
    let raw = &row["raw"];
    let (start_ms, end_ms) = (need(row, "start_sec", unix_ms)?, need(row, "end_sec", unix_ms)?);
    if start_ms >= end_ms {
        return Err(format!("end_sec is {}, expected a time after start_sec", row["end_sec"]));
    }
    let slug = need(row, "slug", outcome_name)?;
    let rate = |fee: &Value| u32::try_from(micros(fee.get("rate")?)?).ok();
    Ok(Decided {
        market: Market {
            condition: need(row, "condition_id", |id| ConditionId::parse(id.as_str()?))?,
            tokens: need(row, "token_ids", |ids| pair(ids, |id| TokenId::parse(id.as_str()?)))?,
            outcomes: may(raw, "outcomes", outcomes)?.unwrap_or_else(|| ["Up".to_owned(), "Down".to_owned()]),
            question: may(raw, "question", outcome_name)?.unwrap_or_else(|| slug.clone()),
            slug,
            tick: may(raw, "orderPriceMinTickSize", |tick| TickSize::parse(&number(tick)?))?.unwrap_or(TickSize::CENT),
            min_size: may(raw, "orderMinSize", micros)?.map_or(Size::shares(5), Size),
            fee: FeeRate { rate_micros: may(raw, "feeSchedule", rate)?.unwrap_or(0) },
            neg_risk: may(raw, "negRisk", flag)?.unwrap_or(false),
            event: None,
            end: None,
        },
        start_ms,
        end_ms,
        strike: may(row, "strike_value", strike)?.filter(|strike| *strike > 0),
        pays: pays(row)?,
    })
}

fn need<T>(row: &Value, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, String> {
    may(row, name, read)?.ok_or_else(|| format!("{name} is missing"))
}

/// Returns the result of `read` on a field; `None` only if it is absent or null.
fn may<T>(row: &Value, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>, String> {
    match row.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| {
            let shown: String = value.to_string().chars().take(SHOWN_MAX).collect();
            format!("invalid {name}: {shown}")
        }),
    }
}

fn outcome_name(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Reads a number, or a text that contains one.
fn number(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| Some(value.as_number()?.to_string()))
}

fn micros(value: &Value) -> Option<u64> {
    parse_micros(&number(value)?)
}

/// Reads seconds, the unit in the field's name; milliseconds from some collectors are recognized.
fn unix_ms(value: &Value) -> Option<u64> {
    let text = number(value)?;
    if text.len() < 10 { text.parse::<u64>().ok()?.checked_mul(1_000) } else { super::unix_ms(&text) }
}

fn flag(value: &Value) -> Option<bool> {
    match number(value).or_else(|| Some(value.as_bool()?.to_string()))?.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn pair<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<[T; 2]> {
    let [first, second] = value.as_array()?.as_slice() else { return None };
    Some([read(first)?, read(second)?])
}

/// Reads the names, which are JSON inside a text.
fn outcomes(value: &Value) -> Option<[String; 2]> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        list => pair(list, outcome_name),
    }
}

/// Reads the strike; the collector writes an empty text if there is none.
fn strike(value: &Value) -> Option<u128> {
    match value.as_str() {
        Some("") => Some(0),
        _ => number(value)?.parse().ok(),
    }
}

/// Reads the payouts, if they are known and sum to a dollar.
fn pays(row: &Value) -> Result<Option<[Usd; 2]>, String> {
    if may(row, "resolved", flag)? != Some(true) {
        return Ok(None);
    }
    let pays = may(row, "outcome_prices", |prices| pair(prices, |price| Usd::parse(&number(price)?)))?;
    let whole = |pays: &[Usd; 2]| {
        pays.iter().all(|pays| *pays >= Usd::ZERO) && pays[0].checked_add(pays[1]) == Some(Usd::dollars(1))
    };
    Ok(pays.filter(whole))
}

#[cfg(test)]
mod tests {
    use super::super::read_markets;
    use super::*;
    use serde_json::json;

    fn row(id: u8) -> Value {
        json!({
            "slug": format!("market-{id}"), "condition_id": format!("0x{}", format!("{id:02x}").repeat(32)),
            "token_ids": [format!("{id}1"), format!("{id}2")], "start_sec": 1_784_851_200u64, "end_sec": 1_784_851_500u64,
            "resolved": true, "outcome_prices": ["1", "0"], "strike_value": "1000000000000000000000",
            "raw": {"question": "Up?", "outcomes": "[\"Up\", \"Down\"]", "orderPriceMinTickSize": 0.001, "orderMinSize": 5,
                "negRisk": true, "feeSchedule": {"rate": 0.07}},
        })
    }

    /// Writes lines and reads them; a separate scratch folder isolates each test.
    fn read(text: &[u8]) -> super::super::DecidedMarkets {
        let dir = testkit::Scratch::new("decided");
        std::fs::write(dir.join("markets.jsonl"), text).unwrap();
        read_markets(&dir.join("markets.jsonl")).unwrap()
    }

    #[test]
    fn a_mark_of_utf_8_costs_no_market_and_a_bad_line_no_other() {
        let lines = format!("\u{feff}{}\r\n{{\r\n{}\r\n[5]\n", row(1), row(2));
        let found = read(lines.as_bytes());
        let slugs: Vec<_> = found.markets.iter().map(|market| market.market.slug.as_str()).collect();
        assert_eq!((slugs, found.torn_lines), (vec!["market-1", "market-2"], 2));
        assert!(found.first_torn.starts_with("line 2: EOF"), "{}", found.first_torn);
    }

    #[test]
    fn a_field_of_another_kind_is_understood_or_its_line_is_refused_by_name_and_no_other() {
        let sound = row(1);
        let before = decided(&sound).unwrap();
        let fields = sound.as_object().unwrap().keys().map(|name| format!("/{name}"));
        let inner = sound["raw"].as_object().unwrap().keys().map(|name| format!("/raw/{name}"));
        let (mut same, mut refused) = (0, 0);
        for field in fields.chain(inner).filter(|field| field != "/raw") {
            let was = sound.pointer(&field).unwrap();
            let mut tries = vec![json!([]), json!({}), json!({"a": was}), json!("x"), json!("50,5")];
            let mut certain = Vec::new();
            match was {
                Value::Number(number) => certain.push(json!(number.to_string())),
                Value::Bool(flag) => certain.extend([json!(flag.to_string()), json!(u8::from(*flag))]),
                // A number of this size is not exact in JSON.
                _ => tries.push(json!(true)),
            }
            if field.ends_with("slug") || field.ends_with("question") {
                tries.retain(|with| !with.is_string());
            }
            for (with, is_certain) in
                tries.into_iter().map(|with| (with, false)).chain(certain.into_iter().map(|with| (with, true)))
            {
                let mut changed = sound.clone();
                *changed.pointer_mut(&field).unwrap() = with;
                match decided(&changed) {
                    Ok(now) if now == before => same += 1,
                    Err(wrong) if !is_certain && wrong.contains(field.rsplit('/').next().unwrap()) => {
                        let found = read(format!("{changed}\n{}\n", row(2)).as_bytes());
                        assert_eq!(
                            (found.markets.len(), found.torn_lines, found.first_torn),
                            (1, 1, format!("line 1: {wrong}"))
                        );
                        refused += 1;
                    }
                    other => panic!("{field}: {changed}: {other:?}"),
                }
            }
        }
        assert!(same >= 8 && refused > 60, "{same} {refused}");
        // Seconds and milliseconds are distinguished.
        let mut millis = sound.clone();
        millis["start_sec"] = json!(1_784_851_200_000u64);
        assert_eq!(decided(&millis).unwrap(), before);
    }
}
