//! `polytrader doctor`: looks at everything that live trading needs, and trades nothing. Each line says what was found and, where it
//! is not good, what to do.

use crate::cli::RunArgs;
use crate::commands::keys::{Custody, Secret, runbook};
use crate::commands::run::{Venue, account};
use crate::console::say;
use anyhow::Context;
use config::Config;
use control::clock;
use model::{Size, Usd};
use order::{Account, Exchange, SigningKey, Wallet};
use polymarket::client::{Catalog, Rules, Timeouts};
use polymarket::{AccountClient, Client};
use serde::Serialize;
use signer::{Limits, Record, RecordError};
use std::fmt::Display;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the venue's latency is measured.
const ASKED: usize = 5;
/// A way to the venue that is slower than this is worth a warning.
const SLOW: Duration = Duration::from_millis(250);
/// A clock that is further off breaks logins (FEATURES 5.1, row 30).
const SKEW_MAX_MICROS: u64 = 1_000_000;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Bad,
}

/// One line.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    text: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, what: &'static str, state: State, text: impl Into<String>) {
        self.findings.push(Finding { what, state, text: text.into() });
    }

    fn good(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, State::Good, text);
    }

    fn bad(&mut self, what: &'static str, error: impl Display) {
        self.add(what, State::Bad, format!("{error:#}"));
    }

    /// Keeps what there is, or notes why there is nothing.
    fn keep<T>(&mut self, what: &'static str, found: anyhow::Result<T>) -> Option<T> {
        found.map_err(|error| self.bad(what, error)).ok()
    }
}

