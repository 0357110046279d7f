//! `polytrader run`: the parent process. It holds the key and signs; the host, which trades, is its child. In demo mode
//! it also starts the local exchange; on paper the key only names the account. It ends when the host ends, with the host's exit code.

mod children;
mod demo;
mod key;

pub(crate) use demo::shipped_strategies;
pub(crate) use key::fresh_key;

use crate::cli::{ExchangeArgs, ModeArg, RunArgs};
use crate::commands::keys::{records, runbook};
use crate::console::complain;
use anyhow::{Context, bail, ensure};
use config::Config;
use order::{Account, Address, Chain, SignatureType, SigningKey, Wallet};
use signer::{Config as SignerConfig, Record};
use std::process::ExitCode;

/// Runs `polytrader run`.
///
/// # Errors
/// What keeps it from starting, as a sentence.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let common = &args.common;
    store::private_file::make_folder(&common.data_dir)
        .with_context(|| format!("creating the data folder {}", common.data_dir.display()))?;
    let config = common.load_config().context("reading the configuration")?;
    // Keys that are worth nothing hold their own funds.
    let limits = config.signer_limits();
    let sign = |key: SigningKey, record: Option<Record>, venue: &Venue| {
        let account = Account::eoa(key.address(), Chain::Polygon);
        children::sign_for_host(common, key, SignerConfig { account, limits, record: record.map(Ok) }, venue)
    };
    match common.mode {
        ModeArg::Demo => {
            let exchange = demo::venue(args)?;
            demo::offer_strategies(&config.strategies_dir)?;
            let key = key::of_demo(args)?;
            // A key that is kept has a record that is kept; a new one for each run has signed nothing.
            let kept = args.exchange.is_some();
            let record = kept.then(|| records::of_play(&common.data_dir, &key, &limits)).transpose()?;
            let code = sign(key, record, &Venue::local(exchange.address()))?;
            drop(exchange);
            Ok(code)
        }
        ModeArg::Paper => {
            demo::offer_strategies(&config.strategies_dir)?;
            let venue = Venue::real_or(&config, args)?;
            // Nothing is ever signed with it.
            sign(key::of_paper(&common.data_dir)?, None, &venue)
        }
        ModeArg::Live => live(&config, args),
    }
}

/// Where the host finds the venue.
pub(crate) struct Venue {
    pub(crate) rest: String,
    /// The venue's site, which knows from where one may trade.
    pub(crate) site: String,
    channels: String,
    /// The address of the catalog of markets.
    pub(crate) catalog: String,
    /// The address of the public records of accounts.
    pub records: String,
    /// The address of the relayer.
    pub relayer: String,
}

impl Venue {
    /// Returns where a local exchange is: its channels are on the same port.
    fn local(address: &str) -> Self {
        let channels = format!("ws{}", address.strip_prefix("http").unwrap_or(address));
        let (rest, site) = (address.to_owned(), address.to_owned());
        let [catalog, records, relayer] = ["gamma", "data-api", "relayer"].map(|path| format!("{address}/{path}"));
        Self { rest, site, channels, catalog, records, relayer }
    }

    /// Returns the venue of the configuration, or the exchange of the command line in its place.
    pub(crate) fn real_or(config: &Config, args: &RunArgs) -> anyhow::Result<Self> {
        match &args.exchange {
            Some(address) => demo::running(address).map(Self::local),
            None => Ok(Self {
                rest: config.venue_clob_url.clone(),
                site: config.venue_site_url.clone(),
                channels: config.venue_ws_url.clone(),
                catalog: config.venue_gamma_url.clone(),
                records: config.venue_data_url.clone(),
                relayer: config.venue_relayer_url.clone(),
            }),
        }
    }
}

/// Real money needs both the flag and a line in the configuration file, so that neither a typing error nor a copied command
/// line trades it.
fn live(config: &Config, args: &RunArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        config.live_enabled,
        "live trading needs the line `enabled = true` under `[live]` in the configuration file ({}), besides `--mode live`; \
         the environment and flags do not count for it. Nothing was started",
        config.data_dir.join("polytrader.toml").display()
    );
    ensure!(
        config.heartbeat || config.live_without_heartbeat,
        "venue.heartbeat is false: if this machine or the program dies, nothing cancels the open orders. Set it to true, or say it a second \
         time with the line `without_heartbeat = true` under `[live]` in the configuration file ({}); the environment and flags do not count \
         for it. Nothing was started",
        config.data_dir.join("polytrader.toml").display()
    );
    let venue = Venue::real_or(config, args)?;
    let secret = crate::commands::keys::of_live(&config.data_dir, &args.passphrase)?;
    let account = account(config, secret.key.address())?;
    let limits = config.signer_limits_within(secret.limits)?;
    let record = Some(records::take_up(&config.data_dir, &secret)?);
    // The host shows what holds; it cannot change it.
    let mut common = args.common.clone();
    common.set.extend(config::signer_settings(&limits));
    children::sign_for_host(&common, secret.key, SignerConfig { account, limits, record }, &venue)
}

/// Finds out what kind of wallet holds the money, by comparing its address with those that belong to the key.
pub(crate) fn account(config: &Config, signer: Address) -> anyhow::Result<Account> {
    let chain = Chain::from_id(config.chain_id)
        .with_context(|| format!("chain_id is {}; 137 (Polygon) and 80002 (Amoy) are known", config.chain_id))?;
    let old = if config.funder.is_none() { runbook::value(runbook::FUNDER)? } else { None };
    if let Some(found) = &old {
        complain(&format!(
            "warning: account.funder is not configured; {} is taken from {}",
            found.text.as_str(),
            found.place
        ));
    }
    let old = old.map(|found| found.text.trim().to_owned());
    let Some(text) = config.funder.as_ref().or(old.as_ref()) else { return Ok(Account::eoa(signer, chain)) };
    let funder = Address::parse(text).with_context(|| format!("account.funder is `{text}`, which is no address"))?;
    let told = SignatureType::from_code(config.signature_type).filter(|kind| *kind != SignatureType::Eoa);
    let signature_type = match (Wallet::find(signer, funder), told) {
        (Some(wallet), _) => wallet.signature_type(),
        (None, Some(told)) => {
            complain(&format!(
                "warning: {} is no wallet that the venue derives from this key; orders are signed as account.signature_type \
                 says",
                funder.checksummed()
            ));
            told
        }
        (None, None) => bail!(
            "{} is no wallet of this key; `polytrader keys show-address` lists the wallets of the key, and \
             account.signature_type says how orders of another one are signed",
            funder.checksummed()
        ),
    };
    Ok(Account { signer, funder, signature_type, chain })
}

/// Runs `polytrader exchange` until Ctrl-C.
///
/// # Errors
/// What keeps it from starting, as a sentence.
pub(crate) fn exchange(args: &ExchangeArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    demo::serve_exchange(args)?;
    complain("the exchange has stopped");
    Ok(ExitCode::SUCCESS)
}
