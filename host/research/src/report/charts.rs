//! The charts of a report as data for its script. Numbers are integers, each the difference to the one before it.

mod markets;
mod totals;

pub(crate) use markets::{BUSIEST, MARKS_MAX, busiest, of_market};
pub(crate) use totals::{calibration, capital, equity, inventory, markouts};

use super::html::escape;
use serde::Serialize;

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Chart {
    /// Id of its element.
    pub(crate) id: String,
    /// Title, for the legend and for readers of the screen. Not from outside.
    #[serde(skip)]
    pub(crate) title: String,
    /// Unit of the values: `usd`, `price`, `shares`, `share` or `cents`.
    pub(crate) unit: &'static str,
    /// Meaning of x: `time` in milliseconds since 1970, `share` in thousandths, or `step` with the names in `steps`.
    pub(crate) x_kind: &'static str,
    /// Names of the steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<&'static str>,
    /// Number that values are divided by.
    pub(crate) scale: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// First and last x that are shown; all values if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<[i64; 2]>,
    /// Values of x.
    pub(crate) x: Vec<i64>,
    /// Lines.
    pub(crate) lines: Vec<Line>,
    /// Marks, never thinned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) marks: Vec<Marks>,
}

/// A line of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) label: String,
    /// Class of its colour and pattern, see `Style`.
    pub(crate) style: Style,
    /// True if a value holds until the next one.
    pub(crate) stepped: bool,
    /// True if the area to zero is filled.
    pub(crate) filled: bool,
    pub(crate) y: Vec<Option<i64>>,
}

/// Marks of one shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Marks {
    pub(crate) label: &'static str,
    pub(crate) shape: Shape,
    pub(crate) x: Vec<i64>,
    pub(crate) y: Vec<Option<i64>>,
}

/// Colour and pattern of a line; each has a pattern of its own, so that it can be recognised without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Style {
    /// Solid.
    Main,
    /// Dashed.
    Second,
    /// Dotted.
    Third,
    /// Dashes and dots, grey.
    Reference,
}

/// Shape of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// A triangle that points up: bought, first outcome.
    Up,
    /// A triangle that points down: sold, first outcome.
    Down,
    /// A hollow triangle that points down: bought, second outcome, whose price falls when the first one's rises.
    HollowDown,
    /// A hollow triangle that points up: sold, second outcome.
    HollowUp,
}

/// Returns differences: the first value, then each less the one before it.
pub(crate) fn differences(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut before = 0;
    values.map(|value| value.saturating_sub(std::mem::replace(&mut before, value))).collect()
}

/// Returns differences between the values that are there.
pub(crate) fn maybe_differences(values: impl Iterator<Item = Option<i64>>) -> Vec<Option<i64>> {
    let mut before = 0;
    values.map(|value| value.map(|value| value.saturating_sub(std::mem::replace(&mut before, value)))).collect()
}

impl Chart {
    /// Writes the element that the script draws into, with a legend that shows patterns and shapes.
    pub(crate) fn element(&self) -> String {
        let title = escape(&self.title);
        let lines = self.lines.iter().map(|line| (line.style.sample(), line.label.as_str()));
        let marks = self.marks.iter().map(|marks| (marks.shape.sample(), marks.label));
        let legend = lines.chain(marks).map(|(sample, label)| {
            format!(
                "<li><svg width=\"28\" height=\"12\" viewBox=\"0 0 28 12\" aria-hidden=\"true\">{sample}</svg>{}</li>",
                escape(label)
            )
        });
        format!(
            "<figure><figcaption>{title}<ul class=\"legend\">{}</ul></figcaption><div class=\"chart\" id=\"{}\" role=\"img\" \
             aria-label=\"{title}\"></div></figure>\n",
            legend.collect::<String>(),
            self.id
        )
    }
}

impl Style {
    fn sample(self) -> String {
        let (class, pattern) = match self {
            Self::Main => ("c1", ""),
            Self::Second => ("c2", " stroke-dasharray=\"7 4\""),
            Self::Third => ("c3", " stroke-dasharray=\"2 3\""),
            Self::Reference => ("c4", " stroke-dasharray=\"8 3 2 3\""),
        };
        format!("<line class=\"{class}\" x1=\"1\" y1=\"6\" x2=\"27\" y2=\"6\" stroke-width=\"2\"{pattern}/>")
    }
}

impl Shape {
    fn sample(self) -> String {
        let (class, points) = match self {
            Self::Up => ("m1", "8,11 20,11 14,1"),
            Self::Down => ("m2", "8,1 20,1 14,11"),
            Self::HollowDown => ("m1 hollow", "8,1 20,1 14,11"),
            Self::HollowUp => ("m2 hollow", "8,11 20,11 14,1"),
        };
        format!("<polygon class=\"{class}\" points=\"{points}\"/>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_add_up_to_the_values() {
        assert_eq!(differences([5, 7, 7, 1].into_iter()), [5, 2, 0, -6]);
        assert_eq!(maybe_differences([Some(5), None, Some(4)].into_iter()), [Some(5), None, Some(-1)]);
    }
}
