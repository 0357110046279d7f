//! The venue's rate limits, kept before a request leaves (PROTOCOL 10): a bucket of orders and one of cancels for the signer, and one
//! for all requests of this address. What is full makes a request wait, a little for an order and longer for everything else.
//! Cancels go before orders that reduce, these before new risk, and that before reading.

use std::time::{Duration, Instant};

/// Tokens are counted in thousandths.
const TOKEN: i64 = 1_000;
/// Requests of one address: 9,000 in ten seconds.
const ADDRESS_RATE: u32 = 900;
const ADDRESS_BURST: u32 = 9_000;
/// What reading leaves of the address's bucket to orders and cancels, and orders to cancels.
const LEFT_BY_READS: i64 = 1_800;
const LEFT_BY_ORDERS: i64 = 450;
/// What new risk leaves of the orders' bucket to orders that reduce.
const LEFT_BY_RISK: i64 = 10;
/// The longest that the venue's word is taken for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a request is, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Asks for something.
    Read,
    /// Places so many orders.
    Order {
        /// How many.
        count: u32,
        /// Whether they sell what is owned.
        reduces: bool,
    },
    /// Cancels so many orders. One request for more than a full bucket has is always refused by the venue.
    Cancel {
        /// How many.
        count: u32,
    },
    /// A heartbeat, or a cancel of everything: never held back.
    Vital,
}

impl Class {
    /// Returns how long such a request may wait for its turn: an order is old soon.
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Order { .. } => Duration::from_millis(250),
            Self::Read | Self::Cancel { .. } | Self::Vital => Duration::from_secs(5),
        }
    }
}

/// What the venue's headers said with an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Tokens left in the bucket that the request was for.
    pub(super) remaining: Option<i64>,
    /// Orders a second and at once of the signer's tier; cancels have twice as many.
    pub(super) tier: Option<(u32, u32)>,
    /// A refusal for its rate, and how long to wait.
    pub(super) refused: Option<Duration>,
}

/// Returns the rate and the burst of a tier (PROTOCOL 10.2, September 2026).
pub(super) fn tier(name: &str) -> Option<(u32, u32)> {
    Some(match name.to_ascii_lowercase().as_str() {
        "standard" => (40, 60),
        "copper" => (60, 90),
        "bronze" => (80, 120),
        "silver" => (200, 300),
        "gold" => (400, 600),
        "platinum" => (450, 675),
        "diamond" => (525, 787),
        "elite" => (600, 900),
        _ => return None,
    })
}

/// Fills with time up to its burst.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: u32,
    burst: u32,
    /// Thousandths of tokens at `at`; below zero after more was taken than there was.
    level: i64,
    at: Instant,
    /// Nothing leaves before.
    closed_until: Instant,
}

impl Bucket {
    fn new(now: Instant, rate: u32, burst: u32) -> Self {
        Self { rate, burst, level: i64::from(burst).saturating_mul(TOKEN), at: now, closed_until: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = i64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        let full = i64::from(self.burst).saturating_mul(TOKEN);
        // A token a second is a thousandth a millisecond.
        self.level = self.level.saturating_add(passed.saturating_mul(i64::from(self.rate))).min(full);
        self.at = self.at.max(now);
    }

    /// Returns how long it takes until `count` can be taken and `left` remain; nothing if they can be now. A `count` above the
    /// burst needs a full bucket only, or it would wait for ever.
    fn wait(&self, now: Instant, count: u32, left: i64) -> Duration {
        let wanted = i64::from(count).saturating_add(left).min(i64::from(self.burst)).saturating_mul(TOKEN);
        let missing = u64::try_from(wanted.saturating_sub(self.level)).unwrap_or(0);
        let millis = missing.div_ceil(u64::from(self.rate.max(1)));
        Duration::from_millis(millis).max(self.closed_until.saturating_duration_since(now))
    }

    fn take(&mut self, count: u32) {
        self.level = self.level.saturating_sub(i64::from(count).saturating_mul(TOKEN));
    }

    fn set_tier(&mut self, rate: u32, burst: u32) {
        (self.rate, self.burst) = (rate, burst);
        self.level = self.level.min(i64::from(burst).saturating_mul(TOKEN));
    }
}

/// All buckets of one address and one signer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    orders: Bucket,
    cancels: Bucket,
    address: Bucket,
}

