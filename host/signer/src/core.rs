//! The signer itself: its rules for signing and refusing. Pure apart from the key: the clocks are an argument and
//! sockets are outside, so every rule is tested alone.

use crate::limits::{LOGINS_PER_MINUTE, Limits, MINUTE_MICROS, Window};
use crate::message::{BatchRequest, OrderRequest, Request, Response, Status, VERSION};
use crate::moment::Moment;
use crate::refusal::{Refusal, Rule, Value};
use crate::signing_log::{Entry, SigningLog, What};
use model::{SessionId, Side, Time};
use order::batch::CALLS_MAX;
use order::order::SALT_END;
use order::{Account, Action, Address, Batch, Domains, SignatureType, SigningKey, UnsignedOrder};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest distance of an order's or login's time from the signer's own clock: 5 minutes, in milliseconds.
pub const CLOCK_DISTANCE_MS: u64 = 300_000;

/// The longest remaining life of a batch when it is signed: 15 minutes, in seconds. The venue's clients use 4 to 10
/// minutes.
pub const BATCH_LIFE_MAX_S: u64 = 900;

/// Error: the key is not the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key has the address {key}, but the account's signer is {account}")]
pub struct WrongKey {
    /// The address of the key.
    pub key: Address,
    /// The account's signer.
    pub account: Address,
}

/// The kinds of signatures that share the limits of a minute and a day.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Order,
    Batch,
}

