//! The layers of the configuration.

use config::keys::KEYS;
use config::{Config, Mode, Source, Sources};
use model::{Limits, Usd};
use secrecy::ExposeSecret;
use std::ffi::OsString;
use std::path::Path;
use testkit::Scratch;

fn load(dir: &Path, mode: Mode, env: &[(&str, &str)], flags: &[(&str, &str)]) -> anyhow::Result<Config> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let sources = Sources { mode, data_dir: dir.to_owned(), file: None, flags: flags.iter().map(owned).collect() };
    Config::from_sources(sources, env.iter().map(|(key, value)| (OsString::from(key), OsString::from(value))))
}

fn complaint(config: anyhow::Result<Config>) -> String {
    format!("{:#}", config.unwrap_err())
}

fn source(config: &Config, key: &str) -> (String, Source) {
    config.entries().into_iter().find(|entry| entry.key == key).map(|entry| (entry.value, entry.source)).unwrap()
}

#[test]
fn without_anything_set_the_runbooks_defaults_hold() {
    let dir = Scratch::new("defaults");
    let config = load(&dir, Mode::Paper, &[("PATH", "/bin"), ("POLYTRADER_DATA", "/recordings")], &[]).unwrap();
    assert_eq!(config.limits(), Limits::DEFAULT);
    assert_eq!(config.signer_limits(), signer::Limits::DEFAULT);
    assert_eq!(config.api_listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.strategies_dir, dir.join("strategies"));
    assert_eq!(config.database_url.expose_secret(), format!("sqlite:{}", dir.join("polytrader.sqlite").display()));
    assert_eq!(config.entries().len(), KEYS.len());
    assert!(config.entries().iter().all(|entry| entry.source == Source::Default));
}

#[test]
fn each_layer_wins_over_those_before_it() {
    let dir = Scratch::new("layers");
    let all = ["max_open_positions", "max_market_usd", "take_profit_pct", "max_order_usd", "api.listen"];
    let file = "max_market_usd = 50.10\ntake_profit_pct = 9\nmax_order_usd = '7'\n[api]\nlisten = '127.0.0.1:1'\n";
    std::fs::write(dir.join("polytrader.toml"), file).unwrap();
    let env = [
        ("POLYTRADER_TAKE_PROFIT_PCT", "10.5"),
        ("POLYTRADER_MAX_ORDER_USD", "8"),
        ("POLYTRADER_API_LISTEN", "[::1]:2"),
    ];
    let config = load(&dir, Mode::Demo, &env, &[("max_order_usd", "9"), ("max_order_usd", "9.5")]).unwrap();
    let values = all.map(|key| source(&config, key));
    let values: Vec<_> = values.iter().map(|(value, source)| (value.as_str(), *source)).collect();
    let expected = [
        ("20", Source::DemoProfile),
        ("50.10", Source::File),
        ("10.5", Source::Environment),
        ("9.5", Source::Flag),
        ("[::1]:2", Source::Environment),
    ];
    assert_eq!(values, expected);
    assert_eq!(config.limits().max_market, Usd(50_100_000));
    assert_eq!(config.limits().take_profit_bps, 1_050);
    assert_eq!(config.limits().max_order, Usd(9_500_000));
}

#[test]
fn the_demos_profile_holds_in_the_demo_alone() {
    let dir = Scratch::new("demo");
    let demo = load(&dir, Mode::Demo, &[], &[]).unwrap();
    assert_eq!(demo.limits().daily_loss, Usd::dollars(250));
    assert_eq!(demo.signer_limits().orders_per_minute, 1_200);
    assert_eq!(load(&dir, Mode::Live, &[], &[]).unwrap().limits(), Limits::DEFAULT);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let dir = Scratch::new("unknown");
    let message = complaint(load(&dir, Mode::Paper, &[("POLYTRADER_MAX_MARKT_USD", "1")], &[]));
    assert!(message.contains("nearest is `POLYTRADER_MAX_MARKET_USD`"), "{message}");
    let message = complaint(load(&dir, Mode::Paper, &[], &[("daily_loss_usd", "1")]));
    assert!(message.contains("nearest is `daily_loss_limit_usd`"), "{message}");
    std::fs::write(dir.join("polytrader.toml"), "[api]\nlisen = '127.0.0.1:1'\n").unwrap();
    let message = complaint(load(&dir, Mode::Paper, &[], &[]));
    assert!(message.contains("polytrader.toml") && message.contains("nearest is `api.listen`"), "{message}");
}

