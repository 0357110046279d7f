//! Results of a placement: acknowledged, refused, not sent, or outcome unknown (PROTOCOL 4.5 and 9).

use super::RequestError;
use crate::parse::{ParseError, cut, document, flag, list, maybe, object};
use crate::wire::Text;
use crate::wire::order::{OrderFields, PostAnswer, PostOrder};
use model::event::Reason;
use model::input::PlaceOutcome;
use model::{OrderKind, Side, Size, TradeId, VenueOrderId, hex};
use order::SignedOrder;
use serde_json::value::RawValue;

/// Phrases in a refusal after which the order may nevertheless exist.
const MAYBE_THERE: [&str; 2] = [
    // Already posted, by us or over a connection that was lost: an order with this id exists.
    "Duplicated",
    // Entered a delay, or not; the venue does not say.
    "order match delayed",
];
/// Phrases in a 5xx response after which no order exists.
const SURELY_NOT_THERE: [&str; 3] =
    ["Trading is currently disabled", "Trading is currently cancel-only", "post-only mode:"];

/// The venue's acknowledgement of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The venue's id, equal to the one that we computed.
    pub id: VenueOrderId,
    /// The state of the order.
    pub status: AckStatus,
    /// The trades that it made immediately.
    pub trades: Vec<TradeId>,
}

/// The state of an order immediately after placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckStatus {
    /// It rests.
    Live,
    /// It matched, wholly or partly.
    Matched {
        /// Shares; zero if the response does not say.
        matched: Size,
    },
    /// It is held for its taker delay.
    Delayed,
}

/// Reasons why an order is not known to rest at the venue.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The venue refused it. Safe to forget the order.
    #[error("the venue refused the order: {reason}")]
    Refused {
        /// The venue's error text.
        reason: Reason,
    },
    /// Nothing was sent. Safe to forget the order.
    #[error("the order was not sent: {reason}")]
    NotSent {
        /// The cause.
        reason: Reason,
    },
    /// It may be live. Keep its cost reserved and query the venue by `id`.
    #[error("outcome unknown for order {id}: {reason}")]
    OutcomeUnknown {
        /// The id to query by.
        id: VenueOrderId,
        /// The cause.
        reason: Reason,
    },
}

impl Ack {
    /// Returns the outcome for the engine.
    pub const fn outcome(&self) -> PlaceOutcome {
        match self.status {
            AckStatus::Live => PlaceOutcome::Live,
            AckStatus::Matched { matched } => PlaceOutcome::Matched { matched },
            AckStatus::Delayed => PlaceOutcome::Delayed,
        }
    }
}

impl PlaceError {
    /// Returns the outcome for the engine.
    pub fn into_outcome(self) -> PlaceOutcome {
        match self {
            Self::Refused { reason } => PlaceOutcome::Refused { reason },
            Self::NotSent { reason } => PlaceOutcome::NotSent { reason },
            Self::OutcomeUnknown { reason, .. } => PlaceOutcome::Unknown { reason },
        }
    }

    /// Classifies a request without a valid response. If in doubt, the outcome is unknown.
    pub(super) fn judge(id: VenueOrderId, error: &RequestError) -> Self {
        let reason = cut(&chain(error));
        match error {
            RequestError::NotSent(_) | RequestError::NoRoom { .. } | RequestError::Withheld(_) => {
                Self::NotSent { reason }
            }
            RequestError::Status { status, reason: words, limited, .. } if is_refusal(*status, words, *limited) => {
                Self::Refused { reason: words.clone() }
            }
            _ => Self::OutcomeUnknown { id, reason },
        }
    }

    /// Classifies a batch without a valid response. A refusal of the whole batch counts only if the venue rejected it
    /// before processing: otherwise some of its orders may have been accepted.
    pub(super) fn judge_part(id: VenueOrderId, error: &RequestError) -> Self {
        match Self::judge(id, error) {
            Self::Refused { reason } if !at_the_door(error) => Self::OutcomeUnknown { id, reason },
            other => other,
        }
    }
}

