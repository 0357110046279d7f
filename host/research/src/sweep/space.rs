//! The values that a sweep may give to each parameter.

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Parameters by name, in the order of names.
pub type Parameters = BTreeMap<String, Value>;

/// Most parameters that a sweep varies.
pub const AXES_MAX: usize = 32;
/// Most values of a list.
const CHOICES_MAX: usize = 10_000;
/// A whole unit in millionths, the resolution of decimal parameters.
const MICROS: i64 = 1_000_000;
/// The largest bound, in units; beyond it millionths are not exact as JSON numbers.
const BOUND_MAX: f64 = 1e9;

/// The parameters of a sweep and their values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Space {
    /// One entry for each varied parameter, in the order of names.
    pub axes: Vec<Axis>,
}

/// A varied parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The parameter's name.
    pub name: String,
    /// Its values.
    pub domain: Domain,
}

/// Values of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// A list, in the given order.
    List(Vec<Value>),
    /// Equal steps from a first value, in millionths.
    Steps {
        /// The first value.
        from: i64,
        /// The distance of two values; above 0.
        step: i64,
        /// The number of values; above 0.
        count: u64,
    },
    /// All decimals with up to six places between two values.
    Range {
        /// The smallest value.
        from: f64,
        /// The largest value; above `from`.
        to: f64,
        /// True if equal ratios are equally likely, instead of equal distances.
        log: bool,
    },
}

impl Space {
    /// Reads the table `[parameters]` of a sweep file.
    ///
    /// # Errors
    /// Names the key, its value and what was expected.
    pub fn parse(table: &toml::Table) -> anyhow::Result<Self> {
        ensure!(!table.is_empty(), "[parameters] is empty, expected at least one parameter with its values");
        ensure!(table.len() <= AXES_MAX, "[parameters] has {} parameters, expected at most {AXES_MAX}", table.len());
        let mut axes = Vec::with_capacity(table.len());
        for (name, values) in table {
            axes.push(Axis { name: name.clone(), domain: Domain::parse(&format!("parameters.{name}"), values)? });
        }
        axes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { axes })
    }

    /// Returns the number of points of the grid; `None` if a parameter has no finite number of values, with its name.
    ///
    /// # Errors
    /// Names the parameter that has no finite number of values.
    pub fn points(&self) -> anyhow::Result<u64> {
        self.axes.iter().try_fold(1_u64, |points, axis| {
            let count = axis.domain.count().with_context(|| {
                format!("parameters.{} has no `step`, expected a list or a step for a grid", axis.name)
            })?;
            Ok(points.saturating_mul(count))
        })
    }

    /// Returns the point of the grid with a number; the last parameter changes fastest.
    pub fn point(&self, mut number: u64) -> Parameters {
        let mut point = Parameters::new();
        for axis in self.axes.iter().rev() {
            let count = axis.domain.count().unwrap_or(1).max(1);
            let place = number.checked_rem(count).unwrap_or(0);
            number = number.checked_div(count).unwrap_or(0);
            point.insert(axis.name.clone(), axis.domain.value(place));
        }
        point
    }

    /// Checks the values against a manifest's schema, with the parameters that do not change.
    ///
    /// # Errors
    /// The first value that the schema rejects: its name, the value and what was expected.
    pub fn check(&self, schema: &str, fixed: &Parameters) -> anyhow::Result<()> {
        let first = self.axes.iter().map(|axis| (axis.name.clone(), axis.domain.value(0)));
        let all = || fixed.clone().into_iter().chain(first.clone()).collect::<serde_json::Map<_, _>>();
        if let Some(axis) = self.axes.iter().find(|axis| fixed.contains_key(&axis.name)) {
            bail!("`{}` stands in both [parameters] and [base.parameters], expected one of them", axis.name);
        }
        lifecycle::settings_file::check(schema, &all()).context("parameters")?;
        for axis in &self.axes {
            for value in axis.domain.extremes() {
                let mut some = all();
                some.insert(axis.name.clone(), value);
                lifecycle::settings_file::check(schema, &some).context("parameters")?;
            }
        }
        Ok(())
    }
}

impl Domain {
    fn parse(key: &str, values: &toml::Value) -> anyhow::Result<Self> {
        match values {
            toml::Value::Array(list) => Self::list(key, list),
            toml::Value::Table(table) => Self::range(key, table),
            other => bail!("{key} is {other}, expected a list, or a table with `from` and `to`"),
        }
    }

    fn list(key: &str, list: &[toml::Value]) -> anyhow::Result<Self> {
        ensure!(!list.is_empty(), "{key} is empty, expected at least one value");
        ensure!(list.len() <= CHOICES_MAX, "{key} has {} values, expected at most {CHOICES_MAX}", list.len());
        let mut values: Vec<Value> = Vec::with_capacity(list.len());
        for one in list {
            let value = json(key, one)?;
            ensure!(!values.contains(&value), "{key} has {value} twice, expected different values");
            values.push(value);
        }
        Ok(Self::List(values))
    }

