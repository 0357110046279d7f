//! `polytrader keys`, and the source of the key in live mode. Only the parent process uses this module: the host never
//! has the key.

mod import_env;
mod keystore;
mod limits;
mod passphrase;
pub(crate) mod runbook;
pub(crate) mod signing_log;

use crate::cli::{KeysAction, KeysArgs, PassphraseArgs};
use crate::console::{eprintln, println};
use crate::platform;
use anyhow::{Context, bail, ensure};
use model::hex;
use order::{Address, Chain, Domains, SigningKey, Wallet};
use polymarket::{Client, Credentials, L1Headers};
use serde::Serialize;
use serde_json::json;
use signer::Limits;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

/// Minimum length of a passphrase: a stolen file allows unlimited guesses.
const PASSPHRASE_MIN: usize = 8;
/// Maximum bytes of input for a key or a passphrase; more than a key has.
const SECRET_MAX: u64 = 256;

/// Returns the path of a data directory's keystore.
pub(crate) fn keystore_path(data_dir: &Path) -> PathBuf {
    data_dir.join("keystore.json")
}

/// Runs `polytrader keys`.
///
/// # Errors
/// An error without any key or passphrase in it.
pub(crate) fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    signer::process::harden().context("protecting this process from other processes")?;
    store::private_file::make_folder(&args.data_dir)
        .with_context(|| format!("creating the data folder {}", args.data_dir.display()))?;
    ensure!(
        args.set.is_empty() || args.action == KeysAction::Limits,
        "--set can only be used with `polytrader keys limits`; nothing was changed"
    );
    ensure!(
        args.action == KeysAction::Import || (args.env.is_none() && args.exchange.is_none() && !args.delete_env),
        "--env, --exchange and --delete-env can only be used with `polytrader keys import`; nothing was changed"
    );
    ensure!(
        !args.machine || args.action == KeysAction::ProtectPassphrase,
        "--machine can only be used with `polytrader keys protect-passphrase`; nothing was changed"
    );
    match args.action {
        KeysAction::Import => import(args)?,
        KeysAction::ShowAddress => {
            let passphrase = passphrase::read_passphrase(&args.passphrase, false)?;
            let wallets = wallets(keystore::open(&keystore_path(&args.data_dir), &passphrase)?.key.address());
            print(args, &json!({ "wallets": wallets }), &wallet_lines(&wallets))?;
        }
        KeysAction::Limits => show_or_set_limits(args)?,
        KeysAction::Renew => renew(args)?,
        KeysAction::ProtectPassphrase => protect_passphrase(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_or_set_limits(args: &KeysArgs) -> anyhow::Result<()> {
    let (path, passphrase) = (keystore_path(&args.data_dir), passphrase::read_passphrase(&args.passphrase, false)?);
    let opened = keystore::open(&path, &passphrase)?;
    let limits = if args.set.is_empty() {
        known_or_default(opened.limits, &path)
    } else {
        // First, so that nothing is changed while a signer runs or if its record is damaged.
        let mut record = signing_log::open(&args.data_dir, &opened.key)?;
        let change = |old: Option<Limits>| limits::change(old.unwrap_or(Limits::DEFAULT), &args.set);
        let limits = keystore::set_limits(&path, &passphrase, change)?;
        record.set_limits(&limits).context("writing the signer's counter; set the limits again")?;
        limits
    };
    print(args, &limits::written(&limits), &limits::lines(&limits))
}

/// Prints one JSON object with `--json`, otherwise lines for people.
fn print(args: &KeysArgs, object: &impl Serialize, lines: &[String]) -> anyhow::Result<()> {
    if args.json {
        println(&serde_json::to_string(object).context("serializing the result")?);
    } else {
        lines.iter().for_each(|line| println(line));
    }
    Ok(())
}

fn renew(args: &KeysArgs) -> anyhow::Result<()> {
    let path = keystore_path(&args.data_dir);
    if !path.exists() {
        let secret = of_live(&args.data_dir, &args.passphrase)?;
        return print(args, &signing_log::renew(&args.data_dir, &secret.key, &secret.limits)?, &[]);
    }
    let passphrase = passphrase::read_passphrase(&args.passphrase, false)?;
    // From here on, a keystore of an earlier version or of another wallet program stores the limits.
    let limits = keystore::set_limits(&path, &passphrase, |old| Ok(old.unwrap_or(Limits::DEFAULT)))?;
    print(args, &signing_log::renew(&args.data_dir, &keystore::open(&path, &passphrase)?.key, &limits)?, &[])
}

/// Returns the limits of a keystore, or the defaults with a warning.
fn known_or_default(limits: Option<Limits>, path: &Path) -> Limits {
    limits.unwrap_or_else(|| {
        eprintln(&format!(
            "{} contains no signer limits, because another wallet program or an earlier version created it; the \
             defaults apply until `polytrader keys limits --set NAME=VALUE` or `polytrader keys renew` writes them \
             into it",
            path.display()
        ));
        Limits::DEFAULT
    })
}

fn import(args: &KeysArgs) -> anyhow::Result<()> {
    let path = keystore_path(&args.data_dir);
    ensure!(!path.exists(), "{} already exists; move it away first: it may be the only copy", path.display());
    let file = args.env.as_deref().map(import_env::read).transpose()?;
    let text = match &file {
        Some(file) => file.key.clone(),
        None => private_key()?,
    };
    let mut bytes = Zeroizing::new([0; 32]);
    let digits = text.trim().trim_start_matches("0x");
    hex::decode_into(digits, bytes.as_mut()).context("invalid private key: expected 64 hexadecimal digits")?;
    let key = SigningKey::from_bytes(&bytes)
        .ok()
        .context("invalid private key: the number is out of range for this curve")?;
    let passphrase = passphrase::read_passphrase(&args.passphrase, true)?;
    ensure!(
        passphrase.chars().count() >= PASSPHRASE_MIN,
        "expected a passphrase of at least {PASSPHRASE_MIN} characters; a shorter one could be guessed from a copy of \
         the file"
    );
    signing_log::begin_or_keep(&args.data_dir, &key, &Limits::DEFAULT)?;
    keystore::create(&path, &bytes, &passphrase)?;
    eprintln(&format!(
        "the key is stored in {}, encrypted under its passphrase; keep copies of both, in separate places",
        path.display()
    ));
    let wallets = wallets(key.address());
    if !args.json {
        print(args, &wallets, &wallet_lines(&wallets))?;
    }
    let deleted = file.map(|file| import_env::finish(args, &file, &key)).transpose()?;
    let object = json!({ "keystore": path, "wallets": wallets, "env_deleted": deleted });
    if args.json { print(args, &object, &[]) } else { Ok(()) }
}

/// Prompts for the key without echo, or reads it from a pipe.
fn private_key() -> anyhow::Result<Zeroizing<String>> {
    if std::io::stdin().is_terminal() {
        return Ok(Zeroizing::new(rpassword::prompt_password("private key: ").context("prompting for the key")?));
    }
    piped().context("reading the key from standard input")
}

/// Reads a secret from standard input.
fn piped() -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(SECRET_MAX)?));
    std::io::stdin().take(SECRET_MAX).read_to_end(&mut bytes)?;
    passphrase::secret_text(&bytes)
}

