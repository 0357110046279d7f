//! Settings files after parameters were changed, compared byte by byte.
#![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

use super::super::Settings;
use super::*;

fn set(text: &str, parameters: &str) -> anyhow::Result<String> {
    with_parameters(text, &serde_json::from_str(parameters).unwrap())
}

/// Sets parameters and compares the result, and then sets the old ones again.
#[track_caller]
fn check(text: &str, parameters: &str, expected: &str) {
    let written = set(text, parameters).unwrap();
    assert_eq!(written, expected);
    assert_eq!(set(&written, parameters).unwrap(), expected, "setting the same parameters again changes nothing");
    let (read, before) = (Settings::parse(&written).unwrap(), Settings::parse(text).unwrap());
    assert_eq!(Json::Object(read.parameters.clone()), serde_json::from_str::<Json>(parameters).unwrap());
    assert_eq!(Settings { parameters: before.parameters.clone(), ..read }, before, "the rest is unchanged");
    assert_eq!(set(text, &Json::Object(before.parameters).to_string()).unwrap(), text, "no byte changes");
}

const FILE: &str = "\
# Mine.
markets = [ 'rain', # wet
    'sun' ]

[parameters]   # what it does
# How often, in seconds.
pace   = 3 # not too often
  'max size' = 0x10

# The least in dollars.
bid = 1.10
\"side\" = 'buy'

[budget] # small
capital_usd = 1_00 # a hundred
# The end.
";

#[test]
fn what_is_not_changed_stays_to_the_byte() {
    let same = r#"{"pace": 3, "max size": 16, "bid": 1.1, "side": "buy"}"#;
    check(FILE, same, FILE);
    let other = r#"{"pace": 4, "max size": 17, "bid": 1.1, "side": "sell"}"#;
    let expected = FILE.replace("= 3 #", "= 4 #").replace("0x10", "17").replace("'buy'", "\"sell\"");
    check(FILE, other, &expected);
}

#[test]
fn what_is_new_is_added_to_the_table_and_what_goes_leaves_its_comments() {
    let added = r#"{"pace": 3, "max size": 16, "bid": 1.1, "side": "buy", "a b": [1, 2], "deep": {"x": true}}"#;
    check(FILE, added, &FILE.replace("'buy'\n", "'buy'\n\"a b\" = [1, 2]\ndeep = { x = true }\n"));
    check(
        FILE,
        r#"{"max size": 16, "side": "buy"}"#,
        &FILE.replace("pace   = 3 # not too often\n", "").replace("bid = 1.10\n", ""),
    );
    let none = FILE.split_once("pace").unwrap().0.to_owned()
        + "\n# The least in dollars.\n\n[budget]"
        + FILE.split_once("[budget]").unwrap().1;
    check(FILE, "{}", &none);
}

