//! The signer's counter and signing log in a data directory: created when a key is imported, opened by a run, renewed
//! by an operator.

use super::Secret;
use crate::console::eprintln;
use anyhow::Context;
use control::clock;
use model::Time;
use order::SigningKey;
use order::eip712::keccak;
use signer::{Damage, Limits, SigningLog, SigningLogError};
use std::path::Path;

/// The counter file of earlier versions, one for all keys of a directory.
const OLD: &str = "signer.day";
const DAY_MICROS: u64 = 86_400_000_000;

/// Opens the record for a live run. A damaged one is not an error here: the signer then starts locked.
///
/// # Errors
/// If it is in use or cannot be read.
pub(crate) fn open_for_live(dir: &Path, secret: &Secret) -> anyhow::Result<Result<SigningLog, Damage>> {
    match SigningLog::open(dir, &secret.key, &secret.limits) {
        Ok(record) => Ok(Ok(record)),
        Err(SigningLogError::Damaged(damage)) => {
            let old = if dir.join(OLD).exists() {
                format!(", including the count in {OLD} of an earlier version")
            } else {
                String::new()
            };
            let first = if SigningLog::exists(dir, secret.key.address()) {
                ""
            } else {
                "; it is also required before the first use of a key that was not imported"
            };
            eprintln(&format!(
                "the signer starts locked: {damage}. `polytrader keys renew --data-dir {}` creates a new counter and \
                 log{old}{first}",
                dir.display()
            ));
            Ok(Err(damage))
        }
        Err(error) => Err(error).context("opening the signer's counter and log"),
    }
}

