//! The signer itself: what it signs, and what it refuses. Pure apart from the key: the clock is an argument and there is
//! no socket, so every rule is tested alone.

use crate::day::Day;
use crate::limits::{LOGINS_PER_MINUTE, Limits, Window};
use crate::message::{OrderRequest, Request, Response, Status, VERSION};
use crate::refusal::{Refusal, Rule};
use model::{SessionId, Side, Time};
use order::order::SALT_END;
use order::{Account, Address, Domains, SigningKey, UnsignedOrder};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far an order's or login's time may be from the signer's own clock: 5 minutes, in milliseconds.
pub const CLOCK_DISTANCE_MS: u64 = 300_000;

/// The key is not the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is that of {key}, but the account is signed for by {account}")]
pub struct WrongKey {
    /// The address of the key.
    pub key: Address,
    /// The account's signer.
    pub account: Address,
}

/// Holds the key and decides. One host talks to it, over one connection.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    account: Account,
    domains: Domains,
    limits: Limits,
    locked: bool,
    /// Locked from outside, for good.
    held: Arc<AtomicBool>,
    session: SessionId,
    sequence: u64,
    orders: Window,
    day: Day,
    logins: Window,
    signed: u64,
    refused: u64,
}

impl Signer {
    /// Returns a signer for an account, unlocked and without a session.
    ///
    /// # Errors
    /// If the key is not that of the account's signer.
    pub fn new(key: SigningKey, account: Account, limits: Limits) -> Result<Self, WrongKey> {
        if key.address() != account.signer {
            return Err(WrongKey { key: key.address(), account: account.signer });
        }
        Ok(Self {
            key,
            account,
            domains: Domains::new(account.chain),
            limits,
            locked: false,
            held: Arc::default(),
            session: SessionId::default(),
            sequence: 0,
            orders: Window::default(),
            day: Day::default(),
            logins: Window::default(),
            signed: 0,
            refused: 0,
        })
    }

    /// Counts the worth of a day in this file from now on.
    ///
    /// # Errors
    /// If it cannot be opened, or is damaged.
    pub fn count_in(&mut self, path: &Path) -> std::io::Result<()> {
        self.day = Day::open(path)?;
        Ok(())
    }

