//! A strategy's settings file, and the check of its parameters against the manifest's JSON Schema. The supported part
//! of JSON Schema is what the SDK generates: an object of named values with `type`, `minimum`, `maximum`, `maxLength`,
//! `enum`, `required` and `additionalProperties`. Other keywords are left to the strategy itself, and [`unheld`] lists
//! them.

mod edit;
mod keywords;

use anyhow::{Context, bail, ensure};
use model::bounds::PARAMETERS_MAX;
use model::{Budget, Usd};
use serde_json::{Map, Value};
use std::cmp::Ordering;

pub(crate) use edit::with_parameters;
pub use keywords::unheld;

/// The maximum size of a settings file, in bytes.
pub(crate) const FILE_MAX: usize = 64 * 1024;
/// The maximum number of named markets.
const MARKETS_MAX: usize = 256;
/// The key of the fuel.
const FUEL: &str = "fuel_per_call";
const MARKETS: &str = "expected slugs or condition ids: markets = [\"will-it-rain-tomorrow\"]";

/// The contents of a settings file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// The parameters, by name.
    pub parameters: Map<String, Value>,
    /// The only markets that it may have, by slug or condition id; if empty, any that the host grants.
    pub markets: Vec<String>,
    /// The budget set by the operator.
    pub budget: Budget,
    /// The fuel per call set by the operator.
    pub fuel: Option<u64>,
}

impl Settings {
    /// Parses a file: `markets`, and the tables `[budget]` and `[parameters]`, each of them optional.
    ///
    /// # Errors
    /// Names the key and what was expected.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut settings = Self::default();
        for (key, value) in table(text)? {
            match (key.as_str(), value) {
                ("parameters", toml::Value::Table(table)) => {
                    let named = table.into_iter().map(|(name, value)| {
                        let value = json(value).with_context(|| format!("parameters.{name}"))?;
                        Ok((name, value))
                    });
                    settings.parameters = named.collect::<anyhow::Result<_>>()?;
                }
                ("budget", toml::Value::Table(table)) => (settings.budget, settings.fuel) = budget(table)?,
                ("markets", toml::Value::Array(names)) => settings.markets = markets(names)?,
                ("markets", _) => bail!(MARKETS),
                (name @ ("parameters" | "budget"), other) => bail!("`{name}` is {other}, expected a table: [{name}]"),
                (other, _) => bail!("unknown key `{other}`; expected markets, [budget] or [parameters]"),
            }
        }
        fits_a_record(&settings.parameters)?;
        Ok(settings)
    }

    /// Returns the parameters as JSON, in the form that a strategy receives.
    pub fn to_json(&self) -> String {
        Value::Object(self.parameters.clone()).to_string()
    }
}

/// Rejects parameters that are too large for a journal record.
fn fits_a_record(parameters: &Map<String, Value>) -> anyhow::Result<()> {
    let length = Value::Object(parameters.clone()).to_string().len();
    ensure!(length <= PARAMETERS_MAX, "the parameters have {length} bytes as JSON, expected at most {PARAMETERS_MAX}");
    Ok(())
}

fn table(text: &str) -> anyhow::Result<toml::Table> {
    ensure!(text.len() <= FILE_MAX, "the file has {} bytes, expected at most {FILE_MAX}", text.len());
    text.parse().context("not valid TOML")
}

fn markets(names: Vec<toml::Value>) -> anyhow::Result<Vec<String>> {
    ensure!(!names.is_empty(), "`markets` is empty; leave it out to get what the host grants");
    ensure!(names.len() <= MARKETS_MAX, "`markets` has {} entries, expected at most {MARKETS_MAX}", names.len());
    let name = |name| if let toml::Value::String(name) = name { Ok(name) } else { bail!(MARKETS) };
    names.into_iter().map(name).collect()
}