fn at_the_door(error: &RequestError) -> bool {
    let RequestError::Status { status, reason, limited, .. } = error else { return false };
    *status == 401
        || *limited
        || reason.starts_with("Too many orders in payload")
        || SURELY_NOT_THERE.iter().any(|word| reason.starts_with(word))
}

/// Returns true if a response proves that no order exists.
fn is_refusal(status: u16, words: &str, limited: bool) -> bool {
    if words.is_empty() || MAYBE_THERE.iter().any(|word| words.contains(word)) {
        return false;
    }
    match status {
        // The server timed out, or the matching engine is restarting.
        408 | 425 => false,
        429 => limited,
        400..=499 => true,
        _ => SURELY_NOT_THERE.iter().any(|word| words.starts_with(word)),
    }
}

/// Returns an error's message with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Returns the body of `POST /order`; `owner` is the API key's id.
///
/// # Errors
/// If it cannot be written as JSON, which does not happen with these types.
pub fn order_body(signed: &SignedOrder, kind: OrderKind, owner: &str) -> Result<String, ParseError> {
    let order = &signed.order;
    let wire = PostOrder {
        order: OrderFields {
            salt: order.salt,
            maker: order.maker.checksummed(),
            signer: order.signer.checksummed(),
            token_id: order.token_id.to_string(),
            maker_amount: order.maker_amount.to_string(),
            taker_amount: order.taker_amount.to_string(),
            side: match order.side {
                Side::Buy => "BUY",
                Side::Sell => "SELL",
            },
            expiration: kind.expiration_s().to_string(),
            signature_type: order.signature_type.code(),
            timestamp: order.timestamp_ms.to_string(),
            metadata: hex::encode_prefixed(&order.metadata),
            builder: hex::encode_prefixed(&order.builder),
            signature: signed.signature_text(),
        },
        owner,
        order_type: kind.as_str(),
        defer_exec: false,
        post_only: kind.is_post_only(),
    };
    Ok(serde_json::to_string(&wire)?)
}

/// Reads the response to `POST /order`. The outer error is a malformed response, the inner one a refusal in a valid
/// response.
pub(super) fn parse_placement(
    bytes: &[u8],
    id: VenueOrderId,
    side: Side,
) -> Result<Result<Ack, PlaceError>, ParseError> {
    Ok(read(document(bytes)?, id, side))
}

/// Reads the response to `POST /orders`, which has one element per order, in the same order. If elements are missing,
/// or there are too many, the response proves nothing about any order.
pub(super) fn parse_placements(
    bytes: &[u8],
    asked: &[(VenueOrderId, Side)],
) -> Result<Vec<Result<Ack, PlaceError>>, ParseError> {
    let parts: Vec<&RawValue> = serde_json::from_slice(bytes)?;
    if parts.len() != asked.len() {
        return Err(ParseError::Missing { field: "one response element per order" });
    }
    let part = |(raw, (id, side)): (&&RawValue, &(VenueOrderId, Side))| match object(raw) {
        Ok(wire) => read(wire, *id, *side),
        // This element proves nothing about its order; the others stand on their own.
        Err(error) => Err(not_understood(*id, &error)),
    };
    Ok(parts.iter().zip(asked).map(part).collect())
}

