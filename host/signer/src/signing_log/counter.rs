//! The counter: the day's worth, the end of the log, and the limits that were last set.

use super::code;
use crate::limits::Limits;
use model::Time;
use order::eip712::keccak;
use zeroize::Zeroizing;

/// Five numbers, two digests, and the authentication code.
pub(super) const LENGTH: usize = 136;
const DAY_MICROS: u64 = 86_400_000_000;

/// The content of the counter's file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) day: u64,
    /// In micro-dollars.
    pub(super) worth: u64,
    /// The number of the log file that is being written; its last bit selects one of the two files.
    pub(super) segment: u64,
    /// Bytes in it.
    pub(super) length: u64,
    /// Bytes in the other one; 0 if it was dropped.
    pub(super) other_length: u64,
    /// The code of the log's last line.
    pub(super) head: [u8; 32],
    /// A digest of the limits.
    pub(super) limits: [u8; 32],
}

impl Counter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: digest(limits), ..Self::default() }
    }

    pub(super) const fn worth(&self, now: Time) -> u64 {
        if now.day() > self.day { 0 } else { self.worth }
    }

    pub(super) fn add(&mut self, now: Time, worth: u64) {
        self.worth = self.worth(now).saturating_add(worth);
        self.day = self.day.max(now.day());
    }

    /// Returns the start of the counted day and its worth.
    pub(super) const fn today(&self) -> (Time, u64) {
        (Time(self.day.saturating_mul(DAY_MICROS)), self.worth)
    }

    pub(super) fn encode(&self, secret: &Zeroizing<[u8; 32]>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        for number in [self.day, self.worth, self.segment, self.length, self.other_length] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(self.head);
        bytes.extend(self.limits);
        bytes.extend(code(secret, &[b"counter", &bytes]));
        bytes
    }

    pub(super) fn decode(bytes: &[u8], secret: &Zeroizing<[u8; 32]>) -> Option<Self> {
        let mut rest = bytes;
        let mut number = || {
            let (head, tail) = rest.split_first_chunk()?;
            rest = tail;
            Some(u64::from_be_bytes(*head))
        };
        let (day, worth, segment, length, other_length) = (number()?, number()?, number()?, number()?, number()?);
        let (head, rest) = rest.split_first_chunk()?;
        let (limits, _) = rest.split_first_chunk()?;
        let counter = Self { day, worth, segment, length, other_length, head: *head, limits: *limits };
        (bytes == counter.encode(secret)).then_some(counter)
    }
}

/// Returns a digest of limits.
pub(super) fn digest(limits: &Limits) -> [u8; 32] {
    let Limits { order_max, minute_max, day_max, orders_per_minute, batches_per_minute } = limits;
    let money = [order_max, minute_max, day_max].map(|limit| limit.micros().to_be_bytes());
    let counts = [orders_per_minute, batches_per_minute].map(|limit| limit.to_be_bytes());
    keccak(&[money.as_flattened(), counts.as_flattened()].concat())
}
