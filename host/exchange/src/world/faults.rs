//! Injected faults (`PUT /exchange/faults`): failures and refusals of the real venue, on demand.

use super::Inside;
use super::listeners::Garble;
use crate::error::ApiError;
use axum::http::{Method, StatusCode};
use model::{ConditionId, Market, MarketIx, OrderKind};
use serde::{Deserialize, Serialize};

/// Wait requested by a restarting engine, in seconds; the real one sends it sometimes (PROTOCOL 9).
const RETRY_AFTER_S: u64 = 1;
/// Maximum delay of a response.
pub(crate) const DELAY_MAX_MS: u64 = 60_000;

/// Maximum sports delay.
const SPORTS_DELAY_MAX_S: u64 = 60;

/// The venue's trading mode (PROTOCOL 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TradingMode {
    /// Accepts everything.
    #[default]
    Normal,
    /// Accepts nothing: the matching engine is restarting.
    Restarting,
    /// Accepts orders that only rest, and cancels.
    PostOnly,
    /// Accepts only cancels.
    CancelOnly,
    /// Accepts nothing, not even cancels.
    Disabled,
}

/// All switches. A switch missing in a request has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// The trading mode.
    pub(crate) mode: TradingMode,
    /// The other traders do nothing: books change only by the members' orders.
    pub(crate) still: bool,
    /// A missing heartbeat cancels nothing.
    pub(crate) patient: bool,
    /// The market channel sends no books or trades; PONGs continue. When it ends, the books are sent again.
    pub(crate) frozen: bool,
    /// Of a thousand frames to a market channel connection, this many are dropped.
    pub(crate) drop_per_mille: u32,
    /// Of a thousand, this many are sent twice.
    pub(crate) duplicate_per_mille: u32,
    /// Of a thousand, this many are sent after the next one.
    pub(crate) reorder_per_mille: u32,
    /// Closes this many market channel connections now, the oldest first.
    pub(crate) close_connections: u32,
    /// This many of the next placements take effect and are answered with a gateway timeout.
    pub(crate) lose_answers: u32,
    /// This many of the next requests are answered with a gateway's 502 and have no effect.
    pub(crate) break_requests: u32,
    /// This many of the next GET requests are refused for one minute by the address rate limit.
    pub(crate) refuse_reads: u32,
    /// This many of the next cancels of named orders are refused in the same way; cancels of a market and of everything
    /// are accepted.
    pub(crate) refuse_cancels: u32,
    /// This many of the next cancels of a market or of everything are refused in the same way.
    pub(crate) refuse_sweeps: u32,
    /// This many of the next list responses to GET requests have one field of one row replaced by another kind of JSON.
    pub(crate) spoil_rows: u32,
    /// This many of the next trades of members are retried and fail.
    pub(crate) fail_settlements: u32,
    /// `GET /version` answers 3: orders on all tokens are signed for Exchange V3 (PROTOCOL 1.4).
    pub(crate) version_3: bool,
    /// No rate limit is enforced.
    pub(crate) unlimited: bool,
    /// Orders that would match are held for this many milliseconds and then matched (PROTOCOL 6, taker delay).
    pub(crate) taker_delay_ms: u64,
    /// Orders that would match are answered `delayed`, and matched this many seconds later (PROTOCOL 6, sports delay).
    pub(crate) sports_delay_s: u64,
    /// The conditions of the markets with this delay; all markets if empty.
    pub(crate) sports_delay_markets: Vec<String>,
    /// This many of the next relayer transactions fail on the chain.
    pub(crate) fail_relayed: u32,
    /// Every response takes this many milliseconds longer.
    pub(crate) delay_ms: u64,
}

impl Faults {
    /// Returns a market's delay of orders that would match, in seconds.
    pub(crate) fn sports_delay_s(&self, market: &Market) -> u64 {
        let condition = market.condition.to_string();
        let named = &self.sports_delay_markets;
        if named.is_empty() || named.contains(&condition) { self.sports_delay_s } else { 0 }
    }
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Places an order of this kind.
    Place(OrderKind),
    /// Cancels orders.
    Cancel,
}