/// Opens the record of a key without real funds, so that its limits survive restarts too. There is no passphrase to
/// renew it: it is created if it is missing, and created again if it is damaged.
///
/// # Errors
/// If it is in use, or cannot be read or written.
pub(crate) fn of_play(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<SigningLog> {
    let now = clock::wall();
    let record = if !SigningLog::exists(dir, key.address()) {
        SigningLog::create(dir, key, limits, now, None)
    } else {
        match SigningLog::open_with_any_limits(dir, key) {
            Err(SigningLogError::Damaged(damage)) => {
                eprintln(&format!("replacing the counter and log of a play-money key: {damage}"));
                SigningLog::renew(dir, key, limits, now).map(|(record, _)| record)
            }
            opened => opened,
        }
    };
    record.context("opening the signer's counter and log")
}

/// Creates the record of a key that has none, with the count of an earlier version.
pub(super) fn begin(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<SigningLog> {
    let record = SigningLog::create(dir, key, limits, clock::now(), old_day(dir))
        .context("creating the signer's counter and log")?;
    let old = dir.join(OLD);
    if old.exists() {
        let aside = dir.join(format!("{OLD}.old"));
        std::fs::rename(&old, &aside).with_context(|| format!("renaming {}", old.display()))?;
        eprintln(&format!("the count in {} is carried over", old.display()));
    }
    Ok(record)
}

/// Makes sure that the record of an imported key has these limits: creates it, keeps it, or renews it if it is damaged.
pub(super) fn begin_or_keep(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<()> {
    if !SigningLog::exists(dir, key.address()) {
        return begin(dir, key, limits).map(drop);
    }
    match SigningLog::open_with_any_limits(dir, key) {
        Ok(mut record) => record.set_limits(limits).context("writing the signer's counter"),
        Err(SigningLogError::Damaged(damage)) => {
            eprintln(&format!("the signer's existing record is damaged: {damage}"));
            renew(dir, key, limits).map(drop)
        }
        Err(error) => Err(error).context("opening the signer's counter and log"),
    }
}

/// Opens the record to set limits. It must be undamaged, apart from its limits.
pub(super) fn open(dir: &Path, key: &SigningKey) -> anyhow::Result<SigningLog> {
    SigningLog::open_with_any_limits(dir, key)
        .with_context(|| format!("the signer's counter and log (`polytrader keys renew --data-dir {}`)", dir.display()))
}

/// Result of a renewal; without old files, counter and log were created.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Renewed {
    /// Dollars already signed for today, which the new counter continues from.
    signed_today_usd: Option<String>,
    /// Folder of the old files.
    old: Option<std::path::PathBuf>,
}

/// Renews the record at the operator's request.
pub(super) fn renew(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<Renewed> {
    if !SigningLog::exists(dir, key.address()) {
        begin(dir, key, limits)?;
        eprintln("counter and log created");
        return Ok(Renewed::default());
    }
    let now = clock::now();
    let (record, aside) = SigningLog::renew(dir, key, limits, now).context("renewing the signer's counter and log")?;
    let worth = model::Size(record.worth(now)).to_string();
    eprintln(&format!("counter and log renewed, with ${worth} signed today; the old ones are in {}", aside.display()));
    Ok(Renewed { signed_today_usd: Some(worth), old: Some(aside) })
}

/// Reads the count of an earlier version: a day, its worth, and the first bytes of the hash of both.
fn old_day(dir: &Path) -> Option<(Time, u64)> {
    let bytes: [u8; 24] = files::read(&dir.join(OLD), files::Links::Refuse, 24).ok()?.try_into().ok()?;
    let (payload, sum) = bytes.split_at_checked(16)?;
    let (day, worth) = payload.split_at_checked(8)?;
    let [day, worth] = [day, worth].map(|field| field.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX));
    (keccak(payload).get(..8)? == sum).then_some((Time(day.saturating_mul(DAY_MICROS)), worth))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use crate::commands::keys::Custody;

    fn folder(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("polytrader-records-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn secret() -> Secret {
        secret_of(Custody::Passphrase)
    }

    fn secret_of(custody: Custody) -> Secret {
        Secret { key: SigningKey::from_bytes(&[7; 32]).unwrap(), limits: Limits::DEFAULT, custody }
    }

    /// Writes a counter in the format of the earlier version.
    fn write_old(dir: &Path, now: Time, worth: u64) {
        let payload = [now.day().to_be_bytes(), worth.to_be_bytes()].concat();
        std::fs::write(dir.join(OLD), [&payload, &keccak(&payload)[..8]].concat()).unwrap();
    }

    #[test]
    fn a_key_of_a_keystore_without_a_record_starts_locked_until_it_is_renewed() {
        let dir = folder("renewed");
        let now = clock::now();
        write_old(&dir, now, 7_000_000);
        assert!(matches!(open_for_live(&dir, &secret()).unwrap(), Err(Damage::Missing { .. })));
        renew(&dir, &secret().key, &Limits::DEFAULT).unwrap();
        let record = open_for_live(&dir, &secret()).unwrap().unwrap();
        assert!(record.worth(now) == 7_000_000 || clock::now().day() > now.day());
        assert!(!dir.join(OLD).exists() && dir.join("signer.day.old").exists());
        drop(record);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_key_of_the_environment_without_a_record_starts_locked_too_until_it_is_begun() {
        let dir = folder("first");
        let secret = secret_of(Custody::Environment);
        let counter = dir.join(format!("signer-{}.count", secret.key.address()));
        let missing = Damage::Missing { path: counter.clone() };
        assert_eq!(open_for_live(&dir, &secret).unwrap().unwrap_err(), missing);
        assert!(!SigningLog::exists(&dir, secret.key.address()), "a run creates no record");
        renew(&dir, &secret.key, &secret.limits).unwrap();
        drop(open_for_live(&dir, &secret).unwrap().unwrap());
        std::fs::remove_file(&counter).unwrap();
        assert_eq!(open_for_live(&dir, &secret).unwrap().unwrap_err(), missing);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_record_of_play_money_is_kept_and_replaced_if_it_is_damaged() {
        let dir = folder("play");
        let key = secret().key;
        drop(of_play(&dir, &key, &Limits::DEFAULT).unwrap());
        let [counter, log] = ["count", "log.1"].map(|end| dir.join(format!("signer-{}.{end}", key.address())));
        let begun = std::fs::read(&log).unwrap();
        let lower = Limits { order_max: model::Usd::dollars(5), ..Limits::DEFAULT };
        drop(of_play(&dir, &key, &lower).unwrap());
        assert_eq!(std::fs::read(&log).unwrap(), begun, "changed limits do not count as damage");
        std::fs::remove_file(&counter).unwrap();
        drop(of_play(&dir, &key, &lower).unwrap());
        assert!(counter.exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_import_keeps_the_record_of_its_key_and_replaces_a_damaged_one() {
        let dir = folder("import");
        let lower = Limits { order_max: model::Usd::dollars(5), ..Limits::DEFAULT };
        let known = |limits: Limits| open_for_live(&dir, &Secret { limits, ..secret() }).unwrap().map(drop);
        begin_or_keep(&dir, &secret().key, &lower).unwrap();
        assert_eq!(known(lower), Ok(()));
        begin_or_keep(&dir, &secret().key, &Limits::DEFAULT).unwrap();
        assert_eq!((known(Limits::DEFAULT), known(lower)), (Ok(()), Err(Damage::Limits)));
        std::fs::remove_file(dir.join(format!("signer-{}.log.0", secret().key.address()))).unwrap();
        assert!(matches!(known(Limits::DEFAULT), Err(Damage::Missing { .. })));
        begin_or_keep(&dir, &secret().key, &Limits::DEFAULT).unwrap();
        assert_eq!(known(Limits::DEFAULT), Ok(()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_old_counter_that_was_damaged_counts_nothing() {
        let dir = folder("old");
        write_old(&dir, Time(DAY_MICROS), 7);
        assert_eq!(old_day(&dir), Some((Time(DAY_MICROS), 7)));
        let mut bytes = std::fs::read(dir.join(OLD)).unwrap();
        bytes[15] = 8;
        std::fs::write(dir.join(OLD), bytes).unwrap();
        assert_eq!(old_day(&dir), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
