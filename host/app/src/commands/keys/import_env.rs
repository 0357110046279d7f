//! `polytrader keys import --env FILE`: the key of the bot that this replaces. Its API key and secret are not taken
//! over: the venue wants the passphrase that belongs to them, which that file never had, so API credentials are derived
//! from the private key at each start.

use super::{log_in, runbook};
use crate::cli::KeysArgs;
use crate::console::eprintln;
use anyhow::{Context, ensure};
use config::{Config, Mode, Sources};
use order::SigningKey;
use polymarket::Client;
use polymarket::client::Timeouts;
use std::fs;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most bytes of a configuration file.
const CONFIGURATION_MAX: u64 = 1024 * 1024;

/// The content of a file of the old bot.
pub(super) struct EnvFile {
    path: PathBuf,
    /// The private key.
    pub(super) key: Zeroizing<String>,
    funder: Option<String>,
    api_key: bool,
    api_secret: bool,
    foreign: usize,
}

/// Reads the four variables.
///
/// # Errors
/// If the file cannot be read or has no private key.
pub(super) fn read(path: &Path) -> anyhow::Result<EnvFile> {
    let text =
        runbook::read(path)?.with_context(|| format!("there is no file {}; nothing was imported", path.display()))?;
    let has = |name| runbook::find(&text, name).is_some();
    let key = runbook::find(&text, runbook::PRIVATE_KEY);
    let key = key.with_context(|| {
        format!("{} has no {}, which is the key to import; nothing was imported", path.display(), runbook::PRIVATE_KEY)
    })?;
    Ok(EnvFile {
        path: path.to_owned(),
        key,
        funder: runbook::find(&text, runbook::FUNDER).map(|text| text.trim().to_owned()),
        api_key: has(runbook::API_KEY),
        api_secret: has(runbook::API_SECRET),
        foreign: runbook::foreign(&text),
    })
}

/// Does what follows an import: the wallet, the login, the file. Returns true if the file was deleted.
pub(super) fn finish(args: &KeysArgs, file: &EnvFile, key: &SigningKey) -> anyhow::Result<bool> {
    let sources = Sources { mode: Mode::Live, data_dir: args.data_dir.clone(), file: None, flags: Vec::new() };
    let config = Config::from_sources(sources, std::env::vars_os()).context("reading the configuration")?;
    if let Some(funder) = &file.funder {
        keep_funder(&config, funder)?;
    }
    if file.api_key || file.api_secret {
        eprintln(&format!(
            "{} and {} are not taken over: they work with a passphrase only, which the file does not have. API credentials are derived \
             from the private key at each start",
            runbook::API_KEY,
            runbook::API_SECRET
        ));
    }
    derive(args, &config, key);
    forget(args, file)
}

/// Writes the wallet into a configuration that names none.
fn keep_funder(config: &Config, funder: &str) -> anyhow::Result<()> {
    let path = config.data_dir.join("polytrader.toml");
    if config.funder.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(funder)) {
        return Ok(());
    }
    ensure!(
        order::Address::parse(funder).is_some(),
        "{} is `{funder}`, which is not an address: 0x and 40 hexadecimal digits; the key is imported, the wallet is not",
        runbook::FUNDER
    );
    let old = match files::read_text(&path, files::Links::Follow, CONFIGURATION_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    if config.funder.is_some() || old.lines().any(|line| line.trim() == "[account]") {
        eprintln(&format!(
            "the wallet is not changed: write funder = \"{funder}\" under [account] in {}",
            path.display()
        ));
        return Ok(());
    }
    let end = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    let text = format!("{old}{end}[account]\nfunder = \"{funder}\"\n");
    store::private_file::replace(&path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    eprintln(&format!("account.funder = {funder} is written into {}", path.display()));
    Ok(())
}

/// Logs in once, which shows that the venue knows the key. A venue that is out of reach does not keep the key from
/// being imported.
fn derive(args: &KeysArgs, config: &Config, key: &SigningKey) {
    let address = args.exchange.clone().unwrap_or_else(|| config.venue_clob_url.clone());
    let chain = order::Chain::from_id(config.chain_id);
    let derived = chain.context("chain_id is not known").and_then(|chain| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        let client = Client::new(address.trim_end_matches('/'), Timeouts::default())?;
        runtime.block_on(log_in(&client, key, chain)).map(drop)
    });
    match derived {
        Ok(()) => eprintln(&format!("new API credentials are derived: {address} takes the key")),
        Err(error) => eprintln(&format!(
            "API credentials are not derived now, as {address} did not take the key ({error:#}); `polytrader doctor --mode live` tries again"
        )),
    }
}

/// Asks whether the file may go, as the key lies in it in the clear. Returns true if it was deleted.
fn forget(args: &KeysArgs, file: &EnvFile) -> anyhow::Result<bool> {
    let path = file.path.display();
    let others = match file.foreign {
        0 => String::new(),
        count => format!(" It has {count} other names, which go with it."),
    };
    let wanted = args.delete_env || {
        std::io::stdin().is_terminal() && {
            eprintln(&format!("{path} still has the key in the clear.{others} Delete the file? [y/N]"));
            crate::output::flush();
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer).context("reading the answer")?;
            matches!(answer.trim(), "y" | "Y" | "yes")
        }
    };
    if !wanted {
        eprintln(&format!(
            "{path} stays and has the key in the clear: delete it (`rm {path}`), and its copies in backups"
        ));
        return Ok(false);
    }
    fs::remove_file(&file.path).with_context(|| format!("deleting {path}"))?;
    eprintln(&format!("{path} is deleted; copies in backups and snapshots of the disk may still have the key"));
    Ok(true)
}
