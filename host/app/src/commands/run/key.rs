//! Keys without real funds, for demo and paper mode.

use crate::cli::RunArgs;
use anyhow::{Context, bail};
use model::hex;
use order::SigningKey;
use std::path::Path;

/// Maximum size of a key file.
const FILE_MAX: u64 = 4_096;

/// Returns the key of a demo. A new exchange gives play money to any new address, so its key is new too; an exchange
/// that was already running knows the key of the previous run, which is stored in the data directory. It is worthless
/// anywhere else.
pub(super) fn of_demo(args: &RunArgs) -> anyhow::Result<SigningKey> {
    if args.exchange.is_none() { fresh_key() } else { kept(&args.common.data_dir.join("demo.key")) }
}

/// Returns the key that identifies the paper account of a data directory. It never signs anything.
pub(super) fn of_paper(data_dir: &Path) -> anyhow::Result<SigningKey> {
    kept(&data_dir.join("paper.key"))
}

/// Returns the key from a file, which is created if it does not exist.
fn kept(path: &Path) -> anyhow::Result<SigningKey> {
    match files::read_text(path, files::Links::Refuse, FILE_MAX) {
        Ok(text) => parse_key(text.trim())
            .with_context(|| format!("{} contains no key: expected 64 hexadecimal digits", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (key, text) = drawn_key()?;
            store::private_file::replace(path, text.as_bytes())
                .with_context(|| format!("writing {}", path.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn parse_key(text: &str) -> Option<SigningKey> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    hex::decode_into(text, bytes.as_mut())?;
    SigningKey::from_bytes(&bytes).ok()
}

/// Generates a key for one run: the local exchange gives play money to any new address. The key is never stored.
pub(crate) fn fresh_key() -> anyhow::Result<SigningKey> {
    drawn_key().map(|(key, _)| key)
}

/// Generates a key, and returns it with its hexadecimal text.
fn drawn_key() -> anyhow::Result<(SigningKey, zeroize::Zeroizing<String>)> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    // All but about one in 2^128 random values are valid keys.
    for _ in 0..4 {
        getrandom::fill(bytes.as_mut()).context("reading randomness from the system")?;
        if let Ok(key) = SigningKey::from_bytes(&bytes) {
            let text = hex::encode(bytes.as_ref());
            return Ok((key, zeroize::Zeroizing::new(text)));
        }
    }
    bail!("no valid key in four attempts to generate one")
}
