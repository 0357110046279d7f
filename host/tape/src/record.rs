//! Records: `kind u16 | version u8 | length u32 | crc32 u32 | payload`, little endian. The checksum covers kind,
//! version, length and payload. Each payload begins with its [`Stamp`].

use model::{ConditionId, Price, Side, Size, TokenId};

/// Bytes before the payload.
pub const HEAD: usize = 11;
/// Maximum bytes of a payload; the venue's largest frames have a few hundred thousand.
pub const PAYLOAD_MAX: usize = 4 * 1024 * 1024;
/// Maximum markets that a gap can name; a gap of more is one of all.
pub const GAP_MARKETS_MAX: usize = 1_000;
const VERSION: u8 = 1;

const RECEIVED: u8 = 1;
const STEADY: u8 = 2;
const INFERRED: u8 = 4;
const REENCODED: u8 = 8;
const INVENTED: u8 = 16;

/// Times of a record in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Time of receipt on the wall clock since 1970; the venue's time if the time of receipt was not recorded.
    pub at_us: u64,
    /// True if [`Self::at_us`] is the time of receipt.
    pub received: bool,
    /// Time of receipt on the recorder's steady clock, which no adjustment moves.
    pub steady_us: Option<u64>,
}

impl Stamp {
    /// Returns the stamp of a record whose time of receipt was not recorded.
    pub const fn venue(at_us: u64) -> Self {
        Self { at_us, received: false, steady_us: None }
    }

    /// Returns the stamp of a record that was received at this time.
    pub const fn received(at_us: u64) -> Self {
        Self { at_us, received: true, steady_us: None }
    }
}

/// The origin of a frame's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// The venue sent them, or an import rebuilt them from what the venue sent.
    #[default]
    Feed,
    /// An import inferred a trade from two books.
    Inferred,
    /// Encoded again from our parse, as in a session's journal.
    Reencoded,
    /// Invented from prices.
    Invented,
}

/// The cause of a gap. Research has the same list in `events::GapCause`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The recorder lost its connection.
    Disconnected,
    /// The recorder's queue was full.
    Dropped,
    /// Part of the source is damaged.
    Damaged,
    /// The recorder was stopped.
    Stopped,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A frame of the market channel.
    Frame {
        /// Its times.
        stamp: Stamp,
        /// Number of the connection that it came from.
        connection: u16,
        /// The origin of its bytes.
        origin: Origin,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Data is missing before this record.
    Gap {
        /// Time of its end; if nothing follows, of its begin.
        stamp: Stamp,
        /// Its cause.
        cause: Cause,
        /// Time of the last data before it.
        since_us: u64,
        /// The markets; empty for all.
        markets: Vec<ConditionId>,
    },
    /// A value of an external series.
    Signal {
        /// Its times.
        stamp: Stamp,
        /// The source's time.
        source_us: u64,
        /// Name of the series.
        name: String,
        /// The value.
        value: String,
    },
    /// A market no longer accepts orders.
    Closed {
        /// Its times.
        stamp: Stamp,
        /// The market.
        market: ConditionId,
    },
    /// The open part of an order of the recording account has changed. It is taken out of the depth before a backtest.
    OwnOrder {
        /// Its times.
        stamp: Stamp,
        /// The token.
        token: TokenId,
        /// The order's side.
        side: Side,
        /// Its limit.
        price: Price,
        /// The shares that rest at the venue now.
        open: Size,
        /// The venue's id of the order.
        order: [u8; 32],
    },
    /// A fill of the recording account. It is taken out of the trades before a backtest.
    OwnFill {
        /// Its times.
        stamp: Stamp,
        /// The token.
        token: TokenId,
        /// The order's side.
        side: Side,
        /// The price.
        price: Price,
        /// The shares.
        size: Size,
        /// True if the order rested.
        maker: bool,
    },
}

