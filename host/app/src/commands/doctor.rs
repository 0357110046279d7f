//! `polytrader doctor`: checks everything that a mode needs, without trading. Each line reports a result and, if it is
//! not good, what to do. Start reading in [`run`].

mod fixes;
mod machine;

use crate::cli::{ModeArg, RunArgs};
use crate::commands::keys::{Custody, Secret, runbook};
use crate::commands::run::{Venue, account};
use crate::console::println;
use anyhow::Context;
use config::Config;
use control::clock;
use model::{Size, Usd};
use order::{Account, Address, Exchange, SigningKey, Wallet};
use polymarket::client::{Catalog, Rules, Timeouts};
use polymarket::parse::{BalanceAllowance, Refused};
use polymarket::{AccountClient, Client};
use serde::Serialize;
use signer::{Limits, SigningLog, SigningLogError};
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Number of requests in the latency measurement.
const ASKED: usize = 5;
/// Latency above which the venue connection gets a warning.
const SLOW: Duration = Duration::from_millis(250);
/// Clock skew above which logins fail (FEATURES 5.1, row 30).
const SKEW_MAX_MICROS: u64 = 1_000_000;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Bad,
}

/// A line of the report.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    text: String,
    /// The remedy; `None` if the line is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

/// The findings of all checks.
#[derive(Debug, Default, Serialize)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, what: &'static str, state: State, text: impl Into<String>) {
        let fix = (state != State::Good).then(|| fixes::fix(what));
        self.findings.push(Finding { what, state, text: text.into(), fix });
    }

    fn good(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(what, State::Good, text);
    }

    fn bad(&mut self, what: &'static str, error: impl Display) {
        self.add(what, State::Bad, format!("{error:#}"));
    }

    /// Returns a successful result, or records its error as a finding.
    fn record<T>(&mut self, what: &'static str, found: anyhow::Result<T>) -> Option<T> {
        found.map_err(|error| self.bad(what, error)).ok()
    }
}

