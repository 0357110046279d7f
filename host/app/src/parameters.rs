//! A strategy's parameters: what its file says, held against the JSON Schema of its manifest. What is understood of a schema is what the
//! SDK writes: an object of named values with `type`, `minimum`, `maximum`, `enum`, `required` and `additionalProperties`; more is
//! let through, for the strategy itself to judge.

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// The most bytes of a parameters file.
pub(crate) const FILE_MAX: usize = 64 * 1024;

/// What a parameters file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Settings {
    /// The parameters, by name.
    pub(crate) parameters: Map<String, Value>,
}

impl Settings {
    /// Reads a file: a table `[parameters]`, and nothing else.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence with the key.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        ensure!(text.len() <= FILE_MAX, "it has {} bytes, more than {FILE_MAX}", text.len());
        let table: toml::Table = text.parse().context("it is no TOML")?;
        let mut settings = Self::default();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("parameters", toml::Value::Table(table)) => {
                    let named = table.into_iter().map(|(name, value)| {
                        let value = json(value).with_context(|| format!("parameters.{name}"))?;
                        Ok((name, value))
                    });
                    settings.parameters = named.collect::<anyhow::Result<_>>()?;
                }
                ("parameters", other) => bail!("`parameters` is {other}, and not a table: [parameters]"),
                (other, _) => bail!("the key `{other}` is not known; there is [parameters]"),
            }
        }
        Ok(settings)
    }

    /// Returns a file that says the same.
    ///
    /// # Errors
    /// If a value has no form in TOML, such as `null`.
    pub(crate) fn to_text(&self) -> anyhow::Result<String> {
        let mut table = toml::Table::new();
        let parameters = toml::Value::try_from(&self.parameters).context("a parameter has no form in TOML")?;
        table.insert("parameters".to_owned(), parameters);
        Ok(table.to_string())
    }

    /// Returns the parameters as a strategy reads them.
    pub(crate) fn to_json(&self) -> String {
        Value::Object(self.parameters.clone()).to_string()
    }
}

fn json(value: toml::Value) -> anyhow::Result<Value> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => {
            let number = serde_json::Number::from_f64(number);
            Value::Number(number.context("it is no number that a strategy can read")?)
        }
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Array(values) => Value::Array(values.into_iter().map(json).collect::<anyhow::Result<_>>()?),
        toml::Value::Table(table) => {
            let named = table.into_iter().map(|(name, value)| Ok((name, json(value)?)));
            Value::Object(named.collect::<anyhow::Result<_>>()?)
        }
        toml::Value::Datetime(time) => bail!("{time} is a time; write a text or a number"),
    })
}

/// Holds parameters against a manifest's schema.
///
/// # Errors
/// The first that does not fit: its name, its value and what was expected.
pub(crate) fn check(schema: &str, parameters: &Map<String, Value>) -> anyhow::Result<()> {
    let schema: Value = serde_json::from_str(schema).context("the manifest's schema is no JSON")?;
    let properties = schema.get("properties").and_then(Value::as_object);
    let open = schema.get("additionalProperties").and_then(Value::as_bool).unwrap_or(false);
    for (name, value) in parameters {
        match properties.and_then(|properties| properties.get(name)) {
            Some(property) => fits(name, value, property)?,
            None if open => {}
            None => {
                let known: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                bail!("there is no parameter `{name}`; there are: {known}");
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
    if let Some(kind) = property.get("type").and_then(Value::as_str) {
        let right = match kind {
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        };
        ensure!(right, "`{name}` is {value}, expected {} {kind}", article(kind));
    }
    if let Some(choices) = property.get("enum").and_then(Value::as_array) {
        let shown: Vec<String> = choices.iter().map(ToString::to_string).collect();
        ensure!(choices.contains(value), "`{name}` is {value}, expected one of {}", shown.join(", "));
    }
    for (bound, wrong) in [("minimum", Ordering::Less), ("maximum", Ordering::Greater)] {
        let Some(limit) = property.get(bound) else { continue };
        ensure!(compare(value, limit) != Some(wrong), "`{name}` is {value}, expected {bound} {limit}");
    }
    Ok(())
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with(['a', 'i', 'o']) { "an" } else { "a" }
}

/// Compares two numbers, whole ones exactly.
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
        "fast": {"type": "boolean"}}}"#;

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
            ("size = 2\nsise = 1", "there is no parameter `sise`; there are: edge, fast, side, size"),
        ] {
            assert_eq!(checked(&format!("[parameters]\n{text}")), expected, "{text}");
        }
        assert!(check("{}", &Map::new()).is_ok());
        let settings = Settings::parse("[parameters]\na = 1").unwrap();
        assert!(check("{}", &settings.parameters).unwrap_err().to_string().contains("there are: none"));
    }

    #[test]
    fn a_file_says_the_same_when_it_is_written_again() {
        let text = "[parameters]\nname = \"a \\\"b\\\"\"\nlist = [1, 2]\nsize = 5\n[parameters.deep]\nx = true\n";
        let settings = Settings::parse(text).unwrap();
        assert_eq!(Settings::parse(&settings.to_text().unwrap()).unwrap(), settings);
        assert_eq!(settings.to_json(), r#"{"deep":{"x":true},"list":[1,2],"name":"a \"b\"","size":5}"#);
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        for (text, words) in [
            ("x = ", "no TOML"),
            ("parameters = 5", "not a table"),
            ("[budget]\nx = 1", "`budget` is not known"),
            ("[parameters]\nat = 2026-01-01", "parameters.at"),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
        assert!(Settings::parse(&" ".repeat(FILE_MAX + 1)).is_err());
    }
}