/// A record that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end in its middle.
    #[error("the record is cut")]
    Cut,
    /// The checksum is wrong.
    #[error("the checksum of the record is wrong")]
    Checksum,
    /// A later version wrote it.
    #[error("record of kind {kind} and version {version}, which this program does not know")]
    Unknown {
        /// Its kind.
        kind: u16,
        /// Its version.
        version: u8,
    },
    /// A value is invalid.
    #[error("field {0} of the record is invalid")]
    Invalid(&'static str),
}

impl Record {
    /// Returns the times.
    pub const fn stamp(&self) -> Stamp {
        match self {
            Self::Frame { stamp, .. }
            | Self::Gap { stamp, .. }
            | Self::Signal { stamp, .. }
            | Self::Closed { stamp, .. }
            | Self::OwnOrder { stamp, .. }
            | Self::OwnFill { stamp, .. } => *stamp,
        }
    }

    const fn kind(&self) -> u16 {
        match self {
            Self::Frame { .. } => 1,
            Self::Gap { .. } => 2,
            Self::Signal { .. } => 3,
            Self::Closed { .. } => 4,
            Self::OwnOrder { .. } => 5,
            Self::OwnFill { .. } => 6,
        }
    }

    /// Appends the record.
    ///
    /// # Errors
    /// The length of the payload if it is more than [`PAYLOAD_MAX`]; `out` is then unchanged.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), usize> {
        let mut payload = Vec::with_capacity(64);
        self.stamped(&mut payload);
        self.body(&mut payload);
        if payload.len() > PAYLOAD_MAX {
            return Err(payload.len());
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut head = self.kind().to_le_bytes().to_vec();
        head.push(VERSION);
        head.extend(length.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend(checksum(&head, &payload).to_le_bytes());
        out.extend_from_slice(&payload);
        Ok(())
    }

    fn stamped(&self, out: &mut Vec<u8>) {
        let stamp = self.stamp();
        let origin = match self {
            Self::Frame { origin: Origin::Inferred, .. } => INFERRED,
            Self::Frame { origin: Origin::Reencoded, .. } => REENCODED,
            Self::Frame { origin: Origin::Invented, .. } => INVENTED,
            _ => 0,
        };
        let received = if stamp.received { RECEIVED } else { 0 };
        out.push(received | origin | if stamp.steady_us.is_some() { STEADY } else { 0 });
        out.extend(stamp.at_us.to_le_bytes());
        out.extend(stamp.steady_us.map(u64::to_le_bytes).into_iter().flatten());
    }

    fn body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Frame { connection, bytes, .. } => {
                out.extend(connection.to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Self::Gap { cause, since_us, markets, .. } => {
                out.push(cause_code(*cause));
                out.extend(since_us.to_le_bytes());
                if markets.len() <= GAP_MARKETS_MAX {
                    markets.iter().for_each(|market| out.extend_from_slice(&market.0));
                }
            }
            Self::Signal { source_us, name, value, .. } => {
                out.extend(source_us.to_le_bytes());
                let name = name.as_bytes().get(..usize::from(u16::MAX)).unwrap_or(name.as_bytes());
                out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
                out.extend_from_slice(name);
                out.extend_from_slice(value.as_bytes());
            }
            Self::Closed { market, .. } => out.extend_from_slice(&market.0),
            Self::OwnOrder { token, side, price, open, order, .. } => {
                level(out, *token, *side, *price, *open);
                out.extend_from_slice(order);
            }
            Self::OwnFill { token, side, price, size, maker, .. } => {
                level(out, *token, *side, *price, *size);
                out.push(u8::from(*maker));
            }
        }
    }

    /// Decodes the first record of the bytes and returns it with its length.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), RecordError> {
        let mut cursor = Cursor(bytes);
        let head = cursor.bytes(HEAD.saturating_sub(4))?;
        let (kind, version, length) = {
            let mut head = Cursor(head);
            (head.u16()?, head.u8()?, head.u32()?)
        };
        let crc = cursor.u32()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= PAYLOAD_MAX);
        let payload = cursor.bytes(length.ok_or(RecordError::Invalid("length"))?)?;
        if checksum(head, payload) != crc {
            return Err(RecordError::Checksum);
        }
        if version != VERSION {
            return Err(RecordError::Unknown { kind, version });
        }
        let record = read(kind, version, &mut Cursor(payload))?;
        Ok((record, HEAD.saturating_add(payload.len())))
    }
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(payload);
    crc.finalize()
}

