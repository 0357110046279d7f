//! The structure of a bill of materials, as the published schema of CycloneDX 1.5 requires it for the fields that are
//! written here: required and known fields, patterns, and references that exist.

use serde_json::{Map, Value};
use spdx::{Expression, ParseMode};
use std::collections::BTreeSet;

/// The lengths of hexadecimal hashes.
const HASHES: [usize; 5] = [32, 40, 64, 96, 128];
/// An object of the schema: its required fields and the further ones that may be there.
struct Shape(&'static [&'static str], &'static [&'static str]);

const BILL: Shape = Shape(
    &["bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies"],
    &["$schema"],
);
const COMPONENT: Shape =
    Shape(&["type", "name", "version", "bom-ref"], &["purl", "licenses", "hashes", "externalReferences"]);
const HASH: Shape = Shape(&["alg", "content"], &[]);
const LINK: Shape = Shape(&["type", "url"], &[]);
const DEPENDENCY: Shape = Shape(&["ref", "dependsOn"], &[]);

/// Returns what is wrong with a document; nothing if it is good.
pub(in crate::dist) fn faults(bill: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(bill) = shaped(bill, &BILL, "the bill", &mut faults) else { return faults };
    let text = |name: &str| bill.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut expect = |is: bool, what: &str| {
        if !is {
            faults.push(what.to_owned());
        }
    };
    expect(
        text("bomFormat") == "CycloneDX" && text("specVersion") == "1.5",
        "format and version are not CycloneDX 1.5",
    );
    expect(is_serial(text("serialNumber")), "serialNumber is not urn:uuid: with a UUID");
    expect(bill.get("version").and_then(Value::as_u64).is_some_and(|version| version >= 1), "version is not 1 or more");
    let main = bill.get("metadata").and_then(|metadata| metadata.get("component"));
    let components = main.into_iter().chain(list(bill, "components"));
    let mut known = BTreeSet::new();
    for component in components {
        let id = self::component(component, &mut faults);
        if !known.insert(id.clone()) {
            faults.push(format!("{id} is there twice"));
        }
    }
    let mut described = BTreeSet::new();
    for dependency in list(bill, "dependencies") {
        let Some(dependency) = shaped(dependency, &DEPENDENCY, "a dependency", &mut faults) else { continue };
        let of = dependency.get("ref").and_then(Value::as_str).unwrap_or_default();
        let on: Vec<&str> = list(dependency, "dependsOn").filter_map(Value::as_str).collect();
        if !described.insert(of.to_owned()) || on.iter().collect::<BTreeSet<_>>().len() != on.len() {
            faults.push(format!("dependencies of {of} are there twice"));
        }
        faults.extend(
            [of].iter().chain(&on).filter(|id| !known.contains(**id)).map(|id| format!("there is no component {id}")),
        );
    }
    faults
}

/// Checks a component and returns its reference.
fn component(value: &Value, faults: &mut Vec<String>) -> String {
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(component) = shaped(value, &COMPONENT, &format!("the component `{name}`"), faults) else { return name };
    let text = |of: &Map<String, Value>, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut expect = |is: bool, what: &str| {
        if !is {
            faults.push(format!("the component `{name}`: {what}"));
        }
    };
    expect(matches!(text(component, "type").as_str(), "application" | "library"), "the type is unknown");
    expect(!name.is_empty() && !text(component, "bom-ref").is_empty(), "the name or the reference is empty");
    let purl = text(component, "purl");
    expect(purl.is_empty() || purl.starts_with("pkg:cargo/"), "the address does not begin with pkg:cargo/");
    // A list has licences or a single expression.
    let licences: Vec<&Value> = list(component, "licenses").collect();
    let parses = |licence: &&Value| {
        let text = licence.get("expression").and_then(Value::as_str);
        text.is_some_and(|text| Expression::parse_mode(text, ParseMode::STRICT).is_ok())
    };
    expect(licences.len() <= 1 && licences.iter().all(parses), "the licence is not an expression of SPDX");
    let (hashes, links): (Vec<&Value>, Vec<&Value>) =
        (list(component, "hashes").collect(), list(component, "externalReferences").collect());
    for hash in hashes {
        let Some(hash) = shaped(hash, &HASH, &format!("a hash of `{name}`"), faults) else { continue };
        let content = text(hash, "content");
        let good = HASHES.contains(&content.len()) && content.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !good || text(hash, "alg") != "SHA-256" {
            faults.push(format!("the component `{name}`: `{content}` is not a hash"));
        }
    }
    for link in links {
        let Some(link) = shaped(link, &LINK, &format!("a link of `{name}`"), faults) else { continue };
        let url = text(link, "url");
        if url.is_empty() || url.contains(char::is_whitespace) || text(link, "type") != "vcs" {
            faults.push(format!("the component `{name}`: `{url}` is not the address of a repository"));
        }
    }
    text(component, "bom-ref")
}