    fn range(key: &str, table: &toml::Table) -> anyhow::Result<Self> {
        const KEYS: [&str; 4] = ["from", "to", "step", "scale"];
        if let Some(unknown) = table.keys().find(|name| !KEYS.contains(&name.as_str())) {
            bail!("unknown key `{key}.{unknown}`; expected from, to, step or scale");
        }
        let bound = |name: &str| -> anyhow::Result<i64> {
            let value = table.get(name).with_context(|| format!("{key} has no `{name}`, expected a number"))?;
            micros(value).with_context(|| {
                format!("{key}.{name} is {value}, expected a number with up to six places, at most {BOUND_MAX}")
            })
        };
        let (from, to) = (bound("from")?, bound("to")?);
        ensure!(from < to, "{key}.to is {}, expected more than `from`", decimal(to));
        let whole = [from, to].iter().all(|bound| bound.checked_rem(MICROS) == Some(0))
            && ["from", "to"].iter().all(|name| table.get(*name).is_some_and(toml::Value::is_integer));
        let log = match table.get("scale").map(|scale| (scale, scale.as_str())) {
            None | Some((_, Some("linear"))) => false,
            Some((_, Some("log"))) => true,
            Some((other, _)) => bail!("{key}.scale is {other}, expected \"linear\" or \"log\""),
        };
        ensure!(!log || from > 0, "{key}.from is {}, expected more than 0 for the scale \"log\"", decimal(from));
        let step = match table.get("step") {
            Some(_) if log => bail!("{key} has both `step` and the scale \"log\", expected one of them"),
            Some(_) => Some(bound("step")?),
            None => (whole && !log).then_some(MICROS),
        };
        let Some(step) = step else {
            return Ok(Self::Range { from: super::units(from), to: super::units(to), log });
        };
        ensure!(step > 0, "{key}.step is {}, expected more than 0", decimal(step));
        let count =
            to.checked_sub(from).and_then(|width| width.checked_div(step)).and_then(|steps| steps.checked_add(1));
        let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(u64::MAX);
        Ok(Self::Steps { from, step, count })
    }

    /// Returns the number of values, if it is finite.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::List(values) => u64::try_from(values.len()).ok(),
            Self::Steps { count, .. } => Some(*count),
            Self::Range { .. } => None,
        }
    }

    /// Returns the value at a place; the last one beyond the end. Of a range, the smallest value.
    pub fn value(&self, place: u64) -> Value {
        match self {
            Self::List(values) => {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                values.get(place).or(values.last()).cloned().unwrap_or(Value::Null)
            }
            Self::Steps { from, step, count } => {
                let place = i64::try_from(place.min(count.saturating_sub(1))).unwrap_or(i64::MAX);
                decimal(from.saturating_add(step.saturating_mul(place)))
            }
            Self::Range { from, .. } => nearest(*from),
        }
    }

    /// Returns the value at a fraction of the range, from 0 to 1.
    #[allow(clippy::float_arithmetic, reason = "a draw, not an amount")]
    pub fn at(&self, fraction: f64) -> Value {
        match self {
            Self::Range { from, to, log: false } => nearest(from + (to - from) * fraction.clamp(0.0, 1.0)),
            Self::Range { from, to, log: true } => {
                nearest((from.ln() + (to.ln() - from.ln()) * fraction.clamp(0.0, 1.0)).exp().clamp(*from, *to))
            }
            Self::List(_) | Self::Steps { .. } => self.value(place(fraction, self.count().unwrap_or(1))),
        }
    }

    /// Returns values that stand for all in a check: of a list every value, of the others the first and the last.
    fn extremes(&self) -> Vec<Value> {
        match self {
            Self::List(values) => values.clone(),
            Self::Steps { from, step, count } => {
                // The second value shows a step that is not whole.
                let second = decimal(from.saturating_add(*step));
                vec![self.value(0), if *count > 1 { second } else { self.value(0) }, self.value(u64::MAX)]
            }
            Self::Range { .. } => vec![self.at(0.0), self.at(0.500_001), self.at(1.0)],
        }
    }
}

/// Returns the place that a fraction from 0 to 1 falls on.
#[allow(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a draw; the cast saturates"
)]
fn place(fraction: f64, count: u64) -> u64 {
    ((fraction.clamp(0.0, 1.0) * count as f64) as u64).min(count.saturating_sub(1))
}

/// Returns the millionths of a TOML number; `None` if it is not one or out of range.
#[allow(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    reason = "checked to be below 2^53 and a whole number of millionths"
)]
fn micros(value: &toml::Value) -> Option<i64> {
    match value {
        toml::Value::Integer(number) => {
            let units = number.checked_mul(MICROS)?;
            (super::units(units).abs() <= BOUND_MAX).then_some(units)
        }
        toml::Value::Float(number) if number.is_finite() && number.abs() <= BOUND_MAX => {
            let (scaled, exact) = ((number * 1e6).round(), number * 1e6);
            ((scaled - exact).abs() < 1e-3).then_some(scaled as i64)
        }
        _ => None,
    }
}