fn read(wire: PostAnswer<'_>, id: VenueOrderId, side: Side) -> Result<Ack, PlaceError> {
    if let Err(error) = maybe("errorMsg", &wire.error, |words| words.parse::<f64>().is_err().then_some(())) {
        return Err(not_understood(id, &error));
    }
    let success = match flag("success", &wire.success) {
        Ok(succeeded) => succeeded.unwrap_or(true),
        Err(error) if wire.error.is_empty() => return Err(not_understood(id, &error)),
        Err(_) => false,
    };
    if !wire.error.is_empty() || !success {
        let reason = cut(wire.error.as_str());
        let unknown = MAYBE_THERE.iter().any(|word| reason.contains(word));
        let error = if unknown { PlaceError::OutcomeUnknown { id, reason } } else { PlaceError::Refused { reason } };
        return Err(error);
    }
    if VenueOrderId::parse(wire.id.as_str()) != Some(id) {
        let reason = cut(&format!("the venue acknowledged another order: {}", wire.id.as_str()));
        return Err(PlaceError::OutcomeUnknown { id, reason });
    }
    let status = match wire.status.as_str().to_ascii_lowercase().as_str() {
        // Its delay is over and it rests.
        "live" | "unmatched" => AckStatus::Live,
        "matched" => {
            let shares = match side {
                Side::Buy => &wire.taking,
                Side::Sell => &wire.making,
            };
            // If the amounts are absent, the trades give them.
            match maybe("makingAmount or takingAmount", shares, Size::parse) {
                Ok(matched) => AckStatus::Matched { matched: matched.unwrap_or_default() },
                Err(error) => return Err(not_understood(id, &error)),
            }
        }
        "delayed" => AckStatus::Delayed,
        other => {
            let reason = cut(&format!("the venue acknowledged with the status {other:?}"));
            return Err(PlaceError::OutcomeUnknown { id, reason });
        }
    };
    let trades: Vec<Text<'_>> = list("tradeIDs", &wire.trades).ok().flatten().unwrap_or_default();
    let trades = trades.iter().filter_map(|trade| TradeId::parse(trade.scalar()?)).collect();
    Ok(Ack { id, status, trades })
}

