//! One field of a parameters struct: its type, doc comment and attribute.

use crate::micros::micros;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, ExprUnary, Ident, Lit, Meta, Type, UnOp};

/// The default maximum length of a string, in bytes.
const TEXT_MAX: i64 = 200;

/// The form of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Integer,
    /// A decimal number, held in millionths; the unit is for display.
    Micros(&'static str),
    Text,
    Choice,
}

/// The contents of `#[parameter(...)]`.
#[derive(Default)]
struct ParameterAttributes {
    unit: Option<&'static str>,
    default: Option<Expr>,
    min: Option<Expr>,
    max: Option<Expr>,
}

/// A parsed field.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) kind: Kind,
    help: String,
    ty: Type,
    min: i64,
    max: i64,
    /// As JSON.
    default: Option<String>,
}

impl Field {
    /// Reads a field of the struct.
    pub(crate) fn new(field: &syn::Field) -> syn::Result<Self> {
        let ident = field.ident.clone().ok_or_else(|| Error::new(field.span(), "a parameter needs a name"))?;
        let help = comment(&field.attrs);
        if help.is_empty() {
            return Err(Error::new_spanned(&ident, "a parameter needs a doc comment (`/// ...`) for operators"));
        }
        let parameter_attributes = parameter_attributes(&field.attrs)?;
        let (kind, lowest, highest) = kind(&field.ty, parameter_attributes.unit)?;
        let bound = |given: &Option<Expr>, bound: i64| match given {
            Some(_) if matches!(kind, Kind::Bool | Kind::Choice) => {
                Err(Error::new_spanned(given, "only numbers and strings have bounds"))
            }
            Some(given) => number(given, kind),
            None => Ok(bound),
        };
        let (min, max) = (bound(&parameter_attributes.min, lowest)?, bound(&parameter_attributes.max, highest)?);
        if min < lowest || max > highest || min > max {
            return Err(Error::new_spanned(
                &ident,
                format!("`min` and `max` must lie from {lowest} to {highest}, in order"),
            ));
        }
        let default = parameter_attributes.default.as_ref().map(|default| json(default, kind, min, max)).transpose()?;
        Ok(Self { ident, kind, help, ty: field.ty.clone(), min, max, default })
    }

