//! The members' trades as they settle: matched, mined, confirmed.

use super::Settling;
use super::accounts::Accounts;
use crate::keys::uuid;
use crate::wire;
use model::{MarketIx, Time, VenueOrderId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sim::{AccountId, Part, Trade, Venue};
use std::collections::VecDeque;

/// Maximum trades kept.
const TRADES_MAX: usize = 20_000;

/// The settlement state of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Matched,
    Mined,
    Confirmed,
    /// Its transaction failed and is sent again.
    Retrying,
    /// It failed for good: no funds moved.
    Failed,
}

impl Stage {
    /// Returns the user channel's name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "MATCHED",
            Self::Mined => "MINED",
            Self::Confirmed => "CONFIRMED",
            Self::Retrying => "RETRYING",
            Self::Failed => "FAILED",
        }
    }
}

/// A trade with a member in it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) trade: Trade,
    pub(super) stage: Stage,
    pub(super) updated: Time,
    /// True if it will fail.
    fails: bool,
}

impl Entry {
    /// Returns the accounts that took part, each once, the taker first.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        let mut accounts = vec![self.trade.account];
        for part in &self.trade.parts {
            if !accounts.contains(&part.account) {
                accounts.push(part.account);
            }
        }
        accounts
    }
}

/// All trades with members in them, oldest first.
#[derive(Debug)]
pub(super) struct Settlements {
    root: [u8; 32],
    settling: Settling,
    entries: VecDeque<Entry>,
    /// Number of dropped entries; indexes count from the first trade ever kept.
    dropped: usize,
    mined: usize,
    confirmed: usize,
}

impl Settlements {
    pub(super) const fn new(root: [u8; 32], settling: Settling) -> Self {
        Self { root, settling, entries: VecDeque::new(), dropped: 0, mined: 0, confirmed: 0 }
    }

    /// Adds a trade.
    pub(super) fn push(&mut self, trade: Trade, fails: bool) -> Entry {
        let updated = trade.at;
        let entry = Entry { trade, stage: Stage::Matched, updated, fails };
        self.entries.push_back(entry.clone());
        if self.entries.len() > TRADES_MAX {
            self.entries.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        entry
    }

    /// Advances the trades that are due and returns them. Trades settle in the order in which they matched.
    pub(super) fn advance_due(&mut self, now: Time) -> Vec<Entry> {
        let mut moved = Vec::new();
        let Settling { mined_ms, confirmed_ms } = self.settling;
        let mut mined = self.mined.max(self.dropped);
        while self.advance(mined, Stage::Mined, mined_ms, now, &mut moved) {
            mined = mined.saturating_add(1);
        }
        let mut confirmed = self.confirmed.max(self.dropped);
        while confirmed < mined && self.advance(confirmed, Stage::Confirmed, confirmed_ms, now, &mut moved) {
            confirmed = confirmed.saturating_add(1);
        }
        (self.mined, self.confirmed) = (mined, confirmed);
        moved
    }

    fn advance(&mut self, place: usize, stage: Stage, after_ms: u64, now: Time, moved: &mut Vec<Entry>) -> bool {
        let place = place.saturating_sub(self.dropped);
        let Some(entry) = self.entries.get_mut(place) else { return false };
        if entry.trade.at.plus_millis(after_ms) > now {
            return false;
        }
        entry.stage = match stage {
            Stage::Mined if entry.fails => Stage::Retrying,
            Stage::Confirmed if entry.fails => Stage::Failed,
            stage => stage,
        };
        entry.updated = now;
        moved.push(entry.clone());
        true
    }

    /// Returns the trades that did not fail, oldest first.
    pub(super) fn good(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.stage != Stage::Failed)
    }

    /// Returns a trade's id.
    pub(super) fn id(&self, number: u64) -> String {
        uuid(&self.digest(b"trade", number))
    }

    /// Returns the hash of the transaction that settles a trade.
    pub(super) fn hash(&self, number: u64) -> String {
        VenueOrderId(self.digest(b"transaction", number)).to_string()
    }

    /// Returns the displayed hash of a trade: empty until the trade is in a transaction.
    fn shown_hash(&self, entry: &Entry) -> String {
        if entry.stage == Stage::Matched { String::new() } else { self.hash(entry.trade.number) }
    }

    fn digest(&self, label: &[u8], number: u64) -> [u8; 32] {
        Sha256::new().chain_update(self.root).chain_update(label).chain_update(number.to_be_bytes()).finalize().into()
    }