impl Limits {
    /// Returns full buckets of the lowest tier.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            orders: Bucket::new(now, 40, 60),
            cancels: Bucket::new(now, 80, 120),
            address: Bucket::new(now, ADDRESS_RATE, ADDRESS_BURST),
        }
    }

    /// Takes what a request costs.
    ///
    /// # Errors
    /// How long to wait before asking again; nothing was taken.
    pub(super) fn take(&mut self, now: Instant, class: Class) -> Result<(), Duration> {
        [&mut self.orders, &mut self.cancels, &mut self.address].into_iter().for_each(|bucket| bucket.fill(now));
        let left = match class {
            Class::Read => LEFT_BY_READS,
            Class::Order { .. } => LEFT_BY_ORDERS,
            Class::Cancel { .. } => 0,
            Class::Vital => {
                self.address.take(1);
                return Ok(());
            }
        };
        let mut wait = self.address.wait(now, 1, left);
        if let Some((bucket, count, left)) = self.own(class) {
            wait = wait.max(bucket.wait(now, count, left));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        self.address.take(1);
        if let Some((bucket, count, _)) = self.own(class) {
            bucket.take(count);
        }
        Ok(())
    }

    /// Returns how many cancels fit into one request: a batch is admitted whole or not at all.
    pub(super) const fn cancels_at_once(&self) -> u32 {
        self.cancels.burst
    }

    /// Believes what the venue said, where it is stricter than we are; a tier is believed both ways.
    pub(super) fn heed(&mut self, now: Instant, class: Class, told: Told) {
        if let Some((rate, burst)) = told.tier {
            self.orders.set_tier(rate, burst);
            self.cancels.set_tier(rate.saturating_mul(2), burst.saturating_mul(2));
        }
        let bucket = match self.own(class) {
            Some((bucket, ..)) => bucket,
            None => &mut self.address,
        };
        if let Some(remaining) = told.remaining {
            bucket.level = bucket.level.min(remaining.saturating_mul(TOKEN));
        }
        if let Some(wait) = told.refused {
            let until = now.checked_add(wait.min(WAIT_MAX)).unwrap_or(now);
            bucket.closed_until = bucket.closed_until.max(until);
        }
    }

    /// Returns the signer's bucket of a request, what the request takes and what it leaves.
    const fn own(&mut self, class: Class) -> Option<(&mut Bucket, u32, i64)> {
        match class {
            Class::Order { count, reduces } => Some((&mut self.orders, count, if reduces { 0 } else { LEFT_BY_RISK })),
            Class::Cancel { count } => Some((&mut self.cancels, count, 0)),
            Class::Read | Class::Vital => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISK: Class = Class::Order { count: 1, reduces: false };
    const REDUCE: Class = Class::Order { count: 1, reduces: true };
    const CANCEL: Class = Class::Cancel { count: 1 };

    /// Takes as many as there are at once.
    fn drain(limits: &mut Limits, now: Instant, class: Class) -> u32 {
        (0..20_000).take_while(|_| limits.take(now, class).is_ok()).count().try_into().unwrap()
    }

    #[test]
    fn new_risk_leaves_room_to_reduce_and_both_to_cancel() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        assert_eq!(drain(&mut limits, now, RISK), 50);
        assert_eq!(drain(&mut limits, now, REDUCE), 10);
        assert_eq!(drain(&mut limits, now, CANCEL), 120);
    }

    #[test]
    fn a_bucket_fills_at_its_rate_and_says_how_long_to_wait() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        drain(&mut limits, start, REDUCE);
        assert_eq!(limits.take(start, REDUCE), Err(Duration::from_millis(25)));
        let later = start + Duration::from_millis(25);
        assert_eq!(limits.take(later, REDUCE), Ok(()));
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(drain(&mut limits, much_later, REDUCE), 60, "never more than the burst");
    }

    #[test]
    fn reading_never_starves_a_cancel() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        assert_eq!(drain(&mut limits, now, Class::Read), 7_200);
        assert!(limits.take(now, RISK).is_ok() && limits.take(now, CANCEL).is_ok());
        assert_eq!(
            drain(&mut limits, now, Class::Vital),
            20_000,
            "a heartbeat and an emergency stop are never held back"
        );
    }

    #[test]
    fn more_than_a_burst_goes_from_a_full_bucket_and_is_paid_for_afterwards() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        assert!(limits.take(now, Class::Cancel { count: 1_000 }).is_ok());
        // 880 are owed at 80 a second.
        assert_eq!(limits.take(now, CANCEL), Err(Duration::from_millis(11_013)));
    }

    #[test]
    fn what_the_venue_says_counts() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        limits.heed(now, RISK, Told { remaining: Some(12), ..Told::default() });
        assert_eq!(drain(&mut limits, now, RISK), 2, "somebody else used the rest");
        limits.heed(now, CANCEL, Told { refused: Some(Duration::from_secs(3)), ..Told::default() });
        assert_eq!(limits.take(now, CANCEL), Err(Duration::from_secs(3)));
        assert!(limits.take(now, Class::Read).is_ok());
        limits.heed(now, RISK, Told { tier: tier("Gold"), ..Told::default() });
        let later = now + Duration::from_secs(10);
        assert_eq!(drain(&mut limits, later, REDUCE), 600);
        assert_eq!(drain(&mut limits, later, CANCEL), 1_200);
        assert_eq!(tier("wood"), None);
    }
}