/// Returns the outcome for a response that cannot be parsed: the order may exist.
fn not_understood(id: VenueOrderId, error: &ParseError) -> PlaceError {
    PlaceError::OutcomeUnknown { id, reason: cut(&format!("the venue's response cannot be parsed: {error}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::time::Duration;

    const ID: VenueOrderId = VenueOrderId([7; 32]);

    fn judged(status: u16, words: &str, limited: bool) -> &'static str {
        let error = RequestError::Status {
            status,
            reason: words.to_owned(),
            limited,
            retry_after: None,
            expected: String::new(),
        };
        match PlaceError::judge(ID, &error) {
            PlaceError::Refused { .. } => "refused",
            PlaceError::NotSent { .. } => "not sent",
            PlaceError::OutcomeUnknown { .. } => "unknown",
        }
    }

    #[test]
    fn only_an_answer_that_proves_it_is_a_refusal() {
        assert_eq!(judged(400, "not enough balance / allowance", false), "refused");
        assert_eq!(judged(401, "Unauthorized/Invalid api key", false), "refused");
        assert_eq!(judged(404, "market not found", false), "refused");
        assert_eq!(judged(429, "Too Many Requests", true), "refused");
        assert_eq!(judged(503, "Trading is currently cancel-only. New orders are not accepted.", false), "refused");
        assert_eq!(judged(503, "post-only mode: only post-only orders and cancels are allowed", false), "refused");

        assert_eq!(judged(400, "order 0x07 is invalid. Duplicated.", false), "unknown");
        assert_eq!(judged(400, "order match delayed due to market conditions", false), "unknown");
        assert_eq!(judged(400, "", false), "unknown");
        assert_eq!(judged(403, "", false), "unknown");
        assert_eq!(judged(408, "Request Timeout", false), "unknown");
        assert_eq!(judged(425, "Too Early", false), "unknown");
        assert_eq!(judged(429, "Too Many Requests", false), "unknown");
        assert_eq!(judged(500, "order timed out", false), "unknown");
        assert_eq!(judged(502, "", false), "unknown");
    }

    #[test]
    fn silence_and_malformed_responses_are_unknown() {
        let timeout = RequestError::Timeout { after: Duration::from_millis(5) };
        let error = PlaceError::judge(ID, &timeout);
        assert_eq!(error.into_outcome(), PlaceOutcome::Unknown { reason: "no response within 5 ms".into() });
        let source = ParseError::Missing { field: "x" };
        let malformed = RequestError::Malformed { path: "/order".into(), source };
        let reason = "unexpected response from /order: field x is missing".into();
        assert_eq!(PlaceError::judge(ID, &malformed).into_outcome(), PlaceOutcome::Unknown { reason });
    }

    fn read(wire: &Value, side: Side) -> PlaceOutcome {
        match parse_placement(wire.to_string().as_bytes(), ID, side).unwrap() {
            Ok(ack) => ack.outcome(),
            Err(error) => error.into_outcome(),
        }
    }

    fn ack(status: &str) -> Value {
        json!({"success": true, "errorMsg": "", "orderID": ID.to_string(), "status": status, "makingAmount": "14.4",
            "takingAmount": "30", "tradeIDs": ["8edd4540-9232-450c-8afc-16def4898c37"], "transactionsHashes": []})
    }

    #[test]
    fn a_match_is_counted_in_shares_on_either_side() {
        assert_eq!(read(&ack("matched"), Side::Buy), PlaceOutcome::Matched { matched: Size::shares(30) });
        assert_eq!(read(&ack("matched"), Side::Sell), PlaceOutcome::Matched { matched: Size(14_400_000) });
        assert_eq!(read(&ack("live"), Side::Buy), PlaceOutcome::Live);
        assert_eq!(read(&ack("unmatched"), Side::Buy), PlaceOutcome::Live);
        assert_eq!(read(&ack("delayed"), Side::Buy), PlaceOutcome::Delayed);
    }

    #[test]
    fn an_answer_about_something_else_is_unknown() {
        assert!(matches!(read(&ack("asleep"), Side::Buy), PlaceOutcome::Unknown { .. }));
        let mut other = ack("live");
        other["orderID"] = json!(VenueOrderId([8; 32]).to_string());
        assert!(matches!(read(&other, Side::Buy), PlaceOutcome::Unknown { .. }));
        assert!(matches!(read(&json!({}), Side::Buy), PlaceOutcome::Unknown { .. }));
        assert!(parse_placement(b"<html>", ID, Side::Buy).is_err());
    }

    #[test]
    fn a_kill_in_a_good_answer_is_a_refusal() {
        let mut killed = ack("");
        killed["errorMsg"] = json!("order couldn't be fully filled. FOK orders are fully filled or killed.");
        assert!(matches!(read(&killed, Side::Buy), PlaceOutcome::Refused { .. }));
        killed["errorMsg"] = json!("order 0x07 is invalid. Duplicated.");
        assert!(matches!(read(&killed, Side::Buy), PlaceOutcome::Unknown { .. }));
        let no = json!({"success": false});
        assert!(matches!(read(&no, Side::Buy), PlaceOutcome::Refused { .. }));
    }

    #[test]
    fn a_batch_has_one_result_per_order_and_a_missing_one_is_unknown() {
        let (one, two) = (VenueOrderId([1; 32]), VenueOrderId([2; 32]));
        let asked = [(one, Side::Buy), (two, Side::Buy)];
        let live = json!({"success": true, "errorMsg": "", "orderID": one.to_string(), "status": "live"});
        let refused =
            json!({"success": true, "errorMsg": "not enough balance / allowance", "orderID": "", "status": ""});
        let succeeded = |parts: Value| parse_placements(parts.to_string().as_bytes(), &asked);
        let both = succeeded(json!([live, refused])).unwrap();
        assert!(matches!(&both[..], [Ok(Ack { id, .. }), Err(PlaceError::Refused { .. })] if *id == one), "{both:?}");
        // Swapped elements are about other orders.
        let turned = succeeded(json!([refused, live])).unwrap();
        assert!(matches!(&turned[..], [Err(PlaceError::Refused { .. }), Err(PlaceError::OutcomeUnknown { .. })]));
        assert!(
            succeeded(json!([live])).is_err()
                && succeeded(json!([live, live, live])).is_err()
                && succeeded(json!({})).is_err()
        );
    }

    #[test]
    fn a_whole_batch_is_refused_only_at_the_door() {
        let judged = |status: u16, words: &str, limited: bool| {
            let (retry_after, expected) = (None, String::new());
            let error = RequestError::Status { status, reason: words.to_owned(), limited, retry_after, expected };
            matches!(PlaceError::judge_part(ID, &error), PlaceError::Refused { .. })
        };
        assert!(judged(400, "Too many orders in payload: 16, max allowed: 15", false));
        assert!(judged(401, "Unauthorized/Invalid api key", false) && judged(429, "slow down", true));
        assert!(judged(503, "Trading is currently disabled", false));
        assert!(!judged(400, "not enough balance / allowance", false), "some of its orders may have been accepted");
        assert!(!judged(425, "service not ready", false) && !judged(500, "x", false));
    }
}
