//! Check of the parameters file that ships with a strategy.

use crate::json::{Json, read};
use crate::parameters::micros;
use crate::runner::Strategy;

/// Checks that a parameters file (`NAME.toml`) has every parameter of a strategy, each at its default, and no others.
///
/// It reads the `key = value` lines after `[parameters]`, which is all the TOML that such a file needs.
///
/// # Panics
/// If the file and the defaults differ.
pub fn assert_parameters_file<S: Strategy>(toml: &str) {
    let schema_json = read(&S::describe().parameter_schema);
    let Ok(Json::Object(schema)) = &schema_json else {
        return assert!(schema_json.is_err(), "schema not an object: {schema_json:?}");
    };
    let properties = schema.iter().find(|(key, _)| key == "properties").map(|(_, value)| value);
    let Some(Json::Object(properties)) = properties else { return assert!(schema.is_empty(), "no properties") };
    let mut expected: Vec<(String, String)> =
        properties.iter().map(|(name, property)| (name.clone(), default(property))).collect();
    let mut found: Vec<(String, String)> = values(toml).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "the file and the strategy's defaults differ");
}

/// Returns the pairs of the `[parameters]` table, with values that can be compared.
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

/// Returns numbers in millionths and everything else unchanged.
fn plain(value: &str) -> String {
    micros(value).map_or_else(|| value.to_owned(), |micros| micros.to_string())
}
