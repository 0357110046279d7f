//! The user channel (PROTOCOL 14) and the trades of REST, which have the same shape.

use super::list::{Refused, list, object};
use super::{ParseError, field, kind, matched, maybe, price, text_field, token};
use crate::wire::Text;
use crate::wire::order::Order;
use crate::wire::text::parse_time;
use crate::wire::trade::{MakerOrder, Trade};
use model::event::{REASON_MAX, Reason};
use model::input::{Settlement, VenueStatus};
use model::{Price, Size, Time, TokenId, TradeId, VenueOrderId};
use order::Address;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Maximum maker orders of one trade.
pub const PARTS_MAX: usize = 4_096;
/// Maximum events of one frame.
const EVENTS_MAX: usize = 10_000;

/// Our identity, to find our own orders among the makers of a trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Our API key, as the venue writes it.
    pub api_key: String,
    /// The address that holds our funds.
    pub funder: Address,
}

impl Owner {
    /// Returns true if an item is ours. If neither field says so and one of them is invalid, or both are empty, that is
    /// an error: an item of ours taken for another account's would be lost.
    fn is(&self, owner: &Text<'_>, maker: &Text<'_>) -> Result<bool, ParseError> {
        let address = maker.scalar().and_then(Address::parse);
        if owner.as_str().eq_ignore_ascii_case(&self.api_key) || address == Some(self.funder) {
            return Ok(true);
        }
        if owner.is_empty() && maker.is_empty() {
            return Err(ParseError::Missing { field: "owner" });
        }
        maybe("maker_address", maker, Address::parse)?;
        maybe("owner", owner, |key| is_key(key).then_some(()))?;
        Ok(false)
    }
}

/// An event on one of our orders or trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserEvent {
    /// An order was placed, matched further, or ended.
    Order(OrderEvent),
    /// A trade was matched, or settled further.
    Trade(TradeEvent),
}

/// The kind of an order event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderAction {
    /// It was placed.
    Placement,
    /// More of it was matched.
    Update,
    /// It ended before it was fully matched.
    Cancellation,
}

/// An order's state at the venue after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// The venue's id of the order.
    pub id: VenueOrderId,
    /// The kind of event.
    pub action: OrderAction,
    /// The state now.
    pub status: VenueStatus,
    /// Shares matched in total, as the venue counts them.
    pub matched: Size,
    /// The venue's status text, which gives the cause of a cancel.
    pub reason: Reason,
    /// The venue's time; zero if absent.
    pub time: Time,
}

/// A trade of ours; sent again as it settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeEvent {
    /// The trade.
    pub trade: TradeId,
    /// Its settlement state.
    pub settlement: Settlement,
    /// The taker's token.
    pub token: TokenId,
    /// Match time; zero if absent.
    pub matched_at: Time,
    /// Time of the last change; zero if absent.
    pub updated_at: Time,
    /// Our parts, never empty. A fill's key is (trade, order, part).
    pub parts: Vec<Part>,
}

/// The part of one of our orders in a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The index among the trade's maker orders.
    pub part: u32,
    /// Our order.
    pub order: VenueOrderId,
    /// The resting order's price, on the resting order's own token.
    pub maker_price: Price,
    /// The shares.
    pub size: Size,
    /// True if our order was the resting one.
    pub maker: bool,
    /// True if the two orders were on complementary tokens (mint or merge).
    pub crossed: bool,
}

/// Counts of a frame's content that did not become events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserCounts {
    /// Events of unknown kinds.
    pub unknown: u32,
    /// Trades in which we have no part.
    pub foreign: u32,
}

/// Parses one frame, an event or an array of events, and appends them to `out`.
///
/// # Errors
/// The first parse error in the frame. The valid events are appended to `out` nevertheless. The caller must read orders
/// and trades again by REST, because an event of our own account was missed.
pub fn parse_user(frame: &[u8], owner: &Owner, out: &mut Vec<UserEvent>) -> Result<UserCounts, ParseError> {
    let mut first_error = None;
    let counts = read(frame, owner, out, |_, _, error| first_error = first_error.take().or(Some(error)))?;
    first_error.map_or(Ok(counts), Err)
}

