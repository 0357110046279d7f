//! Keys that are worth nothing: those of the demo and of paper trading.

use crate::cli::RunArgs;
use anyhow::{Context, bail};
use model::hex;
use order::SigningKey;
use std::path::Path;

/// The most bytes of a key's file.
const FILE_MAX: u64 = 4_096;

/// Returns the key of a demo. A new exchange gives any new address play money, so its key is new too; an exchange that was there
/// before knows us by the key of the last run, which stands in the data folder. It is worth nothing anywhere else.
pub(super) fn of_demo(args: &RunArgs) -> anyhow::Result<SigningKey> {
    if args.exchange.is_none() { fresh_key() } else { kept(&args.common.data_dir.join("demo.key")) }
}

/// Returns the key that names the paper account of a data folder. Nothing is ever signed with it.
pub(super) fn of_paper(data_dir: &Path) -> anyhow::Result<SigningKey> {
    kept(&data_dir.join("paper.key"))
}

/// Returns the key in a file, which is made if it is not there.
fn kept(path: &Path) -> anyhow::Result<SigningKey> {
    match files::read_text(path, files::Links::Refuse, FILE_MAX) {
        Ok(text) => {
            parse_key(text.trim()).with_context(|| format!("{} holds no key: 64 hexadecimal digits", path.display()))
        }
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

/// Makes a key for one run: the local exchange gives any new address play money. It is never written anywhere.
pub(crate) fn fresh_key() -> anyhow::Result<SigningKey> {
    drawn_key().map(|(key, _)| key)
}

/// Draws a key, and returns it as text too.
fn drawn_key() -> anyhow::Result<(SigningKey, zeroize::Zeroizing<String>)> {
    let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
    // All but one in 2^128 draws are keys.
    for _ in 0..4 {
        getrandom::fill(bytes.as_mut()).context("asking the system for randomness")?;
        if let Ok(key) = SigningKey::from_bytes(&bytes) {
            let text = hex::encode(bytes.as_ref());
            return Ok((key, zeroize::Zeroizing::new(text)));
        }
    }
    bail!("the system's randomness made no key four times running")
}
