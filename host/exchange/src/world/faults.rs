//! What the exchange does wrong, or refuses to do, because somebody told it to (`PUT /exchange/faults`): the ways in which the real
//! venue fails, on demand.

use super::Inside;
use super::listeners::Garble;
use crate::fail::Fail;
use axum::http::{Method, StatusCode};
use model::{ConditionId, Market, MarketIx, OrderKind};
use serde::{Deserialize, Serialize};

/// How long a restarting engine asks to wait, in seconds; the real one says so at times (PROTOCOL 9).
const RETRY_AFTER_S: u64 = 1;
/// The longest delay of an answer.
pub(crate) const DELAY_MAX_MS: u64 = 60_000;

/// The longest sports delay.
const SPORTS_DELAY_MAX_S: u64 = 60;

/// What the venue takes (PROTOCOL 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TradingMode {
    /// Everything.
    #[default]
    Normal,
    /// Nothing: its matching engine restarts.
    Restarting,
    /// Orders that only rest, and cancels.
    PostOnly,
    /// Cancels.
    CancelOnly,
    /// Nothing, not even cancels.
    Disabled,
}

/// All switches. What a request leaves out is as if it had never been told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// What is taken.
    pub(crate) mode: TradingMode,
    /// The other traders do nothing: books change by the members' orders alone.
    pub(crate) still: bool,
    /// A missing heartbeat cancels nothing.
    pub(crate) patient: bool,
    /// The market channel says nothing of books and trades; PONGs go on. When it ends, the books come anew.
    pub(crate) frozen: bool,
    /// Of a thousand frames to a connection of the market channel, so many are left out.
    pub(crate) drop_per_mille: u32,
    /// Of a thousand, so many are sent twice.
    pub(crate) duplicate_per_mille: u32,
    /// Of a thousand, so many are sent after the next one.
    pub(crate) reorder_per_mille: u32,
    /// Closes so many connections of the market channel now, the oldest first.
    pub(crate) close_connections: u32,
    /// Of the next placements, so many act and are answered with a gateway's timeout.
    pub(crate) lose_answers: u32,
    /// The next requests, so many, are answered with a gateway's 502 and do nothing.
    pub(crate) break_requests: u32,
    /// The next GET requests, so many, are refused for the rate of their address, for a minute.
    pub(crate) refuse_reads: u32,
    /// The next cancels of named orders, so many, are refused in the same way; cancels of a market and of everything are taken.
    pub(crate) refuse_cancels: u32,
    /// Of the next answers with a list to GET requests, so many have one field of one row as another kind of JSON.
    pub(crate) spoil_rows: u32,
    /// Of the next trades of members, so many are retried and fail.
    pub(crate) fail_settlements: u32,
    /// `GET /version` answers 3: orders on all tokens are signed for Exchange V3 (PROTOCOL 1.4).
    pub(crate) version_3: bool,
    /// Nobody is held to the rate limits.
    pub(crate) unlimited: bool,
    /// Orders that would match are held for so many milliseconds and looked at again (PROTOCOL 6, taker delay).
    pub(crate) taker_delay_ms: u64,
    /// Orders that would match are answered `delayed`, and looked at so many seconds later (PROTOCOL 6, sports delay).
    pub(crate) sports_delay_s: u64,
    /// The conditions of the markets that have this delay; all if none is named.
    pub(crate) sports_delay_markets: Vec<String>,
    /// Of the next transactions of the relayer, so many fail on the chain.
    pub(crate) fail_relayed: u32,
    /// Every answer takes so many milliseconds longer.
    pub(crate) delay_ms: u64,
}

