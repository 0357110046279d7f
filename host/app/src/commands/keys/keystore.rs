//! The keystore: a private key encrypted under a passphrase, in the format of Ethereum wallets (Web3 secret storage,
//! version 3): scrypt, AES-128-CTR, and a Keccak MAC over key and ciphertext. It is interchangeable with other wallets:
//! the signer's limits are in an additional member ([`super::limits`]), which they ignore.

use super::limits;
use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use anyhow::{Context, bail, ensure};
use model::hex;
use order::SigningKey;
use order::eip712::keccak;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signer::Limits;
use std::path::Path;
use zeroize::Zeroizing;

/// Cost of new keystores: 128 MiB and about half a second to open (OWASP's recommendation for scrypt).
const LOG_N: u8 = 17;
/// Maximum cost of a keystore to open: 1 GiB.
const LOG_N_MAX: u8 = 20;
/// Maximum size of a keystore file.
const FILE_MAX: u64 = 64 * 1024;

type Cipher = ctr::Ctr128BE<Aes128>;

#[derive(Serialize, Deserialize)]
struct Keystore {
    version: u32,
    id: String,
    #[serde(default)]
    address: String,
    crypto: Crypto,
}

/// Content of an opened keystore; the key is never printed.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The private key.
    pub(crate) key: SigningKey,
    /// The signer's limits; `None` in a file of another wallet.
    pub(crate) limits: Option<Limits>,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Serialize, Deserialize)]
struct KdfParams {
    dklen: u32,
    n: u32,
    p: u32,
    r: u32,
    salt: String,
}

/// Opens a keystore.
///
/// # Errors
/// If it is invalid, the passphrase is wrong, or its limits were changed without the passphrase. No message contains
/// the key.
pub(crate) fn open(path: &Path, passphrase: &str) -> anyhow::Result<Opened> {
    unlock(path, passphrase).map(|(_, _, opened)| opened)
}

/// Writes limits into a keystore atomically; everything else in it is left unchanged.
///
/// # Errors
/// As for [`open`], and if the file cannot be written.
pub(crate) fn set_limits(
    path: &Path,
    passphrase: &str,
    change: impl FnOnce(Option<Limits>) -> anyhow::Result<Limits>,
) -> anyhow::Result<Limits> {
    let (mut file, derived, opened) = unlock(path, passphrase)?;
    let limits = change(opened.limits)?;
    let members = file.as_object_mut().context("expected a JSON object as keystore")?;
    members.insert(limits::MEMBER.to_owned(), limits::write(&limits, opened.key.address(), &derived)?);
    save(path, &file)?;
    Ok(limits)
}

type Derived = Zeroizing<[u8; 32]>;

fn unlock(path: &Path, passphrase: &str) -> anyhow::Result<(Value, Derived, Opened)> {
    let text = files::read_text(path, files::Links::Follow, FILE_MAX);
    let text = text.with_context(|| format!("reading {}", path.display()))?;
    let what = || format!("{} is not an Ethereum keystore", path.display());
    let file: Value = serde_json::from_str(&text).with_context(what)?;
    let store = Keystore::deserialize(&file).with_context(what)?;
    let (bytes, derived) = decrypt(&store, passphrase).with_context(|| format!("opening {}", path.display()))?;
    let key = SigningKey::from_bytes(&bytes)
        .ok()
        .with_context(|| format!("{} contains no valid private key", path.display()))?;
    let member = file.get(limits::MEMBER);
    let limits = member.map(|member| limits::read(member, key.address(), &derived)).transpose();
    let limits = limits.with_context(|| format!("the limits in {}", path.display()))?;
    Ok((file, derived, Opened { key, limits }))
}

fn save(path: &Path, file: &Value) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(file).context("serializing the keystore")?;
    store::private_file::replace(path, format!("{json}\n").as_bytes())
        .with_context(|| format!("writing {}", path.display()))
}