/// Runs `polytrader doctor`. The exit status is 1 if anything prevents the mode from working.
///
/// # Errors
/// If the configuration cannot be read.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = args.common.load_config().context("reading the configuration")?;
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    machine(&config, &mut report);
    machine::check(&config, &mut report);
    runtime.block_on(machine::database(&config, &mut report));
    machine::strategies(&config, &mut report);
    limits(&config, &mut report);
    let whose = if args.common.mode == ModeArg::Live { real_money(&config, args, &mut report) } else { None };
    runtime.block_on(outside(&config, args, whose, &mut report))?;
    let healthy = report.findings.iter().all(|finding| finding.state != State::Bad);
    if args.common.json {
        println(&serde_json::to_string(&report.findings)?);
    } else {
        report.findings.iter().for_each(|Finding { what, state, text, fix }| {
            let mark = match state {
                State::Good => "ok  ",
                State::Warning => "WARN",
                State::Bad => "BAD ",
            };
            println(&format!("{mark}  {what:12} {text}"));
            if let Some(fix) = fix {
                println(&format!("      {:12} fix: {fix}", ""));
            }
        });
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks what real money needs; returns the key with its account if both exist.
fn real_money(config: &Config, args: &RunArgs, report: &mut Report) -> Option<(SigningKey, Account)> {
    if config.live_enabled {
        report.good("live", "the configuration file allows real money");
    } else {
        report.bad("live", "the configuration file lacks `enabled = true` under `[live]`");
    }
    heartbeat(config, report);
    let secret = crate::commands::keys::of_live(&config.data_dir, &args.passphrase);
    let secret = report.record("key", secret)?;
    takeover(config, &secret, report);
    records(config, &secret, report);
    let account = report.record("wallet", account(config, secret.key.address()))?;
    let kind = Wallet::find(account.signer, account.funder);
    let kind = kind.map_or_else(|| "an address from the configuration".to_owned(), |kind| kind.to_string());
    report.good("wallet", format!("{} holds the funds; it is {kind}", account.funder.checksummed()));
    Some((secret.key, account))
}

/// Checks what is outside this machine. A demo starts its own exchange unless one is given.
async fn outside(
    config: &Config,
    args: &RunArgs,
    whose: Option<(SigningKey, Account)>,
    report: &mut Report,
) -> anyhow::Result<()> {
    if args.common.mode == ModeArg::Demo && args.exchange.is_none() {
        report.good("venue", "a demo starts a local exchange of its own");
        return Ok(());
    }
    let venue = Venue::real_or(config, args)?;
    if args.common.mode == ModeArg::Live {
        place(&venue.site, report).await;
    }
    if args.common.mode != ModeArg::Demo {
        alerts(config, report).await;
    }
    venue_findings((&venue.rest, &venue.catalog), &config.market_rules, whose, report).await;
    Ok(())
}

/// Checks the risk gate, the configuration and the folders on this machine.
fn machine(config: &Config, report: &mut Report) {
    match engine::self_test() {
        Ok(()) => report.good("gate", "every rule refuses the orders that it must refuse"),
        Err(error) => report.bad("gate", error),
    }
    for (what, dir) in [("data", &config.data_dir), ("strategies", &config.strategies_dir)] {
        match std::fs::metadata(dir) {
            Ok(meta) => match crate::platform::others_write(dir, &meta) {
                Some(text) => report.bad(what, text),
                None => report.good(what, dir.display().to_string()),
            },
            Err(error) => report.add(what, State::Warning, format!("{}: {error}", dir.display())),
        }
    }
}

/// Checks that open orders are cancelled if this program or its machine dies.
fn heartbeat(config: &Config, report: &mut Report) {
    let (state, text) = match (config.heartbeat, config.live_without_heartbeat) {
        (true, _) => (State::Good, "the venue cancels all orders 10 to 20 s after the heartbeats of this program stop"),
        (false, true) => (
            State::Warning,
            "venue.heartbeat is false: if this program or its machine dies, nothing cancels the open orders",
        ),
        (false, false) => (
            State::Bad,
            "venue.heartbeat is false: live mode requires the line `without_heartbeat = true` under `[live]` for \
             this, because nothing cancels the open orders if this program or its machine dies",
        ),
    };
    report.add("heartbeat", state, text);
}

/// Reports the configured risk limits.
fn limits(config: &Config, report: &mut Report) {
    let limits = config.limits();
    report.good(
        "limits",
        format!(
            "per order {}, per market {}, daily loss {}, daily loss per strategy {}",
            limits.max_order, limits.max_market, limits.daily_loss, limits.max_strategy_loss
        ),
    );
}

/// Reports the maximum that the signer would sign for a compromised host, and the conditions of that limit.
fn takeover(config: &Config, secret: &Secret, report: &mut Report) {
    let Some(signer) = report.record("takeover", config.signer_limits_within(secret.limits)) else { return };
    stakes(&signer, &config.data_dir, secret.custody, report);
}

fn stakes(signer: &Limits, data_dir: &Path, custody: Custody, report: &mut Report) {
    report.good("takeover", at_most(signer));
    let day = signer.day_max;
    report.good(
        "kept orders",
        format!(
            "signed orders do not expire at the venue: a compromised host can withhold them for N days and then send \
             them at once, for a total of N times ${day}"
        ),
    );
    report.good(
        "older copy",
        format!(
            "the signer detects a counter or log that is missing, truncated or changed; it does not notice an older \
             copy of all files of {} restored together, and then signs up to ${day} again on the same day",
            data_dir.display()
        ),
    );
    let (state, text) = reach(custody);
    report.add("custody", state, text);
}

/// Describes what else can read the key: the host is not confined, and it runs as the signer's user.
const fn reach(custody: Custody) -> (State, &'static str) {
    match custody {
        Custody::Passphrase => (
            State::Good,
            "the limits hold as long as the host does not obtain the passphrase: it runs as the same user, is not \
             confined, and can read the keystore",
        ),
        Custody::PassphraseFile => (
            State::Warning,
            "the passphrase is in a file or credential of the user that the host runs as: a compromised host can read \
             it and the keystore, and then none of the limits holds; pass it with --passphrase-fd or at the prompt",
        ),
        Custody::Environment => (
            State::Warning,
            "the key is in the environment or in `.env`, where every program of this user, including the host, can \
             read it, and then none of the limits holds; `polytrader keys import` encrypts it under a passphrase",
        ),
    }
}

/// Describes the maximum that the signer signs.
fn at_most(signer: &Limits) -> String {
    let batches = match signer.batches_per_minute {
        0 => "no wallet batches".to_owned(),
        most => format!("{most} wallet batches per minute of redeem, merge, split and the venue's own approvals"),
    };
    format!(
        "for a compromised host, the signer signs at most ${} per order, ${} per minute ({} orders), ${} per day, and \
         {batches}; restarts do not reset this. Subject to `kept orders`, `older copy` and `custody`",
        signer.order_max, signer.minute_max, signer.orders_per_minute, signer.day_max
    )
}

/// Checks that the signer would not start locked.
fn records(config: &Config, secret: &Secret, report: &mut Report) {
    match SigningLog::open(&config.data_dir, &secret.key, &secret.limits) {
        Ok(record) => {
            let worth = Size(record.worth(clock::now()));
            report.good("records", format!("the signer's counter and log are intact; ${worth} signed today"));
        }
        Err(SigningLogError::InUse { .. }) => report.good("records", "in use by a running signer"),
        Err(error @ SigningLogError::Damaged(_)) => {
            report.bad("records", format!("the signer would start locked: {error}; see `polytrader keys renew`"));
        }
        Err(error) => report.bad("records", anyhow::Error::from(error)),
    }
}

/// Checks that alerts can be delivered.
async fn alerts(config: &Config, report: &mut Report) {
    let Some(webhook) = &config.alerts.webhook else {
        if crate::commands::alert::has_channel(config) {
            return report.good("alerts", "a channel is set; `polytrader alert test` sends a test alert over it");
        }
        let text = "no channel is set (alerts.webhook, alerts.telegram_token, alerts.ntfy, alerts.email_to): no \
                    alert is sent when something goes wrong";
        return report.add("alerts", State::Warning, text);
    };
    match crate::commands::alert::reachable(webhook).await {
        Ok(()) => {
            report.good("alerts", format!("{webhook} can be reached; `polytrader alert test` sends a test alert"))
        }
        Err(error) => report.bad("alerts", error.context(format!("{webhook} cannot be reached"))),
    }
}

/// Checks that trading is allowed from this location.
async fn place(site: &str, report: &mut Report) {
    let client = Client::new(site, Timeouts::default()).with_context(|| format!("the site at {site}"));
    let Some(client) = report.record("place", client) else { return };
    match client.geoblock().await {
        Ok((false, country)) => report.good("place", format!("the venue accepts orders from this location {country}")),
        Ok((true, country)) => report.bad("place", format!("the venue does not accept orders from {country}")),
        Err(error) => report.add(
            "place",
            State::Warning,
            format!("{site} did not report if trading is allowed from this location: {error}"),
        ),
    }
}

/// Checks the venue's order version, its clock, markets and the account.
async fn venue_findings(
    (address, catalog): (&str, &str),
    rules: &Rules,
    whose: Option<(SigningKey, Account)>,
    report: &mut Report,
) {
    let client = Client::new(address, Timeouts::default()).with_context(|| format!("the venue at {address}"));
    let Some(client) = report.record("venue", client) else { return };
    let version = client.version().await.with_context(|| format!("querying the version of {address}"));
    let Some(version) = report.record("venue", version) else { return };
    if trading::session::ORDER_VERSIONS.contains(&version) {
        report.good("venue", format!("{address} accepts orders of version {version}"));
    } else {
        report.bad(
            "venue",
            format!("{address} accepts orders of version {version}, which this program does not support"),
        );
    }
    clocks(&client, report).await;
    markets(&client, catalog, rules, report).await;
    if let Some((key, account)) = whose {
        account_findings(&client, &key, account, report).await;
    }
}

/// Checks that the configured market rules select at least one market.
async fn markets(client: &Client, address: &str, rules: &Rules, report: &mut Report) {
    let catalog = Catalog::new(address, Timeouts::default()).with_context(|| format!("the catalog at {address}"));
    let Some(catalog) = report.record("markets", catalog) else { return };
    match catalog.find(client, rules, clock::now(), 1, |_| false).await {
        Ok(found) => match found.first() {
            Some(market) => {
                report.good("markets", format!("the rules markets.* select markets; the first is {}", market.slug))
            }
            None => {
                report.bad("markets", format!("the catalog at {address} has no market selected by the rules markets.*"))
            }
        },
        Err(error) => report.bad("markets", format!("the catalog at {address}: {error}")),
    }
}

/// Measures latency and clock skew.
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
    report.add("latency", state, format!("{} ms round trip", median.as_millis()));
    let state = if skew.unsigned_abs() > SKEW_MAX_MICROS { State::Bad } else { State::Good };
    report.add(
        "clock",
        state,
        format!("{} ms off the venue's clock, which has a resolution of one second", skew / 1_000),
    );
}

