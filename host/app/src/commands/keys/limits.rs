//! The signer's limits as they stand in the keystore: a member beside those of Ethereum's format, with a code over limits and address
//! whose key derives from the passphrase. They are changed only with it.

use anyhow::{Context, bail, ensure};
use config::signer_limit;
use hmac::{Hmac, KeyInit, Mac};
use model::{Usd, hex};
use order::Address;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use signer::Limits;
use zeroize::Zeroizing;

/// The member's name.
pub(super) const MEMBER: &str = "polytrader";
const VERSION: u32 = 1;
/// What the derived key is used for here; the cipher and the code of the format itself use it as it is.
const PURPOSE: &[u8] = b"polytrader keystore limits 1";

/// The limits' names for people and in the file, and the key of the configuration that says what fits.
const NAMES: [(&str, &str); 5] = [
    ("order_max_usd", "signer.max_order_usd"),
    ("minute_max_usd", "signer.max_minute_usd"),
    ("day_max_usd", "signer.max_day_usd"),
    ("orders_per_minute", "signer.max_orders_per_minute"),
    ("batches_per_minute", "signer.max_batches_per_minute"),
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    version: u32,
    limits: Written,
    mac: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    order_max_usd: String,
    minute_max_usd: String,
    day_max_usd: String,
    orders_per_minute: u32,
    batches_per_minute: u32,
}

/// Returns the member.
pub(super) fn write(limits: &Limits, address: Address, derived: &Zeroizing<[u8; 32]>) -> anyhow::Result<Value> {
    let mac = hex::encode(&mac(limits, address, derived)?.finalize().into_bytes());
    let written = Written {
        order_max_usd: limits.order_max.to_string(),
        minute_max_usd: limits.minute_max.to_string(),
        day_max_usd: limits.day_max.to_string(),
        orders_per_minute: limits.orders_per_minute,
        batches_per_minute: limits.batches_per_minute,
    };
    serde_json::to_value(Member { version: VERSION, limits: written, mac }).context("writing the limits down")
}

/// Returns the limits of a member.
///
/// # Errors
/// If it is none, or was not written with the passphrase.
pub(super) fn read(member: &Value, address: Address, derived: &Zeroizing<[u8; 32]>) -> anyhow::Result<Limits> {
    let member = Member::deserialize(member).context("are not as this program writes them")?;
    ensure!(member.version == VERSION, "are of version {}; version {VERSION} can be read", member.version);
    let usd = |text: &str| Usd::parse(text).with_context(|| format!("have `{text}`, which is no amount of dollars"));
    let limits = Limits {
        order_max: usd(&member.limits.order_max_usd)?,
        minute_max: usd(&member.limits.minute_max_usd)?,
        day_max: usd(&member.limits.day_max_usd)?,
        orders_per_minute: member.limits.orders_per_minute,
        batches_per_minute: member.limits.batches_per_minute,
    };
    let code: [u8; 32] = hex::decode_array(&member.mac).context("have a code that is not 32 bytes")?;
    let genuine = mac(&limits, address, derived)?.verify_slice(&code).is_ok();
    ensure!(
        genuine,
        "were changed without its passphrase; put the file back as it was, or import the key again and set them anew"
    );
    Ok(limits)
}

fn mac(limits: &Limits, address: Address, derived: &Zeroizing<[u8; 32]>) -> anyhow::Result<Hmac<Sha256>> {
    let new = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).ok().context("a key of a code");
    let mut own = new(derived.as_ref())?;
    own.update(PURPOSE);
    let mut mac = new(&own.finalize().into_bytes())?;
    let Limits { order_max, minute_max, day_max, orders_per_minute, batches_per_minute } = limits;
    mac.update(&address.0);
    [order_max, minute_max, day_max].iter().for_each(|limit| mac.update(&limit.micros().to_be_bytes()));
    [orders_per_minute, batches_per_minute].iter().for_each(|limit| mac.update(&limit.to_be_bytes()));
    Ok(mac)
}

/// Returns limits with what an operator sets.
///
/// # Errors
/// If a setting has no such name, or does not fit.
pub(super) fn change(mut limits: Limits, settings: &[String]) -> anyhow::Result<Limits> {
    for setting in settings {
        let (name, text) =
            setting.split_once('=').with_context(|| format!("`--set {setting}` is not of the form name=value"))?;
        let name = name.trim();
        let Some((_, key)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let known = NAMES.map(|(known, _)| known).join(", ");
            bail!("the signer has no limit `{name}`; it has {known}");
        };
        let number = signer_limit(key, text.trim()).with_context(|| name.to_owned())?;
        let count = || u32::try_from(number).ok().context("the number is too large");
        match name {
            "order_max_usd" => limits.order_max = Usd(number),
            "minute_max_usd" => limits.minute_max = Usd(number),
            "day_max_usd" => limits.day_max = Usd(number),
            "orders_per_minute" => limits.orders_per_minute = count()?,
            _ => limits.batches_per_minute = count()?,
        }
    }
    Ok(limits)
}

/// Returns a line for each limit.
pub(super) fn lines(limits: &Limits) -> [String; 5] {
    let Limits { order_max, minute_max, day_max, orders_per_minute, batches_per_minute } = limits;
    let values = [
        order_max.to_string(),
        minute_max.to_string(),
        day_max.to_string(),
        orders_per_minute.to_string(),
        batches_per_minute.to_string(),
    ];
    let mut lines = NAMES.map(|(name, _)| format!("{name:18} "));
    lines.iter_mut().zip(values).for_each(|(line, value)| line.push_str(&value));
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn settings_change_their_limit_and_no_other() {
        let set = |settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|text| (*text).to_owned()).collect();
            change(Limits::DEFAULT, &settings).map_err(|error| format!("{error:#}"))
        };
        let changed = set(&["order_max_usd=50", "batches_per_minute = 3"]).unwrap();
        assert_eq!(changed, Limits { order_max: Usd::dollars(50), batches_per_minute: 3, ..Limits::DEFAULT });
        let changed = set(&["minute_max_usd=1.5", "day_max_usd=2", "orders_per_minute=4"]).unwrap();
        let (minute_max, day_max) = (Usd(1_500_000), Usd::dollars(2));
        assert_eq!(changed, Limits { minute_max, day_max, orders_per_minute: 4, ..Limits::DEFAULT });
        assert!(set(&["order_max_usd"]).unwrap_err().contains("not of the form"));
        assert!(set(&["order_max=1"]).unwrap_err().contains("it has order_max_usd, minute_max_usd"));
        for bad in ["order_max_usd=-1", "order_max_usd=0", "order_max_usd=NaN", "orders_per_minute=4.5"] {
            assert!(set(&[bad]).is_err(), "{bad}");
        }
        assert_eq!(lines(&changed)[1], "minute_max_usd     1.5");
    }
}
