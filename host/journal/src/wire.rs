//! Fields as bytes: little endian, texts and lists with a `u32` length, options and variants with a tag byte.

mod events;
mod inputs;
mod strategies;
mod values;

use crate::{BLOB_MAX, LIST_MAX, TEXT_MAX};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use model::input::Blob;

/// A decoding error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct DecodeError {
    /// Byte offset from the start of the input.
    pub at: usize,
    /// The kind of error.
    pub what: What,
}

/// The kind of a decoding error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// The bytes end too early.
    #[error("the record ends too early")]
    Short,
    /// Bytes follow the last field.
    #[error("{0} unexpected bytes at the end")]
    LeftOver(usize),
    /// A tag without a variant.
    #[error("invalid tag {0}: expected {1}")]
    Tag(u8, &'static str),
    /// A number that is invalid for its type.
    #[error("invalid value {0}: expected {1}")]
    Value(u64, &'static str),
    /// Text that is not UTF-8.
    #[error("the text is not UTF-8")]
    Text,
    /// A length beyond the limit.
    #[error("length {got} exceeds the limit of {limit}")]
    TooLong {
        /// The length.
        got: usize,
        /// The limit.
        limit: usize,
    },
    /// An unknown kind of record.
    #[error("unknown record kind {0}")]
    Kind(u16),
    /// An unsupported format version.
    #[error("unsupported version {0}: expected {version}", version = crate::VERSION)]
    Version(u8),
    /// The checksum does not match.
    #[error("checksum mismatch")]
    Checksum,
}

/// A type with a fixed encoding in a record.
pub(crate) trait Field: Sized {
    /// Appends the encoding.
    fn put(&self, out: &mut Vec<u8>);
    /// Decodes the type.
    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError>;
}

/// Bytes consumed from the front.
#[derive(Debug)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    /// Reads `bytes`, which are at offset `at` of the caller's input.
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }

    /// Returns the next `count` bytes.
    pub(crate) fn slice(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.error(What::Short))?;
        self.rest = rest;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    /// Returns the next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let slice = self.slice(N)?;
        <[u8; N]>::try_from(slice).map_err(|_length| self.error(What::Short))
    }

    /// Returns an error at the current offset.
    pub(crate) const fn error(&self, what: What) -> DecodeError {
        DecodeError { at: self.at, what }
    }

    /// Fails if bytes remain.
    pub(crate) const fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(What::LeftOver(self.rest.len()))) }
    }

    fn length(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let got = usize::try_from(u32::take(self)?).unwrap_or(usize::MAX);
        if got > limit { Err(self.error(What::TooLong { got, limit })) } else { Ok(got) }
    }
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Field for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
                bytes.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

number!(u8, u16, u32, u64, i64);

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        match u8::take(bytes)? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(bytes.error(What::Tag(tag, "yes or no"))),
        }
    }
}

impl<const N: usize> Field for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bytes.array()
    }
}

/// Writes a length; engine inputs have far fewer than four billion entries, and a longer list could not be read back.
fn put_length(length: usize, out: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).put(out);
}

impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        let length = bytes.length(TEXT_MAX)?;
        let text = core::str::from_utf8(bytes.slice(length)?);
        text.map(Self::from).map_err(|_place| bytes.error(What::Text))
    }
}

impl Field for Blob {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.0.len(), out);
        out.extend_from_slice(&self.0);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        let length = bytes.length(BLOB_MAX)?;
        bytes.slice(length).map(|slice| Self(slice.to_vec()))
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        self.iter().for_each(|item| item.put(out));
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        let length = bytes.length(LIST_MAX)?;
        // Capacity is bounded by the remaining bytes, not by the claimed length.
        let mut items = Self::with_capacity(length.min(bytes.rest.len()));
        for _ in 0..length {
            items.push(T::take(bytes)?);
        }
        Ok(items)
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bool::take(bytes)?.then(|| T::take(bytes)).transpose()
    }
}

impl<T: Field> Field for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        T::take(bytes).map(Self::new)
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        Ok((A::take(bytes)?, B::take(bytes)?))
    }
}

/// Encodes a struct: its fields in this order.
macro_rules! structure {
    ($type:path { $($field:ident),* $(,)? }) => {
        impl $crate::wire::Field for $type {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::wire::Field::put($field, out);)*
            }

            fn take(bytes: &mut $crate::wire::Bytes<'_>) -> Result<Self, $crate::wire::DecodeError> {
                Ok(Self { $($field: $crate::wire::Field::take(bytes)?),* })
            }
        }
    };
}

/// Encodes an enum: a tag byte, then the variant's fields in this order. Tags are never reused.
macro_rules! variants {
    ($type:path, $name:literal { $($tag:literal => $variant:ident $({ $($field:ident),* })? $(($inner:ident))?),* $(,)? }) => {
        impl $crate::wire::Field for $type {
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field),* })? $(($inner))? => {
                        out.push($tag);
                        $($($crate::wire::Field::put($field, out);)*)?
                        $($crate::wire::Field::put($inner, out);)?
                    })*
                }
            }

            fn take(bytes: &mut $crate::wire::Bytes<'_>) -> Result<Self, $crate::wire::DecodeError> {
                match <u8 as $crate::wire::Field>::take(bytes)? {
                    $($tag => {
                        $($(let $field = $crate::wire::Field::take(bytes)?;)*)?
                        $(let $inner = $crate::wire::Field::take(bytes)?;)?
                        Ok(Self::$variant $({ $($field),* })? $(($inner))?)
                    })*
                    tag => Err(bytes.error($crate::wire::What::Tag(tag, $name))),
                }
            }
        }
    };
}

pub(crate) use {structure, variants};