/// Compares the API key of the old bot with the key that the venue derives, which is the one in use.
fn old_api_key(derived: &str, report: &mut Report) {
    let Some(Some(found)) = report.record("api key", runbook::value(runbook::API_KEY)) else { return };
    if found.text.trim() == derived {
        report.good("api key", format!("the key in {} matches the one that the venue derives", found.place));
    } else {
        let text = format!("the key in {} differs from the one that the venue derives; it is not used", found.place);
        report.add("api key", State::Warning, text);
    }
}

/// Checks the account: its login, cash, allowances and open orders.
async fn account_findings(client: &Client, key: &SigningKey, account: Account, report: &mut Report) {
    let login = crate::commands::keys::log_in(client, key, account.chain).await;
    let Some(credentials) = report.record("login", login) else { return };
    report.good("login", "the venue accepts the key");
    old_api_key(credentials.api_key(), report);
    let client = AccountClient::new(client.clone(), credentials, account);
    match client.balance_allowance(None).await {
        Ok(found) => {
            let cash = Usd(i64::try_from(found.balance).unwrap_or(i64::MAX));
            let state = if cash == Usd::ZERO { State::Warning } else { State::Good };
            report.add("cash", state, cash.to_string());
            for neg_risk in [false, true] {
                let contract = Exchange::of(neg_risk).contract(account.chain);
                let (state, text) = allowance(&found, contract);
                report.add("allowance", state, format!("{} {text}", contract.checksummed()));
            }
        }
        Err(error) => report.bad("cash", error),
    }
    match client.open_orders().await {
        Ok(open) if open.is_empty() => report.good("orders", "no open orders"),
        Ok(open) => {
            let text = format!("{} open orders; orders that are not in the journal require --adopt", open.len());
            report.add("orders", State::Warning, text);
        }
        Err(error) => report.bad("orders", error),
    }
}

/// Judges what a contract may spend. An allowance that could not be parsed is not taken for none.
fn allowance(found: &BalanceAllowance, contract: Address) -> (State, String) {
    if found.allowances.iter().any(|(spender, amount)| *spender == contract && *amount > 0) {
        return (State::Good, "may spend the cash".to_owned());
    }
    let unread = |row: &&Refused| Address::parse(&row.name).is_none_or(|spender| spender == contract);
    match found.refused.iter().find(unread) {
        Some(row) => (State::Warning, format!("may or may not spend the cash: allowance {}: {}", row.name, row.reason)),
        None => (State::Bad, "may not spend the cash; approve it at the venue first".to_owned()),
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
    fn exposure_to_a_compromised_host_is_reported_with_its_conditions() {
        let report = reported(Custody::Passphrase);
        let text = |what| &report.findings.iter().find(|finding| finding.what == what).unwrap().text;
        let takeover = text("takeover");
        assert!(takeover.contains("at most $1000 per order, $10000 per minute (300 orders), $100000 per day"));
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