/// Parses the budget of a strategy, and the fuel per call.
fn budget(table: toml::Table) -> anyhow::Result<(Budget, Option<u64>)> {
    let (mut budget, mut fuel) = (Budget::NONE, None);
    for (key, value) in table {
        match key.as_str() {
            "capital_usd" => budget.capital = Some(dollars(&key, &value)?),
            "daily_loss_usd" => budget.daily_loss = Some(dollars(&key, &value)?),
            "orders_per_minute" => {
                let orders = value.as_integer().and_then(|orders| u32::try_from(orders).ok());
                let orders = orders.with_context(|| format!("budget.{key} is {value}, expected a whole number"))?;
                budget.orders_per_minute = Some(orders);
            }
            FUEL => {
                let units = value.as_integer().and_then(|units| u64::try_from(units).ok()).filter(|units| *units > 0);
                fuel =
                    Some(units.with_context(|| format!("budget.{key} is {value}, expected units, such as 5000000"))?);
            }
            _ => bail!("unknown key `budget.{key}`; expected capital_usd, daily_loss_usd, orders_per_minute or {FUEL}"),
        }
    }
    Ok((budget, fuel))
}

fn dollars(key: &str, value: &toml::Value) -> anyhow::Result<Usd> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(_) | toml::Value::Float(_) => value.to_string(),
        _ => String::new(),
    };
    let amount = Usd::parse(&text).filter(|amount| *amount >= Usd::ZERO);
    amount.with_context(|| format!("budget.{key} is {value}, expected dollars, such as 250 or 12.5"))
}

fn json(value: toml::Value) -> anyhow::Result<Value> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => {
            let number = serde_json::Number::from_f64(number);
            Value::Number(number.context("not a finite number")?)
        }
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Array(values) => Value::Array(values.into_iter().map(json).collect::<anyhow::Result<_>>()?),
        toml::Value::Table(table) => {
            let named = table.into_iter().map(|(name, value)| Ok((name, json(value)?)));
            Value::Object(named.collect::<anyhow::Result<_>>()?)
        }
        toml::Value::Datetime(time) => bail!("{time} is a time; expected a string or a number"),
    })
}

/// Checks parameters against a manifest's schema.
///
/// # Errors
/// The first invalid parameter: its name, its value and what was expected.
pub fn check(schema: &str, parameters: &Map<String, Value>) -> anyhow::Result<()> {
    fits_a_record(parameters)?;
    let schema: Value = serde_json::from_str(schema).context("the manifest's schema is not JSON")?;
    let properties = schema.get("properties").and_then(Value::as_object);
    let open = schema.get("additionalProperties").and_then(Value::as_bool).unwrap_or(false);
    for (name, value) in parameters {
        match properties.and_then(|properties| properties.get(name)) {
            Some(property) => fits(name, value, property)?,
            None if open => {}
            None => {
                let known: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                bail!("unknown parameter `{name}`; expected one of: {known}");
            }
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        ensure!(parameters.contains_key(name), "the parameter `{name}` is required");
    }
    Ok(())
}

fn fits(name: &str, value: &Value, property: &Value) -> anyhow::Result<()> {
    if let Some(kinds) = property.get("type").and_then(kinds) {
        let shown: Vec<String> = kinds.iter().map(|kind| format!("{} {kind}", article(kind))).collect();
        ensure!(kinds.iter().any(|kind| is_a(value, kind)), "`{name}` is {value}, expected {}", shown.join(" or "));
    }
    if let Some(choices) = property.get("enum").and_then(Value::as_array) {
        let shown: Vec<String> = choices.iter().map(ToString::to_string).collect();
        ensure!(choices.contains(value), "`{name}` is {value}, expected one of {}", shown.join(", "));
    }
    for (bound, wrong) in [("minimum", Ordering::Less), ("maximum", Ordering::Greater)] {
        let Some(limit) = property.get(bound) else { continue };
        ensure!(compare(value, limit) != Some(wrong), "`{name}` is {value}, expected {bound} {limit}");
    }
    if let (Some(text), Some(most)) = (value.as_str(), property.get("maxLength").and_then(Value::as_u64)) {
        let length = text.chars().count();
        let fits = u64::try_from(length).is_ok_and(|length| length <= most);
        ensure!(fits, "`{name}` has {length} characters, expected maxLength {most}");
    }
    Ok(())
}

/// Returns the types of a schema; none if they are not all JSON types.
fn kinds(named: &Value) -> Option<Vec<&str>> {
    let named = if let Value::Array(named) = named { named.as_slice() } else { std::slice::from_ref(named) };
    let kinds: Vec<&str> = named.iter().map(Value::as_str).collect::<Option<_>>()?;
    let known = ["integer", "number", "string", "boolean", "array", "object", "null"];
    (!kinds.is_empty() && kinds.iter().all(|kind| known.contains(kind))).then_some(kinds)
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    }
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" }
}