#[test]
fn a_value_out_of_range_is_refused_with_value_and_range() {
    let dir = Scratch::new("range");
    let message = complaint(load(&dir, Mode::Paper, &[], &[("portfolio_trade_pct", "101")]));
    assert!(
        message.contains("`101`") && message.contains("portfolio_trade_pct expects 0.01 to 100 percent"),
        "{message}"
    );
    for (key, bad) in [
        ("stop_loss_pct", "0"),
        ("daily_loss_limit_usd", "-25"),
        ("max_order_usd", "1e9"),
        ("max_open_positions", "2.5"),
        ("account.funder", "0x12"),
        ("api.listen", "localhost"),
        ("venue.clob_url", "ftp://a"),
        ("api.allow_remote", "yes"),
    ] {
        let message = complaint(load(&dir, Mode::Paper, &[], &[(key, bad)]));
        assert!(message.contains(bad) && message.contains(key), "{message}");
    }
    for file in ["max_order_usd = [1]", "max_open_orders = 0x10", "max_order_usd = 1979-05-27", "max_order_usd ="] {
        std::fs::write(dir.join("polytrader.toml"), file).unwrap();
        assert!(load(&dir, Mode::Paper, &[], &[]).is_err(), "{file}");
    }
}

/// Returns texts for a key in a file: the same value in other spellings, and values of other kinds.
fn spellings(was: &str) -> Vec<String> {
    let quoted = format!("'{was}'");
    let mut all = vec![format!("[{quoted}]"), format!("{{ a = {quoted} }}"), "1979-05-27".into(), "0x10".into()];
    all.extend(["true", "false", "5", "2.5", "nan", "'50,5'", "'1,000'", "'5 USD'", "'x y'", "''"].map(str::to_owned));
    if was.parse::<f64>().is_ok() || was == "true" || was == "false" {
        all.push(was.to_owned());
    }
    all.push(quoted);
    all
}

