//! Typed parameters: a struct whose fields operators set, with its JSON Schema and its reader by derive.
//!
//! ```
//! use polytrader_sdk::parameters::{Choice, Parameters};
//!
//! /// Which outcomes it trades.
//! #[derive(Debug, Clone, Copy, PartialEq, Choice)]
//! enum Outcomes {
//!     Both,
//!     OnlyYes,
//! }
//!
//! #[derive(Debug, Clone, Parameters)]
//! struct Settings {
//!     /// What one order is worth.
//!     #[parameter(dollars, default = 10, min = 1, max = 1000)]
//!     order: u64,
//!     /// It never pays more than this.
//!     #[parameter(price, default = "0.95")]
//!     highest: u32,
//!     /// How many orders it has at once.
//!     #[parameter(default = 2, min = 1, max = 20)]
//!     orders: u32,
//!     /// Which outcomes it trades.
//!     #[parameter(default = "both")]
//!     outcomes: Outcomes,
//!     /// Whether it sells again.
//!     #[parameter(default = true)]
//!     sells: bool,
//! }
//!
//! let settings = Settings::parse(r#"{"order": 2.5, "outcomes": "only_yes"}"#).unwrap();
//! assert_eq!((settings.order, settings.highest), (2_500_000, 950_000));
//! assert_eq!((settings.orders, settings.outcomes, settings.sells), (2, Outcomes::OnlyYes, true));
//!
//! let error = Settings::parse(r#"{"order": 0.5}"#).unwrap_err();
//! assert_eq!(error, "parameter `order` is 0.5; expected dollars from 1 to 1000");
//! let error = Settings::parse(r#"{"odrer": 5}"#).unwrap_err();
//! assert!(error.starts_with("there is no parameter `odrer`; known are order, highest"));
//! assert!(Settings::schema().contains(r#""default":"both""#));
//! ```
//!
//! A field is a `bool`, an integer, a `String`, or an enum that derives [`Choice`]. With `price`, `shares`, `dollars` or `seconds` in
//! its attribute an integer holds millionths of what is given, which may be a number or a text such as `"0.05"`. Fields without
//! `default` must be given. Comments become descriptions in the schema. There are no floats.
//!
//! ```compile_fail
//! #[derive(polytrader_sdk::parameters::Parameters)]
//! struct Settings {
//!     /// A default that is out of its range does not compile.
//!     #[parameter(default = 11, max = 10)]
//!     orders: u32,
//! }
//! ```

use crate::json::{self, Json};

pub use polytrader_sdk_derive::{Choice, Parameters};

/// Digits behind the point that a millionth has.
const PLACES: i64 = 6;

/// Parameters of a strategy; derived.
pub trait Parameters: Sized {
    /// Returns the JSON Schema, for [`Manifest::parameters`](crate::Manifest::parameters).
    fn schema() -> String;

    /// Reads parameters, for [`Session::parameters`](crate::Session::parameters).
    ///
    /// # Errors
    /// Names the key, its value and what was expected. Unknown keys are refused.
    fn parse(text: &str) -> Result<Self, String>;
}

/// One of several names; derived for enums of plain variants, whose names are those of the variants in small letters.
pub trait Choice: Sized + Copy + 'static {
    /// The names, in the order of the variants.
    const NAMES: &'static [&'static str];

    /// Returns the variants.
    fn variants() -> &'static [Self];
}

/// A parameter; written by the derive.
#[doc(hidden)]
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    /// As JSON.
    pub default: Option<&'static str>,
}

/// What a parameter is given as; written by the derive.
#[doc(hidden)]
#[derive(Debug)]
pub enum Kind {
    Bool,
    Integer { min: i64, max: i64 },
    Micros { min: i64, max: i64, unit: &'static str },
    Text { max: i64 },
    Choice(&'static [&'static str]),
}

/// Whether a name is one of several; for the derive, while it compiles.
#[doc(hidden)]
pub const fn is_one_of(name: &str, names: &[&str]) -> bool {
    let mut rest = names;
    while let Some((first, others)) = rest.split_first() {
        if same(name.as_bytes(), first.as_bytes()) {
            return true;
        }
        rest = others;
    }
    false
}

const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let (Some((first, more)), Some((other, others))) = (a.split_first(), b.split_first()) {
        if *first != *other {
            return false;
        }
        (a, b) = (more, others);
    }
    a.is_empty() && b.is_empty()
}

/// The values that were given; for the derive.
#[doc(hidden)]
#[derive(Debug)]
pub struct Given {
    pairs: Vec<(String, Json)>,
}

impl Given {
    pub fn new(text: &str, fields: &[Field]) -> Result<Self, String> {
        let value = json::read(text).map_err(|error| format!("parameters: {error}"))?;
        let Json::Object(pairs) = value else {
            return Err(format!("parameters are {}; expected an object", value.show()));
        };
        match pairs.iter().find(|(key, _)| !fields.iter().any(|field| field.name == key)) {
            Some((key, _)) => {
                let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Err(format!("there is no parameter `{key}`; known are {known}"))
            }
            None => Ok(Self { pairs }),
        }
    }

    /// The value of a field: what was given, or its default.
    fn value(&self, field: &Field) -> Result<Json, String> {
        let given = self.pairs.iter().find(|(key, _)| key == field.name).map(|(_, value)| value.clone());
        match (given, field.default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => json::read(default),
            (None, None) => Err(format!("parameter `{}` is missing; expected {}", field.name, field.expected())),
        }
    }

