//! Names what a macro embeds, which cargo does not see: projects of authors are made of the SDK.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for source in
        ["sdk/rust/src", "sdk/rust/Cargo.toml", "sdk/rust/Cargo.lock", "sdk/derive", "sdk/wit", "strategies/template"]
    {
        println!("cargo:rerun-if-changed=../../{source}");
    }
}
