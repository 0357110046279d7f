//! Rules over one file's text.

use crate::source::File;

/// Maximum number of lines of a file, without its inline tests.
const LINES_MAX: usize = 500;
const PURE: [&str; 5] = ["model", "engine", "journal", "sim", "order"];

/// Returns the lines for which `breaks` is true.
fn lines(file: &File, what: &str, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let numbered = file.text.lines().zip(1..);
    numbered.filter(|(line, _)| breaks(line)).map(|(_, number)| format!("{number}: {what}")).collect()
}

/// Joins the parts of a word, so that the rules do not match their own source.
fn word(parts: [&str; 2]) -> String {
    parts.concat()
}

pub(super) fn too_long(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let count = file.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    if count > LINES_MAX { vec![format!("1: {count} lines")] } else { Vec::new() }
}

pub(super) fn mod_rs(file: &File) -> Vec<String> {
    if file.name() == "mod.rs" { vec!["1: name the file after its folder".to_owned()] } else { Vec::new() }
}

/// Returns the lines of product code that open a file for reading by a name that is not a literal.
pub(super) fn opened_by_name(file: &File) -> Vec<String> {
    let inside = file.path.strip_prefix("host/").and_then(|path| path.split_once("/src/"));
    let Some((krate, inside)) = inside else { return Vec::new() };
    let exempt = ["files", "testkit", "xtask", "polymarket", "conformance", "fuzz"];
    if !file.is_rust() || exempt.contains(&krate) || inside.split('/').any(|part| part.starts_with("tests")) {
        return Vec::new();
    }
    let marks = ["File::op", "fs::re", "fs::re"].into_iter().zip(["en(", "ad(", "ad_to_string("]);
    let marks: Vec<String> = marks.map(|(start, end)| word([start, end])).collect();
    let code = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    lines(&File::new(&file.path, code), "hangs if a pipe or a device has this name", |line| {
        marks.iter().any(|mark| line.contains(mark.as_str())) && !line.contains("\"/")
    })
}

pub(super) fn left_for_later(file: &File) -> Vec<String> {
    let marks = [word(["TO", "DO"]), word(["FIX", "ME"]), word(["XX", "X:"]), word(["unimplem", "ented!("])];
    lines(file, "a marker for unfinished work", |line| marks.iter().any(|mark| line.contains(mark.as_str())))
}

pub(super) fn switched_off(file: &File) -> Vec<String> {
    let marks = [word(["#[ign", "ore"]), word(["#[should_", "panic"])];
    lines(file, "a disabled test, or one that passes for any panic", |line| {
        file.is_rust() && marks.iter().any(|mark| line.trim_start().starts_with(mark.as_str()))
    })
}

pub(super) fn not_pure(file: &File) -> Vec<String> {
    let Some(inside) = PURE.iter().find_map(|name| file.path.strip_prefix(&format!("host/{name}/src/"))) else {
        return Vec::new();
    };
    // The binary of a pure crate reads arguments and prints.
    if inside == "main.rs" {
        return Vec::new();
    }
    if inside == "lib.rs" && !file.text.contains("#![no_std]") {
        return vec!["1: #![no_std] is missing".to_owned()];
    }
    let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    lines(&File::new(&file.path, code), "std in a pure crate", |line| {
        let line = line.trim_start();
        !line.starts_with("//") && line.contains("std::") && !line.contains("no_std")
    })
}

pub(super) fn bad_end(file: &File) -> Vec<String> {
    let good = file.text.ends_with('\n') && !file.text.ends_with("\n\n");
    if good || file.text.is_empty() { Vec::new() } else { vec!["1: does not end with one newline".to_owned()] }
}

pub(super) fn machine_path(file: &File) -> Vec<String> {
    let paths = [word(["/wo", "rk/"]), word(["/ro", "ot/"]), word(["/ho", "me/"])];
    lines(file, "a path of one machine", |line| paths.iter().any(|path| line.contains(path.as_str())))
}

pub(super) fn without_doc(file: &File) -> Vec<String> {
    let head = matches!(file.name(), "lib.rs" | "main.rs") && file.is_rust();
    let bare_main = file.path.ends_with("src/main.rs") && file.text.lines().count() < 4;
    if head && !bare_main && !file.text.starts_with("//!") {
        return vec!["1: a `//!` comment with its purpose is missing".to_owned()];
    }
    Vec::new()
}

pub(super) fn allowed_without_reason(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    lines(file, "`reason = ..` is missing", |line| {
        let line = line.trim();
        let allows = ["#[allow(", "#![allow(", "#[expect("].iter().any(|start| line.starts_with(start));
        allows && line.ends_with(")]") && !line.contains("reason =")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(text: &str) -> File {
        File::new("host/app/src/some.rs", text)
    }

    #[test]
    fn long_files_are_found_and_tests_do_not_count() {
        assert_eq!(too_long(&rust(&"x\n".repeat(501))), ["1: 501 lines"]);
        assert!(too_long(&rust(&format!("x\n#[cfg(test)]\n{}", "x\n".repeat(600)))).is_empty());
    }

    #[test]
    fn each_rule_finds_its_breach_in_its_line() {
        assert_eq!(mod_rs(&File::new("host/app/src/http/mod.rs", "")).len(), 1);
        assert_eq!(
            left_for_later(&rust(&format!("a\n// {} later", word(["TO", "DO"]))))[0].split(':').next(),
            Some("2")
        );
        assert_eq!(switched_off(&rust(&format!("  {}]", word(["#[ign", "ore"])))).len(), 1);
        assert_eq!(bad_end(&rust("a")).len(), 1);
        assert_eq!(bad_end(&rust("a\n\n")).len(), 1);
        assert_eq!(machine_path(&rust(&word(["cd /wo", "rk/here"]))).len(), 1);
        assert_eq!(without_doc(&File::new("host/app/src/lib.rs", "use a;")).len(), 1);
        assert_eq!(allowed_without_reason(&rust("#[allow(dead_code)]")).len(), 1);
        assert!(allowed_without_reason(&rust("#[allow(dead_code, reason = \"a test's\")]")).is_empty());
    }

    #[test]
    fn an_impure_line_of_a_pure_crate_is_found_outside_of_tests() {
        let file = |text| File::new("host/engine/src/step.rs", text);
        assert_eq!(not_pure(&file("use std::time::Instant;\n")).len(), 1);
        assert!(not_pure(&file("use core::fmt;\n#[cfg(test)]\nuse std::time::Instant;\n")).is_empty());
        assert_eq!(not_pure(&File::new("host/engine/src/lib.rs", "//! Text\n")).len(), 1);
        assert!(not_pure(&rust("use std::time::Instant;\n")).is_empty());
    }
}
