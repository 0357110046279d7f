//! Keywords of a manifest's JSON Schema that [`check`](super::check) does not enforce. They cause a warning, and the
//! module is accepted nevertheless.

use serde_json::{Map, Value};

/// Enforced keywords of the whole schema.
const OF_SCHEMA: [&str; 4] = ["type", "properties", "required", "additionalProperties"];
/// Enforced keywords of a parameter.
const OF_PARAMETER: [&str; 5] = ["type", "enum", "minimum", "maximum", "maxLength"];
/// Annotations without effect, including the SDK's `unit`.
const NOTES: [&str; 11] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "unit",
];
/// The SDK's pattern for decimal amounts, which the SDK itself enforces.
const MICROS: &str = r"^-?[0-9]+(\.[0-9]{1,6})?$";
/// The maximum number of keywords listed.
const NAMED_MAX: usize = 8;

/// Returns a list of the keywords of a schema that have no effect here; none if all have an effect.
pub fn unheld(schema: &str) -> Option<String> {
    let schema = serde_json::from_str(schema).unwrap_or(Value::Null);
    let mut found: Vec<String> = of(schema.as_object()?, "", &OF_SCHEMA);
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        match property {
            Value::Object(keywords) => found.extend(of(keywords, &format!("{name}."), &OF_PARAMETER)),
            other => found.push(format!("`{name}`: {other}")),
        }
    }
    let more = found.len().saturating_sub(NAMED_MAX);
    found.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!found.is_empty()).then(|| format!("{}{more}", found.join(", ")))
}

fn of(keywords: &Map<String, Value>, prefix: &str, held: &[&str]) -> Vec<String> {
    let has_effect =
        |word: &str, value: &Value| NOTES.contains(&word) || (held.contains(&word) && is_held(word, value));
    let without = keywords.iter().filter(|(word, value)| !has_effect(word, value) && !is_sdks(word, value));
    without.map(|(word, _)| format!("`{prefix}{word}`")).collect()
}

/// Returns whether a keyword has a supported value.
fn is_held(word: &str, value: &Value) -> bool {
    match word {
        "type" => super::kinds(value).is_some(),
        "properties" => value.is_object(),
        "required" | "enum" => value.is_array(),
        "minimum" | "maximum" => value.is_number(),
        "maxLength" => value.is_u64(),
        _ => value.is_boolean(),
    }
}

fn is_sdks(word: &str, value: &Value) -> bool {
    word == "pattern" && value == MICROS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_without_effect_are_named_with_their_parameters_and_others_are_not() {
        let held = r#"{"$schema": "s", "type": "object", "additionalProperties": false, "required": ["a"], "properties": {
            "a": {"type": "integer", "minimum": 1, "maximum": 2, "default": 1, "description": "d", "unit": "seconds"},
            "b": {"type": ["number", "string"], "pattern": "^-?[0-9]+(\\.[0-9]{1,6})?$"},
            "c": {"enum": ["x"], "title": "t"}, "d": {"type": "string", "maxLength": 5}, "e": {"type": ["integer", "null"]}}}"#;
        assert_eq!(unheld(held), None);
        for (property, words) in [
            (r#"{"multipleOf": 5}"#, "`size.multipleOf`"),
            (r#"{"exclusiveMinimum": 0, "minimum": 1}"#, "`size.exclusiveMinimum`"),
            (r#"{"minimum": "1"}"#, "`size.minimum`"),
            (r#"{"type": "int"}"#, "`size.type`"),
            (r#"{"type": ["integer", "int"]}"#, "`size.type`"),
            (r#"{"type": []}"#, "`size.type`"),
            (r#"{"type": "string", "pattern": "^a"}"#, "`size.pattern`"),
            (r#"{"type": "object", "properties": {"x": {}}}"#, "`size.properties`"),
            (r##"{"$ref": "#/$defs/size"}"##, "`size.$ref`"),
            ("false", "`size`: false"),
        ] {
            let schema = format!(r#"{{"properties": {{"size": {property}}}}}"#);
            assert_eq!(unheld(&schema).as_deref(), Some(words), "{property}");
        }
        assert_eq!(unheld(r#"{"anyOf": [], "oneOf": []}"#).as_deref(), Some("`anyOf`, `oneOf`"));
        assert_eq!(
            unheld(r#"{"additionalProperties": {"type": "integer"}}"#).as_deref(),
            Some("`additionalProperties`")
        );
    }

    #[test]
    fn not_more_than_a_few_are_named() {
        let words: Vec<String> = (10..30).map(|number| format!(r#""x{number}": 1"#)).collect();
        let named = unheld(&format!("{{{}}}", words.join(","))).unwrap_or_default();
        assert!(named.starts_with("`x10`, `x11`, ") && named.ends_with("`x17` and 12 more"), "{named}");
        assert_eq!(unheld("no JSON"), None);
        assert_eq!(unheld("5"), None);
    }
}
