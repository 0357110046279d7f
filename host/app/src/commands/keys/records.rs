//! The signer's counter and log in a data folder: begun when a key is imported, taken up by a run, renewed by its operator.

use super::Secret;
use crate::console::complain;
use anyhow::Context;
use control::clock;
use model::Time;
use order::SigningKey;
use order::eip712::keccak;
use signer::{Damage, Limits, Record, RecordError};
use std::path::Path;

/// The counter of earlier versions, one for all keys of a folder.
const OLD: &str = "signer.day";
const DAY_MICROS: u64 = 86_400_000_000;

/// Takes up the record of a run in live mode. A damaged one is no error here: the signer starts with it, locked.
///
/// # Errors
/// If it is in use or cannot be read.
pub(crate) fn take_up(dir: &Path, secret: &Secret) -> anyhow::Result<Result<Record, Damage>> {
    match Record::open(dir, &secret.key, &secret.limits) {
        Ok(record) => Ok(Ok(record)),
        Err(RecordError::Damaged(damage)) => {
            let old = if dir.join(OLD).exists() {
                format!(", and takes over {OLD} of an earlier version")
            } else {
                String::new()
            };
            let first = if Record::exists(dir, secret.key.address()) {
                ""
            } else {
                "; it is also the step before the first use of a key that was not imported"
            };
            complain(&format!(
                "the signer starts locked: {damage}. `polytrader keys renew --data-dir {}` begins counter and log anew{old}{first}",
                dir.display()
            ));
            Ok(Err(damage))
        }
        Err(error) => Err(error).context("taking up the signer's counter and log"),
    }
}

/// Takes up the record of a key with which nothing is at stake, so that its limits hold over restarts too. There is no passphrase that could
/// renew it: it is begun if it is missing, and begun anew if it is damaged.
///
/// # Errors
/// If it is in use, or cannot be read or written.
pub(crate) fn of_play(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<Record> {
    let now = clock::wall();
    let record = if !Record::exists(dir, key.address()) {
        Record::create(dir, key, limits, now, None)
    } else {
        match Record::open_with_any_limits(dir, key) {
            Err(RecordError::Damaged(damage)) => {
                complain(&format!("the counter and log of a key of play money are begun anew: {damage}"));
                Record::renew(dir, key, limits, now).map(|(record, _)| record)
            }
            opened => opened,
        }
    };
    record.context("taking up the signer's counter and log")
}

/// Begins the record of a key that has none, with what an earlier version counted.
pub(super) fn begin(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<Record> {
    let record = Record::create(dir, key, limits, clock::now(), old_day(dir))
        .context("beginning the signer's counter and log")?;
    let old = dir.join(OLD);
    if old.exists() {
        let aside = dir.join(format!("{OLD}.old"));
        std::fs::rename(&old, &aside).with_context(|| format!("putting {} aside", old.display()))?;
        complain(&format!("what {} counted is taken over", old.display()));
    }
    Ok(record)
}

/// Makes the record of a key one that knows these limits, when the key is imported: begun, kept, or begun anew if it is damaged.
pub(super) fn begin_or_keep(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<()> {
    if !Record::exists(dir, key.address()) {
        return begin(dir, key, limits).map(drop);
    }
    match Record::open_with_any_limits(dir, key) {
        Ok(mut record) => record.set_limits(limits).context("writing the signer's counter"),
        Err(RecordError::Damaged(damage)) => {
            complain(&format!("what the signer left behind is damaged: {damage}"));
            renew(dir, key, limits)
        }
        Err(error) => Err(error).context("taking up the signer's counter and log"),
    }
}

/// Takes up the record to set limits. Nothing else may be wrong with it.
pub(super) fn open(dir: &Path, key: &SigningKey) -> anyhow::Result<Record> {
    Record::open_with_any_limits(dir, key)
        .with_context(|| format!("the signer's counter and log (`polytrader keys renew --data-dir {}`)", dir.display()))
}

/// Begins the record anew, as its operator wants it.
pub(super) fn renew(dir: &Path, key: &SigningKey, limits: &Limits) -> anyhow::Result<()> {
    if !Record::exists(dir, key.address()) {
        begin(dir, key, limits)?;
        complain("counter and log are begun");
        return Ok(());
    }
    let now = clock::now();
    let (record, aside) = Record::renew(dir, key, limits, now).context("renewing the signer's counter and log")?;
    complain(&format!(
        "counter and log are begun anew, with ${} of today; the old ones are in {}",
        model::Size(record.worth(now)),
        aside.display()
    ));
    Ok(())
}

/// Returns what an earlier version counted: a day, its worth, and the first bytes of the hash of both.
fn old_day(dir: &Path) -> Option<(Time, u64)> {
    let bytes: [u8; 24] = files::read(&dir.join(OLD), files::Links::Refuse, 24).ok()?.try_into().ok()?;
    let (said, sum) = bytes.split_at_checked(16)?;
    let (day, worth) = said.split_at_checked(8)?;
    let [day, worth] = [day, worth].map(|field| field.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX));
    (keccak(said).get(..8)? == sum).then_some((Time(day.saturating_mul(DAY_MICROS)), worth))
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

    /// As the earlier version wrote it.
    fn write_old(dir: &Path, now: Time, worth: u64) {
        let said = [now.day().to_be_bytes(), worth.to_be_bytes()].concat();
        std::fs::write(dir.join(OLD), [&said, &keccak(&said)[..8]].concat()).unwrap();
    }

    #[test]
    fn a_key_of_a_keystore_without_a_record_starts_locked_until_it_is_renewed() {
        let dir = folder("renewed");
        let now = clock::now();
        write_old(&dir, now, 7_000_000);
        assert!(matches!(take_up(&dir, &secret()).unwrap(), Err(Damage::Missing { .. })));
        renew(&dir, &secret().key, &Limits::DEFAULT).unwrap();
        let record = take_up(&dir, &secret()).unwrap().unwrap();
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
        assert_eq!(take_up(&dir, &secret).unwrap().unwrap_err(), missing);
        assert!(!Record::exists(&dir, secret.key.address()), "nothing is begun by a run");
        renew(&dir, &secret.key, &secret.limits).unwrap();
        drop(take_up(&dir, &secret).unwrap().unwrap());
        std::fs::remove_file(&counter).unwrap();
        assert_eq!(take_up(&dir, &secret).unwrap().unwrap_err(), missing);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_record_of_play_money_is_kept_and_begun_anew_if_it_is_damaged() {
        let dir = folder("play");
        let key = secret().key;
        drop(of_play(&dir, &key, &Limits::DEFAULT).unwrap());
        let [counter, log] = ["count", "log.1"].map(|end| dir.join(format!("signer-{}.{end}", key.address())));
        let begun = std::fs::read(&log).unwrap();
        let lower = Limits { order_max: model::Usd::dollars(5), ..Limits::DEFAULT };
        drop(of_play(&dir, &key, &lower).unwrap());
        assert_eq!(std::fs::read(&log).unwrap(), begun, "other limits are no damage");
        std::fs::remove_file(&counter).unwrap();
        drop(of_play(&dir, &key, &lower).unwrap());
        assert!(counter.exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_import_keeps_the_record_of_its_key_and_begins_a_damaged_one_anew() {
        let dir = folder("import");
        let lower = Limits { order_max: model::Usd::dollars(5), ..Limits::DEFAULT };
        let known = |limits: Limits| take_up(&dir, &Secret { limits, ..secret() }).unwrap().map(drop);
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
