//! `polytrader keys`, and where a run in live mode gets its key from. Only the parent process comes here: the host never sees a key.

mod keystore;
mod passphrase;
pub(crate) mod runbook;

use crate::cli::{KeysAction, KeysArgs, complain, say};
use anyhow::{Context, bail, ensure};
use order::{Address, Chain, Domains, SigningKey, Wallet};
use polymarket::{Client, Credentials, L1Headers};
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
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("creating the data folder {}", args.data_dir.display()))?;
    match args.action {
        KeysAction::Import => import(args)?,
        KeysAction::ShowAddress => {
            let passphrase = passphrase::ask(args.passphrase_file.as_deref(), false)?;
            show(keystore::open(&path(&args.data_dir), &passphrase)?.address());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn import(args: &KeysArgs) -> anyhow::Result<()> {
    let path = path(&args.data_dir);
    ensure!(!path.exists(), "{} is there already; move it away first: it may be the only copy", path.display());
    let text = private_key()?;
    let mut bytes = Zeroizing::new([0; 32]);
    let digits = text.trim().trim_start_matches("0x");
    model::id::parse_hex(digits, bytes.as_mut()).context("that is no private key: 64 hexadecimal digits are one")?;
    let key = SigningKey::from_bytes(&bytes).ok().context("that number is no private key of this curve")?;
    let passphrase = passphrase::ask(args.passphrase_file.as_deref(), true)?;
    ensure!(
        passphrase.chars().count() >= PASSPHRASE_MIN,
        "the passphrase has fewer than {PASSPHRASE_MIN} characters; whoever copies the file could guess it"
    );
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
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().take(KEY_MAX).read_to_string(&mut text).context("reading the key from standard input")?;
    Ok(text)
}

/// Shows the key's address and those of its wallets: one of them holds the money, and is `account.funder`.
fn show(address: Address) {
    for wallet in Wallet::ALL {
        say(&format!("{}  {wallet}", wallet.of(address).checksummed()));
    }
}

/// Logs in at the venue with the key itself, which only programs without a host do.
pub(crate) async fn log_in(client: &Client, key: &SigningKey, chain: Chain) -> anyhow::Result<Credentials> {
    let (timestamp_s, nonce) = (crate::host::clock::now().seconds(), 0);
    let digest = Domains::new(chain).auth_digest(key.address(), timestamp_s, nonce);
    let headers = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce };
    client.create_or_derive_api_key(&headers).await.context("logging in with the key")
}

/// Returns the key of a run in live mode: from the keystore, or as the runbook's bot was given it.
///
/// # Errors
/// A sentence that says how to bring a key.
pub(crate) fn of_live(data_dir: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<SigningKey> {
    signer::process::harden().context("closing this process to others")?;
    let path = path(data_dir);
    if path.exists() {
        return keystore::open(&path, &passphrase::ask(passphrase_file, false)?);
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
        return parsed
            .ok()
            .with_context(|| format!("what {place} says is no private key: 64 hexadecimal digits are one"));
    }
    bail!(
        "there is no key: run `polytrader keys import --data-dir {}`, which makes {}",
        data_dir.display(),
        path.display()
    )
}