#[test]
fn a_value_of_another_kind_is_read_where_its_meaning_is_certain_and_refused_by_name_where_it_is_not() {
    use config::keys::Kind;
    let dir = Scratch::new("kinds");
    let (mut same, mut refused) = (0, 0);
    for key in &KEYS {
        for with in spellings(key.default) {
            std::fs::write(dir.join("polytrader.toml"), format!("{} = {with}\n", key.name)).unwrap();
            match load(&dir, Mode::Paper, &[], &[]) {
                Ok(config) => {
                    let numeric = matches!(
                        key.kind,
                        Kind::Usd(..) | Kind::Percent(..) | Kind::Count(..) | Kind::Numbers | Kind::Chats
                    );
                    let text = with.trim_matches('\'');
                    // The resulting value is the one that was written, and of the key's kind.
                    let shown = source(&config, key.name);
                    let fits = match with.as_str() {
                        "true" | "false" => key.kind == Kind::Flag,
                        "5" | "2.5" => numeric,
                        quoted => quoted.starts_with('\'') || text == key.default,
                    };
                    let hidden = key.kind.is_secret();
                    assert!(
                        fits && (hidden || shown == (text.to_owned(), Source::File)),
                        "{} = {with}: {shown:?}",
                        key.name
                    );
                    same += 1;
                }
                Err(error) => {
                    let message = format!("{error:#}");
                    assert!(
                        message.contains(key.name) && message.contains("polytrader.toml"),
                        "{} = {with}: {message}",
                        key.name
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(same > 150 && refused > 600, "{same} {refused}");
}

#[test]
fn a_file_in_utf_16_is_refused_by_a_sentence_that_says_so_and_a_mark_of_utf_8_is_none_of_its_words() {
    let dir = Scratch::new("encodings");
    let file = dir.join("polytrader.toml");
    let text = "max_market_usd = 50.5\r\n[api]\r\nlisten = '127.0.0.1:1'\r\n";
    std::fs::write(&file, format!("\u{feff}{text}")).unwrap();
    assert_eq!(load(&dir, Mode::Paper, &[], &[]).unwrap().limits().max_market, Usd(50_500_000));
    for mark in ["\u{feff}", ""] {
        let wide: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(&file, wide).unwrap();
        let message = complaint(load(&dir, Mode::Paper, &[], &[]));
        assert!(message.contains("polytrader.toml: it is UTF-16, expected UTF-8"), "{message}");
    }
}

#[test]
fn other_machines_are_let_in_only_when_allow_remote_is_set() {
    let dir = Scratch::new("remote");
    let message = complaint(load(&dir, Mode::Paper, &[], &[("dashboard.listen", "0.0.0.0:3000")]));
    assert!(message.contains("api.allow_remote"), "{message}");
    let flags = [("dashboard.listen", "0.0.0.0:3000"), ("api.allow_remote", "true")];
    assert!(load(&dir, Mode::Paper, &[], &flags).is_ok());
}

#[test]
fn a_file_that_was_named_must_exist() {
    let dir = Scratch::new("named");
    let sources =
        Sources { mode: Mode::Paper, data_dir: dir.to_owned(), file: Some(dir.join("other.toml")), flags: Vec::new() };
    assert!(complaint(Config::from_sources(sources, std::iter::empty())).contains("other.toml"));
}

#[test]
fn no_two_keys_share_a_variable() {
    let mut variables: Vec<String> = KEYS.iter().map(config::keys::Key::variable).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), KEYS.len());
}

#[test]
fn a_configuration_that_is_a_pipe_or_a_device_is_refused_at_once() {
    let dir = Scratch::new("pipe");
    let file = dir.join("polytrader.toml");
    testkit::named_pipe(&file);
    let refused = |dir: &Path| {
        let dir = dir.to_owned();
        testkit::at_once(move || complaint(load(&dir, Mode::Live, &[], &[])))
    };
    assert!(refused(&dir).contains("polytrader.toml: not a regular file"));
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    assert!(refused(&dir).contains("polytrader.toml: not a regular file"));
    std::fs::remove_file(&file).unwrap();
    std::fs::write(dir.join("mounted.toml"), "chain_id = 80002\n").unwrap();
    std::os::unix::fs::symlink("mounted.toml", &file).unwrap();
    assert_eq!(load(&dir, Mode::Live, &[], &[]).unwrap().chain_id, 80_002, "a link to a file is followed");
}

#[test]
fn only_the_file_allows_to_trade_without_heartbeats() {
    let dir = Scratch::new("without-heartbeat");
    let allowed = |env: &[(&str, &str)], flags: &[(&str, &str)]| {
        load(&dir, Mode::Live, env, flags).unwrap().live_without_heartbeat
    };
    let key = "live.without_heartbeat";
    assert!(
        !allowed(&[], &[])
            && !allowed(&[("POLYTRADER_LIVE_WITHOUT_HEARTBEAT", "true")], &[])
            && !allowed(&[], &[(key, "true")])
    );
    std::fs::write(dir.join("polytrader.toml"), "[live]\nwithout_heartbeat = true\n").unwrap();
    assert!(allowed(&[], &[]) && !allowed(&[], &[(key, "false")]));
}

#[test]
fn no_spelling_of_a_databases_address_shows_its_password() {
    let dir = Scratch::new("passwords");
    let file = dir.join("polytrader.toml");
    for address in [
        "postgres://h/d?user=me&password=hunter2secret",
        "postgres://me:hunter2secret%2Fx@h/d",
        "postgres://me:hunter2/secret@h/d",
        "postgres://me:hunter2secret@h/d?sslpassword=hunter2secret",
        "postgres://me:1234567890123456789012345678901234567890123456789012345678901234567890123456789012345hunter2@h/d",
        "mysql://me:hunter2@h/d",
        "host=h user=me password=hunter2",
        "hunter2",
    ] {
        std::fs::remove_file(&file).ok();
        let mut message = String::new();
        let mut note = |loaded: anyhow::Result<Config>| match loaded {
            Ok(config) => message.push_str(&format!("{config:?} {:?}", config.entries())),
            Err(error) => message.push_str(&format!("{error:#} {error:?}")),
        };
        note(load(&dir, Mode::Paper, &[("POLYTRADER_DATABASE_URL", address)], &[]));
        let flag = load(&dir, Mode::Paper, &[], &[("database_url", address)]);
        assert!(flag.is_err(), "{address}: the arguments of a process are visible to all users");
        note(flag);
        // Also if the file is damaged near the address.
        for text in
            [format!("database_url = \"{address}\""), format!("database_url = {address}"), format!("[a]\n\"{address}")]
        {
            std::fs::write(&file, text).unwrap();
            note(load(&dir, Mode::Paper, &[], &[]));
        }
        assert!(!message.contains("hunter2"), "{address}: {message}");
        assert!(!message.contains("12345"), "{address}: {message}");
    }
}

#[test]
fn a_flag_takes_a_databases_address_without_a_secret_and_names_the_place_of_others() {
    let dir = Scratch::new("flags");
    let config = load(&dir, Mode::Paper, &[], &[("database_url", "postgres://me@h/d?sslmode=require")]).unwrap();
    assert_eq!(config.database_url.expose_secret(), "postgres://me@h/d?sslmode=require");
    let message = complaint(load(&dir, Mode::Paper, &[], &[("database_url", "postgres://me:hunter2@h/d")]));
    assert!(message.contains("POLYTRADER_DATABASE_URL") && message.contains("polytrader.toml"), "{message}");
    let kept = load(&dir, Mode::Paper, &[("POLYTRADER_DATABASE_URL", "postgres://me:hunter2@h/d")], &[]).unwrap();
    assert_eq!(kept.database_url.expose_secret(), "postgres://me:hunter2@h/d");
    assert_eq!(source(&kept, "database_url").0, "postgres://me:***@h/d");
}