    /// Returns the switch that locks this signer for good, whatever its host asks for.
    pub fn held(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.held)
    }

    /// Answers one request. `now` is the signer's own clock.
    pub fn handle(&mut self, now: Time, request: &Request) -> Response {
        let answer = match request {
            Request::Hello { version } => self.hello(*version),
            Request::Begin { session } => self.begin(*session),
            Request::SignOrder(request) => self.sign_order(now, request),
            Request::SignAuth { timestamp_s, nonce } => self.sign_auth(now, *timestamp_s, *nonce),
            Request::Lock { .. } => {
                self.locked = true;
                Ok(Response::Done)
            }
            // An operator's release reaches the signer through the host, so a host that was taken over can unlock what it
            // locked; what a signal locked it cannot, and the limits hold either way.
            Request::Unlock if self.is_held() => Err(Refusal::plain(Rule::Locked)),
            Request::Unlock => {
                self.locked = false;
                Ok(Response::Done)
            }
            Request::Status => Ok(Response::Status(self.status())),
        };
        answer.unwrap_or_else(|refusal| {
            self.refused = self.refused.saturating_add(1);
            Response::Refused(refusal)
        })
    }

    /// Returns how it is.
    pub fn status(&self) -> Status {
        let Self { locked, session, sequence, signed, refused, .. } = *self;
        Status { locked: locked || self.is_held(), session, sequence, signed, refused }
    }

    fn hello(&self, version: u16) -> Result<Response, Refusal> {
        if version != VERSION {
            return Err(Refusal::numbers(Rule::Version, version.into(), VERSION.into()));
        }
        Ok(Response::Welcome { version: VERSION, account: self.account })
    }

    fn begin(&mut self, session: SessionId) -> Result<Response, Refusal> {
        // Sessions are named by their start, so a session that is not younger is an old approval's.
        if session <= self.session {
            return Err(Refusal::numbers(Rule::Session, session.0, self.session.0));
        }
        self.session = session;
        self.sequence = 0;
        Ok(Response::Done)
    }

    fn sign_order(&mut self, now: Time, request: &OrderRequest) -> Result<Response, Refusal> {
        self.unlocked()?;
        self.take_number(request)?;
        if now > request.deadline {
            return Err(Refusal::numbers(Rule::Expired, now.0, request.deadline.0));
        }
        let order = &request.order;
        self.is_ours(order)?;
        is_plain(now, order)?;
        // In makerAmount, for both sides: dollars of a BUY, and shares of a SELL at a dollar each.
        self.within_limits(now, order.maker_amount)?;
        // On the disk first: what cannot be counted is not signed.
        self.day.note(now, order.maker_amount).map_err(|_unwritten| Refusal::plain(Rule::Counter))?;
        self.orders.note(now, order.maker_amount);
        self.signed = self.signed.saturating_add(1);
        let signed = order.sign(self.domains.of(request.exchange), &self.key);
        Ok(Response::OrderSigned { id: signed.id, signature: signed.signature })
    }

    fn sign_auth(&mut self, now: Time, timestamp_s: u64, nonce: u64) -> Result<Response, Refusal> {
        self.unlocked()?;
        near(now, timestamp_s.saturating_mul(1_000))?;
        self.logins.forget(now);
        let count = self.logins.count().saturating_add(1);
        if count > LOGINS_PER_MINUTE.into() {
            return Err(Refusal::numbers(Rule::LoginsPerMinute, count, LOGINS_PER_MINUTE.into()));
        }
        self.logins.note(now, 0);
        let digest = self.domains.auth_digest(self.account.signer, timestamp_s, nonce);
        Ok(Response::AuthSigned { signature: self.key.sign_digest(&digest) })
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    fn unlocked(&self) -> Result<(), Refusal> {
        if self.locked || self.is_held() { Err(Refusal::plain(Rule::Locked)) } else { Ok(()) }
    }

    /// Takes the order's number, once. A number is used up even if a later rule refuses the order.
    fn take_number(&mut self, request: &OrderRequest) -> Result<(), Refusal> {
        if request.session != self.session || self.session == SessionId::default() {
            return Err(Refusal::numbers(Rule::Session, request.session.0, self.session.0));
        }
        if request.sequence <= self.sequence {
            return Err(Refusal::numbers(Rule::Sequence, request.sequence, self.sequence));
        }
        self.sequence = request.sequence;
        Ok(())
    }

    fn is_ours(&self, order: &UnsignedOrder) -> Result<(), Refusal> {
        let Account { funder, signature_type, .. } = self.account;
        let signer = self.account.order_signer();
        if order.maker != funder {
            return Err(Refusal::addresses(Rule::Maker, order.maker, funder));
        }
        if order.signer != signer {
            return Err(Refusal::addresses(Rule::Signer, order.signer, signer));
        }
        if order.signature_type != signature_type {
            let (value, limit) = (order.signature_type.code(), signature_type.code());
            return Err(Refusal::numbers(Rule::SignatureType, value.into(), limit.into()));
        }
        Ok(())
    }

    fn within_limits(&mut self, now: Time, worth: u64) -> Result<(), Refusal> {
        let Limits { order_max, minute_max, day_max, orders_per_minute } = self.limits;
        // A negative limit is one that nothing keeps.
        let [order_max, minute_max, day_max] =
            [order_max, minute_max, day_max].map(|limit| u64::try_from(limit.micros()).unwrap_or(0));
        if worth > order_max {
            return Err(Refusal::numbers(Rule::OrderValue, worth, order_max));
        }
        self.orders.forget(now);
        let count = self.orders.count().saturating_add(1);
        if count > orders_per_minute.into() {
            return Err(Refusal::numbers(Rule::OrdersPerMinute, count, orders_per_minute.into()));
        }
        let total = self.orders.worth().saturating_add(worth);
        if total > minute_max {
            return Err(Refusal::numbers(Rule::MinuteValue, total, minute_max));
        }
        let today = self.day.worth(now).saturating_add(worth);
        if today > day_max {
            return Err(Refusal::numbers(Rule::DayValue, today, day_max));
        }
        Ok(())
    }
}

/// Refuses what no order of ours ever has.
fn is_plain(now: Time, order: &UnsignedOrder) -> Result<(), Refusal> {
    if order.salt >= SALT_END {
        return Err(Refusal::numbers(Rule::Salt, order.salt, SALT_END));
    }
    near(now, order.timestamp_ms)?;
    if order.builder != [0; 32] || order.metadata != [0; 32] {
        return Err(Refusal::plain(Rule::Builder));
    }
    let (dollars, shares) = match order.side {
        Side::Buy => (order.maker_amount, order.taker_amount),
        Side::Sell => (order.taker_amount, order.maker_amount),
    };
    if dollars == 0 || dollars >= shares {
        return Err(Refusal::numbers(Rule::Price, dollars, shares));
    }
    Ok(())
}

fn near(now: Time, millis: u64) -> Result<(), Refusal> {
    let distance = now.millis().abs_diff(millis);
    if distance > CLOCK_DISTANCE_MS {
        return Err(Refusal::numbers(Rule::Timestamp, distance, CLOCK_DISTANCE_MS));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
