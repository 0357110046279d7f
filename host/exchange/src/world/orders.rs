//! Orders as displayed, open and done.

use super::accounts::Accounts;
use crate::wire;
use model::{Size, VenueOrderId};
use serde_json::{Value, json};
use sim::{Change, OpenOrder, Venue};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

/// Maximum finished orders kept.
const REMEMBERED_MAX: usize = 20_000;

/// Data of an order beyond the venue's own.
#[derive(Debug, Clone)]
pub(super) struct Detail {
    /// Its last known state.
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
    /// Records a change of an order.
    pub(super) fn record_change(&mut self, change: Change, order: &OpenOrder) -> &Detail {
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

    /// Records that an order took part in a trade.
    pub(super) fn traded(&mut self, id: VenueOrderId, trade: &str) {
        if let Some(detail) = self.details.get_mut(&id) {
            detail.trades.push(trade.to_owned());
        }
    }

    /// Returns an order's last known state.
    pub(super) fn seen(&self, id: VenueOrderId) -> Option<OpenOrder> {
        self.details.get(&id).map(|detail| detail.order)
    }

    /// Returns an order in REST format.
    pub(super) fn row(&self, venue: &Venue, members: &Accounts, id: VenueOrderId) -> Option<Value> {
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

/// Returns true if an order of this status may still trade.
pub(crate) fn is_open(status: &str) -> bool {
    matches!(status, "LIVE" | "DELAYED")
}

/// Returns the status that the user channel sends with a change (PROTOCOL 8): the same as on REST, except for outcomes
/// of a delay.
pub(super) fn user_channel_status(change: Change, shown: &'static str) -> Cow<'static, str> {
    match change {
        Change::Unmatched => "UNMATCHED".into(),
        Change::Refused(reject) => format!("CANCELED_{reject}").into(),
        _ => shown.into(),
    }
}

/// Returns the user channel's name for a change. The rest of a FAK order that matched partly ends as matched.
pub(super) const fn user_channel_type(change: Change) -> &'static str {
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