#[test]
fn a_file_without_the_table_gets_one_at_its_end() {
    check("", r#"{"a": 1}"#, "[parameters]\na = 1\n");
    check("# Mine.\n", r#"{"a": 1}"#, "# Mine.\n\n[parameters]\na = 1\n");
    check("markets = ['a'] # one\n", r#"{"a": 1}"#, "markets = ['a'] # one\n\n[parameters]\na = 1\n");
    check(
        "[budget]\ncapital_usd = 5\n# The end.\n",
        r#"{"a": "b"}"#,
        "[budget]\ncapital_usd = 5\n# The end.\n\n[parameters]\na = \"b\"\n",
    );
    let same = "[parameters]\ndeep.x = 1\na = 2\ndeep.y = 3\n";
    check(same, r#"{"a": 2, "deep": {"x": 1, "y": 3}}"#, same);
    // An invalid entry is replaced, so that operators can repair the file from the page.
    let mended = set("# Mine.\nparameters = 5\n[budget]\n", r#"{"a": 1}"#).unwrap();
    assert_eq!(mended, "# Mine.\n[budget]\n\n[parameters]\na = 1\n");
    let mended = set("[parameters]\nat = 2026-01-01 # a day\n", r#"{"at": 1}"#).unwrap();
    assert_eq!(mended, "[parameters]\nat = 1 # a day\n");
}

#[test]
fn tables_in_the_table_change_where_they_stand() {
    let text = "\
[parameters]
a = 1

# Deep.
[parameters.deep] # yes
x = 1 # one
# two
y = 2

[parameters.deep.er]
z = 3
[budget]
";
    let set_deep = |deep: &str| format!(r#"{{"a": 1, "deep": {deep}}}"#);
    check(
        text,
        &set_deep(r#"{"x": 5, "y": 2, "er": {"z": 4}}"#),
        &text.replace("x = 1", "x = 5").replace("z = 3", "z = 4"),
    );
    check(text, &set_deep(r#"{"x": 1, "y": 2}"#), &text.replace("\n[parameters.deep.er]\nz = 3\n", ""));
    check(text, r#"{"a": 1}"#, "[parameters]\na = 1\n\n# Deep.\n# two\n[budget]\n");
    check(text, &set_deep("7"), "[parameters]\na = 1\n\n# Deep.\n# two\ndeep = 7\n[budget]\n");
    let implicit = "[parameters.deep]\nx = 1\n";
    check(implicit, r#"{"deep": {"x": 2}, "a": 1}"#, "[parameters]\na = 1\n[parameters.deep]\nx = 2\n");
    let tables = "[[parameters.steps]]\n# first\nat = 1\n\n[[parameters.steps]]\n# second\nat = 2 # two\n";
    check(tables, r#"{"steps": [{"at": 1}, {"at": 3}]}"#, &tables.replace("= 2", "= 3"));
    check(tables, r#"{"steps": [{"at": 1}]}"#, "[[parameters.steps]]\n# first\nat = 1\n# second\n");
    check(
        tables,
        r#"{"steps": [{"at": 1}, {"at": 2}, {"at": 3}]}"#,
        &format!("{tables}\n[[parameters.steps]]\nat = 3\n"),
    );
    check(tables, r#"{"steps": []}"#, "[parameters]\nsteps = []\n# first\n# second\n");
}

#[test]
fn tables_in_a_line_and_dotted_names_stay_what_they_are() {
    check(
        "parameters = { a = 1, b = 2 } # all\n",
        r#"{"a": 1, "b": 3, "c": 4}"#,
        "parameters = { a = 1, b = 3, c = 4 } # all\n",
    );
    check("parameters = { a = 1, b = 2 }\n", r#"{"b": 2}"#, "parameters = { b = 2 }\n");
    check(
        "# A.\nparameters.a = 1 # one\nparameters.b = 2\n",
        r#"{"a": 2, "b": 2}"#,
        "# A.\nparameters.a = 2 # one\nparameters.b = 2\n",
    );
    check(
        "# A.\nparameters.a = 1 # one\nparameters.b = 2\n",
        r#"{"b": 2, "c": 3}"#,
        "# A.\nparameters.b = 2\nparameters.c = 3\n",
    );
    check(
        "[parameters]\n\"deep\".x = 1 # one\n# y\n\"deep\".y = 2\n",
        r#"{"deep": {"x": 1, "z": 3}}"#,
        "[parameters]\n\"deep\".x = 1 # one\n# y\n\"deep\".z = 3\n",
    );
}

#[test]
fn an_array_keeps_the_comments_of_the_values_that_stay() {
    let text = "[parameters]\nlist = [\n  1, # one\n  0x2, # two\n] # all\n";
    check(text, r#"{"list": [1, 3]}"#, &text.replace("0x2", "3"));
    check(text, r#"{"list": [1]}"#, "[parameters]\nlist = [\n  1, # one\n] # all\n");
    check(text, r#"{"list": [1, 2, 3]}"#, &text.replace("# two\n", "# two\n  3,\n"));
    check(text, r#"{"list": []}"#, "[parameters]\nlist = [\n] # all\n");
    check(text, r#"{"list": "none"}"#, "[parameters]\nlist = \"none\" # all\n");
    let line = "[parameters]\nlist = [1, [2, 3], {x = 4}] # all\n";
    check(line, r#"{"list": [1, [2], {"x": 5}]}"#, "[parameters]\nlist = [1, [2], {x = 5}] # all\n");
    check(line, r#"{"list": [1, [2, 3], {"x": 4}, 5]}"#, "[parameters]\nlist = [1, [2, 3], {x = 4}, 5] # all\n");
    let no_comma = "[parameters]\nlist = [\n  1, # one\n  2 # two\n]\n";
    check(no_comma, r#"{"list": [1, 2, 3]}"#, "[parameters]\nlist = [\n  1, # one\n  2, # two\n  3\n]\n");
    check(no_comma, r#"{"list": [1]}"#, "[parameters]\nlist = [\n  1 # one\n]\n");
}

#[test]
fn lines_end_as_they_did() {
    let file = FILE.replace('\n', "\r\n");
    let parameters = r#"{"max size": 16, "bid": 2.0, "side": "buy", "text": "a\r\nb\nc\u007f\"", "list": ["\n"]}"#;
    let expected = FILE.replace("pace   = 3 # not too often\n", "").replace("1.10", "2.0");
    let added = "'buy'\nlist = [\"\\n\"]\ntext = \"a\\r\\nb\\nc\\u007F\\\"\"\n";
    check(&file, parameters, &expected.replace("'buy'\n", added).replace('\n', "\r\n"));
    let text = "[parameters]\r\na = '''x\r\ny'''\r\nb = 1\r\n";
    let a = Settings::parse(text).unwrap().parameters["a"].to_string();
    check(text, &format!(r#"{{"a": {a}, "b": 2}}"#), &text.replace("b = 1", "b = 2"));
    // With mixed line endings, the contents of strings do not change.
    let mixed = "[parameters]\r\na = '''x\r\ny'''\nb = 1\n";
    let written = set(mixed, &format!(r#"{{"a": {a}, "b": 2}}"#)).unwrap();
    assert_eq!(written, "[parameters]\na = '''x\r\ny'''\nb = 2\n");
}

#[test]
fn values_without_a_toml_form_are_rejected_by_name_and_invalid_toml_by_line() {
    for (text, parameters, words) in [
        ("[parameters]\nsize = \n", "{}", "at line 2"),
        ("[parameters]\na = 1\na = 2\n", "{}", "at line 3"),
        ("", r#"{"a": null}"#, "`a`: null has no form"),
        ("", r#"{"a": {"b": [null]}}"#, "`a`: null has no form"),
        ("", r#"{"a": 9223372036854775808}"#, "`a`: 9223372036854775808 has no form"),
        ("[parameters.a]\nb = 1\n", r#"{"a": {"b": null}}"#, "`a`: `b`: null has no form"),
    ] {
        let error = format!("{:#}", set(text, parameters).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(super::super::FILE_MAX));
    assert!(format!("{:#}", set("", &long).unwrap_err()).contains("at most"));
    let deep = format!(r#"{{"a": {}1{}}}"#, "[".repeat(100), "]".repeat(100));
    assert!(format!("{:#}", set("", &deep).unwrap_err()).contains("would not be readable"));
}
