//! The code that `#[derive(Parameters)]` generates for a struct.

use polytrader_sdk::json::{Json, read};
use polytrader_sdk::parameters::{Choice, Parameters};

#[derive(Debug, Clone, Copy, PartialEq, Choice)]
enum Pace {
    Slow,
    VeryFast,
}

/// One field of each kind.
#[derive(Debug, PartialEq, Parameters)]
struct Every {
    /// A "count",
    /// on two lines.
    #[parameter(default = -2, min = -5, max = 7)]
    count: i16,
    /// A big one.
    #[parameter(default = 0)]
    big: u64,
    /// A small one.
    #[parameter(default = 255)]
    small: u8,
    /// Dollars.
    #[parameter(dollars, default = 2.50, min = "-10", max = 1000)]
    dollars: i64,
    /// A price.
    #[parameter(price, default = "0.05", max = 0.99)]
    price: u32,
    /// A time.
    #[parameter(seconds, default = 1, max = 3600)]
    time: u64,
    /// A name.
    #[parameter(default = "a b", max = 5)]
    name: String,
    /// A pace.
    #[parameter(default = "very_fast")]
    pace: Pace,
    /// A switch.
    #[parameter(default = true)]
    r#on: bool,
}

#[derive(Debug, Parameters)]
struct Needed {
    /// A size without a default.
    #[parameter(shares)]
    size: u64,
}

#[derive(Debug, Parameters)]
struct Nothing {}

fn every(text: &str) -> Result<Every, String> {
    Every::parse(text)
}

#[test]
fn what_is_not_given_has_its_default() {
    let name = "a b".to_owned();
    let expected = Every {
        count: -2,
        big: 0,
        small: 255,
        dollars: 2_500_000,
        price: 50_000,
        time: 1_000_000,
        name,
        pace: Pace::VeryFast,
        on: true,
    };
    assert_eq!(every("{}"), Ok(expected));
}

#[test]
fn what_is_given_counts() {
    let text = r#"{"count": 7, "big": 9223372036854775807, "small": 0, "dollars": "-0.000001", "price": 0.990000,
        "time": 0.5, "name": "ü\n", "pace": "slow", "on": false}"#;
    let name = "ü\n".to_owned();
    let (big, price) = (9_223_372_036_854_775_807, 990_000);
    let expected =
        Every { count: 7, big, small: 0, dollars: -1, price, time: 500_000, name, pace: Pace::Slow, on: false };
    assert_eq!(every(text), Ok(expected));
}

#[test]
fn what_is_wrong_is_named_with_its_value_and_what_was_expected() {
    for (text, says) in [
        (r#"{"count": 8}"#, "parameter `count` is 8; expected a whole number from -5 to 7"),
        (r#"{"count": 1.0}"#, "parameter `count` is 1.0; expected a whole number"),
        (r#"{"count": "1"}"#, "parameter `count` is \"1\"; expected a whole number"),
        (r#"{"count": 99999999999999999999}"#, "parameter `count` is 99999999999999999999; expected"),
        (r#"{"small": 256}"#, "expected a whole number from 0 to 255"),
        (r#"{"big": -1}"#, "expected a whole number from 0 to 9223372036854775807"),
        (r#"{"dollars": 1000.000001}"#, "parameter `dollars` is 1000.000001; expected dollars from -10 to 1000"),
        (r#"{"dollars": 1e4}"#, "parameter `dollars` is 1e4; expected dollars"),
        (r#"{"dollars": 1e99}"#, "parameter `dollars` is 1e99; expected dollars"),
        (r#"{"dollars": 1e-7}"#, "parameter `dollars` is 1e-7; expected dollars"),
        (r#"{"price": 0.0000001}"#, "parameter `price` is 0.0000001; expected a price from 0 to 0.99"),
        (r#"{"price": "half"}"#, "parameter `price` is \"half\"; expected a price"),
        (r#"{"time": null}"#, "parameter `time` is null; expected seconds from 0 to 3600"),
        (r#"{"name": "sechse"}"#, "expected a text of at most 5 bytes"),
        (r#"{"pace": "VeryFast"}"#, "parameter `pace` is \"VeryFast\"; expected one of slow, very_fast"),
        (r#"{"on": 1}"#, "parameter `on` is 1; expected true or false"),
        (r#"{"on": [true]}"#, "parameter `on` is a list; expected"),
        (r#"{"On": true}"#, "there is no parameter `On`; known are count, big"),
        ("[]", "parameters are a list; expected an object"),
        ("{", "parameters: invalid JSON"),
        ("", "parameters: invalid JSON"),
        (r#"{"on": true, "on": false}"#, "duplicate key `on`"),
    ] {
        let error = every(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
}

/// The host converts TOML to JSON, in which 0.00001 may be written 1e-5, and 5 dollars 5.0.
#[test]
fn numbers_may_be_written_as_json_writers_do() {
    let dollars = |text: &str| every(&format!(r#"{{"dollars": {text}}}"#)).unwrap().dollars;
    assert_eq!(
        ["5.0", "1e-5", "1.5e2", "1E+2", "0.5000000", "100e-2"].map(dollars),
        [5_000_000, 10, 150_000_000, 100_000_000, 500_000, 1_000_000]
    );
}

#[test]
fn what_has_no_default_must_be_given() {
    let error = Needed::parse("{}").unwrap_err();
    assert!(error.starts_with("parameter `size` is missing; expected shares from 0"), "{error}");
    assert_eq!(Needed::parse(r#"{"size": 0.01}"#).unwrap().size, 10_000);
    assert!(Nothing::parse("{}").is_ok());
    assert_eq!(Nothing::parse(r#"{"a": 1}"#).unwrap_err(), "there is no parameter `a`; known are none");
}

fn get<'a>(value: &'a Json, key: &str) -> &'a Json {
    let Json::Object(pairs) = value else { panic!("{value:?} is not an object") };
    &pairs.iter().find(|(name, _)| name == key).unwrap_or_else(|| panic!("no {key}")).1
}

#[test]
fn the_schema_is_json_with_names_bounds_and_defaults() {
    let schema = read(&Every::schema()).unwrap();
    let of = |name: &str, key: &str| get(get(get(&schema, "properties"), name), key).show();
    assert_eq!([of("count", "minimum"), of("count", "maximum"), of("count", "default")], ["-5", "7", "-2"]);
    assert_eq!(of("count", "description"), "\"A \"count\", on two lines.\"");
    assert_eq!([of("dollars", "maximum"), of("dollars", "unit")], ["1000", "\"dollars\""]);
    assert_eq!([of("price", "default"), of("name", "default"), of("on", "default")], ["0.05", "\"a b\"", "true"]);
    assert_eq!(get(get(get(&schema, "properties"), "pace"), "enum"), &read(r#"["slow", "very_fast"]"#).unwrap());
    assert_eq!(get(&schema, "additionalProperties"), &Json::Bool(false));
    assert_eq!(get(&schema, "required"), &Json::List(Vec::new()));
    let needed = read(&Needed::schema()).unwrap();
    assert_eq!(get(&needed, "required"), &read(r#"["size"]"#).unwrap());
}

#[test]
fn the_defaults_of_the_schema_are_parameters() {
    let schema = read(&Every::schema()).unwrap();
    let Json::Object(properties) = get(&schema, "properties") else { panic!("no object") };
    let pairs: Vec<String> =
        properties.iter().map(|(name, property)| format!("\"{name}\": {}", get(property, "default").show())).collect();
    assert_eq!(every(&format!("{{{}}}", pairs.join(","))), every("{}"));
}
