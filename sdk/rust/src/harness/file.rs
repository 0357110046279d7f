//! The parameters file that ships beside a strategy.

use crate::json::{Json, read};
use crate::parameters::micros;
use crate::runner::Strategy;

/// Checks that a parameters file (`NAME.toml`) has every parameter of a strategy, each at its default, and nothing else.
///
/// It reads lines `key = value` after `[parameters]`, which is all that such a file needs of TOML.
///
/// # Panics
/// If something differs.
pub fn assert_parameters_file<S: Strategy>(toml: &str) {
    let said = read(&S::describe().parameter_schema);
    let Ok(Json::Object(schema)) = &said else { return assert!(said.is_err(), "the schema is no object: {said:?}") };
    let properties = schema.iter().find(|(key, _)| key == "properties").map(|(_, value)| value);
    let Some(Json::Object(properties)) = properties else { return assert!(schema.is_empty(), "no properties") };
    let mut expected: Vec<(String, String)> =
        properties.iter().map(|(name, property)| (name.clone(), default(property))).collect();
    let mut found: Vec<(String, String)> = values(toml).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "the file and the strategy's defaults differ");
}

/// The pairs of the table of parameters, with values that can be compared.
fn values(toml: &str) -> impl Iterator<Item = (String, String)> {
    let table = toml.split_once("[parameters]").map_or("", |(_, table)| table);
    let lines = table.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim().to_owned(), plain(value.trim())))
}

fn default(property: &Json) -> String {
    let Json::Object(pairs) = property else { return String::new() };
    let default = pairs.iter().find(|(key, _)| key == "default");
    default.map_or_else(String::new, |(_, value)| plain(&value.show()))
}

/// Numbers as millionths, everything else as it is written.
fn plain(value: &str) -> String {
    micros(value).map_or_else(|| value.to_owned(), |micros| micros.to_string())
}