/// Compares two numbers; integers are compared exactly.
fn compare(value: &Value, limit: &Value) -> Option<Ordering> {
    let whole = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match (whole(value), whole(limit)) {
        (Some(value), Some(limit)) => Some(value.cmp(&limit)),
        _ => value.as_f64()?.partial_cmp(&limit.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    const SCHEMA: &str = r#"{"type": "object", "required": ["size"], "additionalProperties": false, "properties": {
        "size": {"type": "integer", "minimum": 2, "maximum": 10},
        "edge": {"type": "number", "minimum": 0.5},
        "side": {"type": "string", "enum": ["buy", "sell"]},
        "fast": {"type": "boolean"},
        "cash": {"type": ["number", "string"], "minimum": 1},
        "name": {"type": "string", "maxLength": 3},
        "free": {"type": "word", "minimum": "a", "maxLength": -1}}}"#;

    fn checked(text: &str) -> String {
        let settings = Settings::parse(text).unwrap();
        check(SCHEMA, &settings.parameters).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn parameters_that_fit_pass_and_others_are_named_with_what_was_expected() {
        for (text, expected) in [
            ("size = 2\nedge = 0.5\nside = 'buy'\nfast = true", ""),
            ("size = 10\nedge = 3", ""),
            ("edge = 1", "the parameter `size` is required"),
            ("size = 1", "`size` is 1, expected minimum 2"),
            ("size = 11", "`size` is 11, expected maximum 10"),
            ("size = 2.5", "`size` is 2.5, expected an integer"),
            ("size = '2'", "`size` is \"2\", expected an integer"),
            ("size = 2\nedge = 0.4", "`edge` is 0.4, expected minimum 0.5"),
            ("size = 2\nside = 'both'", "`side` is \"both\", expected one of \"buy\", \"sell\""),
            ("size = 2\nfast = 1", "`fast` is 1, expected a boolean"),
            ("size = 2\ncash = '0.5'\nname = 'äöü'\nfree = true", ""),
            ("size = 2\ncash = true", "`cash` is true, expected a number or a string"),
            ("size = 2\ncash = 0.5", "`cash` is 0.5, expected minimum 1"),
            ("size = 2\nname = 'abcd'", "`name` has 4 characters, expected maxLength 3"),
            (
                "size = 2\nsise = 1",
                "unknown parameter `sise`; expected one of: cash, edge, fast, free, name, side, size",
            ),
        ] {
            assert_eq!(checked(&format!("[parameters]\n{text}")), expected, "{text}");
        }
        assert!(check("{}", &Map::new()).is_ok());
        let settings = Settings::parse("[parameters]\na = 1").unwrap();
        assert!(check("{}", &settings.parameters).unwrap_err().to_string().contains("expected one of: none"));
    }

    #[test]
    fn a_file_says_the_same_but_for_the_parameters_when_it_is_written_again() {
        let text = "markets = ['a', '0xb']\n[budget]\ncapital_usd = 12.5\n[parameters]\nsize = 5\n";
        let fresh =
            Settings::parse("[parameters]\nname = \"a \\\"b\\\"\"\nlist = [1, 2]\n[parameters.deep]\nx = true\n");
        let fresh = fresh.unwrap().parameters;
        let written = Settings::parse(&with_parameters(text, &fresh).unwrap()).unwrap();
        assert_eq!(written, Settings { parameters: fresh, ..Settings::parse(text).unwrap() });
        assert_eq!(written.markets, ["a", "0xb"]);
        assert_eq!(written.to_json(), r#"{"deep":{"x":true},"list":[1,2],"name":"a \"b\""}"#);
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        assert!(with_parameters("x =", &Map::new()).is_err());
    }

    #[test]
    fn a_budget_is_read_to_the_cent_and_what_is_wrong_is_named() {
        let read = |text: &str| Settings::parse(&format!("[budget]\n{text}")).map(|settings| settings.budget);
        let budget = read("capital_usd = 100\ndaily_loss_usd = '2.5'\norders_per_minute = 20").unwrap();
        let (capital, daily_loss) = (Some(Usd::dollars(100)), Some(Usd(2_500_000)));
        assert_eq!(budget, Budget { capital, daily_loss, orders_per_minute: Some(20) });
        assert_eq!(read("capital_usd = 0.1").unwrap().capital, Some(Usd(100_000)));
        for (text, words) in [
            ("capital_usd = -1", "budget.capital_usd is -1, expected dollars"),
            ("capital_usd = 0.0000001", "expected dollars"),
            ("daily_loss_usd = true", "budget.daily_loss_usd is true"),
            ("orders_per_minute = 1.5", "expected a whole number"),
            ("orders_per_minute = -1", "expected a whole number"),
            ("fuel_per_call = 0", "budget.fuel_per_call is 0, expected units"),
            ("fuel_per_call = 1.5", "budget.fuel_per_call is 1.5"),
            ("capital = 5", "unknown key `budget.capital`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{text}: {error:#}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_read_where_its_meaning_is_certain_and_refused_by_name_where_it_is_not() {
        let whole = Settings::parse(
            "markets = ['a']\n[budget]\ncapital_usd = 12.5\ndaily_loss_usd = 5\norders_per_minute = 20\nfuel_per_call = 9\n\
             [parameters]\nsize = 5\nside = 'buy'\nfast = true\nedge = 0.5\n",
        )
        .unwrap();
        let fields = [
            ("markets", "['a']"),
            ("budget.capital_usd", "12.5"),
            ("budget.daily_loss_usd", "5"),
            ("budget.orders_per_minute", "20"),
            ("budget.fuel_per_call", "9"),
            ("parameters.size", "5"),
            ("parameters.side", "'buy'"),
            ("parameters.fast", "true"),
            ("parameters.edge", "0.5"),
        ];
        for (name, was) in fields {
            let others = ["'x'", "''", "'50,5'", "true", "[1]", "[]", "{ a = 1 }", "nan", "1979-05-27"];
            let quoted = format!("'{was}'");
            for with in others.iter().copied().chain([quoted.as_str(), was]) {
                let lines = fields.map(|(field, is)| format!("{field} = {}\n", if field == name { with } else { is }));
                let read = Settings::parse(&lines.concat())
                    .and_then(|settings| check(SCHEMA, &settings.parameters).map(|()| settings));
                match read {
                    Ok(settings) => assert_eq!(settings, whole, "{name} = {with}"),
                    Err(error) => {
                        let (message, key) = (format!("{error:#}"), name.rsplit('.').next().unwrap());
                        assert!(with != was && message.contains(key), "{name} = {with}: {message}");
                    }
                }
            }
        }
    }

    #[test]
    fn parameters_that_the_journal_could_not_record_are_refused_wherever_they_come_from() {
        // Each quote takes two bytes in JSON, and the object around the text eleven.
        let quotes = (PARAMETERS_MAX - 11) / 2;
        let of = |count: usize| format!("[parameters]\ntext = '{}'", "\"".repeat(count));
        let longest = Settings::parse(&of(quotes)).unwrap();
        assert!(
            longest.to_json().len() <= PARAMETERS_MAX
                && check("{\"additionalProperties\": true}", &longest.parameters).is_ok()
        );
        let error = Settings::parse(&of(40_000)).unwrap_err().to_string();
        assert!(error.contains("80011 bytes as JSON, expected at most 65536"), "{error}");
        let by_hand = Map::from_iter([("text".to_owned(), Value::from("\"".repeat(quotes + 1)))]);
        assert!(check("{\"additionalProperties\": true}", &by_hand).is_err());
    }

    #[test]
    fn an_invalid_file_is_rejected_with_its_key() {
        for (text, words) in [
            ("x = ", "not valid TOML"),
            ("parameters = 5", "expected a table"),
            ("budget = 5", "expected a table"),
            ("[limits]\nx = 1", "unknown key `limits`"),
            ("markets = 'a'", "slugs or condition ids"),
            ("markets = [1]", "slugs or condition ids"),
            ("markets = []", "is empty"),
            ("[parameters]\nat = 2026-01-01", "parameters.at"),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
        assert!(Settings::parse(&" ".repeat(FILE_MAX + 1)).is_err());
        assert!(Settings::parse(&format!("markets = [{}]", "'a',".repeat(MARKETS_MAX + 1))).is_err());
    }
}
