//! The contract as Rust, made from `sdk/wit`, and the one before it.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]

wasmtime::component::bindgen!({ path: "../../sdk/wit", world: "strategy" });

/// The contract before this one.
pub mod since_0_1 {
    wasmtime::component::bindgen!({ path: "../../sdk/wit/since-0.1.0", world: "strategy" });
}