/// Returns the private key and the key derived from the passphrase.
fn decrypt(store: &Keystore, passphrase: &str) -> anyhow::Result<(Zeroizing<[u8; 32]>, Derived)> {
    let Crypto { cipher, kdf, .. } = &store.crypto;
    ensure!(
        store.version == 3 && cipher == "aes-128-ctr" && kdf == "scrypt",
        "unsupported version {} with {cipher} and {kdf}; expected version 3 with aes-128-ctr and scrypt",
        store.version
    );
    let params = &store.crypto.kdfparams;
    let log_n = u8::try_from(params.n.checked_ilog2().unwrap_or(0)).unwrap_or(u8::MAX);
    ensure!(
        params.dklen == 32
            && params.n.is_power_of_two()
            && (1..=LOG_N_MAX).contains(&log_n)
            && params.r <= 64
            && params.p <= 64,
        "its scrypt parameters (n {}, r {}, p {}, dklen {}) exceed the supported cost",
        params.n,
        params.r,
        params.p,
        params.dklen
    );
    let derived = derive(passphrase, &decode("salt", &params.salt)?, log_n, params.r, params.p)?;
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_into(&store.crypto.ciphertext, key.as_mut()).context("its ciphertext is not 32 bytes")?;
    ensure!(decode("mac", &store.crypto.mac)? == mac(&derived, key.as_ref()), "the passphrase is wrong");
    crypt(&derived, &decode("iv", &store.crypto.cipherparams.iv)?, key.as_mut())?;
    Ok((key, derived))
}

/// Writes a key under a passphrase, with the default limits. Never replaces an existing file.
///
/// # Errors
/// If the file exists or cannot be written, or if the system provides no randomness.
pub(crate) fn create(path: &Path, key: &[u8; 32], passphrase: &str) -> anyhow::Result<()> {
    create_with(path, key, passphrase, LOG_N)
}

fn create_with(path: &Path, key: &[u8; 32], passphrase: &str, log_n: u8) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{} already exists; move it away first: it may be the only copy of its key", path.display());
    }
    let address = SigningKey::from_bytes(key).ok().context("invalid private key")?.address();
    let (mut salt, mut iv, mut id) = ([0; 32], [0; 16], [0; 16]);
    for random in [salt.as_mut_slice(), &mut iv, &mut id] {
        getrandom::fill(random).context("reading randomness from the system")?;
    }
    let (n, r, p) = (1u32.checked_shl(u32::from(log_n)).context("computing the scrypt cost")?, 8, 1);
    let derived = derive(passphrase, &salt, log_n, r, p)?;
    let mut secret = Zeroizing::new(*key);
    crypt(&derived, &iv, secret.as_mut())?;
    let store = Keystore {
        version: 3,
        id: uuid(id),
        address: address.to_string().trim_start_matches("0x").to_owned(),
        crypto: Crypto {
            cipher: "aes-128-ctr".to_owned(),
            cipherparams: CipherParams { iv: hex::encode(&iv) },
            ciphertext: hex::encode(secret.as_ref()),
            kdf: "scrypt".to_owned(),
            kdfparams: KdfParams { dklen: 32, n, p, r, salt: hex::encode(&salt) },
            mac: hex::encode(&mac(&derived, secret.as_ref())),
        },
    };
    let mut file = serde_json::to_value(&store).context("serializing the keystore")?;
    let members = file.as_object_mut().context("expected a JSON object as keystore")?;
    members.insert(limits::MEMBER.to_owned(), limits::write(&Limits::DEFAULT, address, &derived)?);
    save(path, &file)
}

fn derive(passphrase: &str, salt: &[u8], log_n: u8, r: u32, p: u32) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    let params = scrypt::Params::new(log_n, r, p).ok().context("its scrypt parameters are inconsistent")?;
    let mut derived = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.as_bytes(), salt, &params, derived.as_mut()).ok().context("deriving the file's key")?;
    Ok(derived)
}

/// Encrypts or decrypts with the first half of the derived key.
fn crypt(derived: &[u8; 32], iv: &[u8], secret: &mut [u8]) -> anyhow::Result<()> {
    let (key, _) = derived.split_at(16);
    let mut cipher = Cipher::new_from_slices(key, iv).ok().context("its iv is not 16 bytes")?;
    cipher.apply_keystream(secret);
    Ok(())
}

/// Returns the MAC that verifies the passphrase, over the second half of the derived key and the ciphertext.
fn mac(derived: &[u8; 32], ciphertext: &[u8]) -> [u8; 32] {
    let (_, half) = derived.split_at(16);
    keccak(&[half, ciphertext].concat())
}

fn decode(what: &str, digits: &str) -> anyhow::Result<Vec<u8>> {
    hex::decode(digits).with_context(|| format!("its {what} is not hexadecimal"))
}

