//! Parsed values: from decimal text to integers, never through floating point.

use super::keys::{Key, Kind};
use super::place;
use alerts::{Minute, QuietHours, SmtpServer, Webhook, mailboxes, telegram};
use anyhow::{Context, anyhow, ensure};
use model::{Usd, hex};
use std::net::IpAddr;
use std::path::Path;
use store::db::address;

/// Maximum length of a value.
const TEXT_MAX: usize = 4_096;

/// A valid value of a key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// The value as written.
    pub(super) text: String,
    /// Micro-dollars, basis points, the count, or 1 for `true`; `None` for text values.
    pub(super) number: Option<i64>,
}

impl std::fmt::Debug for Value {
    /// Shows only the number: the text may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Value").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Value {
    /// Parses `text` as a value of `key`.
    ///
    /// # Errors
    /// An error naming the value and the expected range.
    pub(super) fn parse(key: &Key, text: &str) -> anyhow::Result<Self> {
        ensure!(text.len() <= TEXT_MAX, "the value has more than {TEXT_MAX} characters");
        let number = match key.kind {
            Kind::Usd(min, max) => Some(ranged(key, text, Usd::parse(text).map(Usd::micros), min, max)?),
            Kind::Percent(min, max) => Some(ranged(key, text, basis_points(text), min, max)?),
            Kind::Count(min, max) => Some(ranged(key, text, count(text), min, max)?),
            Kind::Flag => Some(match text {
                "true" => 1,
                "false" => 0,
                _ => return Err(misfit(key, text)),
            }),
            Kind::Listen
            | Kind::Url(_)
            | Kind::Account
            | Kind::Folder
            | Kind::Database
            | Kind::Webhook
            | Kind::Secret
            | Kind::BotToken
            | Kind::Chats
            | Kind::Smtp
            | Kind::Mailboxes
            | Kind::Hours
            | Kind::Minute
            | Kind::Numbers
            | Kind::Words
            | Kind::Addresses
            | Kind::Choice(_) => {
                ensure!(fits(key.kind, text), misfit(key, text));
                meant(key.kind, text).with_context(|| misfit(key, text))?;
                if key.kind == Kind::Database {
                    address::check(text).map_err(|why| anyhow!("{}: {why}", misfit(key, text)))?;
                }
                None
            }
        };
        // Paths that begin with a slash are appended to addresses.
        let text = if matches!(key.kind, Kind::Url(_)) { text.trim_end_matches('/') } else { text };
        Ok(Self { text: text.to_owned(), number })
    }

    /// Returns the items of a comma-separated list.
    pub(super) fn items(&self) -> impl Iterator<Item = &str> {
        split_items(&self.text)
    }

    /// Returns the value for display. The password of an address is masked; of a secret address, only the host is
    /// shown.
    pub(super) fn shown(&self, kind: Kind) -> String {
        if kind.is_secret() {
            let hidden = || if self.text.is_empty() { String::new() } else { "***".to_owned() };
            return match kind {
                Kind::Webhook => Webhook::parse(&self.text).map_or_else(|_| hidden(), |webhook| webhook.to_string()),
                Kind::Smtp => SmtpServer::parse(&self.text).map_or_else(|_| hidden(), |server| server.to_string()),
                _ => hidden(),
            };
        }
        if kind == Kind::Database {
            return address::shown(&self.text);
        }
        let Some((scheme, rest)) = self.text.split_once("://") else { return self.text.clone() };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // The last `@`: a password may contain one, a host cannot.
        let Some((login, host)) = authority.rsplit_once('@') else { return self.text.clone() };
        let user = login.split(':').next().unwrap_or_default();
        if user.len() == login.len() { self.text.clone() } else { format!("{scheme}://{user}:***@{host}{path}") }
    }
}

/// Formats a number of this kind as in a configuration file.
pub(super) fn written(kind: Kind, number: i64) -> String {
    match kind {
        Kind::Usd(..) => Usd(number).to_string(),
        Kind::Percent(..) => percent(number).to_string(),
        _ => number.to_string(),
    }
}

/// Describes the valid values of `kind`, as the end of a sentence.
pub(super) fn range(kind: Kind) -> String {
    match kind {
        Kind::Usd(min, max) => format!("{} to {} dollars", Usd(min), Usd(max)),
        Kind::Percent(min, max) => format!("{} to {} percent, at most two decimals", percent(min), percent(max)),
        Kind::Count(min, max) => format!("a whole number, {min} to {max}"),
        Kind::Flag => "true or false".to_owned(),
        Kind::Listen => "an IP address and a port, such as 127.0.0.1:8000".to_owned(),
        Kind::Url(schemes) => format!("a URL that begins with {}", schemes.join(" or ")),
        Kind::Account => "0x and 40 hexadecimal digits, or an empty value".to_owned(),
        Kind::Folder => "a folder, or an empty value".to_owned(),
        Kind::Numbers => "comma-separated whole numbers, or an empty value".to_owned(),
        Kind::Words => "comma-separated words of letters, digits and `-`, or an empty value".to_owned(),
        Kind::Addresses => "comma-separated IP addresses, or an empty value".to_owned(),
        Kind::Choice(choices) => choices.join(", "),
        Kind::Webhook => {
            "a URL that begins with https://, or with http:// on this machine, or an empty value".to_owned()
        }
        Kind::Secret => "a text without spaces, or an empty value".to_owned(),
        Kind::BotToken => "a bot token (digits, a colon, letters, digits, `-` and `_`), or an empty value".to_owned(),
        Kind::Chats => "up to 8 comma-separated chat numbers, or an empty value".to_owned(),
        Kind::Smtp => "smtps://USER:PASSWORD@HOST or smtp://USER:PASSWORD@HOST, or an empty value".to_owned(),
        Kind::Mailboxes => "up to 8 comma-separated e-mail addresses, or an empty value".to_owned(),
        Kind::Hours => "hours such as 22:00-07:00, or an empty value".to_owned(),
        Kind::Minute => "a time of day such as 07:30, or an empty value".to_owned(),
        Kind::Database => "sqlite:FILE or postgres://USER@HOST/NAME, or an empty value".to_owned(),
    }
}

