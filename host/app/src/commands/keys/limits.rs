//! The signer's limits in the keystore: a member in addition to those of Ethereum's format, with a MAC over limits and
//! address whose key is derived from the passphrase. Changing them requires the passphrase.

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

/// Name of the member in the keystore file.
pub(super) const MEMBER: &str = "polytrader";
const VERSION: u32 = 1;
/// Domain separation for the derived key; the cipher and the MAC of the format itself use the key directly.
const PURPOSE: &[u8] = b"polytrader keystore limits 1";

/// Names of the limits, on the command line and in the file, and the configuration key that defines the valid range of
/// each.
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

/// The limits as the keystore and `--json` have them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    order_max_usd: String,
    minute_max_usd: String,
    day_max_usd: String,
    orders_per_minute: u32,
    batches_per_minute: u32,
}

/// Returns the keystore member for these limits.
pub(super) fn write(limits: &Limits, address: Address, derived: &Zeroizing<[u8; 32]>) -> anyhow::Result<Value> {
    let mac = hex::encode(&mac(limits, address, derived)?.finalize().into_bytes());
    serde_json::to_value(Member { version: VERSION, limits: written(limits), mac }).context("serializing the limits")
}

/// Returns the limits by name, amounts as text.
pub(super) fn written(limits: &Limits) -> Written {
    Written {
        order_max_usd: limits.order_max.to_string(),
        minute_max_usd: limits.minute_max.to_string(),
        day_max_usd: limits.day_max.to_string(),
        orders_per_minute: limits.orders_per_minute,
        batches_per_minute: limits.batches_per_minute,
    }
}

/// Reads the limits from the keystore member.
///
/// # Errors
/// If it is malformed, or was not written with the passphrase.
pub(super) fn read(member: &Value, address: Address, derived: &Zeroizing<[u8; 32]>) -> anyhow::Result<Limits> {
    let member = Member::deserialize(member).context("have an unknown format")?;
    ensure!(member.version == VERSION, "have version {}; expected version {VERSION}", member.version);
    let usd = |text: &str| Usd::parse(text).with_context(|| format!("contain `{text}`; expected an amount in dollars"));
    let limits = Limits {
        order_max: usd(&member.limits.order_max_usd)?,
        minute_max: usd(&member.limits.minute_max_usd)?,
        day_max: usd(&member.limits.day_max_usd)?,
        orders_per_minute: member.limits.orders_per_minute,
        batches_per_minute: member.limits.batches_per_minute,
    };
    let code: [u8; 32] = hex::decode_array(&member.mac).context("have a MAC that is not 32 bytes")?;
    let genuine = mac(&limits, address, derived)?.verify_slice(&code).is_ok();
    ensure!(
        genuine,
        "were changed without its passphrase; restore the original file, or import the key again and set the limits \
         again"
    );
    Ok(limits)
}

fn mac(limits: &Limits, address: Address, derived: &Zeroizing<[u8; 32]>) -> anyhow::Result<Hmac<Sha256>> {
    let new = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).ok().context("creating a MAC key");
    let mut own = new(derived.as_ref())?;
    own.update(PURPOSE);
    let mut mac = new(&own.finalize().into_bytes())?;
    let Limits { order_max, minute_max, day_max, orders_per_minute, batches_per_minute } = limits;
    mac.update(&address.0);
    [order_max, minute_max, day_max].iter().for_each(|limit| mac.update(&limit.micros().to_be_bytes()));
    [orders_per_minute, batches_per_minute].iter().for_each(|limit| mac.update(&limit.to_be_bytes()));
    Ok(mac)
}

/// Applies an operator's settings to limits.
///
/// # Errors
/// If a setting has an unknown name, or its value is out of range.
pub(super) fn change(mut limits: Limits, settings: &[String]) -> anyhow::Result<Limits> {
    for setting in settings {
        let (name, text) =
            setting.split_once('=').with_context(|| format!("expected name=value, got `--set {setting}`"))?;
        let name = name.trim();
        let Some((_, key)) = NAMES.iter().find(|(known, _)| *known == name) else {
            let known = NAMES.map(|(known, _)| known).join(", ");
            bail!("unknown signer limit `{name}`; expected one of {known}");
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
        assert!(set(&["order_max_usd"]).unwrap_err().contains("expected name=value"));
        assert!(set(&["order_max=1"]).unwrap_err().contains("expected one of order_max_usd, minute_max_usd"));
        for bad in ["order_max_usd=-1", "order_max_usd=0", "order_max_usd=NaN", "orders_per_minute=4.5"] {
            assert!(set(&[bad]).is_err(), "{bad}");
        }
        assert_eq!(lines(&changed)[1], "minute_max_usd     1.5");
    }
}
