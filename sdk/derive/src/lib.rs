//! Derives typed parameters of strategies: `#[derive(Parameters)]` and `#[derive(Choice)]`, used through `polytrader_sdk`, whose
//! documentation tells what an author writes. Nothing of this crate is in a strategy's module: it runs in the compiler.
//! Start reading in `parameters`.

mod choice;
mod field;
mod micros;
mod parameters;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the parameters of a strategy; see `polytrader_sdk::parameters`.
#[proc_macro_derive(Parameters, attributes(parameter))]
pub fn derive_parameters(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    parameters::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum of plain variants the value of a parameter; see `polytrader_sdk::parameters`.
#[proc_macro_derive(Choice)]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