fn split_items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Returns the IP addresses of a text; invalid ones were refused when it was read.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    split_items(text).filter_map(|word| word.parse().ok())
}

fn fits(kind: Kind, text: &str) -> bool {
    let plain = !text.chars().any(char::is_control);
    let begins =
        |schemes: &[&str]| schemes.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    match kind {
        Kind::Listen => text.parse::<std::net::SocketAddr>().is_ok(),
        Kind::Url(schemes) => plain && !text.contains(' ') && begins(schemes),
        Kind::Account => {
            let digits = text.strip_prefix("0x");
            text.is_empty() || digits.is_some_and(|digits| hex::decode_array::<20>(digits).is_some())
        }
        Kind::Folder => plain,
        Kind::Numbers => split_items(text).all(|word| count(word).is_some()),
        Kind::Words => {
            split_items(text).all(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        }
        Kind::Addresses => split_items(text).all(|word| word.parse::<IpAddr>().is_ok()),
        Kind::Choice(choices) => choices.contains(&text),
        Kind::Webhook => text.is_empty() || Webhook::parse(text).is_ok(),
        Kind::Database => plain,
        Kind::Secret => plain && !text.contains(' '),
        Kind::BotToken => text.is_empty() || telegram::is_token(text),
        Kind::Chats => telegram::chats(text).is_some(),
        Kind::Smtp => text.is_empty() || SmtpServer::parse(text).is_ok(),
        Kind::Mailboxes => plain && mailboxes(text).is_some(),
        Kind::Hours => text.is_empty() || QuietHours::parse(text).is_some(),
        Kind::Minute => text.is_empty() || Minute::parse(text).is_some(),
        Kind::Usd(..) | Kind::Percent(..) | Kind::Count(..) | Kind::Flag => false,
    }
}

/// Rejects a path or database address that is ambiguous.
fn meant(kind: Kind, text: &str) -> anyhow::Result<()> {
    match kind {
        Kind::Folder if !text.is_empty() => place::path(text, Some(Path::new(place::ROOT))).map(drop),
        Kind::Database if !text.is_empty() => place::database(text).map(drop),
        _ => Ok(()),
    }
}

fn ranged(key: &Key, text: &str, number: Option<i64>, min: i64, max: i64) -> anyhow::Result<i64> {
    number.filter(|number| (min..=max).contains(number)).ok_or_else(|| misfit(key, text))
}

fn misfit(key: &Key, text: &str) -> anyhow::Error {
    // Masked before truncation: a part of an address may look like an address itself.
    let shown: String = Value { text: text.to_owned(), number: None }.shown(key.kind).chars().take(100).collect();
    anyhow!("invalid value `{shown}`; {} expects {}", key.name, range(key.kind))
}

fn count(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Parses a percentage like an amount of money, with six decimals; it must be a whole number of basis points.
fn basis_points(text: &str) -> Option<i64> {
    let micros = Usd::parse(text)?.micros();
    (micros.checked_rem(10_000) == Some(0)).then(|| micros.checked_div(10_000)).flatten()
}

fn percent(basis_points: i64) -> Usd {
    Usd(basis_points.saturating_mul(10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: Kind, text: &str) -> Option<i64> {
        Value::parse(&Key { name: "k", kind, default: "", description: "" }, text).ok()?.number
    }

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(parse(Kind::Usd(0, 100_000_000), "0.1"), Some(100_000));
        assert_eq!(parse(Kind::Usd(0, 100_000_000), "100.000001"), None);
        assert_eq!(parse(Kind::Percent(1, 10_000), "7.25"), Some(725));
        assert_eq!(parse(Kind::Percent(1, 10_000), "7.255"), None);
        for bad in ["", "-1", "1e3", "nan", "inf", " 5", "5 ", "99999999999999999999", "+5"] {
            assert_eq!(parse(Kind::Count(1, 10), bad), None, "{bad}");
            assert_eq!(parse(Kind::Usd(1, 10_000_000), bad), None, "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = |text: &str| Value { text: text.to_owned(), number: None }.shown(Kind::Database);
        assert_eq!(shown("postgres://me:se@cr:et@db:5432/bot"), "postgres://me:***@db:5432/bot");
        assert_eq!(shown("postgres://me@db/bot"), "postgres://me@db/bot");
        assert_eq!(shown("sqlite:/tmp/a@b.sqlite"), "sqlite:/tmp/a@b.sqlite");
    }

    #[test]
    fn of_a_webhook_only_its_host_is_shown_also_where_it_does_not_fit() {
        let key = Key { name: "k", kind: Kind::Webhook, default: "", description: "" };
        let value = Value::parse(&key, "https://hooks.example.com/services/secret").unwrap();
        assert_eq!(value.shown(Kind::Webhook), "https://hooks.example.com/***");
        for bad in ["http://hooks.example.com/secret", "secret"] {
            let message = Value::parse(&key, bad).unwrap_err().to_string();
            assert!(!message.contains("secret") && message.contains("https://"), "{message}");
        }
    }
}
