//! The bill of materials, in CycloneDX 1.5: everything of others that is compiled into the programs, with its checksum
//! and licence. It has neither a time nor a random number, so that the same sources give the same file.

mod structure;

pub(super) use structure::faults;

use super::parts::Part;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Returns the parts of all programs, sorted, each once.
pub(super) fn all(programs: &[(&str, Vec<Part>)]) -> Vec<Part> {
    let parts: BTreeSet<&Part> = programs.iter().flat_map(|(_, parts)| parts).collect();
    parts.into_iter().cloned().collect()
}

fn reference(part: &Part) -> String {
    format!("pkg:cargo/{}@{}", part.name, part.version)
}

/// Returns the reference and the component of one of our programs.
fn program(name: &str, version: &str) -> (String, Value) {
    let ours = format!("pkg:cargo/{name}@{version}");
    let component = json!({ "type": "application", "bom-ref": &ours, "name": name, "version": version, "purl": &ours });
    (ours, component)
}

fn component(part: &Part) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(part),
        "name": part.name,
        "version": part.version,
        "purl": reference(part),
        "licenses": [{ "expression": part.licence }],
    });
    if let Some(fields) = component.as_object_mut() {
        if let Some(sum) = &part.checksum {
            fields.insert("hashes".to_owned(), json!([{ "alg": "SHA-256", "content": sum }]));
        }
        if !part.repository.is_empty() {
            fields.insert("externalReferences".to_owned(), json!([{ "type": "vcs", "url": part.repository }]));
        }
    }
    component
}

/// Returns the document about a release with these programs and their parts.
pub(super) fn document(version: &str, programs: &[(&str, Vec<Part>)]) -> Value {
    let release = "polytrader-release";
    let (mut components, mut dependencies, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for (name, parts) in programs {
        let (id, component) = program(name, version);
        components.push(component);
        dependencies.push(json!({ "ref": &id, "dependsOn": parts.iter().map(reference).collect::<Vec<_>>() }));
        ours.push(id);
    }
    dependencies.insert(0, json!({ "ref": release, "dependsOn": ours }));
    components.extend(all(programs).iter().map(component));
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial(&components),
        "version": 1,
        "metadata": { "component": { "type": "application", "bom-ref": release, "name": "polytrader", "version": version } },
        "components": components,
        "dependencies": dependencies,
    })
}

/// Returns a UUID (version 8, of the document's own kind) that is made of the components.
fn serial(components: &[Value]) -> String {
    let sum = Sha256::digest(Value::from(components.to_vec()).to_string());
    let mut bytes: Vec<u8> = sum.iter().copied().take(16).collect();
    for (place, keep, set) in [(6, 0x0f, 0x80), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(place) {
            *byte = (*byte & keep) | set;
        }
    }
    let hex = super::hex(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn part(name: &str, version: &str) -> Part {
        Part {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            repository: format!("https://example.com/{name}"),
            folder: "/src".into(),
            checksum: Some("ab".repeat(32)),
        }
    }

    #[test]
    fn each_part_has_its_address_checksum_and_licence_and_the_same_parts_give_the_same_document() {
        let of = |version: &str| {
            let shared = part("lib", version);
            [("polytrader", vec![shared.clone(), part("web", "2.0.0")]), ("polytrader-worker", vec![shared])]
        };
        let one = document("0.1.0", &of("1.2.3"));
        let components = one["components"].as_array().unwrap();
        let names: Vec<&Value> = components.iter().map(|component| &component["name"]).collect();
        assert_eq!(names, ["polytrader", "polytrader-worker", "lib", "web"], "a shared part is listed once");
        let component = &components[2];
        assert_eq!(component["purl"], "pkg:cargo/lib@1.2.3");
        assert_eq!(component["hashes"][0]["content"], json!("ab".repeat(32)));
        assert_eq!(component["licenses"][0]["expression"], "MIT OR Apache-2.0");
        let ours = json!(["pkg:cargo/polytrader@0.1.0", "pkg:cargo/polytrader-worker@0.1.0"]);
        assert_eq!(one["dependencies"][0]["dependsOn"], ours);
        assert_eq!(one["dependencies"][2]["dependsOn"], json!(["pkg:cargo/lib@1.2.3"]));
        assert_eq!(one, document("0.1.0", &of("1.2.3")));
        let serial = one["serialNumber"].as_str().unwrap();
        assert!(serial.len() == 45 && &serial[23..24] == "8", "{serial}");
        let other = document("0.1.0", &of("1.2.4"));
        assert_ne!(one["serialNumber"], other["serialNumber"]);
    }
}