fn uuid(random: [u8; 16]) -> String {
    let digits = hex::encode(&random);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::fs;

    /// The scrypt vector of the Web3 secret storage definition.
    const KNOWN: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt","kdfparams":
        {"dklen":32,"n":262144,"p":8,"r":1,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
        "mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},
        "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("polytrader-keys-{}-{name}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_keystore_of_another_wallet_is_opened() {
        let (key, _) = decrypt(&serde_json::from_str(KNOWN).unwrap(), "testpassword").unwrap();
        assert_eq!(hex::encode(key.as_ref()), "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d");
    }

    #[test]
    fn what_was_written_is_opened_with_its_passphrase_and_no_other() {
        let dir = Folder::new("own");
        let path = dir.0.join("keystore.json");
        create_with(&path, &[7; 32], "correct horse", 4).unwrap();
        assert_eq!(
            open(&path, "correct horse").unwrap().key.address(),
            SigningKey::from_bytes(&[7; 32]).unwrap().address()
        );
        let wrong = format!("{:#}", open(&path, "correct hors").unwrap_err());
        assert!(wrong.ends_with("the passphrase is wrong"), "{wrong}");
        let there = create_with(&path, &[8; 32], "x", 4).unwrap_err().to_string();
        assert!(there.contains("may be the only copy"), "{there}");
        assert!(
            !fs::read_to_string(&path).unwrap().contains(&hex::encode(&[7; 32])),
            "the key is not stored unencrypted"
        );
    }

    #[test]
    fn limits_are_changed_with_the_passphrase_and_found_out_when_changed_without() {
        let dir = Folder::new("limits");
        let path = dir.0.join("keystore.json");
        create_with(&path, &[7; 32], "correct horse", 4).unwrap();
        let limits = || open(&path, "correct horse").map(|opened| opened.limits);
        assert_eq!(limits().unwrap(), Some(Limits::DEFAULT));
        let lower = Limits { order_max: model::Usd::dollars(50), batches_per_minute: 2, ..Limits::DEFAULT };
        let set = |passphrase: &str| set_limits(&path, passphrase, |_| Ok(lower));
        assert!(format!("{:#}", set("correct hors").unwrap_err()).contains("the passphrase is wrong"));
        assert_eq!(limits().unwrap(), Some(Limits::DEFAULT));
        assert_eq!(set("correct horse").unwrap(), lower);
        assert_eq!(limits().unwrap(), Some(lower));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // Changes made to the file without the passphrase.
        let good: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let meddled = |change: &dyn Fn(&mut Value)| {
            let mut file = good.clone();
            change(&mut file);
            fs::write(&path, file.to_string()).unwrap();
            limits().map_err(|error| format!("{error:#}"))
        };
        let changed = meddled(&|file| file[limits::MEMBER]["limits"]["order_max_usd"] = "5000".into()).unwrap_err();
        assert!(changed.contains("were changed without its passphrase"), "{changed}");
        let zeros = meddled(&|file| file[limits::MEMBER]["mac"] = "00".repeat(32).into()).unwrap_err();
        assert!(zeros.contains("were changed without its passphrase"), "{zeros}");
        for (name, value) in [("more", Value::from(1)), ("version", Value::from(2)), ("limits", Value::Null)] {
            let malformed = meddled(&|file| file[limits::MEMBER][name] = value.clone()).unwrap_err();
            assert!(malformed.contains("the limits in"), "{malformed}");
        }
        // The limits of another keystore with the same passphrase.
        let other = dir.0.join("other.json");
        create_with(&other, &[8; 32], "correct horse", 4).unwrap();
        let theirs: Value = serde_json::from_str(&fs::read_to_string(&other).unwrap()).unwrap();
        assert!(meddled(&|file| file[limits::MEMBER] = theirs[limits::MEMBER].clone()).is_err());
        assert_eq!(meddled(&|file| drop(file.as_object_mut().unwrap().remove(limits::MEMBER))), Ok(None));
        // Restored again: the address, the crypto and everything else are unchanged.
        assert_eq!(meddled(&|_| ()), Ok(Some(lower)));
    }

    #[test]
    fn files_that_are_no_keystores_or_too_costly_are_refused() {
        let dir = Folder::new("bad");
        let path = dir.0.join("keystore.json");
        let refused = |content: &str| {
            fs::write(&path, content).unwrap();
            format!("{:#}", open(&path, "x").unwrap_err())
        };
        assert!(refused("{}").contains("is not an Ethereum keystore"));
        assert!(refused(&KNOWN.replace("262144", "1073741824")).contains("exceed the supported cost"));
        assert!(refused(&KNOWN.replace("262144", "3")).contains("exceed the supported cost"));
        assert!(
            refused(&KNOWN.replace("\"scrypt\"", "\"pbkdf2\""))
                .contains("expected version 3 with aes-128-ctr and scrypt")
        );
        assert!(refused(&KNOWN.replace("ab0c7876", "ab0c78xx")).contains("its salt is not hexadecimal"));
        assert!(refused(&" ".repeat(70_000)).contains(&format!("it has more than {FILE_MAX} bytes")));
    }
}