/// Writes the file that gives the passphrase to an unattended start.
fn protect_passphrase(args: &KeysArgs) -> anyhow::Result<()> {
    let typed = std::io::stdin().is_terminal() || args.passphrase.is_given();
    let text = if typed {
        passphrase::read_passphrase(&args.passphrase, true)?
    } else {
        piped().context("reading the passphrase from standard input")?
    };
    let path = args.data_dir.join("passphrase.dpapi");
    platform::write_protected(&path, text.trim_end_matches(['\r', '\n']).as_bytes(), args.machine)?;
    print(
        args,
        &json!({ "file": path, "machine": args.machine }),
        &[format!("the passphrase is stored in {}; --passphrase-file reads it", path.display())],
    )
}

/// An address that a key can sign for.
#[derive(Debug, Serialize)]
struct WalletAddress {
    address: String,
    /// The wallet's name in a sentence.
    wallet: String,
    signature_type: u8,
}

/// Returns the key's address and those of its wallets. The one that holds the money is `account.funder`.
fn wallets(address: Address) -> Vec<WalletAddress> {
    let of = |wallet: Wallet| WalletAddress {
        address: wallet.of(address).checksummed(),
        wallet: wallet.to_string(),
        signature_type: wallet.signature_type().code(),
    };
    Wallet::ALL.into_iter().map(of).collect()
}

fn wallet_lines(wallets: &[WalletAddress]) -> Vec<String> {
    wallets.iter().map(|WalletAddress { address, wallet, .. }| format!("{address}  {wallet}")).collect()
}

/// Logs in at the venue with the key itself, which only programs without a host do.
pub(crate) async fn log_in(client: &Client, key: &SigningKey, chain: Chain) -> anyhow::Result<Credentials> {
    let (timestamp_s, nonce) = (control::clock::wall().seconds(), 0);
    let digest = Domains::new(chain).auth_digest(key.address(), timestamp_s, nonce);
    let headers = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce };
    client.create_or_derive_api_key(&headers).await.context("logging in with the key")
}

/// Signing material of a live run.
pub(crate) struct Secret {
    pub(crate) key: SigningKey,
    /// The signer's limits; the configuration can only lower them.
    pub(crate) limits: Limits,
    /// Source of the key.
    pub(crate) custody: Custody,
}

/// Source of a key, which determines what else can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Custody {
    /// A keystore whose passphrase was typed or read from a pipe.
    Passphrase,
    /// A keystore whose passphrase is in a file or a service's credential.
    PassphraseFile,
    /// The environment, or an environment file.
    Environment,
}

/// Returns the key and limits of a live run: from the keystore, or from the environment as described in the runbook.
///
/// # Errors
/// An error that explains how to import a key.
pub(crate) fn of_live(data_dir: &Path, passphrase: &PassphraseArgs) -> anyhow::Result<Secret> {
    signer::process::harden().context("protecting this process from other processes")?;
    let path = keystore_path(data_dir);
    if path.exists() {
        let keystore::Opened { key, limits } = keystore::open(&path, &passphrase::read_passphrase(passphrase, false)?)?;
        let custody = if passphrase::is_in_a_file(passphrase) { Custody::PassphraseFile } else { Custody::Passphrase };
        return Ok(Secret { key, limits: known_or_default(limits, &path), custody });
    }
    if let Some(runbook::Found { text, place, foreign }) = runbook::value(runbook::PRIVATE_KEY)? {
        if foreign > 0 {
            eprintln(&format!("ignoring {foreign} unknown names in {place}"));
        }
        eprintln(&format!(
            "warning: the key is read from {place}, where every program of this user can read it; `polytrader keys \
             import` encrypts it under a passphrase"
        ));
        let parsed = SigningKey::parse(text.trim()).or_else(|_| SigningKey::parse(&format!("0x{}", text.trim())));
        let what = || format!("invalid private key in {place}: expected 64 hexadecimal digits");
        return Ok(Secret {
            key: parsed.ok().with_context(what)?,
            limits: Limits::DEFAULT,
            custody: Custody::Environment,
        });
    }
    bail!(
        "no key found: run `polytrader keys import --data-dir {}`, which creates {}",
        data_dir.display(),
        path.display()
    )
}
