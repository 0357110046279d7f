//! Declares the SDK files embedded by a macro (for new strategy projects), which cargo does not track.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for source in
        ["sdk/rust/src", "sdk/rust/Cargo.toml", "sdk/rust/Cargo.lock", "sdk/derive", "sdk/wit", "strategies/template"]
    {
        println!("cargo:rerun-if-changed=../../{source}");
    }
}
