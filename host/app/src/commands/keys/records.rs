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
    let address = secret.key.address();
    if secret.first_use && !Record::exists(dir, address) {
        complain(&format!(
            "warning: {} has no counter and log of what is signed with this key; they are begun now. If it had them, somebody took them",
            dir.display()
        ));
        return begin(dir, &secret.key, &secret.limits).map(Ok);
    }
    match Record::open(dir, &secret.key, &secret.limits) {
        Ok(record) => Ok(Ok(record)),
        Err(RecordError::Damaged(damage)) => {
            let old = if dir.join(OLD).exists() {
                format!(", and takes over {OLD} of an earlier version")
            } else {
                String::new()
            };
            complain(&format!(
                "the signer starts locked: {damage}. `polytrader keys renew --data-dir {}` begins counter and log anew{old}",
                dir.display()
            ));
            Ok(Err(damage))
        }
        Err(error) => Err(error).context("taking up the signer's counter and log"),
    }
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
    let bytes: [u8; 24] = std::fs::read(dir.join(OLD)).ok()?.try_into().ok()?;
    let (said, sum) = bytes.split_at_checked(16)?;
    let (day, worth) = said.split_at_checked(8)?;
    let [day, worth] = [day, worth].map(|field| field.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX));
    (keccak(said).get(..8)? == sum).then_some((Time(day.saturating_mul(DAY_MICROS)), worth))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("polytrader-records-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn secret(first_use: bool) -> Secret {
        Secret { key: SigningKey::from_bytes(&[7; 32]).unwrap(), limits: Limits::DEFAULT, first_use }
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
        assert!(matches!(take_up(&dir, &secret(false)).unwrap(), Err(Damage::Missing { .. })));
        renew(&dir, &secret(false).key, &Limits::DEFAULT).unwrap();
        let record = take_up(&dir, &secret(false)).unwrap().unwrap();
        assert!(record.worth(now) == 7_000_000 || clock::now().day() > now.day());
        assert!(!dir.join(OLD).exists() && dir.join("signer.day.old").exists());
        drop(record);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_key_of_the_environment_begins_its_record_once() {
        let dir = folder("first");
        let now = clock::now();
        write_old(&dir, now, 7_000_000);
        drop(take_up(&dir, &secret(true)).unwrap().unwrap());
        drop(take_up(&dir, &secret(true)).unwrap().unwrap());
        let counter = dir.join(format!("signer-{}.count", secret(true).key.address()));
        std::fs::remove_file(&counter).unwrap();
        assert_eq!(take_up(&dir, &secret(true)).unwrap().unwrap_err(), Damage::Missing { path: counter });
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_import_keeps_the_record_of_its_key_and_begins_a_damaged_one_anew() {
        let dir = folder("import");
        let lower = Limits { order_max: model::Usd::dollars(5), ..Limits::DEFAULT };
        let known = |limits: Limits| take_up(&dir, &Secret { limits, ..secret(false) }).unwrap().map(drop);
        begin_or_keep(&dir, &secret(false).key, &lower).unwrap();
        assert_eq!(known(lower), Ok(()));
        begin_or_keep(&dir, &secret(false).key, &Limits::DEFAULT).unwrap();
        assert_eq!((known(Limits::DEFAULT), known(lower)), (Ok(()), Err(Damage::Limits)));
        std::fs::remove_file(dir.join(format!("signer-{}.log.0", secret(true).key.address()))).unwrap();
        assert!(matches!(known(Limits::DEFAULT), Err(Damage::Missing { .. })));
        begin_or_keep(&dir, &secret(false).key, &Limits::DEFAULT).unwrap();
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
