//! Sets the path of the built dashboard, so that it is embedded, or of a page that explains how to build it.

use std::path::Path;
use std::{env, fs};

const MISSING: &str = "<!doctype html><meta charset=\"utf-8\"><title>PolyTrader</title>\
    <h1>The dashboard is not in this build</h1>\
    <p>Build it first (<code>cargo xtask dashboard</code>), then build this program again. \
    The API works without it.</p>\n";

fn main() {
    dashboard();
}

fn dashboard() {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/dist");
    println!("cargo:rerun-if-changed={}", built.display());
    println!("cargo:rerun-if-changed=build.rs");
    if built.join("index.html").is_file() {
        println!("cargo:rustc-env=DASHBOARD={}", built.display());
        return;
    }
    // A folder that comes later must be noticed, and Cargo watches only what is there.
    println!("cargo:rerun-if-changed=../../dashboard");
    let Some(out) = env::var_os("OUT_DIR") else { return };
    let page = Path::new(&out).join("no-dashboard");
    let written = fs::create_dir_all(&page).and_then(|()| fs::write(page.join("index.html"), MISSING));
    match written {
        Ok(()) => println!("cargo:rustc-env=DASHBOARD={}", page.display()),
        Err(error) => println!("cargo:warning=writing the page without a dashboard: {error}"),
    }
}