impl TradingMode {
    /// Refuses a request that the mode does not accept, with the venue's error text.
    fn check(self, wants: Wants) -> Result<(), ApiError> {
        let unavailable = |text| ApiError { status: StatusCode::SERVICE_UNAVAILABLE, ..ApiError::bad(text) };
        match (self, wants) {
            (Self::Normal, _) | (Self::PostOnly | Self::CancelOnly, Wants::Cancel) => Ok(()),
            (Self::PostOnly, Wants::Place(kind)) if kind.is_post_only() => Ok(()),
            (Self::Restarting, _) => Err(ApiError {
                status: StatusCode::TOO_EARLY,
                retry_after: Some(RETRY_AFTER_S),
                ..ApiError::bad("Too Early")
            }),
            (Self::PostOnly, Wants::Place(_)) => Err(ApiError {
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
    /// Returns the current switches.
    pub(crate) const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Sets all switches.
    ///
    /// # Errors
    /// If a value is out of range.
    pub(crate) fn set_faults(&mut self, faults: Faults) -> Result<(), ApiError> {
        for (name, value) in [("delay_ms", faults.delay_ms), ("taker_delay_ms", faults.taker_delay_ms)] {
            if value > DELAY_MAX_MS {
                return Err(ApiError::bad(format!("{name} is {value}; expected 0 to {DELAY_MAX_MS}")));
            }
        }
        if faults.sports_delay_s > SPORTS_DELAY_MAX_S {
            let delay_s = faults.sports_delay_s;
            return Err(ApiError::bad(format!("sports_delay_s is {delay_s}; expected 0 to {SPORTS_DELAY_MAX_S}")));
        }
        let unknown = |text: &&String| ConditionId::parse(text).is_none_or(|id| self.venue.market_of(id).is_none());
        if let Some(text) = faults.sports_delay_markets.iter().find(unknown) {
            return Err(ApiError::bad(format!(
                "sports_delay_markets has `{text}`; expected conditions of listed markets"
            )));
        }
        let rates = [
            ("drop_per_mille", faults.drop_per_mille),
            ("duplicate_per_mille", faults.duplicate_per_mille),
            ("reorder_per_mille", faults.reorder_per_mille),
        ];
        for (name, value) in rates {
            if value > 1_000 {
                return Err(ApiError::bad(format!("{name} is {value}; expected 0 to 1000")));
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
            (0..count).for_each(|market| self.publish_books(MarketIx(market)));
        }
        Ok(())
    }

    /// Returns the version of orders on CTF tokens.
    pub(crate) const fn order_version(&self) -> u64 {
        if self.faults.version_3 { 3 } else { 2 }
    }

    /// Checks that the venue accepts this request now.
    pub(crate) fn check_accepts(&self, wants: Wants) -> Result<(), ApiError> {
        self.faults.mode.check(wants)
    }

    /// Returns true if the response to this placement is lost.
    pub(crate) fn loses_answer(&mut self) -> bool {
        take_one(&mut self.faults.lose_answers)
    }

    /// Returns the number of responses still to be corrupted, and counts one of them.
    pub(crate) fn spoils_row(&mut self) -> Option<u32> {
        let left = self.faults.spoil_rows;
        take_one(&mut self.faults.spoil_rows).then_some(left)
    }

    /// Returns true if this request hits a broken gateway.
    pub(crate) fn breaks_request(&mut self) -> bool {
        take_one(&mut self.faults.break_requests)
    }

    /// Returns true if the address rate limit refuses this request. It answers before any part of the venue sees the
    /// request.
    pub(crate) fn refuses(&mut self, method: &Method, path: &str) -> bool {
        match *method {
            Method::GET => take_one(&mut self.faults.refuse_reads),
            Method::DELETE if matches!(path, "/order" | "/orders") => take_one(&mut self.faults.refuse_cancels),
            Method::DELETE if matches!(path, "/cancel-market-orders" | "/cancel-all") => {
                take_one(&mut self.faults.refuse_sweeps)
            }
            _ => false,
        }
    }

    /// Returns true if the relayer transaction about to be mined fails.
    pub(super) fn fails_relayed(&mut self) -> bool {
        take_one(&mut self.faults.fail_relayed)
    }

    /// Returns true if the trade that just happened will fail to settle.
    pub(super) fn fails_settlement(&mut self) -> bool {
        take_one(&mut self.faults.fail_settlements)
    }
}

fn take_one(count: &mut u32) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}
