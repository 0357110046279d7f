//! The venue's rate limits of a signer (PROTOCOL 10.2): a bucket of orders and one of cancels. Every account is of the
//! tier Standard.

use super::Inside;
use crate::error::{ApiError, Rate};
use crate::keys::Holder;
use axum::http::StatusCode;
use model::Time;
use sim::AccountId;
use std::collections::BTreeMap;

/// Tokens are counted in millionths.
const TOKEN: i64 = 1_000_000;

/// The bucket of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bucket {
    /// Placements.
    Orders,
    /// Cancels.
    Cancels,
}

impl Bucket {
    /// Returns tokens per second and the burst.
    const fn size(self) -> (i64, i64) {
        match self {
            Self::Orders => (40, 60),
            Self::Cancels => (80, 120),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Level {
    micros: i64,
    at: Time,
}

/// The buckets of all accounts; missing ones are full.
#[derive(Debug, Default)]
pub(super) struct Rates {
    levels: BTreeMap<(AccountId, Bucket), Level>,
}

impl Inside {
    /// Takes the tokens of a request, whole or not at all.
    ///
    /// # Errors
    /// A 429 with the time to wait.
    pub(crate) fn admit(&mut self, caller: &Holder, bucket: Bucket, count: usize) -> Result<Rate, ApiError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let level = self.level(caller, bucket);
        let cost = count.saturating_mul(TOKEN);
        if self.faults().unlimited || level.micros >= cost {
            return Ok(self.spend(caller, bucket, count));
        }
        let (rate, most) = bucket.size();
        let missing = cost.min(most.saturating_mul(TOKEN)).saturating_sub(level.micros);
        let seconds =
            u64::try_from(missing).unwrap_or(0).div_ceil(u64::try_from(rate.saturating_mul(TOKEN)).unwrap_or(1));
        let rate = self.rate(caller, bucket);
        Err(ApiError {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(seconds.max(1)),
            rate: Some(rate),
            ..ApiError::bad("Too Many Requests")
        })
    }

    /// Takes the tokens that a cancel by filter turned out to cost; may overdraw the bucket.
    pub(crate) fn spend(&mut self, caller: &Holder, bucket: Bucket, count: i64) -> Rate {
        let mut level = self.level(caller, bucket);
        if !self.faults().unlimited {
            level.micros = level.micros.saturating_sub(count.saturating_mul(TOKEN));
        }
        self.rates.levels.insert((caller.account, bucket), level);
        self.rate(caller, bucket)
    }

    fn rate(&self, caller: &Holder, bucket: Bucket) -> Rate {
        let (rate, most) = bucket.size();
        let level = self.level(caller, bucket);
        let missing = u64::try_from(most.saturating_mul(TOKEN).saturating_sub(level.micros)).unwrap_or(0);
        let seconds = missing.div_ceil(u64::try_from(rate.saturating_mul(TOKEN)).unwrap_or(1));
        Rate { remaining: level.micros.div_euclid(TOKEN), reset_s: self.now.seconds().saturating_add(seconds) }
    }

    /// Returns the current level of a bucket.
    fn level(&self, caller: &Holder, bucket: Bucket) -> Level {
        let (rate, most) = bucket.size();
        let full = Level { micros: most.saturating_mul(TOKEN), at: self.now };
        let Some(level) = self.rates.levels.get(&(caller.account, bucket)) else { return full };
        let passed = i64::try_from(self.now.since(level.at)).unwrap_or(i64::MAX);
        // A token per second is a millionth per microsecond.
        let micros = level.micros.saturating_add(passed.saturating_mul(rate)).min(full.micros);
        Level { micros, at: self.now }
    }
}
