//! The Data API's lists (PROTOCOL 15.2), both generations: an account's activity and holdings. The second generation
//! writes snake_case in envelopes, the first camelCase in bare lists; one reader accepts both.

use super::list::{Items, Refused, document};
use super::{ParseError, cut, field, flag, is_of_other_generation, maybe, required_flag, text_field};
use crate::wire::Text;
use crate::wire::text::parse_time;
use model::{ConditionId, Size, Time, TokenId, Usd};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum rows of one page.
const ROWS_MAX: usize = 10_000;
/// Maximum names kept of unknown kinds.
pub const NAMES_MAX: usize = 20;

/// Names of known fields, used or not.
const FIELDS: [&str; 67] = [
    "type",
    "is_combo",
    "proxy_wallet",
    "proxyWallet",
    "timestamp",
    "transaction_hash",
    "transactionHash",
    "condition_id",
    "conditionId",
    "token_id",
    "asset",
    "side",
    "size",
    "usdc_size",
    "usdcSize",
    "price",
    "outcome",
    "outcome_index",
    "outcomeIndex",
    "title",
    "slug",
    "icon",
    "event_slug",
    "eventSlug",
    "name",
    "pseudonym",
    "bio",
    "profileImage",
    "profileImageOptimized",
    "opposite_outcome",
    "oppositeOutcome",
    "opposite_token_id",
    "oppositeAsset",
    "event_id",
    "end_date",
    "endDate",
    "current_size",
    "avg_price",
    "avgPrice",
    "entry_cost_usdc",
    "entry_fees_usdc",
    "total_cost_usdc",
    "initialValue",
    "current_price",
    "curPrice",
    "current_value",
    "currentValue",
    "total_size",
    "totalBought",
    "realized_pnl",
    "realizedPnl",
    "unrealized_pnl",
    "cashPnl",
    "total_pnl",
    "percent_pnl",
    "percentPnl",
    "percent_realized_pnl",
    "percentRealizedPnl",
    "status",
    "redeemable",
    "mergeable",
    "negative_risk",
    "negativeRisk",
    "archived",
    "verified",
    "first_entry_at",
    "last_event_at",
];

/// The kind of an activity, as the Data API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recorded {
    /// A trade; the order book's own lists are more precise.
    Trade,
    /// Money deposited.
    Deposit,
    /// Money withdrawn.
    Withdrawal,
    /// Paid for resting orders, for holding, or for a referral.
    Reward,
    /// Fees refunded.
    Rebate,
    /// Dollars became pairs.
    Split,
    /// Pairs became dollars.
    Merge,
    /// Shares of a resolved market were paid out.
    Redeem,
    /// NO shares of an event's market became YES shares of its others.
    Convert,
}

impl Recorded {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "TRADE" => Self::Trade,
            "DEPOSIT" => Self::Deposit,
            "WITHDRAWAL" | "WITHDRAW" => Self::Withdrawal,
            "REWARD" | "YIELD" | "HOLDING_REWARD" | "REFERRAL_REWARD" => Self::Reward,
            "REBATE" | "MAKER_REBATE" | "TAKER_REBATE" => Self::Rebate,
            "SPLIT" => Self::Split,
            "MERGE" => Self::Merge,
            "REDEEM" => Self::Redeem,
            "CONVERSION" | "CONVERT" => Self::Convert,
            _ => return None,
        })
    }
}

/// One row of an account's activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRow {
    /// The kind of activity.
    pub kind: Recorded,
    /// Its time, in whole seconds.
    pub at: Time,
    /// The transaction's hash; empty if absent.
    pub transaction: String,
    /// The market's condition, if the activity concerns one.
    pub condition: Option<ConditionId>,
    /// Shares; zero if absent.
    pub size: Size,
    /// Dollars, never negative.
    pub money: Usd,
}

/// An account's holding of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The token.
    pub token: TokenId,
    /// Shares.
    pub size: Size,
}

/// Counts of data that failed to parse, for display.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Unknown fields.
    pub unknown_fields: u64,
    /// Rows that could not be read.
    pub unreadable: u64,
    /// Rows of unknown kinds.
    pub unknown_rows: u64,
    /// Those kinds, at most [`NAMES_MAX`] of them.
    pub unknown_kinds: BTreeSet<String>,
    /// The first rows that could not be read, at most [`NAMES_MAX`] of them.
    pub refused: Vec<Refused>,
}

impl RecordCounts {
    /// Adds the counts of another response.
    pub fn add(&mut self, other: Self) {
        self.unknown_fields = self.unknown_fields.saturating_add(other.unknown_fields);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
        self.unknown_rows = self.unknown_rows.saturating_add(other.unknown_rows);
        for kind in other.unknown_kinds {
            self.unknown_kind(&kind);
        }
        let room = NAMES_MAX.saturating_sub(self.refused.len());
        self.refused.extend(other.refused.into_iter().take(room));
    }

