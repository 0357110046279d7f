//! Fields of messages.

use model::{Side, Time, TokenId};
use order::{Address, Exchange, Signature65, SignatureType};

/// Reads fields in sequence; returns `None` as soon as one is invalid.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns true if all bytes were read: surplus fields make a message invalid.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn time(&mut self) -> Option<Time> {
        self.u64().map(Time)
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        self.array().map(Address)
    }

    pub(crate) fn token_id(&mut self) -> Option<TokenId> {
        self.array().map(TokenId)
    }

    pub(crate) fn signature(&mut self) -> Option<Signature65> {
        self.array().map(Signature65)
    }

    pub(crate) fn signature_type(&mut self) -> Option<SignatureType> {
        SignatureType::from_code(self.u8()?)
    }

    pub(crate) fn exchange(&mut self) -> Option<Exchange> {
        Exchange::from_code(self.u8()?)
    }

    pub(crate) fn side(&mut self) -> Option<Side> {
        Some(if self.bool()? { Side::Sell } else { Side::Buy })
    }

    /// Reads a length (u16) and this many bytes, at most `most`.
    pub(crate) fn bytes(&mut self, most: usize) -> Option<Vec<u8>> {
        let length = usize::from(self.u16()?);
        if length > most {
            return None;
        }
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head.to_vec())
    }

    /// Reads a length (u8) and this many bytes of UTF-8, at most `most`.
    pub(crate) fn text(&mut self, most: usize) -> Option<String> {
        let length = usize::from(self.u8()?);
        if length > most {
            return None;
        }
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        core::str::from_utf8(head).ok().map(String::from)
    }
}

/// Writes fields in sequence.
pub(crate) trait Fields {
    fn put(&mut self, bytes: &[u8]) -> &mut Self;

    fn put_u8(&mut self, value: u8) -> &mut Self {
        self.put(&[value])
    }

    fn put_u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn put_u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn put_u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    fn put_bool(&mut self, value: bool) -> &mut Self {
        self.put_u8(u8::from(value))
    }

    fn put_exchange(&mut self, value: Exchange) -> &mut Self {
        self.put_u8(value.code())
    }

    fn put_side(&mut self, value: Side) -> &mut Self {
        self.put_bool(value == Side::Sell)
    }

    /// Writes bytes with their length, cut after `most` bytes, which is at most 65,535.
    fn put_bytes(&mut self, bytes: &[u8], most: usize) -> &mut Self {
        let bytes = bytes.get(..bytes.len().min(most)).unwrap_or_default();
        self.put_u16(u16::try_from(bytes.len()).unwrap_or(0)).put(bytes)
    }

    /// Writes text with its length, cut at the last whole character within `most` bytes, which is at most 255.
    fn put_text(&mut self, text: &str, most: usize) -> &mut Self {
        let text = text.get(..text.floor_char_boundary(most)).unwrap_or_default();
        let length = u8::try_from(text.len()).unwrap_or(0);
        self.put_u8(length).put(text.as_bytes())
    }
}

impl Fields for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.extend_from_slice(bytes);
        self
    }
}