/// Parses one frame as [`parse_user`] does, and appends the events that fail to parse to `refused`.
///
/// # Errors
/// If the frame is torn.
pub fn parse_user_parts(
    frame: &[u8],
    owner: &Owner,
    out: &mut Vec<UserEvent>,
    refused: &mut Vec<Refused>,
) -> Result<UserCounts, ParseError> {
    read(frame, owner, out, |place, raw, error| refused.push(Refused::new(place, raw, &error)))
}

fn read(
    frame: &[u8],
    owner: &Owner,
    out: &mut Vec<UserEvent>,
    mut refuse: impl FnMut(usize, &RawValue, ParseError),
) -> Result<UserCounts, ParseError> {
    let mut counts = UserCounts::default();
    for (place, raw) in split(frame)?.into_iter().enumerate() {
        match event(raw, owner, &mut counts) {
            Ok(event) => out.extend(event),
            Err(error) => refuse(place, raw, error),
        }
    }
    Ok(counts)
}

fn split(frame: &[u8]) -> Result<Vec<&RawValue>, ParseError> {
    let raw: &RawValue = serde_json::from_slice(frame)?;
    let events = match raw.get().starts_with('[') {
        true => serde_json::from_str::<Vec<&RawValue>>(raw.get())?,
        false => vec![raw],
    };
    if events.len() > EVENTS_MAX {
        return Err(ParseError::TooMany { field: "events", limit: EVENTS_MAX });
    }
    Ok(events)
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow, default)]
    event_type: Text<'a>,
}

fn event(raw: &RawValue, owner: &Owner, counts: &mut UserCounts) -> Result<Option<UserEvent>, ParseError> {
    let tag: Tag<'_> = object(raw)?;
    match tag.event_type.as_str() {
        "order" => Ok(Some(UserEvent::Order(order_event(&object(raw)?)?))),
        "trade" => {
            let event = trade_event(&object(raw)?, owner)?;
            counts.foreign = counts.foreign.saturating_add(u32::from(event.is_none()));
            Ok(event.map(UserEvent::Trade))
        }
        "" => Err(ParseError::Missing { field: "event_type" }),
        _ => {
            field("event_type", &tag.event_type, |text| kind(text).map(|_| ()))?;
            counts.unknown = counts.unknown.saturating_add(1);
            Ok(None)
        }
    }
}

fn order_event(wire: &Order<'_>) -> Result<OrderEvent, ParseError> {
    let action = field("type", &wire.action, |word| match word {
        "PLACEMENT" => Some(OrderAction::Placement),
        "UPDATE" => Some(OrderAction::Update),
        "CANCELLATION" => Some(OrderAction::Cancellation),
        _ => None,
    })?;
    let status = match (action, status(wire.status.as_str())) {
        // A cancellation ends the order whatever its status, unless the status says that all was matched.
        (OrderAction::Cancellation, Some(VenueStatus::Matched)) => VenueStatus::Matched,
        (OrderAction::Cancellation, _) => VenueStatus::Cancelled,
        (_, Some(status)) => status,
        (_, None) => return field("status", &wire.status, |_| None),
    };
    Ok(OrderEvent {
        id: field("id", &wire.id, VenueOrderId::parse)?,
        action,
        status,
        matched: matched(status, &wire.size_matched)?,
        reason: cut(text_field("status", &wire.status)?),
        time: maybe("timestamp", &wire.timestamp, parse_time)?.unwrap_or_default(),
    })
}