/// Returns millionths as a JSON number: whole ones without a point.
pub(crate) fn decimal(micros: i64) -> Value {
    if micros.checked_rem(MICROS) == Some(0) {
        return micros.checked_div(MICROS).unwrap_or(0).into();
    }
    // Division of two exact numbers gives the number nearest to the decimal, as a parser would.
    serde_json::Number::from_f64(super::units(micros)).map_or(Value::Null, Value::Number)
}

/// Returns the decimal with six places that is nearest to a number.
#[allow(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    reason = "bounds are limited; the cast saturates"
)]
fn nearest(number: f64) -> Value {
    decimal((number * 1e6).round() as i64)
}

/// Converts a TOML value of a list or of fixed parameters.
pub(crate) fn json(key: &str, value: &toml::Value) -> anyhow::Result<Value> {
    Ok(match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Float(number) => {
            let number = serde_json::Number::from_f64(*number);
            Value::Number(number.with_context(|| format!("{key} is {value}, expected a finite number"))?)
        }
        other => bail!("{key} has {other}, expected a number, a text, true or false"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":[],"properties":{
        "size":{"type":"integer","minimum":2,"maximum":10},
        "edge":{"type":["number","string"],"minimum":0.01,"maximum":0.5},
        "side":{"enum":["buy","sell"]}}}"#;

    fn checked(text: &str) -> String {
        let table: toml::Table = text.parse().unwrap();
        let checked = Space::parse(&table).and_then(|space| space.check(SCHEMA, &Parameters::new()));
        checked.err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn bad_values_are_named_with_what_was_expected() {
        for (text, expected) in [
            ("size = [2, 10]\nedge = { from = 0.01, to = 0.5 }\nside = ['buy', 'sell']", ""),
            ("size = [2, 11]", "parameters: `size` is 11, expected maximum 10"),
            ("size = { from = 1, to = 5 }", "parameters: `size` is 1, expected minimum 2"),
            ("size = { from = 2, to = 5, step = 0.5 }", "parameters: `size` is 2.5, expected an integer"),
            ("size = { from = 2.0, to = 5.0 }", "parameters: `size` is 3.500003, expected an integer"),
            ("side = ['hold']", "parameters: `side` is \"hold\", expected one of \"buy\", \"sell\""),
            ("fast = [1]", "parameters: unknown parameter `fast`; expected one of: edge, side, size"),
            ("size = 5", "parameters.size is 5, expected a list, or a table with `from` and `to`"),
            ("size = []", "parameters.size is empty, expected at least one value"),
            ("size = [3, 3]", "parameters.size has 3 twice, expected different values"),
            ("size = { from = 2 }", "parameters.size has no `to`, expected a number"),
            ("size = { from = 5, to = 2 }", "parameters.size.to is 2, expected more than `from`"),
            ("size = { from = 2, to = 5, step = 0 }", "parameters.size.step is 0, expected more than 0"),
            (
                "size = { from = 2, to = 5, by = 1 }",
                "unknown key `parameters.size.by`; expected from, to, step or scale",
            ),
            (
                "edge = { from = 0.0000001, to = 0.5 }",
                "parameters.edge.from is 0.0000001, expected a number with up to six places, at most 1000000000",
            ),
            (
                "edge = { from = 0.01, to = 0.5, scale = 'exp' }",
                "parameters.edge.scale is \"exp\", expected \"linear\" or \"log\"",
            ),
            ("", "[parameters] is empty, expected at least one parameter with its values"),
        ] {
            assert_eq!(checked(text).replace('\'', "\""), expected, "{text}");
        }
    }

    #[test]
    fn a_grid_has_each_point_once_and_needs_steps() {
        let parse = |text: &str| Space::parse(&text.parse().unwrap()).unwrap();
        let space = parse("a = { from = 1, to = 3 }\nb = { from = 0.1, to = 0.3, step = 0.1 }\nc = ['x', 'y']");
        assert_eq!(space.points().unwrap(), 18);
        let mut points: Vec<String> =
            (0..18).map(|number| serde_json::to_string(&space.point(number)).unwrap()).collect();
        assert_eq!(points.first().unwrap(), r#"{"a":1,"b":0.1,"c":"x"}"#);
        assert_eq!(points.last().unwrap(), r#"{"a":3,"b":0.3,"c":"y"}"#);
        points.dedup();
        assert_eq!(points.len(), 18);
        let error = parse("edge = { from = 0.1, to = 0.2 }").points().unwrap_err().to_string();
        assert_eq!(error, "parameters.edge has no `step`, expected a list or a step for a grid");
    }

    #[test]
    fn fractions_cover_a_range_in_its_scale() {
        let range = Domain::Range { from: 0.01, to: 1.0, log: true };
        assert_eq!([range.at(0.0), range.at(0.5), range.at(1.0)], [decimal(10_000), decimal(100_000), decimal(MICROS)]);
        let steps = Domain::Steps { from: 0, step: 2_000_000, count: 3 };
        assert_eq!([0.0, 0.34, 0.99, 1.0].map(|part| steps.at(part)), [0, 2, 4, 4].map(Value::from));
    }
}
