//! `#[derive(Choice)]`: an enum of plain variants, each named in snake case.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields};

/// Generates the implementation.
pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "`Choice` is derived for enums"));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a choice needs a variant"));
    }
    let full = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit));
    if let Some(full) = full {
        return Err(Error::new_spanned(full, "a choice has plain variants only, without fields"));
    }
    let names = data.variants.iter().map(|variant| snake(&variant.ident.to_string()));
    let variants = data.variants.iter().map(|variant| &variant.ident);
    let ident = &input.ident;
    Ok(quote! {
        impl ::polytrader_sdk::parameters::Choice for #ident {
            const NAMES: &'static [&'static str] = &[#(#names),*];

            fn variants() -> &'static [Self] {
                const { &[#(Self::#variants),*] }
            }
        }
    })
}

/// Returns `TwoWords` as `two_words`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake;

    #[test]
    fn variants_are_named_in_small_letters() {
        assert_eq!([snake("Both"), snake("OnlyYes")], ["both", "only_yes"]);
    }
}
