//! `polytrader run`: the parent process. It holds the key and signs; its child, the host, trades. In demo mode it also
//! starts the local exchange; in paper mode the key only identifies the account. It ends with the host, with the host's
//! exit code.

mod changed_settings;
mod children;
mod demo;
mod key;

pub(crate) use demo::shipped_strategies;
pub(crate) use key::fresh_key;

use crate::cli::{ExchangeArgs, ModeArg, RunArgs};
use crate::commands::keys::{runbook, signing_log};
use crate::console::eprintln;
use anyhow::{Context, bail, ensure};
use config::Config;
use order::{Account, Address, Chain, SignatureType, SigningKey, Wallet};
use signer::{Config as SignerConfig, SigningLog};
use std::process::ExitCode;

/// Runs `polytrader run`.
///
/// # Errors
/// The reason why the run cannot start.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let common = &args.common;
    store::private_file::make_folder(&common.data_dir)
        .with_context(|| format!("creating the data folder {}", common.data_dir.display()))?;
    let config = common.load_config().context("reading the configuration")?;
    changed_settings::log(&config);
    // Keys of demo and paper mode own no real funds and are their own wallets.
    let limits = config.signer_limits();
    let sign = |key: SigningKey, record: Option<SigningLog>, venue: &Venue| {
        let account = Account::eoa(key.address(), Chain::Polygon);
        children::sign_for_host(common, key, SignerConfig { account, limits, record: record.map(Ok) }, venue)
    };
    match common.mode {
        ModeArg::Demo => {
            let exchange = demo::venue(args)?;
            demo::offer_strategies(&config.strategies_dir)?;
            let key = key::of_demo(args)?;
            // A key that is stored has a stored signing record; a new key has signed nothing.
            let kept = args.exchange.is_some();
            let record = kept.then(|| signing_log::of_play(&common.data_dir, &key, &limits)).transpose()?;
            let code = sign(key, record, &Venue::local(exchange.address()))?;
            drop(exchange);
            Ok(code)
        }
        ModeArg::Paper => {
            demo::offer_strategies(&config.strategies_dir)?;
            let venue = Venue::real_or(&config, args)?;
            // This key never signs anything.
            sign(key::of_paper(&common.data_dir)?, None, &venue)
        }
        ModeArg::Live => live(&config, args),
    }
}

/// Addresses of the venue.
pub(crate) struct Venue {
    pub(crate) rest: String,
    /// The venue's website, whose API reports if trading is allowed from this location.
    pub(crate) site: String,
    /// The address of the channels.
    pub(crate) channels: String,
    /// The address of the market catalog.
    pub(crate) catalog: String,
    /// The address of the Data API (account activity).
    pub records: String,
    /// The address of the relayer.
    pub relayer: String,
}

impl Venue {
    /// Returns the addresses of a local exchange, whose channels are on the same port.
    fn local(address: &str) -> Self {
        let channels = format!("ws{}", address.strip_prefix("http").unwrap_or(address));
        let (rest, site) = (address.to_owned(), address.to_owned());
        let [catalog, records, relayer] = ["gamma", "data-api", "relayer"].map(|path| format!("{address}/{path}"));
        Self { rest, site, channels, catalog, records, relayer }
    }

    /// Returns the venue from the configuration, or the exchange from the command line instead.
    pub(crate) fn real_or(config: &Config, args: &RunArgs) -> anyhow::Result<Self> {
        Self::at(config, args.exchange.as_deref())
    }

    /// Returns the venue from the configuration, or the exchange at this address instead.
    pub(crate) fn at(config: &Config, exchange: Option<&str>) -> anyhow::Result<Self> {
        match exchange {
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

/// Starts a live run. Real money requires both the flag and a line in the configuration file, so that neither a typing
/// error nor a copied command line can trade with it.
fn live(config: &Config, args: &RunArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        config.live_enabled,
        "live trading needs the line `enabled = true` under `[live]` in the configuration file ({}), in addition to \
         `--mode live`; the environment and flags cannot set it. Nothing was started",
        config.data_dir.join("polytrader.toml").display()
    );
    ensure!(
        config.heartbeat || config.live_without_heartbeat,
        "venue.heartbeat is false: if this machine or the program dies, nothing cancels the open orders. Set it to \
         true, or confirm it with the line `without_heartbeat = true` under `[live]` in the configuration file ({}); \
         the environment and flags cannot set it. Nothing was started",
        config.data_dir.join("polytrader.toml").display()
    );
    let venue = Venue::real_or(config, args)?;
    let secret = crate::commands::keys::of_live(&config.data_dir, &args.passphrase)?;
    let account = account(config, secret.key.address())?;
    let limits = config.signer_limits_within(secret.limits)?;
    let record = Some(signing_log::open_for_live(&config.data_dir, &secret)?);
    // The host displays the effective limits; it cannot change them.
    let mut common = args.common.clone();
    common.set.extend(config::signer_settings(&limits));
    children::sign_for_host(&common, secret.key, SignerConfig { account, limits, record }, &venue)
}

/// Determines the wallet type of the account, by comparing its address with the wallets derived from the key.
pub(crate) fn account(config: &Config, signer: Address) -> anyhow::Result<Account> {
    let chain = Chain::from_id(config.chain_id)
        .with_context(|| format!("chain_id is {}; expected 137 (Polygon) or 80002 (Amoy)", config.chain_id))?;
    let old = if config.funder.is_none() { runbook::value(runbook::FUNDER)? } else { None };
    if let Some(found) = &old {
        eprintln(&format!(
            "warning: account.funder is not configured; {} is taken from {}",
            found.text.as_str(),
            found.place
        ));
    }
    let old = old.map(|found| found.text.trim().to_owned());
    let Some(text) = config.funder.as_ref().or(old.as_ref()) else { return Ok(Account::eoa(signer, chain)) };
    let funder = Address::parse(text).with_context(|| format!("account.funder is `{text}`; expected an address"))?;
    let configured = SignatureType::from_code(config.signature_type).filter(|kind| *kind != SignatureType::Eoa);
    let signature_type = match (Wallet::find(signer, funder), configured) {
        (Some(wallet), _) => wallet.signature_type(),
        (None, Some(configured)) => {
            eprintln(&format!(
                "warning: {} is not a wallet that the venue derives from this key; orders are signed as \
                 account.signature_type specifies",
                funder.checksummed()
            ));
            configured
        }
        (None, None) => bail!(
            "{} is not a wallet of this key; `polytrader keys show-address` lists the wallets of the key, and \
             account.signature_type says how orders of another one are signed",
            funder.checksummed()
        ),
    };
    Ok(Account { signer, funder, signature_type, chain })
}

/// Runs `polytrader exchange` until Ctrl-C.
///
/// # Errors
/// The reason why the exchange cannot start.
pub(crate) fn exchange(args: &ExchangeArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    demo::serve_exchange(args)?;
    eprintln("the exchange has stopped");
    Ok(ExitCode::SUCCESS)
}
