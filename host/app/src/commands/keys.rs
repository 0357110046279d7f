//! `polytrader keys`, and where a run in live mode gets its key from. Only the parent process comes here: the host never sees a key.

mod keystore;
mod limits;
mod passphrase;
pub(crate) mod records;
pub(crate) mod runbook;

use crate::cli::{KeysAction, KeysArgs, PassphraseArgs};
use crate::console::{complain, say};
use anyhow::{Context, bail, ensure};
use model::hex;
use order::{Address, Chain, Domains, SigningKey, Wallet};
use polymarket::{Client, Credentials, L1Headers};
use signer::Limits;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

/// The shortest passphrase that is taken: the file may be stolen and guessed at.
const PASSPHRASE_MIN: usize = 8;
/// More than a key has.
const KEY_MAX: u64 = 256;

/// Returns where the keystore of a data folder lies.
fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("keystore.json")
}

/// Runs `polytrader keys`.
///
/// # Errors
/// A sentence; no key or passphrase is in it.
pub(crate) fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    signer::process::harden().context("closing this process to others")?;
    store::private_file::make_folder(&args.data_dir)
        .with_context(|| format!("creating the data folder {}", args.data_dir.display()))?;
    ensure!(
        args.set.is_empty() || args.action == KeysAction::Limits,
        "--set goes with `polytrader keys limits` only; nothing was done"
    );
    match args.action {
        KeysAction::Import => import(args)?,
        KeysAction::ShowAddress => {
            let passphrase = passphrase::ask(&args.passphrase, false)?;
            show(keystore::open(&path(&args.data_dir), &passphrase)?.key.address());
        }
        KeysAction::Limits => show_or_set_limits(args)?,
        KeysAction::Renew => renew(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_or_set_limits(args: &KeysArgs) -> anyhow::Result<()> {
    let (path, passphrase) = (path(&args.data_dir), passphrase::ask(&args.passphrase, false)?);
    let opened = keystore::open(&path, &passphrase)?;
    let limits = if args.set.is_empty() {
        known_or_default(opened.limits, &path)
    } else {
        // First, so that nothing is changed while a signer runs or its record is damaged.
        let mut record = records::open(&args.data_dir, &opened.key)?;
        let change = |old: Option<Limits>| limits::change(old.unwrap_or(Limits::DEFAULT), &args.set);
        let limits = keystore::set_limits(&path, &passphrase, change)?;
        record.set_limits(&limits).context("writing the signer's counter; set the limits again")?;
        limits
    };
    limits::lines(&limits).iter().for_each(|line| say(line));
    Ok(())
}

fn renew(args: &KeysArgs) -> anyhow::Result<()> {
    let path = path(&args.data_dir);
    if !path.exists() {
        let secret = of_live(&args.data_dir, &args.passphrase)?;
        return records::renew(&args.data_dir, &secret.key, &secret.limits);
    }
    let passphrase = passphrase::ask(&args.passphrase, false)?;
    // A keystore of an earlier version or of another wallet has its limits from here on.
    let limits = keystore::set_limits(&path, &passphrase, |old| Ok(old.unwrap_or(Limits::DEFAULT)))?;
    records::renew(&args.data_dir, &keystore::open(&path, &passphrase)?.key, &limits)
}

/// Returns the limits of a keystore, or the defaults with a word about it.
fn known_or_default(limits: Option<Limits>, path: &Path) -> Limits {
    limits.unwrap_or_else(|| {
        complain(&format!(
            "{} has no limits of the signer, as another wallet or an earlier version made it; the defaults hold until `polytrader \
             keys limits --set NAME=VALUE` or `polytrader keys renew` writes them into it",
            path.display()
        ));
        Limits::DEFAULT
    })
}

fn import(args: &KeysArgs) -> anyhow::Result<()> {
    let path = path(&args.data_dir);
    ensure!(!path.exists(), "{} is there already; move it away first: it may be the only copy", path.display());
    let text = private_key()?;
    let mut bytes = Zeroizing::new([0; 32]);
    let digits = text.trim().trim_start_matches("0x");
    hex::decode_into(digits, bytes.as_mut()).context("that is no private key: 64 hexadecimal digits are one")?;
    let key = SigningKey::from_bytes(&bytes).ok().context("that number is no private key of this curve")?;
    let passphrase = passphrase::ask(&args.passphrase, true)?;
    ensure!(
        passphrase.chars().count() >= PASSPHRASE_MIN,
        "the passphrase has fewer than {PASSPHRASE_MIN} characters; whoever copies the file could guess it"
    );
    records::begin_or_keep(&args.data_dir, &key, &Limits::DEFAULT)?;
    keystore::create(&path, &bytes, &passphrase)?;
    complain(&format!("the key is in {}, under its passphrase; keep a copy of both apart", path.display()));
    show(key.address());
    Ok(())
}

/// Asks for the key without showing it, or reads it from a pipe.
fn private_key() -> anyhow::Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() {
        return Ok(Zeroizing::new(rpassword::prompt_password("private key: ").context("asking for the key")?));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(KEY_MAX)?));
    std::io::stdin().take(KEY_MAX).read_to_end(&mut bytes).context("reading the key from standard input")?;
    passphrase::secret_text(&bytes).context("reading the key from standard input")
}