impl Faults {
    /// Returns how long a market holds orders that would match, in seconds.
    pub(crate) fn sports_delay_s(&self, market: &Market) -> u64 {
        let condition = market.condition.to_string();
        let named = &self.sports_delay_markets;
        if named.is_empty() || named.contains(&condition) { self.sports_delay_s } else { 0 }
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Place an order of this kind.
    Place(OrderKind),
    /// Cancel.
    Cancel,
}

impl TradingMode {
    /// Refuses what is not taken, in the venue's words.
    fn check(self, wants: Wants) -> Result<(), Fail> {
        let unavailable = |text| Fail { status: StatusCode::SERVICE_UNAVAILABLE, ..Fail::bad(text) };
        match (self, wants) {
            (Self::Normal, _) | (Self::PostOnly | Self::CancelOnly, Wants::Cancel) => Ok(()),
            (Self::PostOnly, Wants::Place(kind)) if kind.is_post_only() => Ok(()),
            (Self::Restarting, _) => {
                Err(Fail { status: StatusCode::TOO_EARLY, retry_after: Some(RETRY_AFTER_S), ..Fail::bad("Too Early") })
            }
            (Self::PostOnly, Wants::Place(_)) => Err(Fail {
                code: Some("post_only_mode"),
                retry_after: Some(RETRY_AFTER_S),
                ..unavailable("post-only mode: only post-only orders and cancels are allowed")
            }),
            (Self::CancelOnly, Wants::Place(_)) => Err(unavailable(
                "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
            )),
            (Self::Disabled, _) => Err(unavailable("Trading is currently disabled. Check polymarket.com for updates")),
        }
    }
}

impl Inside {
    /// Returns the switches as they stand.
    pub(crate) const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Sets all switches.
    ///
    /// # Errors
    /// If a value is out of range.
    pub(crate) fn set_faults(&mut self, faults: Faults) -> Result<(), Fail> {
        for (name, value) in [("delay_ms", faults.delay_ms), ("taker_delay_ms", faults.taker_delay_ms)] {
            if value > DELAY_MAX_MS {
                return Err(Fail::bad(format!("{name} is {value}; it takes 0 to {DELAY_MAX_MS}")));
            }
        }
        if faults.sports_delay_s > SPORTS_DELAY_MAX_S {
            let told = faults.sports_delay_s;
            return Err(Fail::bad(format!("sports_delay_s is {told}; it takes 0 to {SPORTS_DELAY_MAX_S}")));
        }
        let unknown = |text: &&String| ConditionId::parse(text).is_none_or(|id| self.venue.market_of(id).is_none());
        if let Some(text) = faults.sports_delay_markets.iter().find(unknown) {
            return Err(Fail::bad(format!("sports_delay_markets has `{text}`; it takes conditions of listed markets")));
        }
        let rates = [
            ("drop_per_mille", faults.drop_per_mille),
            ("duplicate_per_mille", faults.duplicate_per_mille),
            ("reorder_per_mille", faults.reorder_per_mille),
        ];
        for (name, value) in rates {
            if value > 1_000 {
                return Err(Fail::bad(format!("{name} is {value}; it takes 0 to 1000")));
            }
        }
        let [drop, duplicate, reorder] = rates.map(|(_, value)| value);
        self.listeners.garble(Garble { drop, duplicate, reorder });
        self.listeners.close(faults.close_connections);
        let thaws = self.faults.frozen && !faults.frozen;
        self.listeners.frozen = faults.frozen;
        self.faults = Faults { close_connections: 0, ..faults };
        if thaws {
            let count = u32::try_from(self.venue.markets().len()).unwrap_or(u32::MAX);
            (0..count).for_each(|market| self.tell_books(MarketIx(market)));
        }
        Ok(())
    }

    /// Returns the version of orders on CTF tokens.
    pub(crate) const fn order_version(&self) -> u64 {
        if self.faults.version_3 { 3 } else { 2 }
    }

    /// Says whether the venue takes this now.
    pub(crate) fn takes(&self, wants: Wants) -> Result<(), Fail> {
        self.faults.mode.check(wants)
    }

    /// Says whether the answer to this placement is lost.
    pub(crate) fn loses_answer(&mut self) -> bool {
        take_one(&mut self.faults.lose_answers)
    }

    /// Returns how many answers are still to be spoilt, and counts one of them.
    pub(crate) fn spoils_row(&mut self) -> Option<u32> {
        let left = self.faults.spoil_rows;
        take_one(&mut self.faults.spoil_rows).then_some(left)
    }

    /// Says whether this request meets a broken gateway.
    pub(crate) fn breaks_request(&mut self) -> bool {
        take_one(&mut self.faults.break_requests)
    }

    /// Says whether the limit of addresses refuses this request. It answers before anything of the venue sees the request.
    pub(crate) fn refuses(&mut self, method: &Method, path: &str) -> bool {
        match *method {
            Method::GET => take_one(&mut self.faults.refuse_reads),
            Method::DELETE if matches!(path, "/order" | "/orders") => take_one(&mut self.faults.refuse_cancels),
            _ => false,
        }
    }

    /// Says whether the relayer's transaction that is about to be mined fails.
    pub(super) fn fails_relayed(&mut self) -> bool {
        take_one(&mut self.faults.fail_relayed)
    }

    /// Says whether the trade that just happened will fail to settle.
    pub(super) fn fails_settlement(&mut self) -> bool {
        take_one(&mut self.faults.fail_settlements)
    }
}

fn take_one(count: &mut u32) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}
