//! Notifications of an account (PROTOCOL 7.6): its fills once they are on the chain, failed fills, and its cancels.

use super::Inside;
use super::settlement::{Entry, Stage};
use crate::keys::Holder;
use crate::wire;
use model::{OrderKind, Price, Side, Size, TokenIx, VenueOrderId};
use serde_json::{Value, json};
use sim::{AccountId, OpenOrder};
use std::collections::{BTreeMap, VecDeque};

/// Maximum notices kept per account.
const KEPT_MAX: usize = 500;
/// Retention of notices, in seconds.
const KEPT_S: u64 = 48 * 3_600;

/// The kind of a notice, with the venue's numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Cancel,
    Fill,
    Failed,
}

/// The notices of all accounts, oldest first.
#[derive(Debug, Default)]
pub(super) struct Notices {
    last: u64,
    by_account: BTreeMap<AccountId, VecDeque<(u64, u64, Value)>>,
}

/// The part of an order that a notice concerns.
struct About {
    account: AccountId,
    order: VenueOrderId,
    kind: OrderKind,
    token: TokenIx,
    side: Side,
    price: Price,
    /// Shares of the order, of this match, and left.
    sizes: [Size; 3],
}

impl Inside {
    /// Adds the notice of an order's end.
    pub(super) fn notice_cancel(&mut self, order: &OpenOrder) {
        let about = About {
            account: order.account,
            order: order.id,
            kind: order.kind,
            token: order.token,
            side: order.side,
            price: order.price,
            sizes: [order.size, order.matched, order.rest()],
        };
        self.notice(Kind::Cancel, &about, "", &VenueOrderId([0; 32]).to_string());
    }

    /// Adds the notices of a trade's settlement progress for each member in it.
    pub(super) fn notice_trade(&mut self, entry: &Entry) {
        let kind = match entry.stage {
            Stage::Mined => Kind::Fill,
            Stage::Failed => Kind::Failed,
            Stage::Matched | Stage::Confirmed | Stage::Retrying => return,
        };
        let trade = &entry.trade;
        let taker = trade.order.map(|order| (trade.account, order, trade.token, trade.side, trade.price, trade.size));
        let makers = trade.parts.iter().filter_map(|part| {
            part.order.map(|order| (part.account, order, part.token, part.side, part.price, part.size))
        });
        let (id, hash) = (self.tape.id(trade.number), self.tape.hash(trade.number));
        for (account, order, token, side, price, size) in taker.into_iter().chain(makers).collect::<Vec<_>>() {
            let Some(known) = self.orders.seen(order) else { continue };
            let sizes = [known.size, size, known.rest()];
            let about = About { account, order, kind: known.kind, token, side, price, sizes };
            self.notice(kind, &about, &id, &hash);
        }
    }

    fn notice(&mut self, kind: Kind, about: &About, trade: &str, hash: &str) {
        let Some(member) = self.members.get(about.account) else { return };
        let Some(market) = self.venue.market(about.token.market()) else { return };
        let (condition, now) = (market.condition.to_string(), self.now.seconds());
        let event = self.event_of(about.token.market(), market);
        let [original, matched, rest] = about.sizes.map(|size| size.to_string());
        self.notices.last = self.notices.last.saturating_add(1);
        let id = self.notices.last;
        let row = json!({
            "id": id,
            "owner": member.key,
            "type": u8::from(kind),
            "timestamp": now,
            "payload": {
                "asset_id": wire::asset(market, about.token),
                "condition_id": condition,
                "market": condition,
                "eventSlug": event.slug,
                "seriesSlug": "",
                "icon": "",
                "image": "",
                "market_slug": market.slug,
                "question": market.question,
                "order_id": about.order.to_string(),
                "original_size": original,
                "matched_size": matched,
                "remaining_size": rest,
                "outcome": wire::outcome(market, about.token),
                "outcome_index": about.token.outcome(),
                "owner": member.key,
                "price": about.price.to_string(),
                "side": wire::side(about.side),
                "trade_id": trade,
                "transaction_hash": hash,
                "type": about.kind.as_str(),
            },
        });
        let kept = self.notices.by_account.entry(about.account).or_default();
        kept.retain(|(_, at, _)| now.saturating_sub(*at) < KEPT_S);
        kept.push_back((id, now, row));
        if kept.len() > KEPT_MAX {
            kept.pop_front();
        }
    }

    /// Returns the caller's notices, newest first.
    pub(crate) fn notices(&self, caller: &Holder) -> Vec<Value> {
        let kept = self.notices.by_account.get(&caller.account).into_iter().flatten().rev();
        kept.map(|(_, _, row)| row.clone()).collect()
    }

    /// Deletes notices of the caller: those named, or all.
    pub(crate) fn drop_notices(&mut self, caller: &Holder, ids: Option<&[u64]>) {
        if let Some(kept) = self.notices.by_account.get_mut(&caller.account) {
            kept.retain(|(id, ..)| ids.is_some_and(|ids| !ids.contains(id)));
        }
    }
}

impl From<Kind> for u8 {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Cancel => 1,
            Kind::Fill => 2,
            Kind::Failed => 8,
        }
    }
}
