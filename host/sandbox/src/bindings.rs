//! The contract as Rust, made from `sdk/wit`.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]

wasmtime::component::bindgen!({ path: "../../sdk/wit", world: "strategy" });