    /// Returns the number of rows left out.
    pub(crate) const fn left_out(&self) -> u64 {
        self.unknown_rows.saturating_add(self.unreadable)
    }

    fn unknown_kind(&mut self, kind: &str) {
        if self.unknown_kinds.len() < NAMES_MAX {
            self.unknown_kinds.insert(cut(kind));
        }
    }
}

type Row<'a> = BTreeMap<String, Text<'a>>;

#[derive(Debug, Default, Deserialize)]
struct Pagination<'a> {
    #[serde(borrow, default)]
    has_more: Text<'a>,
    #[serde(borrow, default)]
    next_cursor: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    pagination: Pagination<'a>,
}

/// Reads a page of an account's activity. Data that fails to parse is counted and left out.
pub(crate) fn deeds(bytes: &[u8]) -> Result<(Items<ActivityRow>, RecordCounts), ParseError> {
    page(bytes, |row, counts| {
        let word = text_field("type", value(row, &["type"]))?;
        let combo = value(row, &["is_combo"]);
        let combo = if combo.is_absent() { false } else { required_flag("is_combo", combo)? };
        let Some(kind) = Recorded::parse(word).filter(|_| !combo) else {
            if word.is_empty() {
                return Err(ParseError::Missing { field: "type" });
            }
            counts.unknown_rows = counts.unknown_rows.saturating_add(1);
            counts.unknown_kind(if combo { "combo" } else { word });
            return Ok(None);
        };
        let usdc_micros = maybe("usdc_size", value(row, &["usdc_size", "usdcSize"]), rounded_micros)?;
        let money = match kind {
            // The order book's lists are more precise about trades, and a conversion moves no dollars.
            Recorded::Trade | Recorded::Convert => usdc_micros.unwrap_or(0),
            _ => usdc_micros.ok_or(ParseError::Missing { field: "usdc_size" })?,
        };
        let condition = maybe("condition_id", value(row, &["condition_id", "conditionId"]), |text| {
            ConditionId::parse(text).map(Some).or_else(|| is_of_other_generation(text).then_some(None))
        })?;
        let deed = ActivityRow {
            kind,
            at: field("timestamp", value(row, &["timestamp"]), parse_time)?,
            transaction: cut(text_field("transaction_hash", value(row, &["transaction_hash", "transactionHash"]))?),
            condition: condition.flatten(),
            size: Size(maybe("size", value(row, &["size"]), rounded_micros)?.unwrap_or(0)),
            money: Usd(i64::try_from(money).map_err(|_too_much| ParseError::invalid("usdc_size", word.as_bytes()))?),
        };
        Ok(Some(deed))
    })
}

/// Reads a page of an account's holdings.
pub(crate) fn holdings(bytes: &[u8]) -> Result<(Items<Holding>, RecordCounts), ParseError> {
    page(bytes, |row, _| {
        let token = field("token_id", value(row, &["token_id", "asset"]), TokenId::parse)?;
        let size = Size(field("current_size", value(row, &["current_size", "size"]), rounded_micros)?);
        Ok(Some(Holding { token, size }))
    })
}

fn page<T>(
    bytes: &[u8],
    read: impl Fn(&Row<'_>, &mut RecordCounts) -> Result<Option<T>, ParseError>,
) -> Result<(Items<T>, RecordCounts), ParseError> {
    let bare = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let envelope = if bare {
        Envelope { data: serde_json::from_slice(bytes)?, pagination: Pagination::default() }
    } else {
        document(bytes)?
    };
    if envelope.data.len() > ROWS_MAX {
        return Err(ParseError::TooMany { field: "data", limit: ROWS_MAX });
    }
    let mut counts = RecordCounts::default();
    let Pagination { has_more, next_cursor } = envelope.pagination;
    let cursor = maybe("next_cursor", &next_cursor, |cursor| Some(cursor.to_owned()))?;
    let next = if flag("has_more", &has_more)? == Some(false) { None } else { cursor };
    let mut items = Items::read(&envelope.data, next, |row: Row<'_>| {
        let unknown = row.keys().filter(|name| !FIELDS.contains(&name.as_str())).count();
        counts.unknown_fields = counts.unknown_fields.saturating_add(u64::try_from(unknown).unwrap_or(u64::MAX));
        read(&row, &mut counts)
    });
    counts.unreadable = u64::try_from(items.refused.len()).unwrap_or(u64::MAX);
    counts.refused = std::mem::take(&mut items.refused);
    counts.refused.truncate(NAMES_MAX);
    Ok((items, counts))
}