    pub fn boolean(&self, field: &Field) -> Result<bool, String> {
        match self.value(field)? {
            Json::Bool(value) => Ok(value),
            value => Err(field.unexpected(&value)),
        }
    }

    pub fn number<T: TryFrom<i64>>(&self, field: &Field) -> Result<T, String> {
        let value = self.value(field)?;
        field.number(&value).and_then(|number| T::try_from(number).ok()).ok_or_else(|| field.unexpected(&value))
    }

    pub fn text(&self, field: &Field) -> Result<String, String> {
        match (self.value(field)?, &field.kind) {
            (Json::Text(text), Kind::Text { max }) if i64::try_from(text.len()).is_ok_and(|bytes| bytes <= *max) => {
                Ok(text)
            }
            (value, _) => Err(field.unexpected(&value)),
        }
    }

    pub fn choice<T: Choice>(&self, field: &Field) -> Result<T, String> {
        let value = self.value(field)?;
        let place = match &value {
            Json::Text(text) => T::NAMES.iter().position(|name| name == text),
            _ => None,
        };
        place.and_then(|place| T::variants().get(place).copied()).ok_or_else(|| field.unexpected(&value))
    }
}

impl Field {
    fn number(&self, value: &Json) -> Option<i64> {
        let (number, min, max) = match (&self.kind, value) {
            (Kind::Integer { min, max }, Json::Number(text)) => (text.parse().ok()?, *min, *max),
            (Kind::Micros { min, max, .. }, Json::Number(text) | Json::Text(text)) => (micros(text)?, *min, *max),
            _ => return None,
        };
        (min..=max).contains(&number).then_some(number)
    }

    fn unexpected(&self, value: &Json) -> String {
        format!("parameter `{}` is {}; expected {}", self.name, value.show(), self.expected())
    }

    fn expected(&self) -> String {
        match &self.kind {
            Kind::Bool => "true or false".to_owned(),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Micros { min, max, unit } => {
                let unit = if *unit == "price" { "a price" } else { unit };
                format!("{unit} from {} to {}", decimal(*min), decimal(*max))
            }
            Kind::Text { max } => format!("a text of at most {max} bytes"),
            Kind::Choice(names) => format!("one of {}", names.join(", ")),
        }
    }

    fn schema(&self, out: &mut String) {
        out.push_str(&format!("{}:{{", quoted(self.name)));
        match &self.kind {
            Kind::Bool => out.push_str(r#""type":"boolean""#),
            Kind::Integer { min, max } => {
                out.push_str(&format!(r#""type":"integer","minimum":{min},"maximum":{max}"#));
            }
            Kind::Micros { min, max, unit } => {
                let (min, max) = (decimal(*min), decimal(*max));
                out.push_str(&format!(r#""type":["number","string"],"minimum":{min},"maximum":{max},"unit":"{unit}""#));
                out.push_str(r#","pattern":"^-?[0-9]+(\\.[0-9]{1,6})?$""#);
            }
            Kind::Text { max } => out.push_str(&format!(r#""type":"string","maxLength":{max}"#)),
            Kind::Choice(names) => {
                let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                out.push_str(&format!(r#""enum":[{}]"#, names.join(",")));
            }
        }
        if let Some(default) = self.default {
            out.push_str(&format!(r#","default":{default}"#));
        }
        out.push_str(&format!(r#","description":{}}}"#, quoted(self.help)));
    }
}

/// Writes the JSON Schema of fields; for the derive.
#[doc(hidden)]
pub fn schema(fields: &[Field]) -> String {
    let mut out = r#"{"type":"object","additionalProperties":false,"properties":{"#.to_owned();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        field.schema(&mut out);
    }
    let required: Vec<String> =
        fields.iter().filter(|field| field.default.is_none()).map(|field| quoted(field.name)).collect();
    out.push_str(&format!(r#"}},"required":[{}]}}"#, required.join(",")));
    out
}

/// Reads a decimal number in millionths, if it is a whole number of them. JSON writers may give small ones an exponent.
///
/// ```
/// use polytrader_sdk::parameters::micros;
/// assert_eq!([micros("0.42"), micros("1e-5"), micros("5.0")], [Some(420_000), Some(10), Some(5_000_000)]);
/// assert_eq!(micros("0.0000001"), None);
/// ```
pub fn micros(text: &str) -> Option<i64> {
    let (minus, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(part) {
        return None;
    }
    let part = part.trim_end_matches('0');
    let number: i64 = format!("{whole}{part}").parse().ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    // How many places the point moves to the right.
    let shift = PLACES.checked_add(exponent)?.checked_sub(i64::try_from(part.len()).ok()?)?;
    let power = 10_i64.checked_pow(u32::try_from(shift.unsigned_abs()).ok()?)?;
    let value = if shift >= 0 {
        number.checked_mul(power)?
    } else {
        number.checked_div(power).filter(|value| value.checked_mul(power) == Some(number))?
    };
    if minus { value.checked_neg() } else { Some(value) }
}

/// Writes millionths as a decimal number, without zeros at the end.
///
/// ```
/// use polytrader_sdk::parameters::decimal;
/// assert_eq!([decimal(420_000), decimal(-1_500_000), decimal(0)], ["0.42", "-1.5", "0"]);
/// ```
pub fn decimal(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, part) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let text = format!("{sign}{whole}.{part:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if u32::from(letter) < 0x20 => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