/// Holds the key and decides about signatures. One host uses it, over one connection.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    account: Account,
    domains: Domains,
    limits: Limits,
    locked: bool,
    /// Set if a signal locked it, for as long as the process lives.
    held: Arc<AtomicBool>,
    session: SessionId,
    sequence: u64,
    orders: Window,
    record: SigningLog,
    logins: Window,
    batches: Window,
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
            record: SigningLog::default(),
            logins: Window::default(),
            batches: Window::default(),
            signed: 0,
            refused: 0,
        })
    }

    /// Counts and logs to this record from now on. Signatures that it has of the last minute are counted: a restart
    /// does not reset a window.
    pub fn resume(&mut self, now: Moment, mut record: SigningLog) {
        for signed in record.take_recent() {
            let age = now.steady.since(signed.at);
            if age >= MINUTE_MICROS {
                continue;
            }
            let window = match signed.what {
                What::Order => &mut self.orders,
                What::Login => &mut self.logins,
                What::Batch => &mut self.batches,
            };
            window.record(Time(now.boot.0.saturating_sub(age)), signed.worth);
        }
        self.record = record;
    }

    /// Returns the switch that locks this signer for good, whatever its host requests.
    pub fn held(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.held)
    }

    /// Answers one request. `now` is from the signer's own clocks.
    pub fn handle(&mut self, now: Moment, request: &Request) -> Response {
        let answer = match request {
            Request::Hello { version } => self.hello(*version),
            Request::Begin { session } => self.begin(*session),
            Request::SignOrder(request) => self.sign_order(now, request),
            Request::SignAuth { timestamp_s, nonce } => self.sign_auth(now, *timestamp_s, *nonce),
            Request::SignBatch(request) => self.sign_batch(now, request),
            Request::Lock { .. } => {
                self.locked = true;
                Ok(Response::Done)
            }
            // An operator's release reaches the signer through the host, so a compromised host can undo its own lock;
            // it cannot undo a lock by signal, and the limits apply in either case.
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

    /// Returns the current status.
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
        // A session's id is its start time, so a session that is not younger could reuse an old approval.
        if session <= self.session {
            return Err(Refusal::numbers(Rule::Session, session.0, self.session.0));
        }
        self.session = session;
        self.sequence = 0;
        Ok(Response::Done)
    }

    fn sign_order(&mut self, now: Moment, request: &OrderRequest) -> Result<Response, Refusal> {
        self.unlocked()?;
        self.use_number(request)?;
        if now.boot > request.deadline {
            return Err(Refusal::numbers(Rule::Expired, now.boot.0, request.deadline.0));
        }
        let order = &request.order;
        self.is_ours(order)?;
        is_plain(now, order)?;
        // The worth is `makerAmount` for both sides: dollars of a BUY, and shares of a SELL at a dollar each.
        self.within_limits(now, order.maker_amount, Kind::Order)?;
        let signed = order.sign(self.domains.of(request.exchange), &self.key);
        self.record(now, Entry::Order(signed.id.0), order.maker_amount)?;
        self.orders.record(now.boot, order.maker_amount);
        self.signed = self.signed.saturating_add(1);
        Ok(Response::OrderSigned { id: signed.id, signature: signed.signature })
    }

    fn sign_auth(&mut self, now: Moment, timestamp_s: u64, nonce: u64) -> Result<Response, Refusal> {
        self.unlocked()?;
        near(now, timestamp_s.saturating_mul(1_000))?;
        self.logins.forget(now.boot);
        within_rate(&self.logins, Rule::LoginsPerMinute, LOGINS_PER_MINUTE)?;
        self.record(now, Entry::Login(nonce), 0)?;
        self.logins.record(now.boot, 0);
        let digest = self.domains.auth_digest(self.account.signer, timestamp_s, nonce);
        Ok(Response::AuthSigned { signature: self.key.sign_digest(&digest) })
    }

    fn sign_batch(&mut self, now: Moment, BatchRequest { session, batch }: &BatchRequest) -> Result<Response, Refusal> {
        self.unlocked()?;
        self.is_live(*session)?;
        if self.limits.batches_per_minute == 0 {
            return Err(Refusal::plain(Rule::Batches));
        }
        self.is_our_wallet(batch)?;
        let worth = self.worth_of_calls(batch)?;
        is_short_lived(now, batch.deadline)?;
        self.within_limits(now, worth, Kind::Batch)?;
        let digest = batch.digest(self.account.chain);
        self.record(now, Entry::Batch(digest), worth)?;
        self.batches.record(now.boot, worth);
        Ok(Response::BatchSigned { signature: self.key.sign_digest(&digest) })
    }

    /// Checks that the wallet is ours, because a batch moves the wallet's assets; only deposit wallets accept batches.
    fn is_our_wallet(&self, batch: &Batch) -> Result<(), Refusal> {
        let Account { funder, signature_type, .. } = self.account;
        if batch.wallet != funder {
            return Err(Refusal::addresses(Rule::Maker, batch.wallet, funder));
        }
        if signature_type != SignatureType::Deposit {
            let (value, limit) = (signature_type.code(), SignatureType::Deposit.code());
            return Err(Refusal::numbers(Rule::SignatureType, value.into(), limit.into()));
        }
        Ok(())
    }

    /// Returns the total worth of the calls of a batch. Each must be one of [`Action`], whose calls name no recipient:
    /// their proceeds go to the calling wallet.
    fn worth_of_calls(&self, batch: &Batch) -> Result<u64, Refusal> {
        if !batch.is_within_bounds() {
            let count = u64::try_from(batch.calls.len()).unwrap_or(u64::MAX);
            return Err(Refusal::numbers(Rule::Calls, count, u64::try_from(CALLS_MAX).unwrap_or(u64::MAX)));
        }
        batch.calls.iter().try_fold(0u64, |worth, call| match Action::read(self.account.chain, call) {
            Some(action) => Ok(worth.saturating_add(action.worth())),
            None => Err(Refusal { rule: Rule::Call, value: Value::Address(call.to), limit: Value::None }),
        })
    }

    /// Records a signature on disk before it is returned: a signature that cannot be counted is discarded.
    fn record(&mut self, now: Moment, entry: Entry, worth: u64) -> Result<(), Refusal> {
        self.record.record(now, entry, worth).map_err(|_unwritten| Refusal::plain(Rule::Counter))
    }

    fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    fn unlocked(&self) -> Result<(), Refusal> {
        if self.locked || self.is_held() { Err(Refusal::plain(Rule::Locked)) } else { Ok(()) }
    }

    fn is_live(&self, session: SessionId) -> Result<(), Refusal> {
        if session != self.session || self.session == SessionId::default() {
            return Err(Refusal::numbers(Rule::Session, session.0, self.session.0));
        }
        Ok(())
    }

    /// Uses up the order's number. This happens even if a later rule refuses the order.
    fn use_number(&mut self, request: &OrderRequest) -> Result<(), Refusal> {
        self.is_live(request.session)?;
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

    fn within_limits(&mut self, now: Moment, worth: u64, kind: Kind) -> Result<(), Refusal> {
        let Limits { order_max, minute_max, day_max, orders_per_minute, batches_per_minute } = self.limits;
        // A negative limit counts as zero.
        let [order_max, minute_max, day_max] =
            [order_max, minute_max, day_max].map(|limit| u64::try_from(limit.micros()).unwrap_or(0));
        if worth > order_max {
            return Err(Refusal::numbers(Rule::OrderValue, worth, order_max));
        }
        self.orders.forget(now.boot);
        self.batches.forget(now.boot);
        match kind {
            Kind::Order => within_rate(&self.orders, Rule::OrdersPerMinute, orders_per_minute)?,
            Kind::Batch => within_rate(&self.batches, Rule::BatchesPerMinute, batches_per_minute)?,
        }
        let total = self.orders.worth().saturating_add(self.batches.worth()).saturating_add(worth);
        if total > minute_max {
            return Err(Refusal::numbers(Rule::MinuteValue, total, minute_max));
        }
        let today = self.record.worth(now.of_day()).saturating_add(worth);
        if today > day_max {
            return Err(Refusal::numbers(Rule::DayValue, today, day_max));
        }
        Ok(())
    }
}

fn within_rate(window: &Window, rule: Rule, most: u32) -> Result<(), Refusal> {
    let count = window.count().saturating_add(1);
    if count > most.into() {
        return Err(Refusal::numbers(rule, count, most.into()));
    }
    Ok(())
}

/// Refuses a batch that has expired, or whose expiration is so far away that it could be kept for later.
fn is_short_lived(now: Moment, deadline_s: u64) -> Result<(), Refusal> {
    // Checked against both clocks: if one of them is wrong, the batch still does not live longer.
    let (first, now) = (now.of_day(), now.wall.max(now.steady));
    let deadline = Time(deadline_s.saturating_mul(1_000_000));
    if now > deadline {
        return Err(Refusal::numbers(Rule::Expired, now.0, deadline.0));
    }
    let (millis, most) = (deadline.since(first) / 1_000, BATCH_LIFE_MAX_S.saturating_mul(1_000));
    if millis > most {
        return Err(Refusal::numbers(Rule::Timestamp, millis, most));
    }
    Ok(())
}

/// Refuses values that no order of ours ever has.
fn is_plain(now: Moment, order: &UnsignedOrder) -> Result<(), Refusal> {
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

fn near(now: Moment, millis: u64) -> Result<(), Refusal> {
    let distance = now.distance_ms(millis);
    if distance > CLOCK_DISTANCE_MS {
        return Err(Refusal::numbers(Rule::Timestamp, distance, CLOCK_DISTANCE_MS));
    }
    Ok(())
}

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod tests;
