//! `#[derive(Parameters)]`: a table of the fields, used for the schema and for parsing values.

use crate::field::Field;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields};

/// Generates the implementation.
pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let wrong = || Error::new_spanned(&input.ident, "`Parameters` is derived for structs with named fields");
    let Data::Struct(data) = &input.data else { return Err(wrong()) };
    let Fields::Named(named) = &data.fields else { return Err(wrong()) };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "parameters have no generics"));
    }
    let fields = named.named.iter().map(Field::new).collect::<syn::Result<Vec<_>>>()?;
    let (entries, checks) = (fields.iter().map(Field::entry), fields.iter().map(Field::check));
    let reads = fields.iter().enumerate().map(|(place, field)| field.read(place));
    let ident = &input.ident;
    let count = fields.len();
    Ok(quote! {
        const _: () = {
            static FIELDS: [::polytrader_sdk::parameters::Field; #count] = [#(#entries),*];
            #(#checks)*

            #[automatically_derived]
            #[allow(clippy::indexing_slicing, reason = "the places are those of the table")]
            impl ::polytrader_sdk::parameters::Parameters for #ident {
                fn schema() -> ::std::string::String {
                    ::polytrader_sdk::parameters::schema(&FIELDS)
                }

                fn parse(text: &str) -> ::core::result::Result<Self, ::std::string::String> {
                    let given = ::polytrader_sdk::parameters::Given::new(text, &FIELDS)?;
                    ::core::result::Result::Ok(Self { #(#reads),* })
                }
            }
        };
    })
}
