//! The configuration reference, `docs/configuration.md`, which is generated from the keys.

use config::keys::{KEYS, Key, Kind};
use config::limits::is_limit;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# Configuration reference

Generated from the program's keys: `UPDATE=1 cargo test --package config --test it reference` writes this page. [operate.md](operate.md#configuration)
describes the layers; `polytrader config` shows the values in force with their sources.

A name is the key in `polytrader.toml`, where `a.b` may stand as `b` in the table `[a]`, and in `--set NAME=VALUE`. In the environment, `a.b` is
`POLYTRADER_A_B`. A secret is accepted from the file and the environment only, and is never shown.
";

/// Describes a key's values.
fn values(kind: Kind) -> String {
    let scaled = |value: i64, unit: i64| -> String {
        let (whole, rest) = (value / unit, value % unit);
        let digits = usize::try_from(unit.ilog10()).unwrap();
        let text = format!("{whole}.{rest:0digits$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match kind {
        Kind::Usd(from, to) => format!("dollars, {} to {}", scaled(from, 1_000_000), scaled(to, 1_000_000)),
        Kind::Percent(from, to) => format!("percent, {} to {}", scaled(from, 100), scaled(to, 100)),
        Kind::Count(from, to) => format!("{from} to {to}"),
        Kind::Flag => "true or false".to_owned(),
        Kind::Listen => "an address with a port".to_owned(),
        Kind::Url(schemes) => format!("a URL with {}", schemes.join(" or ")),
        Kind::Account => "an account address".to_owned(),
        Kind::Numbers => "numbers, comma-separated".to_owned(),
        Kind::Words => "words, comma-separated".to_owned(),
        Kind::Addresses => "IP addresses, comma-separated".to_owned(),
        Kind::Choice(words) => words.join(", "),
        Kind::Folder => "a folder".to_owned(),
        Kind::Database => "a database address".to_owned(),
        Kind::Webhook => "a URL; secret".to_owned(),
        Kind::Secret => "a text; secret".to_owned(),
        Kind::BotToken => "a bot's token; secret".to_owned(),
        Kind::Chats => "numbers of chats, comma-separated".to_owned(),
        Kind::Smtp => "a mail server; secret".to_owned(),
        Kind::Mailboxes => "e-mail addresses, comma-separated".to_owned(),
        Kind::Hours => "hours, such as 22:00-07:00".to_owned(),
        Kind::Minute => "a time, such as 07:30".to_owned(),
    }
}

/// Returns a key's section.
fn section(key: &Key) -> &str {
    match key.name.split_once('.') {
        _ if is_limit(key.name) => "Limits",
        Some((section, _)) => section,
        None => "General",
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut sections: Vec<&str> = Vec::new();
    for key in &KEYS {
        if !sections.contains(&section(key)) {
            sections.push(section(key));
        }
    }
    for title in sections {
        let note = if title == "Limits" { "They also change while the host runs.\n\n" } else { "" };
        write!(page, "\n## {title}\n\n{note}| key | values | default | |\n|---|---|---|---|\n").unwrap();
        for key in KEYS.iter().filter(|key| section(key) == title) {
            let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
            let description = key.description.replace('|', "\\|");
            writeln!(page, "| `{}` | {} | {default} | {description} |", key.name, values(key.kind)).unwrap();
        }
    }
    page
}

#[test]
fn the_reference_is_what_the_keys_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = page();
    assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), KEYS.len());
    assert!(page.contains("| `daily_loss_limit_usd` | dollars, 0.01 to 1000000 | `25` |"), "{page:.1500}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/configuration.md differs: run this test with UPDATE=1 once");
}
