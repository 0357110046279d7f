//! Orders as they are shown, open and over.

use super::members::Members;
use crate::wire;
use model::{Size, VenueOrderId};
use serde_json::{Value, json};
use sim::{Change, OpenOrder, Venue};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

/// Orders that are remembered after they ended.
const REMEMBERED_MAX: usize = 20_000;

/// What is kept of an order besides what the venue knows.
#[derive(Debug, Clone)]
pub(super) struct Detail {
    /// As it was last seen.
    pub(super) order: OpenOrder,
    pub(super) status: &'static str,
    pub(super) trades: Vec<String>,
}

/// The details of the members' orders.
#[derive(Debug, Default)]
pub(super) struct Orders {
    details: BTreeMap<VenueOrderId, Detail>,
    over: VecDeque<VenueOrderId>,
}

impl Orders {
    /// Takes note of what happened to an order.
    pub(super) fn note(&mut self, change: Change, order: &OpenOrder) -> &Detail {
        let status = match change {
            Change::Cancellation | Change::Refused(_) => "CANCELED",
            Change::Delayed => "DELAYED",
            _ if order.is_whole() => "MATCHED",
            _ => "LIVE",
        };
        let known = self.details.get(&order.id).map(|detail| detail.trades.clone());
        let detail = Detail { order: *order, status, trades: known.unwrap_or_default() };
        if !is_open(status) {
            self.over.push_back(order.id);
            if self.over.len() > REMEMBERED_MAX
                && let Some(oldest) = self.over.pop_front()
            {
                self.details.remove(&oldest);
            }
        }
        self.details.entry(order.id).insert_entry(detail).into_mut()
    }

    /// Notes that an order took part in a trade.
    pub(super) fn traded(&mut self, id: VenueOrderId, trade: &str) {
        if let Some(detail) = self.details.get_mut(&id) {
            detail.trades.push(trade.to_owned());
        }
    }

    /// Returns an order as it was last seen.
    pub(super) fn seen(&self, id: VenueOrderId) -> Option<OpenOrder> {
        self.details.get(&id).map(|detail| detail.order)
    }

    /// Returns an order as REST shows it.
    pub(super) fn row(&self, venue: &Venue, members: &Members, id: VenueOrderId) -> Option<Value> {
        let detail = self.details.get(&id)?;
        let order = &detail.order;
        let market = venue.market(order.token.market())?;
        let member = members.get(order.account)?;
        Some(json!({
            "id": order.id.to_string(),
            "status": detail.status,
            "owner": member.key,
            "maker_address": member.funder.checksummed(),
            "market": market.condition.to_string(),
            "asset_id": wire::asset(market, order.token),
            "side": wire::side(order.side),
            "original_size": order.size.to_string(),
            "size_matched": order.matched.to_string(),
            "price": order.price.to_string(),
            "outcome": wire::outcome(market, order.token),
            "expiration": order.kind.expiration_s().to_string(),
            "order_type": order.kind.as_str(),
            "associate_trades": detail.trades,
            "created_at": order.created.seconds(),
        }))
    }
}

/// Says whether an order of this status may still trade.
pub(crate) fn is_open(status: &str) -> bool {
    matches!(status, "LIVE" | "DELAYED")
}

/// Returns the status that the user channel tells with a change (PROTOCOL 8): as REST shows it, but for what comes of a delay.
pub(super) fn told_status(change: Change, shown: &'static str) -> Cow<'static, str> {
    match change {
        Change::Unmatched => "UNMATCHED".into(),
        Change::Refused(reject) => format!("CANCELED_{reject}").into(),
        _ => shown.into(),
    }
}

/// Says what a change is on the user channel. The rest of a FAK that met something ends as matched by what it met.
pub(super) const fn word(change: Change) -> &'static str {
    match change {
        Change::Placement | Change::Delayed => "PLACEMENT",
        Change::Update | Change::Unmatched => "UPDATE",
        Change::Cancellation | Change::Refused(_) => "CANCELLATION",
    }
}

/// Returns shares as text, `0` for none.
pub(super) fn size(size: Size) -> String {
    size.to_string()
}
