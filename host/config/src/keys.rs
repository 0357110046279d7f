//! All configuration keys: kind and range, default and description.

mod alerts;
mod general;

use general::GENERAL;

/// Type of a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An amount of money as decimal dollars with at most six decimals; the range is in micro-dollars.
    Usd(i64, i64),
    /// A decimal percentage with at most two decimals; the range is in basis points.
    Percent(i64, i64),
    /// A whole number.
    Count(i64, i64),
    /// `true` or `false`.
    Flag,
    /// An IP address and a port, such as `127.0.0.1:8000`.
    Listen,
    /// A URL that begins with one of these schemes.
    Url(&'static [&'static str]),
    /// An account address: `0x` and 40 hexadecimal digits, or empty.
    Account,
    /// Comma-separated whole numbers.
    Numbers,
    /// Comma-separated words.
    Words,
    /// Comma-separated IP addresses.
    Addresses,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A folder, or empty.
    Folder,
    /// A database address, or empty.
    Database,
    /// A webhook URL, or empty. It is a secret: it is never shown, and cannot be set with a flag.
    Webhook,
    /// A secret text, or empty: it is never shown, and no flag accepts it.
    Secret,
    /// The token of a Telegram bot, or empty. It is a secret.
    BotToken,
    /// Comma-separated numbers of Telegram chats, or empty.
    Chats,
    /// A mail server with its login, or empty. It is a secret.
    Smtp,
    /// Comma-separated e-mail addresses, or empty.
    Mailboxes,
    /// Hours of the UTC day, such as `22:00-07:00`, or empty.
    Hours,
    /// A minute of the UTC day, such as `07:30`, or empty.
    Minute,
}

impl Kind {
    /// Returns true if its values are secrets: never shown except to a host, and accepted from no flag.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Webhook | Self::Secret | Self::BotToken | Self::Smtp)
    }

    /// Returns true if an unquoted number in a file can be its value.
    pub(super) const fn accepts_numbers(self) -> bool {
        matches!(self, Self::Usd(..) | Self::Percent(..) | Self::Count(..) | Self::Numbers | Self::Chats)
    }
}

/// A configuration key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name in the file and in flags.
    pub name: &'static str,
    /// The type of its values.
    pub kind: Kind,
    /// The default value.
    pub default: &'static str,
    /// Description for operators.
    pub description: &'static str,
}

impl Key {
    /// Returns the name of its environment variable.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// Prefix of this program's environment variables.
pub const PREFIX: &str = "POLYTRADER_";

/// Variables with this prefix that are not keys: locations for tests and tools, or secrets of the signer.
pub const OTHER_VARIABLES: [&str; 12] = [
    "POLYTRADER_ACCOUNT_LOCK",
    "POLYTRADER_BIN",
    "POLYTRADER_DATA",
    "POLYTRADER_DEV_API",
    "POLYTRADER_DEV_MODE",
    "POLYTRADER_PRIVATE_KEY",
    "POLYTRADER_RELAYER_KEY",
    "POLYTRADER_RELAYER_KEY_ADDRESS",
    "POLYTRADER_SCREENSHOT",
    "POLYTRADER_SHARED",
    "POLYTRADER_SIGNER_TEST_ROLE",
    "POLYTRADER_STRATEGIES",
];

const fn key(name: &'static str, kind: Kind, default: &'static str, description: &'static str) -> Key {
    Key { name, kind, default, description }
}

/// All keys in display order, those of the runbook first.
pub const KEYS: [Key; GENERAL.len() + alerts::KEYS.len()] = joined(GENERAL, alerts::KEYS);

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses an index out of bounds"
)]
const fn joined<const A: usize, const B: usize, const ALL: usize>(first: [Key; A], second: [Key; B]) -> [Key; ALL] {
    let mut all = [first[0]; ALL];
    let mut place = 0;
    while place < ALL {
        all[place] = if place < A { first[place] } else { second[place - A] };
        place += 1;
    }
    all
}
