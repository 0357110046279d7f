//! What an operator can set.

use polytrader_sdk::units::DOLLAR;
use serde::Deserialize;

/// The JSON Schema of [`Parameters`].
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "quote_dollars": {"type": "integer", "minimum": 2, "maximum": 10000, "default": 10, "description": "What one quote is worth."},
    "max_position_dollars": {"type": "integer", "minimum": 2, "maximum": 100000, "default": 40, "description": "The most that is held of one outcome, net."},
    "width_ticks": {"type": "integer", "minimum": 1, "maximum": 100, "default": 1, "description": "The least distance between its bid and ask."},
    "improve_ticks": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1, "description": "How far inside the best prices of others it goes."},
    "skew_ticks": {"type": "integer", "minimum": 0, "maximum": 50, "default": 3, "description": "How far both quotes move away from a full position."}
  }
}"#;

/// The parameters; see [`SCHEMA`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Parameters {
    quote_dollars: u32,
    max_position_dollars: u32,
    pub(crate) width_ticks: u32,
    pub(crate) improve_ticks: u32,
    pub(crate) skew_ticks: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { quote_dollars: 10, max_position_dollars: 40, width_ticks: 1, improve_ticks: 1, skew_ticks: 3 }
    }
}

impl Parameters {
    /// Reads parameters; what is not given has its default.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let parameters: Self = serde_json::from_str(json).map_err(|error| format!("parameters: {error}"))?;
        let ranges = [
            ("quote_dollars", parameters.quote_dollars, 2..=10_000),
            ("max_position_dollars", parameters.max_position_dollars, 2..=100_000),
            ("width_ticks", parameters.width_ticks, 1..=100),
            ("improve_ticks", parameters.improve_ticks, 0..=10),
            ("skew_ticks", parameters.skew_ticks, 0..=50),
        ];
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((name, value, range)) => {
                Err(format!("parameters: {name} is {value}, not {} to {}", range.start(), range.end()))
            }
            None => Ok(parameters),
        }
    }

    /// What one quote is worth, in micro-dollars.
    pub(crate) fn quote(&self) -> u64 {
        u64::from(self.quote_dollars).saturating_mul(DOLLAR)
    }

    /// The most that is held of one outcome, in micro-dollars.
    pub(crate) fn max_position(&self) -> u64 {
        u64::from(self.max_position_dollars).saturating_mul(DOLLAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_its_default() {
        let parameters = Parameters::read(r#"{"quote_dollars": 25}"#).unwrap();
        assert_eq!((parameters.quote(), parameters.max_position()), (25 * DOLLAR, 40 * DOLLAR));
    }

    #[test]
    fn the_schema_tells_the_same_names_and_defaults_as_the_code() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let defaults: serde_json::Map<_, _> = schema["properties"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, property)| (name.clone(), property["default"].clone()))
            .collect();
        let read = Parameters::read(&serde_json::Value::Object(defaults).to_string()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", Parameters::default()));
    }

    #[test]
    fn odd_parameters_are_named() {
        assert!(Parameters::read(r#"{"width": 2}"#).unwrap_err().contains("width"));
        assert_eq!(
            Parameters::read(r#"{"quote_dollars": 1}"#).unwrap_err(),
            "parameters: quote_dollars is 1, not 2 to 10000"
        );
    }
}
