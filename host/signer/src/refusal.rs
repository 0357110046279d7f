//! Refusals of the signer.

use order::Address;
use std::fmt;

/// The signer's rules, in order of precedence: the first that applies is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// The two ends use different versions of the contract: the client's, and the signer's.
    Version,
    /// The signer is locked and signs nothing.
    Locked,
    /// The session is not the live one, or not younger than the last: the requested one, and the live one.
    Session,
    /// The number does not rise: the requested one, and the last one used.
    Sequence,
    /// The approval has expired: the signer's clock and the end, in microseconds since boot.
    Expired,
    /// Wallet batches are not configured.
    Batches,
    /// Order or batch would move another account's money: its maker or wallet, and ours.
    Maker,
    /// The order names another key: its signer, and ours.
    Signer,
    /// The signature type is not the account's: the requested one, and ours. For a batch: the account's, and a deposit
    /// wallet's.
    SignatureType,
    /// A batch has no calls, too many, or one that is too long: their number, and the limit.
    Calls,
    /// A batch has an unlisted call: the contract. Contract, function and all arguments must be as created by
    /// [`order::Action`].
    Call,
    /// The salt is not below 2^53: it, and 2^53.
    Salt,
    /// The time of an order or login, or the end of a batch, is too far from the signer's own clock: the distance, and
    /// the limit, in milliseconds.
    Timestamp,
    /// A builder code or metadata is set; builders charge fees.
    Builder,
    /// The order would trade at a dollar a share or more, or for nothing: the dollars, and the shares, in millionths.
    Price,
    /// The worth of an order or batch is too high: its worth and the limit, in micro-dollars.
    OrderValue,
    /// Too many orders in a minute: their number with this one, and the limit.
    OrdersPerMinute,
    /// Too many batches in a minute: their number with this one, and the limit.
    BatchesPerMinute,
    /// The worth of a minute's orders and batches is too high: their worth with this one, and the limit, in
    /// micro-dollars.
    MinuteValue,
    /// Too many logins in a minute: their number with this one, and the limit.
    LoginsPerMinute,
    /// The worth of a day's orders and batches is too high: their worth with this one, and the limit, in micro-dollars.
    DayValue,
    /// Counter or log cannot be written.
    Counter,
}

impl Rule {
    const ALL: [Self; 22] = [
        Self::Version,
        Self::Locked,
        Self::Session,
        Self::Sequence,
        Self::Expired,
        Self::Batches,
        Self::Maker,
        Self::Signer,
        Self::SignatureType,
        Self::Calls,
        Self::Call,
        Self::Salt,
        Self::Timestamp,
        Self::Builder,
        Self::Price,
        Self::OrderValue,
        Self::OrdersPerMinute,
        Self::BatchesPerMinute,
        Self::MinuteValue,
        Self::LoginsPerMinute,
        Self::DayValue,
        Self::Counter,
    ];

    /// Returns the wire code.
    pub fn code(self) -> u8 {
        Self::ALL.iter().zip(0..).find_map(|(rule, code)| (*rule == self).then_some(code)).unwrap_or(u8::MAX)
    }

    /// Returns the rule of a wire code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Returns the name used in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Locked => "locked",
            Self::Session => "session",
            Self::Sequence => "sequence",
            Self::Expired => "expired",
            Self::Batches => "batches",
            Self::Maker => "maker",
            Self::Signer => "signer",
            Self::SignatureType => "signature_type",
            Self::Calls => "calls",
            Self::Call => "call",
            Self::Salt => "salt",
            Self::Timestamp => "timestamp",
            Self::Builder => "builder",
            Self::Price => "price",
            Self::OrderValue => "order_value",
            Self::OrdersPerMinute => "orders_per_minute",
            Self::BatchesPerMinute => "batches_per_minute",
            Self::MinuteValue => "minute_value",
            Self::LoginsPerMinute => "logins_per_minute",
            Self::DayValue => "day_value",
            Self::Counter => "counter",
        }
    }
}

/// A value or limit of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// None.
    None,
    /// A number, in the unit of the rule.
    Number(u64),
    /// An address.
    Address(Address),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// A refusal to sign: the rule, the value that violated it, and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signer refused by rule {}: value {value}, limit {limit}", rule.as_str())]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// The value.
    pub value: Value,
    /// The limit.
    pub limit: Value,
}

impl Refusal {
    /// Returns a refusal without numbers.
    pub(crate) const fn plain(rule: Rule) -> Self {
        Self { rule, value: Value::None, limit: Value::None }
    }

    /// Returns a refusal with numbers.
    pub(crate) const fn numbers(rule: Rule, value: u64, limit: u64) -> Self {
        Self { rule, value: Value::Number(value), limit: Value::Number(limit) }
    }

    /// Returns a refusal with addresses.
    pub(crate) const fn addresses(rule: Rule, value: Address, limit: Address) -> Self {
        Self { rule, value: Value::Address(value), limit: Value::Address(limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_code_and_a_place_of_its_own() {
        assert!(Rule::ALL.is_sorted());
        for rule in Rule::ALL {
            assert_eq!(Rule::from_code(rule.code()), Some(rule));
        }
        assert_eq!(Rule::from_code(22), None);
    }

    #[test]
    fn a_refusal_says_its_numbers() {
        let refusal = Refusal::numbers(Rule::OrderValue, 7, 5);
        assert_eq!(refusal.to_string(), "the signer refused by rule order_value: value 7, limit 5");
    }
}
