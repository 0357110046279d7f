//! Bindings generated from the contract in `sdk/wit`, and from its previous version.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::restriction, clippy::pedantic, reason = "generated code")]

wasmtime::component::bindgen!({ path: "../../sdk/wit", world: "strategy" });

/// Bindings of the previous version, 0.1.
pub mod since_0_1 {
    wasmtime::component::bindgen!({ path: "../../sdk/wit/since-0.1.0", world: "strategy" });
}