fn list<'a>(of: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Returns an object if a value is one, and names the fields that are missing or unknown.
fn shaped<'a>(value: &'a Value, shape: &Shape, what: &str, faults: &mut Vec<String>) -> Option<&'a Map<String, Value>> {
    let Some(object) = value.as_object() else {
        faults.push(format!("{what} is not an object"));
        return None;
    };
    let Shape(required, further) = shape;
    faults.extend(
        required.iter().filter(|name| !object.contains_key(**name)).map(|name| format!("{what} has no `{name}`")),
    );
    let unknown = object.keys().filter(|name| !required.iter().chain(*further).any(|known| name == known));
    faults.extend(unknown.map(|name| format!("{what} has the unknown field `{name}`")));
    Some(object)
}

fn is_serial(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let groups: Vec<&str> = uuid.split('-').collect();
    let lower = |group: &&str| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(lower)
}

#[cfg(test)]
mod tests {
    use super::super::{document, tests::part};
    use super::*;
    use serde_json::json;

    #[test]
    fn each_departure_from_the_published_structure_is_named() {
        let good = document("0.1.0", &[("polytrader", vec![part("lib", "1.2.3")])]);
        assert_eq!(faults(&good), Vec::<String>::new());
        let changes: [(&str, Value, &str); 12] = [
            ("/bomFormat", json!("SPDX"), "not CycloneDX 1.5"),
            ("/serialNumber", json!("urn:uuid:x"), "not urn:uuid:"),
            ("/version", json!(0), "not 1 or more"),
            ("/components/0", json!(7), "is not an object"),
            ("/components/0", json!({"type": "library"}), "has no `name`"),
            ("/components/1/type", json!("crate"), "the type is unknown"),
            ("/components/1/licenses", json!([{"expression": "Apache/MIT"}]), "not an expression of SPDX"),
            ("/components/1/hashes/0/content", json!("xy"), "is not a hash"),
            ("/components/1/hashes/0", json!({"alg": "SHA-256", "more": 1}), "unknown field `more`"),
            ("/components/1/externalReferences/0/url", json!("no address"), "not the address of a repository"),
            ("/components/1/bom-ref", json!("pkg:cargo/polytrader@0.1.0"), "is there twice"),
            ("/dependencies/1/dependsOn", json!(["pkg:cargo/none@1.0.0"]), "there is no component pkg:cargo/none"),
        ];
        for (place, value, expected) in changes {
            let mut bad = good.clone();
            *bad.pointer_mut(place).unwrap() = value;
            let found = faults(&bad);
            assert!(found.iter().any(|fault| fault.contains(expected)), "{place}: {found:?}");
        }
        for missing in ["metadata", "components", "dependencies"] {
            let mut bad = good.clone();
            bad.as_object_mut().unwrap().remove(missing);
            assert!(faults(&bad).iter().any(|fault| fault == &format!("the bill has no `{missing}`")));
        }
    }
}