    /// Returns a trade as one of its accounts sees it; the status has no prefix.
    pub(super) fn view(&self, venue: &Venue, members: &Accounts, entry: &Entry, account: AccountId) -> Option<Value> {
        let trade = &entry.trade;
        let market = venue.market(trade.token.market())?;
        let taker = trade.account == account && trade.order.is_some();
        let (owner, address) = self.who(members, trade.account);
        let own = members.get(account)?;
        let makers: Vec<Value> = trade
            .parts
            .iter()
            .enumerate()
            .map(|(place, part)| {
                let (owner, address) = self.who(members, part.account);
                json!({
                    "order_id": self.order_id(part, trade.number, place),
                    "owner": owner,
                    "maker_address": address,
                    "matched_amount": part.size.to_string(),
                    "price": part.price.to_string(),
                    "fee_rate_bps": "0",
                    "asset_id": wire::asset(market, part.token),
                    "outcome": wire::outcome(market, part.token),
                    "side": wire::side(part.side),
                })
            })
            .collect();
        let taker_order = trade.order.unwrap_or_else(|| VenueOrderId(self.digest(b"taker", trade.number)));
        Some(json!({
            "id": self.id(trade.number),
            "taker_order_id": taker_order.to_string(),
            "market": market.condition.to_string(),
            "asset_id": wire::asset(market, trade.token),
            "side": wire::side(trade.side),
            "size": trade.size.to_string(),
            "fee_rate_bps": "0",
            "price": trade.price.to_string(),
            "status": entry.stage.as_str(),
            "match_time": trade.at.seconds().to_string(),
            "last_update": entry.updated.seconds().to_string(),
            "outcome": wire::outcome(market, trade.token),
            "bucket_index": 0,
            "owner": owner,
            "maker_address": if taker { address } else { own.funder.checksummed() },
            "transaction_hash": self.shown_hash(entry),
            "maker_orders": makers,
            "trader_side": if taker { "TAKER" } else { "MAKER" },
        }))
    }

    /// Returns the key and the address of an account; invented ones for the other traders, which have none.
    fn who(&self, members: &Accounts, account: AccountId) -> (String, String) {
        if let Some(member) = members.get(account) {
            return (member.key.clone(), member.funder.checksummed());
        }
        let digest = self.digest(b"account", u64::from(account.0));
        let mut address = order::Address([0; 20]);
        for (to, from) in address.0.iter_mut().zip(digest) {
            *to = from;
        }
        (uuid(&digest), address.checksummed())
    }

    fn order_id(&self, part: &Part, number: u64, place: usize) -> String {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let invented = || VenueOrderId(self.digest(&place.to_be_bytes(), number));
        part.order.unwrap_or_else(invented).to_string()
    }

    /// Returns an account's trades in REST format, newest first.
    pub(super) fn rows(&self, venue: &Venue, members: &Accounts, account: AccountId) -> impl Iterator<Item = Value> {
        let own = self.entries.iter().rev().filter(move |entry| entry.accounts().contains(&account));
        own.filter_map(move |entry| {
            let mut row = self.view(venue, members, entry, account)?;
            let fields = row.as_object_mut()?;
            // Failed trades have no prefix: the venue's Python client recognizes only that form (PROTOCOL 21).
            let prefix = if entry.stage == Stage::Failed { "" } else { "TRADE_STATUS_" };
            fields.insert("status".to_owned(), json!(format!("{prefix}{}", entry.stage.as_str())));
            let nanos = u128::from(entry.trade.at.0).saturating_mul(1_000).to_string();
            fields.insert("match_time_nano".to_owned(), json!(nanos));
            Some(row)
        })
    }

    /// Returns a market's public trades, newest first.
    pub(super) fn activity(&self, venue: &Venue, members: &Accounts, ix: MarketIx) -> impl Iterator<Item = Value> {
        let traded = self.entries.iter().rev().filter(move |entry| entry.trade.token.market() == ix);
        traded.filter_map(move |entry| {
            let trade = &entry.trade;
            let market = venue.market(ix)?;
            let (_, address) = self.who(members, trade.account);
            Some(json!({
                "event_type": "trade",
                "market": {
                    "condition_id": market.condition.to_string(),
                    "asset_id": wire::asset(market, trade.token),
                    "question": market.question,
                    "icon": "",
                    "slug": market.slug,
                },
                "user": {
                    "address": address,
                    "username": "",
                    "profile_picture": "",
                    "optimized_profile_picture": "",
                    "pseudonym": "",
                },
                "side": wire::side(trade.side),
                "size": trade.size.to_string(),
                "fee_rate_bps": "0",
                "price": trade.price.to_string(),
                "outcome": wire::outcome(market, trade.token),
                "outcome_index": trade.token.outcome(),
                "transaction_hash": self.shown_hash(entry),
                "timestamp": trade.at.seconds().to_string(),
            }))
        })
    }
}
