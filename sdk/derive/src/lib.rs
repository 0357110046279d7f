//! Derive macros for typed strategy parameters: `#[derive(Parameters)]` and `#[derive(Choice)]`, used through
//! `polytrader_sdk`, which documents them. This crate runs in the compiler only; no code of it ends up in a strategy's
//! module. Start reading in `parameters`.

mod choice;
mod field;
mod micros;
mod parameters;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Parameters` for a struct; see `polytrader_sdk::parameters`.
#[proc_macro_derive(Parameters, attributes(parameter))]
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    parameters::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Choice` for an enum of plain variants; see `polytrader_sdk::parameters`.
#[proc_macro_derive(Choice)]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
