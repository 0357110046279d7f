//! Sets the paths of the report's script and of its charting library's style, from the dashboard's build, so that they
//! are embedded. Without them a report has all figures and no charts.

use std::path::Path;
use std::{env, fs};

const PARTS: [(&str, &str); 2] = [("REPORT_SCRIPT", "report.js"), ("REPORT_STYLE", "report.css")];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/dist-report");
    println!("cargo:rerun-if-changed={}", built.display());
    let complete = PARTS.iter().all(|(_, file)| built.join(file).is_file());
    if !complete {
        // A folder that comes later must be noticed, and Cargo watches only what is there.
        println!("cargo:rerun-if-changed=../../dashboard");
    }
    let Some(out) = env::var_os("OUT_DIR") else { return };
    for (variable, file) in PARTS {
        let path = if complete { built.join(file) } else { Path::new(&out).join(file) };
        if !complete && let Err(error) = fs::write(&path, "") {
            println!("cargo:warning=writing an empty {file}: {error}");
        }
        println!("cargo:rustc-env={variable}={}", path.display());
    }
}