fn level(out: &mut Vec<u8>, token: TokenId, side: Side, price: Price, size: Size) {
    out.extend_from_slice(&token.0);
    out.push(if side == Side::Buy { 0 } else { 1 });
    out.extend(price.micros().to_le_bytes());
    out.extend(size.0.to_le_bytes());
}

const fn cause_code(cause: Cause) -> u8 {
    match cause {
        Cause::Disconnected => 1,
        Cause::Dropped => 2,
        Cause::Damaged => 3,
        Cause::Stopped => 4,
    }
}

fn read(kind: u16, version: u8, from: &mut Cursor<'_>) -> Result<Record, RecordError> {
    let flags = from.u8()?;
    let at_us = from.u64()?;
    let steady_us = if flags & STEADY == 0 { None } else { Some(from.u64()?) };
    let stamp = Stamp { at_us, received: flags & RECEIVED != 0, steady_us };
    match kind {
        1 => {
            let origin = match flags & (INFERRED | REENCODED | INVENTED) {
                0 => Origin::Feed,
                INFERRED => Origin::Inferred,
                REENCODED => Origin::Reencoded,
                INVENTED => Origin::Invented,
                _ => return Err(RecordError::Invalid("origin")),
            };
            Ok(Record::Frame { stamp, connection: from.u16()?, origin, bytes: from.rest().to_vec() })
        }
        2 => gap(stamp, from),
        3 => {
            let (source_us, length) = (from.u64()?, from.u16()?);
            let name = text("name", from.bytes(usize::from(length))?)?;
            Ok(Record::Signal { stamp, source_us, name, value: text("value", from.rest())? })
        }
        4 => Ok(Record::Closed { stamp, market: ConditionId(from.array()?) }),
        5 => {
            let (token, side, price, open) = from.level()?;
            Ok(Record::OwnOrder { stamp, token, side, price, open, order: from.array()? })
        }
        6 => {
            let (token, side, price, size) = from.level()?;
            Ok(Record::OwnFill { stamp, token, side, price, size, maker: from.u8()? != 0 })
        }
        _ => Err(RecordError::Unknown { kind, version }),
    }
}

fn gap(stamp: Stamp, from: &mut Cursor<'_>) -> Result<Record, RecordError> {
    let cause = match from.u8()? {
        1 => Cause::Disconnected,
        2 => Cause::Dropped,
        3 => Cause::Damaged,
        4 => Cause::Stopped,
        _ => return Err(RecordError::Invalid("cause")),
    };
    let since_us = from.u64()?;
    let (ids, rest) = from.rest().as_chunks::<32>();
    if !rest.is_empty() {
        return Err(RecordError::Invalid("markets"));
    }
    Ok(Record::Gap { stamp, cause, since_us, markets: ids.iter().map(|id| ConditionId(*id)).collect() })
}

fn text(field: &'static str, bytes: &[u8]) -> Result<String, RecordError> {
    String::from_utf8(bytes.to_vec()).map_err(|_not_utf8| RecordError::Invalid(field))
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(RecordError::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        self.bytes(N)?.try_into().map_err(|_length| RecordError::Cut)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn u8(&mut self) -> Result<u8, RecordError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, RecordError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, RecordError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RecordError> {
        self.array().map(u64::from_le_bytes)
    }

    fn level(&mut self) -> Result<(TokenId, Side, Price, Size), RecordError> {
        let token = TokenId(self.array()?);
        let side = if self.u8()? == 0 { Side::Buy } else { Side::Sell };
        let price = Price::from_micros(self.u32()?).ok_or(RecordError::Invalid("price"))?;
        Ok((token, side, price, Size(self.u64()?)))
    }
}