/// Shows the key's address and those of its wallets: one of them holds the money, and is `account.funder`.
fn show(address: Address) {
    for wallet in Wallet::ALL {
        say(&format!("{}  {wallet}", wallet.of(address).checksummed()));
    }
}

/// Logs in at the venue with the key itself, which only programs without a host do.
pub(crate) async fn log_in(client: &Client, key: &SigningKey, chain: Chain) -> anyhow::Result<Credentials> {
    let (timestamp_s, nonce) = (control::clock::wall().seconds(), 0);
    let digest = Domains::new(chain).auth_digest(key.address(), timestamp_s, nonce);
    let headers = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce };
    client.create_or_derive_api_key(&headers).await.context("logging in with the key")
}

/// What a run in live mode signs with.
pub(crate) struct Secret {
    pub(crate) key: SigningKey,
    /// The signer's limits; the configuration may only lower them.
    pub(crate) limits: Limits,
    /// Where it came from.
    pub(crate) custody: Custody,
}

/// Where a key came from, which says what else can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Custody {
    /// A keystore, whose passphrase was typed or came through a pipe.
    Passphrase,
    /// A keystore, whose passphrase lies in a file or a service's credential.
    PassphraseFile,
    /// The environment or a file of it.
    Environment,
}

/// Returns the key of a run in live mode and its limits: from the keystore, or as the runbook's bot was given it.
///
/// # Errors
/// A sentence that says how to bring a key.
pub(crate) fn of_live(data_dir: &Path, passphrase: &PassphraseArgs) -> anyhow::Result<Secret> {
    signer::process::harden().context("closing this process to others")?;
    let path = path(data_dir);
    if path.exists() {
        let keystore::Opened { key, limits } = keystore::open(&path, &passphrase::ask(passphrase, false)?)?;
        let custody = if passphrase::is_in_a_file(passphrase) { Custody::PassphraseFile } else { Custody::Passphrase };
        return Ok(Secret { key, limits: known_or_default(limits, &path), custody });
    }
    if let Some(runbook::Found { text, place, foreign }) = runbook::value(runbook::PRIVATE_KEY)? {
        if foreign > 0 {
            complain(&format!("{foreign} other names in {place} are none of ours and are ignored"));
        }
        complain(&format!(
            "warning: the key is read from {place}, where every program of this user can read it; `polytrader keys import` \
             puts it under a passphrase"
        ));
        let parsed = SigningKey::parse(text.trim()).or_else(|_| SigningKey::parse(&format!("0x{}", text.trim())));
        let what = || format!("what {place} says is no private key: 64 hexadecimal digits are one");
        return Ok(Secret {
            key: parsed.ok().with_context(what)?,
            limits: Limits::DEFAULT,
            custody: Custody::Environment,
        });
    }
    bail!(
        "there is no key: run `polytrader keys import --data-dir {}`, which makes {}",
        data_dir.display(),
        path.display()
    )
}