/// Runs `polytrader doctor`. Fails if something keeps live trading from working.
///
/// # Errors
/// If the configuration cannot be read.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = args.common.load_config().context("reading the configuration")?;
    let mut report = Report::default();
    machine(&config, &mut report);
    limits(&config, &mut report);
    heartbeat(&config, &mut report);
    let secret = crate::commands::keys::of_live(&config.data_dir, &args.passphrase);
    let secret = report.keep("key", secret);
    if let Some(secret) = &secret {
        takeover(&config, secret, &mut report);
        records(&config, secret, &mut report);
    }
    let key = secret.map(|secret| secret.key);
    let account = key.as_ref().and_then(|key| report.keep("wallet", account(&config, key.address())));
    if let Some(account) = &account {
        let kind = Wallet::find(account.signer, account.funder);
        let kind = kind.map_or_else(|| "an address that the configuration names".to_owned(), |kind| kind.to_string());
        report.good("wallet", format!("{} holds the money; it is {kind}", account.funder.checksummed()));
    }
    let venue = Venue::real_or(&config, args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        place(&venue.site, &mut report).await;
        alerts(&config, &mut report).await;
        venue_findings((&venue.rest, &venue.catalog), &config.market_rules, key.zip(account), &mut report).await;
    });
    let healthy = report.findings.iter().all(|finding| finding.state != State::Bad);
    if args.common.json {
        say(&serde_json::to_string(&report.findings)?);
    } else {
        report.findings.iter().for_each(|Finding { what, state, text }| {
            let mark = match state {
                State::Good => "ok  ",
                State::Warning => "WARN",
                State::Bad => "BAD ",
            };
            say(&format!("{mark}  {what:12} {text}"));
        });
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is here.
fn machine(config: &Config, report: &mut Report) {
    match engine::self_test() {
        Ok(()) => report.good("gate", "every rule refuses what it must"),
        Err(error) => report.bad("gate", error),
    }
    if config.live_enabled {
        report.good("live", "the configuration file allows real money");
    } else {
        report.bad("live", "the configuration file lacks `enabled = true` under `[live]`");
    }
    for (what, dir) in [("data", &config.data_dir), ("strategies", &config.strategies_dir)] {
        match std::fs::metadata(dir) {
            Ok(meta) if meta.permissions().mode() & 0o022 != 0 => {
                report.bad(what, format!("others can write to {}; `chmod go-w` it", dir.display()));
            }
            Ok(_) => report.good(what, dir.display().to_string()),
            Err(error) => report.add(what, State::Warning, format!("{}: {error}", dir.display())),
        }
    }
}

/// What cancels the open orders when this program or its machine dies.
fn heartbeat(config: &Config, report: &mut Report) {
    let (state, text) = match (config.heartbeat, config.live_without_heartbeat) {
        (true, _) => {
            (State::Good, "the venue cancels all orders some 10 to 20 s after the heartbeats of this program end")
        }
        (false, true) => (
            State::Warning,
            "venue.heartbeat is false: if this program or its machine dies, nothing cancels the open orders",
        ),
        (false, false) => (
            State::Bad,
            "venue.heartbeat is false: live trading refuses that without the line `without_heartbeat = true` under `[live]`, because \
             nothing cancels the open orders if this program or its machine dies",
        ),
    };
    report.add("heartbeat", state, text);
}

/// What can be lost.
fn limits(config: &Config, report: &mut Report) {
    let limits = config.limits();
    report.good(
        "limits",
        format!(
            "an order {}, a market {}, a day {}, a strategy's day {}",
            limits.max_order, limits.max_market, limits.daily_loss, limits.max_strategy_loss
        ),
    );
}

/// What the signer would still sign for a host that was taken over, and on what conditions.
fn takeover(config: &Config, secret: &Secret, report: &mut Report) {
    let Some(signer) = report.keep("takeover", config.signer_limits_within(secret.limits)) else { return };
    stakes(&signer, &config.data_dir, secret.custody, report);
}

fn stakes(signer: &Limits, data_dir: &Path, custody: Custody, report: &mut Report) {
    report.good("takeover", at_most(signer));
    let day = signer.day_max;
    report.good(
        "kept orders",
        format!(
            "signed orders do not expire at the venue: a host that was taken over can keep them back for N days and send them at once, \
             which is N times ${day}"
        ),
    );
    report.good(
        "older copy",
        format!(
            "the signer notices a counter or log that is missing, shortened or changed; it does not notice an older copy of all files of {} \
             that were put back together, after which it signs up to ${day} once more on the same day",
            data_dir.display()
        ),
    );
    let (state, text) = reach(custody);
    report.add("custody", state, text);
}

/// Says what else can read the key: nothing confines the host, and it runs as the signer's user.
const fn reach(custody: Custody) -> (State, &'static str) {
    match custody {
        Custody::Passphrase => (
            State::Good,
            "the limits hold as long as the host does not get the passphrase: it runs as the same user, is not confined, and can read the \
             keystore",
        ),
        Custody::PassphraseFile => (
            State::Warning,
            "the passphrase lies in a file or credential of the user that the host runs as: a host that was taken over can read it and the \
             keystore, and then none of the limits holds; give the passphrase by --passphrase-fd or at the prompt",
        ),
        Custody::Environment => (
            State::Warning,
            "the key lies in the environment or in `.env`, where every program of this user, the host too, can read it, and then none of the \
             limits holds; `polytrader keys import` puts it under a passphrase",
        ),
    }
}

/// Says what the signer signs at most.
fn at_most(signer: &Limits) -> String {
    let batches = match signer.batches_per_minute {
        0 => "no wallet batches".to_owned(),
        most => format!("{most} wallet batches a minute, of redeem, merge, split and the venue's own approvals"),
    };
    format!(
        "for a host that was taken over the signer signs at most ${} by an order, ${} in a minute ({} orders), ${} in a day; and {batches}; \
         restarts give nothing back. On the conditions of `kept orders`, `older copy` and `custody`",
        signer.order_max, signer.minute_max, signer.orders_per_minute, signer.day_max
    )
}

/// Whether the signer would start locked.
fn records(config: &Config, secret: &Secret, report: &mut Report) {
    match Record::open(&config.data_dir, &secret.key, &secret.limits) {
        Ok(record) => {
            let worth = Size(record.worth(clock::now()));
            report.good("records", format!("the signer's counter and log are whole; ${worth} were signed today"));
        }
        Err(RecordError::InUse { .. }) => report.good("records", "a signer runs, and holds its counter and log"),
        Err(error @ RecordError::Damaged(_)) => {
            report.bad("records", format!("the signer would start locked: {error}; see `polytrader keys renew`"));
        }
        Err(error) => report.bad("records", anyhow::Error::from(error)),
    }
}

/// Whether somebody would be told.
async fn alerts(config: &Config, report: &mut Report) {
    let Some(webhook) = &config.alerts.webhook else {
        let text = "alerts.webhook is not set: nobody is told when something goes wrong";
        return report.add("alerts", State::Warning, text);
    };
    match crate::commands::alert::reachable(webhook).await {
        Ok(()) => report.good("alerts", format!("{webhook} can be reached; `polytrader alert test` sends one")),
        Err(error) => report.bad("alerts", error.context(format!("{webhook} cannot be reached"))),
    }
}

/// Whether people may trade from here.
async fn place(site: &str, report: &mut Report) {
    let client = Client::new(site, Timeouts::default()).with_context(|| format!("the site at {site}"));
    let Some(client) = report.keep("place", client) else { return };
    match client.geoblock().await {
        Ok((false, country)) => report.good("place", format!("the venue takes orders from here {country}")),
        Ok((true, country)) => report.bad("place", format!("the venue takes no orders from {country}")),
        Err(error) => {
            report.add("place", State::Warning, format!("{site} did not say whether one may trade from here: {error}"))
        }
    }
}

/// What the venue says.
async fn venue_findings(
    (address, catalog): (&str, &str),
    rules: &Rules,
    whose: Option<(SigningKey, Account)>,
    report: &mut Report,
) {
    let client = Client::new(address, Timeouts::default()).with_context(|| format!("the venue at {address}"));
    let Some(client) = report.keep("venue", client) else { return };
    let version = client.version().await.with_context(|| format!("asking {address} for its version"));
    let Some(version) = report.keep("venue", version) else { return };
    if trading::session::ORDER_VERSIONS.contains(&version) {
        report.good("venue", format!("{address} takes orders of version {version}"));
    } else {
        report.bad("venue", format!("{address} takes orders of version {version}, which this program does not sign"));
    }
    clocks(&client, report).await;
    markets(&client, catalog, rules, report).await;
    if let Some((key, account)) = whose {
        account_findings(&client, &key, account, report).await;
    }
}

/// Whether the rules of the configuration find anything to trade.
async fn markets(client: &Client, address: &str, rules: &Rules, report: &mut Report) {
    let catalog = Catalog::new(address, Timeouts::default()).with_context(|| format!("the catalog at {address}"));
    let Some(catalog) = report.keep("markets", catalog) else { return };
    match catalog.find(client, rules, clock::now(), 1, |_| false).await {
        Ok(found) => match found.first() {
            Some(market) => {
                report.good("markets", format!("the rules markets.* want some, the first is {}", market.slug))
            }
            None => report.bad("markets", format!("the catalog at {address} has none that the rules markets.* want")),
        },
        Err(error) => report.bad("markets", format!("the catalog at {address}: {error}")),
    }
}

/// Latency, and how far the clocks are apart.
async fn clocks(client: &Client, report: &mut Report) {
    let mut took = Vec::with_capacity(ASKED);
    let mut skew = 0;
    for _ in 0..ASKED {
        let (asked, started) = (clock::now(), Instant::now());
        match client.time().await {
            Ok(theirs) => {
                took.push(started.elapsed());
                skew = trading::skew(asked, clock::now(), theirs);
            }
            Err(error) => return report.bad("latency", error),
        }
    }
    took.sort_unstable();
    let median = took.get(ASKED / 2).copied().unwrap_or_default();
    let state = if median > SLOW { State::Warning } else { State::Good };
    report.add("latency", state, format!("{} ms there and back", median.as_millis()));
    let state = if skew.unsigned_abs() > SKEW_MAX_MICROS { State::Bad } else { State::Good };
    report.add("clock", state, format!("{} ms off the venue's, as far as whole seconds tell", skew / 1_000));
}

/// Holds the API key that the old bot was given against the one that the venue derives, which is the one that is used.
fn old_api_key(derived: &str, report: &mut Report) {
    let Some(Some(found)) = report.keep("api key", runbook::value(runbook::API_KEY)) else { return };
    if found.text.trim() == derived {
        report.good("api key", format!("the one in {} is the one that the venue derives", found.place));
    } else {
        let text = format!("the one in {} is another than the venue derives, and is not used", found.place);
        report.add("api key", State::Warning, text);
    }
}

/// The account: its login, money, approvals and open orders.
async fn account_findings(client: &Client, key: &SigningKey, account: Account, report: &mut Report) {
    let login = crate::commands::keys::log_in(client, key, account.chain).await;
    let Some(credentials) = report.keep("login", login) else { return };
    report.good("login", "the venue knows the key");
    old_api_key(credentials.api_key(), report);
    let client = AccountClient::new(client.clone(), credentials, account);
    match client.balance_allowance(None).await {
        Ok(found) => {
            let cash = Usd(i64::try_from(found.balance).unwrap_or(i64::MAX));
            let state = if cash == Usd::ZERO { State::Warning } else { State::Good };
            report.add("cash", state, cash.to_string());
            for neg_risk in [false, true] {
                let contract = Exchange::of(neg_risk).contract(account.chain);
                let approved = found.allowances.iter().any(|(spender, amount)| *spender == contract && *amount > 0);
                let (state, text) = if approved {
                    (State::Good, "may spend the cash")
                } else {
                    (State::Bad, "may not spend the cash: approve it at the venue first")
                };
                report.add("allowance", state, format!("{} {text}", contract.checksummed()));
            }
        }
        Err(error) => report.bad("cash", error),
    }
    match client.open_orders().await {
        Ok(open) if open.is_empty() => report.good("orders", "none is open"),
        Ok(open) => {
            let text = format!("{} are open; those that the journal does not know need --adopt", open.len());
            report.add("orders", State::Warning, text);
        }
        Err(error) => report.bad("orders", error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    fn reported(custody: Custody) -> Report {
        let mut report = Report::default();
        stakes(&Limits::DEFAULT, Path::new("data"), custody, &mut report);
        report
    }

    #[test]
    fn what_a_taken_over_host_can_do_is_said_with_its_conditions() {
        let report = reported(Custody::Passphrase);
        let text = |what| &report.findings.iter().find(|finding| finding.what == what).unwrap().text;
        let takeover = text("takeover");
        assert!(takeover.contains("at most $1000 by an order, $10000 in a minute (300 orders), $100000 in a day"));
        for condition in ["kept orders", "older copy", "custody"] {
            assert!(takeover.contains(condition), "{takeover}");
            assert!(!text(condition).is_empty());
        }
        assert!(text("kept orders").contains("N times $100000"));
        assert!(text("older copy").contains("does not notice an older copy of all files"));
        assert!(text("custody").contains("the same user, is not confined"));
    }

    #[test]
    fn a_key_that_the_host_can_read_is_a_warning_and_voids_the_limits() {
        for (custody, state) in [
            (Custody::Passphrase, State::Good),
            (Custody::PassphraseFile, State::Warning),
            (Custody::Environment, State::Warning),
        ] {
            let report = reported(custody);
            let found = report.findings.iter().find(|finding| finding.what == "custody").unwrap();
            assert_eq!(found.state, state);
            assert_eq!(found.text.contains("none of the limits holds"), state == State::Warning, "{}", found.text);
        }
    }
}