    /// Generates the field's entry in the table of fields.
    pub(crate) fn entry(&self) -> TokenStream {
        let (name, help, min, max) = (self.name(), &self.help, self.min, self.max);
        let default = match &self.default {
            Some(default) => quote!(Some(#default)),
            None => quote!(None),
        };
        let ty = &self.ty;
        let kind = match self.kind {
            Kind::Bool => quote!(Bool),
            Kind::Integer => quote!(Integer { min: #min, max: #max }),
            Kind::Micros(unit) => quote!(Micros { min: #min, max: #max, unit: #unit }),
            Kind::Text => quote!(Text { max: #max }),
            Kind::Choice => quote!(Choice(<#ty as ::polytrader_sdk::parameters::Choice>::NAMES)),
        };
        quote! {
            ::polytrader_sdk::parameters::Field {
                name: #name,
                help: #help,
                kind: ::polytrader_sdk::parameters::Kind::#kind,
                default: #default,
            }
        }
    }

    /// Generates the expression that reads the field; `place` is its index in the table.
    pub(crate) fn read(&self, place: usize) -> TokenStream {
        let (ident, ty) = (&self.ident, &self.ty);
        let how = match self.kind {
            Kind::Bool => quote!(boolean),
            Kind::Integer | Kind::Micros(_) => quote!(number::<#ty>),
            Kind::Text => quote!(text),
            Kind::Choice => quote!(choice::<#ty>),
        };
        quote!(#ident: given.#how(&FIELDS[#place])?)
    }

    /// Generates a compile-time check that a choice's default is one of its names.
    pub(crate) fn check(&self) -> TokenStream {
        let Some(default) = self.default.as_ref().filter(|_| self.kind == Kind::Choice) else {
            return TokenStream::new();
        };
        let (ty, name) = (&self.ty, default.trim_matches('"'));
        let message = format!("the default of `{}` is not a variant of its type", self.ident);
        quote! {
            const _: () = assert!(
                ::polytrader_sdk::parameters::is_one_of(#name, <#ty as ::polytrader_sdk::parameters::Choice>::NAMES),
                #message
            );
        }
    }

    fn name(&self) -> String {
        self.ident.to_string().trim_start_matches("r#").to_owned()
    }
}

/// Returns the text of the doc comments, on one line.
fn comment(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter(|attr| attr.path().is_ident("doc")).filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn parameter_attributes(attrs: &[Attribute]) -> syn::Result<ParameterAttributes> {
    let mut parameter_attributes = ParameterAttributes::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("parameter")) {
        attr.parse_nested_meta(|meta| {
            let units = ["price", "shares", "dollars", "seconds"];
            if let Some(unit) = units.into_iter().find(|unit| meta.path.is_ident(unit)) {
                parameter_attributes.unit = Some(unit);
                return Ok(());
            }
            let place = if meta.path.is_ident("default") {
                &mut parameter_attributes.default
            } else if meta.path.is_ident("min") {
                &mut parameter_attributes.min
            } else if meta.path.is_ident("max") {
                &mut parameter_attributes.max
            } else {
                return Err(meta.error("expected price, shares, dollars, seconds, default = .., min = .. or max = .."));
            };
            *place = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(parameter_attributes)
}

/// Returns the kind of a field and the range of its type.
fn kind(ty: &Type, unit: Option<&'static str>) -> syn::Result<(Kind, i64, i64)> {
    let name = ty.to_token_stream().to_string();
    let range = match name.as_str() {
        "u8" => Some((0, u8::MAX.into())),
        "u16" => Some((0, u16::MAX.into())),
        "u32" => Some((0, u32::MAX.into())),
        "u64" => Some((0, i64::MAX)),
        "i8" => Some((i8::MIN.into(), i8::MAX.into())),
        "i16" => Some((i16::MIN.into(), i16::MAX.into())),
        "i32" => Some((i32::MIN.into(), i32::MAX.into())),
        "i64" => Some((i64::MIN, i64::MAX)),
        _ => None,
    };
    match (name.as_str(), unit, range) {
        (_, Some("price"), Some((low, high))) => Ok((Kind::Micros("price"), low.max(0), high.min(1_000_000))),
        (_, Some(unit), Some((low, high))) => Ok((Kind::Micros(unit), low, high)),
        (_, Some(unit), None) => {
            Err(Error::new_spanned(ty, format!("`{unit}` is held in millionths: the type must be an integer")))
        }
        ("f32" | "f64", ..) => Err(Error::new_spanned(
            ty,
            "floats are not supported: use an integer with #[parameter(price)], (shares), (dollars) or (seconds)",
        )),
        (_, None, Some((low, high))) => Ok((Kind::Integer, low, high)),
        ("bool", ..) => Ok((Kind::Bool, 0, 1)),
        ("String", ..) => Ok((Kind::Text, 0, TEXT_MAX)),
        _ => Ok((Kind::Choice, 0, 0)),
    }
}

/// Parses a number of an attribute, in the unit in which the field holds it.
fn number(expr: &Expr, kind: Kind) -> syn::Result<i64> {
    let text = literal(expr)?;
    let value = if let Kind::Micros(_) = kind { micros(&text) } else { text.parse().ok() };
    value.ok_or_else(|| Error::new_spanned(expr, format!("`{text}` is not a number that this field can hold")))
}

/// Returns the text of a number, with its sign.
fn literal(expr: &Expr) -> syn::Result<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => Ok(int.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => Ok(float.base10_digits().to_owned()),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Ok(format!("-{}", literal(expr)?)),
        _ => Err(Error::new_spanned(expr, "expected a number")),
    }
}

/// Returns a default as JSON, after checking it against the bounds.
fn json(expr: &Expr, kind: Kind, min: i64, max: i64) -> syn::Result<String> {
    let wrong = |expected: &str| Error::new(expr.span(), format!("the default must be {expected}"));
    match (kind, expr) {
        (Kind::Bool, Expr::Lit(ExprLit { lit: Lit::Bool(value), .. })) => Ok(value.value.to_string()),
        (Kind::Bool, _) => Err(wrong("true or false")),
        (Kind::Integer | Kind::Micros(_), _) if !(min..=max).contains(&number(expr, kind)?) => {
            Err(wrong("from `min` to `max`"))
        }
        (Kind::Integer | Kind::Micros(_), _) => literal(expr),
        (Kind::Text | Kind::Choice, Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
            plain(&text.value(), max, kind, text.span())
        }
        (Kind::Text | Kind::Choice, _) => Err(wrong("a text")),
    }
}

/// Returns a string in quotes. Characters that would need an escape are rejected, as defaults do not need them.
fn plain(text: &str, max: i64, kind: Kind, span: Span) -> syn::Result<String> {
    let long = kind == Kind::Text && i64::try_from(text.len()).map_or(true, |length| length > max);
    if long || text.chars().any(|letter| letter.is_control() || matches!(letter, '"' | '\\')) {
        return Err(Error::new(
            span,
            format!("a default must have at most {max} bytes, and no quotes, backslashes or control characters"),
        ));
    }
    Ok(format!("\"{text}\""))
}