/// Returns the first of these fields that is not empty.
fn value<'r, 'a>(row: &'r Row<'a>, names: &[&str]) -> &'r Text<'a> {
    let mut values = names.iter().filter_map(|name| row.get(*name));
    values.find(|value| !value.is_empty()).unwrap_or(const { &Text::ABSENT })
}

/// Reads a decimal number, rounded to the nearest millionth: the Data API uses floating point, whose last digits are
/// noise.
fn rounded_micros(text: &str) -> Option<u64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|exponent| (-40..=40).contains(exponent))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if (whole.is_empty() && fraction.is_empty()) || mantissa.len() > 60 || !digits.clone().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Position of the decimal point among the digits, shifted by six for millionths.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(6)?;
    let mut micros: u64 = 0;
    let mut up = 0;
    for (place, digit) in (0i32..).zip(digits.map(|byte| u64::from(byte.saturating_sub(b'0')))) {
        if place < point {
            micros = micros.checked_mul(10)?.checked_add(digit)?;
        } else if place == point && digit >= 5 {
            up = 1;
        }
    }
    let written = i32::try_from(whole.len().checked_add(fraction.len())?).ok()?;
    for _ in written..point {
        micros = micros.checked_mul(10)?;
    }
    micros.checked_add(up)
}

#[cfg(test)]
mod tests {
    use super::super::shared::shared;
    use super::*;

    #[test]
    fn amounts_are_the_nearest_millionth() {
        for (text, micros) in [
            ("14.4", 14_400_000),
            ("30", 30_000_000),
            (".5", 500_000),
            ("0.30000000000000004", 300_000),
            ("0.29999999999999998", 300_000),
            ("0.0000005", 1),
            ("0.00000049", 0),
            ("5e-06", 5),
            ("1.5E1", 15_000_000),
            ("1e-05", 10),
            ("0", 0),
        ] {
            assert_eq!(rounded_micros(text), Some(micros), "{text}");
        }
        for text in ["", ".", "-1", "+1", "1.2.3", "NaN", "1e", "1e99", "99999999999999999999", "0x10"] {
            assert_eq!(rounded_micros(text), None, "{text}");
        }
    }

    #[test]
    fn both_generations_tell_the_same() {
        let Some(samples) = shared("polymarket/samples/data") else { return };
        let read = |name: &str| std::fs::read(samples.join(name)).unwrap();
        let (first, counts) = deeds(&read("v1_activity.json")).unwrap();
        let (second, more) = deeds(&read("v2_activity.json")).unwrap();
        assert_eq!(first.items[0], second.items[0]);
        assert_eq!((counts, more), Default::default());
        assert_eq!((first.items[0].kind, first.items[0].money, first.items[0].size), {
            (Recorded::Trade, Usd(14_400_000), Size::shares(30))
        });
        let redeemed = &second.items[1];
        assert_eq!((redeemed.kind, redeemed.money, redeemed.size), (Recorded::Redeem, Usd::dollars(55), Size::ZERO));
        assert_eq!(redeemed.at, Time(1_795_425_300_000_000));
        let (first, counts) = holdings(&read("v1_positions.json")).unwrap();
        let (second, more) = holdings(&read("v2_positions.json")).unwrap();
        assert_eq!(first.items, second.items);
        assert_eq!((counts, more), Default::default());
        assert_eq!(first.items[0].size, Size::shares(25));
    }

    #[test]
    fn unknown_rows_and_fields_are_counted_and_left_out() {
        let body = br#"{"data":[
            {"type":"AIRDROP","timestamp":1,"usdc_size":5,"new_field":[1],"newer":{}},
            {"type":"REWARD","timestamp":"soon","usdc_size":5},
            {"type":"REWARD","timestamp":1,"usdc_size":-5},
            {"type":"MERGE","is_combo":true,"timestamp":1},
            {"type":"REWARD","timestamp":1,"usdc_size":"5.25","transaction_hash":"0x01"}
        ],"pagination":{"has_more":true,"next_cursor":"abc"}}"#;
        let (page, counts) = deeds(body).unwrap();
        let [reward] = &page.items[..] else { panic!("{page:?}", page = page.items) };
        assert_eq!((reward.kind, reward.money, &*reward.transaction), (Recorded::Reward, Usd(5_250_000), "0x01"));
        assert_eq!((counts.unknown_fields, counts.unreadable), (2, 2));
        assert!(counts.unknown_kinds.iter().eq(["AIRDROP", "combo"]));
        assert_eq!(page.next.as_deref(), Some("abc"));
        assert!(deeds(b"{\"error\":\"x\"}").is_err() && deeds(b"").is_err());
        let (page, counts) = deeds(br#"[1, {"type":"REWARD","timestamp":1,"usdc_size":"5.25"}, null]"#).unwrap();
        assert_eq!((page.items.len(), counts.unreadable, &*counts.refused[0].name), (1, 2, "#0"));
    }
}