/// Reads an order's status, with or without REST's prefix (PROTOCOL 8).
pub(super) fn status(word: &str) -> Option<VenueStatus> {
    match word.strip_prefix("ORDER_STATUS_").unwrap_or(word) {
        // A delayed order may match at any moment, an unmatched one rests after its delay: both are open.
        "LIVE" | "DELAYED" | "UNMATCHED" => Some(VenueStatus::Live),
        "MATCHED" => Some(VenueStatus::Matched),
        "INVALID" => Some(VenueStatus::Invalid),
        // Any text may follow; all such statuses are final.
        word if word.starts_with("CANCELED") => Some(VenueStatus::Cancelled),
        _ => None,
    }
}

/// Reads a trade; `None` if no part of it is ours.
pub(super) fn trade_event(wire: &Trade<'_>, owner: &Owner) -> Result<Option<TradeEvent>, ParseError> {
    let parts = parts(wire, owner)?;
    if parts.is_empty() {
        return Ok(None);
    }
    Ok(Some(TradeEvent {
        trade: field("id", &wire.id, TradeId::parse)?,
        settlement: field("status", &wire.status, settlement)?,
        token: token(&wire.asset_id)?,
        matched_at: maybe("match_time", &wire.match_time, parse_time)?.unwrap_or_default(),
        updated_at: maybe("last_update", &wire.last_update, parse_time)?.unwrap_or_default(),
        parts,
    }))
}

fn parts(wire: &Trade<'_>, owner: &Owner) -> Result<Vec<Part>, ParseError> {
    let makers: Vec<MakerOrder<'_>> = list("maker_orders", &wire.maker_orders)?.unwrap_or_default();
    if makers.len() > PARTS_MAX {
        return Err(ParseError::TooMany { field: "maker_orders", limit: PARTS_MAX });
    }
    let is_taker = maybe("trader_side", &wire.trader_side, |word| match word {
        "TAKER" => Some(true),
        "MAKER" => Some(false),
        _ => None,
    })?;
    let taker = match is_taker {
        Some(taker) => taker,
        // Older frames omit it.
        None => owner.is(&wire.owner, &wire.maker_address)?,
    };
    if makers.is_empty() && (taker || is_taker.is_some()) {
        // The prices paid are given only with the makers, so such a fill cannot be booked.
        return Err(ParseError::Missing { field: "maker_orders" });
    }
    let mut parts = Vec::new();
    for (place, maker) in (0u32..).zip(&makers) {
        if taker {
            let order = field("taker_order_id", &wire.taker_order_id, VenueOrderId::parse)?;
            parts.push(part(place, order, false, wire, maker)?);
        }
        if owner.is(&maker.owner, &maker.maker_address)? {
            let order = field("order_id", &maker.order_id, VenueOrderId::parse)?;
            parts.push(part(place, order, true, wire, maker)?);
        }
    }
    Ok(parts)
}

fn part(
    part: u32,
    order: VenueOrderId,
    maker: bool,
    trade: &Trade<'_>,
    with: &MakerOrder<'_>,
) -> Result<Part, ParseError> {
    Ok(Part {
        part,
        order,
        maker_price: price(&with.price)?,
        size: field("matched_amount", &with.matched_amount, Size::parse)?,
        maker,
        crossed: token(&with.asset_id)? != token(&trade.asset_id)?,
    })
}

/// Returns true if this is an API key, a UUID.
fn is_key(text: &str) -> bool {
    TradeId::parse(text).is_some()
}

fn settlement(word: &str) -> Option<Settlement> {
    match word.strip_prefix("TRADE_STATUS_").unwrap_or(word) {
        "MATCHED" | "MATCHED_NOT_BROADCASTED" => Some(Settlement::Matched),
        "MINED" => Some(Settlement::Mined),
        "CONFIRMED" => Some(Settlement::Confirmed),
        "RETRYING" => Some(Settlement::Retrying),
        "FAILED" => Some(Settlement::Failed),
        _ => None,
    }
}

/// Cuts a text of the venue to [`REASON_MAX`] bytes, at a character boundary.
pub(crate) fn cut(text: &str) -> Reason {
    cut_to(text, REASON_MAX)
}

/// Cuts a text of the venue to `most` bytes, at a character boundary.
pub(crate) fn cut_to(text: &str, most: usize) -> String {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
