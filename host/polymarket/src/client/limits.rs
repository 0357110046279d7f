//! The venue's rate limits, enforced before a request is sent (PROTOCOL 10): a bucket of orders and one of cancels for
//! the signer, and one for all requests of this address. A request waits for room, an order briefly and everything else
//! longer. Priority: cancels, then orders that reduce, then new risk, then reads. The host's exits, cancels and
//! heartbeats never wait for the address bucket, and a refusal delays only requests of the same class.

use std::time::{Duration, Instant};

/// Tokens are counted in thousandths.
const TOKEN: i64 = 1_000;
/// Requests of one address: 9,000 in ten seconds.
const ADDRESS_RATE: u32 = 900;
const ADDRESS_BURST: u32 = 9_000;
/// Tokens of the address bucket that reads leave to orders and cancels, and orders to cancels.
const LEFT_BY_READS: i64 = 1_800;
const LEFT_BY_ORDERS: i64 = 450;
/// Tokens of the order bucket that new risk leaves to orders that reduce.
const LEFT_BY_RISK: i64 = 10;
/// Tokens of the order bucket that strategies' sales leave to the host's exits.
const LEFT_BY_SALES: i64 = 4;
/// Cancels without room wait until this many can be sent with one request.
const FOLD: u32 = 8;
/// Longest wait accepted from the venue.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest time that a refusal delays the next cancel or exit: the venue may refuse once a second.
const URGENT_WAIT_MAX: Duration = Duration::from_secs(1);

/// The kind of a request, and its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reads data for the host.
    Read,
    /// Reads data for display to an operator.
    Look,
    /// Places `count` orders.
    Order {
        /// Number of orders.
        count: u32,
        /// True if they sell owned shares.
        reduces: bool,
    },
    /// Closes positions for the host with `count` orders.
    Exit {
        /// Number of orders.
        count: u32,
    },
    /// Cancels orders for which `Limits::acquire_cancels` reserved the tokens.
    Cancel,
    /// Cancels a whole market or everything: never delayed.
    Sweep,
    /// Sends a heartbeat: never delayed.
    Vital,
}

impl Class {
    /// Returns the longest that such a request may wait for room; an order expires soon.
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Order { .. } | Self::Exit { .. } => Duration::from_millis(250),
            Self::Read | Self::Look | Self::Cancel | Self::Sweep | Self::Vital => Duration::from_secs(5),
        }
    }
}

/// Rate-limit information from a response's headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RateLimitHeaders {
    /// Tokens left in the bucket that the request used.
    pub(super) remaining: Option<i64>,
    /// Order rate per second and burst of the signer's tier; cancels have twice as many.
    pub(super) tier: Option<(u32, u32)>,
    /// The wait after a rate-limit refusal, if the response is one.
    pub(super) refused: Option<Duration>,
}

/// A token bucket, which refills with time up to its burst.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: u32,
    burst: u32,
    /// Thousandths of tokens at `at`; negative after an overdraft.
    level: i64,
    at: Instant,
}

impl Bucket {
    fn new(now: Instant, rate: u32, burst: u32) -> Self {
        Self { rate, burst, level: i64::from(burst).saturating_mul(TOKEN), at: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = i64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        let full = i64::from(self.burst).saturating_mul(TOKEN);
        // A token per second is a thousandth per millisecond.
        self.level = self.level.saturating_add(passed.saturating_mul(i64::from(self.rate))).min(full);
        self.at = self.at.max(now);
    }

    /// Returns the time until `count` can be taken with `left` remaining; zero if they can be now. A `count` above the
    /// burst needs only a full bucket; otherwise it would wait forever.
    fn wait(&self, count: u32, left: i64) -> Duration {
        let wanted = i64::from(count).saturating_add(left).min(i64::from(self.burst)).saturating_mul(TOKEN);
        let missing = u64::try_from(wanted.saturating_sub(self.level)).unwrap_or(0);
        Duration::from_millis(missing.div_ceil(u64::from(self.rate.max(1))))
    }

    fn consume(&mut self, count: u32) {
        self.level = self.level.saturating_sub(i64::from(count).saturating_mul(TOKEN));
    }

    fn set_tier(&mut self, rate: u32, burst: u32) {
        (self.rate, self.burst) = (rate, burst);
        self.level = self.level.min(i64::from(burst).saturating_mul(TOKEN));
    }
}

/// Times until which the venue refuses requests for their rate. A refusal applies only to the class of the refused
/// request: a limit on reads says nothing about cancels.
#[derive(Debug, Clone, Copy)]
struct Closed {
    reads: Instant,
    looks: Instant,
    risk: Instant,
    sales: Instant,
    exits: Instant,
    cancels: Instant,
}

impl Closed {
    const fn new(now: Instant) -> Self {
        Self { reads: now, looks: now, risk: now, sales: now, exits: now, cancels: now }
    }

    /// Returns a class's time and the longest that a refusal closes it; `None` for classes that are never delayed.
    const fn of(&mut self, class: Class) -> Option<(&mut Instant, Duration)> {
        match class {
            Class::Read => Some((&mut self.reads, WAIT_MAX)),
            Class::Look => Some((&mut self.looks, WAIT_MAX)),
            Class::Order { reduces: false, .. } => Some((&mut self.risk, WAIT_MAX)),
            Class::Order { reduces: true, .. } => Some((&mut self.sales, WAIT_MAX)),
            Class::Exit { .. } => Some((&mut self.exits, URGENT_WAIT_MAX)),
            Class::Cancel => Some((&mut self.cancels, URGENT_WAIT_MAX)),
            Class::Sweep | Class::Vital => None,
        }
    }

    fn wait(&mut self, now: Instant, class: Class) -> Duration {
        self.of(class).map_or(Duration::ZERO, |(until, _)| until.saturating_duration_since(now))
    }
}

/// All buckets of one address and one signer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    orders: Bucket,
    cancels: Bucket,
    address: Bucket,
    closed: Closed,
}

impl Limits {
    /// Returns full buckets of the lowest tier.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            orders: Bucket::new(now, 40, 60),
            cancels: Bucket::new(now, 80, 120),
            address: Bucket::new(now, ADDRESS_RATE, ADDRESS_BURST),
            closed: Closed::new(now),
        }
    }

    /// Takes the tokens of a request.
    ///
    /// # Errors
    /// The time to wait before trying again; nothing was taken.
    pub(super) fn acquire(&mut self, now: Instant, class: Class) -> Result<(), Duration> {
        self.fill(now);
        let mut wait = if class == Class::Cancel { Duration::ZERO } else { self.closed.wait(now, class) };
        // Cancels, exits and heartbeats count towards the address bucket and never wait for it.
        let left = match class {
            Class::Read | Class::Look => Some(LEFT_BY_READS),
            Class::Order { .. } => Some(LEFT_BY_ORDERS),
            Class::Exit { .. } | Class::Cancel | Class::Sweep | Class::Vital => None,
        };
        if let Some(left) = left {
            wait = wait.max(self.address.wait(1, left));
        }
        if let Some((bucket, count, left)) = self.own(class) {
            wait = wait.max(bucket.wait(count, left));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        self.address.consume(1);
        if let Some((bucket, count, _)) = self.own(class) {
            bucket.consume(count);
        }
        Ok(())
    }

    fn fill(&mut self, now: Instant) {
        [&mut self.orders, &mut self.cancels, &mut self.address].into_iter().for_each(|bucket| bucket.fill(now));
    }

    /// Takes as many cancels as there is room for, up to `most`, for one request of the class [`Class::Cancel`]. The
    /// venue admits a request whole or not at all.
    ///
    /// # Errors
    /// The time until there is room for some; nothing was taken. Cancels that wait meanwhile are sent in one request.
    pub(super) fn acquire_cancels(&mut self, now: Instant, most: u32) -> Result<u32, Duration> {
        self.fill(now);
        let closed = self.closed.wait(now, Class::Cancel);
        let count = u32::try_from(self.cancels.level.div_euclid(TOKEN)).unwrap_or(0).min(most);
        if count == 0 || !closed.is_zero() {
            return Err(closed.max(self.cancels.wait(most.min(FOLD), 0)));
        }
        self.cancels.consume(count);
        Ok(count)
    }

    /// Returns the time until this many cancels have been sent.
    pub(super) fn cancels_wait(&mut self, now: Instant, count: u32) -> Duration {
        self.fill(now);
        self.cancels.wait(count, 0).max(self.closed.wait(now, Class::Cancel))
    }

    /// Applies the venue's headers where they are stricter than our buckets; a tier is applied both ways.
    pub(super) fn heed(&mut self, now: Instant, class: Class, headers: RateLimitHeaders) {
        if let Some((rate, burst)) = headers.tier {
            self.orders.set_tier(rate, burst);
            self.cancels.set_tier(rate.saturating_mul(2), burst.saturating_mul(2));
        }
        let counted = match class {
            Class::Cancel | Class::Sweep => Some(&mut self.cancels),
            class => self.own(class).map(|(bucket, ..)| bucket),
        };
        if let (Some(remaining), Some(bucket)) = (headers.remaining, counted) {
            bucket.level = bucket.level.min(remaining.saturating_mul(TOKEN));
        }
        if let (Some(wait), Some((until, most))) = (headers.refused, self.closed.of(class)) {
            *until = (*until).max(now.checked_add(wait.min(most)).unwrap_or(now));
        }
    }

    /// Returns the signer's bucket of a request, the tokens that it takes and those that it must leave. The cost of a
    /// sweep is only known from the response.
    const fn own(&mut self, class: Class) -> Option<(&mut Bucket, u32, i64)> {
        match class {
            Class::Order { count, reduces } => {
                Some((&mut self.orders, count, if reduces { LEFT_BY_SALES } else { LEFT_BY_RISK }))
            }
            Class::Exit { count } => Some((&mut self.orders, count, 0)),
            Class::Read | Class::Look | Class::Cancel | Class::Sweep | Class::Vital => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RequestTier;

    const RISK: Class = Class::Order { count: 1, reduces: false };
    const REDUCE: Class = Class::Order { count: 1, reduces: true };
    const CANCEL: Class = Class::Cancel;
    const EXIT: Class = Class::Exit { count: 1 };
    const EVERY: [Class; 8] = [Class::Read, Class::Look, RISK, REDUCE, EXIT, CANCEL, Class::Sweep, Class::Vital];
    const NO: RateLimitHeaders =
        RateLimitHeaders { remaining: None, tier: None, refused: Some(Duration::from_secs(60)) };

    #[test]
    fn a_refusal_closes_the_class_that_it_was_about_and_no_other() {
        for refused in EVERY {
            let now = Instant::now();
            let mut limits = Limits::new(now);
            limits.heed(now, refused, NO);
            let closed: Vec<Class> =
                EVERY.into_iter().filter(|class| room(&mut limits, now, *class).is_err()).collect();
            let sweeps = matches!(refused, Class::Sweep | Class::Vital);
            assert_eq!(closed, if sweeps { vec![] } else { vec![refused] });
        }
    }

    #[test]
    fn a_refused_cancel_or_exit_is_asked_again_after_a_second_whatever_the_venue_says() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        for (class, wait) in [(CANCEL, 1), (EXIT, 1), (RISK, 60), (REDUCE, 60), (Class::Read, 60)] {
            limits.heed(now, class, NO);
            assert_eq!(room(&mut limits, now, class), Err(Duration::from_secs(wait)), "{class:?}");
        }
    }

    #[test]
    fn an_address_without_room_holds_up_no_cancel_exit_or_heartbeat() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        drain(&mut limits, now, Class::Vital);
        assert!(limits.acquire(now, Class::Read).is_err() && limits.acquire(now, REDUCE).is_err());
        for class in [CANCEL, EXIT, Class::Sweep, Class::Vital] {
            assert_eq!(room(&mut limits, now, class), Ok(()), "{class:?}");
        }
    }

    #[test]
    fn cancels_without_room_wait_for_some_and_leave_together() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        assert_eq!(limits.acquire_cancels(now, 3), Ok(3));
        assert_eq!((limits.cancels_wait(now, 117), limits.acquire_cancels(now, 1_000)), (Duration::ZERO, Ok(117)));
        // Eight tokens at 80 a second; two of two.
        assert_eq!(limits.acquire_cancels(now, 1_000), Err(Duration::from_millis(100)));
        assert_eq!(limits.acquire_cancels(now, 2), Err(Duration::from_millis(25)));
        assert_eq!(limits.cancels_wait(now, 80), Duration::from_secs(1));
        let later = now + Duration::from_millis(100);
        assert_eq!(limits.acquire_cancels(later, 1_000), Ok(8));
        assert_eq!(limits.acquire(later, Class::Cancel), Ok(()), "its tokens are already reserved");
        limits.heed(later, Class::Cancel, NO);
        let second = Duration::from_secs(1);
        assert_eq!((limits.cancels_wait(later, 1), limits.acquire_cancels(later, 1)), (second, Err(second)));
    }

    #[test]
    fn what_a_sweep_owes_is_owed_by_cancels_alone() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        limits.heed(now, Class::Sweep, RateLimitHeaders { remaining: Some(-7), ..RateLimitHeaders::default() });
        // Eight tokens at 80 a second.
        assert_eq!(limits.acquire_cancels(now, 1), Err(Duration::from_millis(100)));
        assert!(EVERY.into_iter().filter(|class| *class != CANCEL).all(|class| limits.acquire(now, class).is_ok()));
    }

    /// Tries to take room for one request.
    fn room(limits: &mut Limits, now: Instant, class: Class) -> Result<(), Duration> {
        if class == CANCEL {
            limits.acquire_cancels(now, 1)?;
        }
        limits.acquire(now, class)
    }

    /// Takes as many as possible now.
    fn drain(limits: &mut Limits, now: Instant, class: Class) -> u32 {
        (0..20_000).take_while(|_| room(limits, now, class).is_ok()).count().try_into().unwrap()
    }

    #[test]
    fn new_risk_leaves_room_to_reduce_and_that_to_exit_and_all_to_cancel() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        assert_eq!(drain(&mut limits, now, RISK), 50);
        assert_eq!(drain(&mut limits, now, REDUCE), 6);
        assert_eq!(drain(&mut limits, now, EXIT), 4);
        assert_eq!(drain(&mut limits, now, CANCEL), 120);
    }

    #[test]
    fn a_bucket_fills_at_its_rate_and_says_how_long_to_wait() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        drain(&mut limits, start, REDUCE);
        assert_eq!(limits.acquire(start, REDUCE), Err(Duration::from_millis(25)));
        let later = start + Duration::from_millis(25);
        assert_eq!(limits.acquire(later, REDUCE), Ok(()));
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(drain(&mut limits, much_later, EXIT), 60, "never more than the burst");
    }

    #[test]
    fn reading_never_starves_a_cancel() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        assert_eq!(drain(&mut limits, now, Class::Read), 7_200);
        assert!(limits.acquire(now, RISK).is_ok() && room(&mut limits, now, CANCEL).is_ok());
        assert_eq!(
            drain(&mut limits, now, Class::Vital),
            20_000,
            "a heartbeat and an emergency stop are never delayed"
        );
    }

    #[test]
    fn what_the_venue_says_counts() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        limits.heed(now, RISK, RateLimitHeaders { remaining: Some(12), ..RateLimitHeaders::default() });
        assert_eq!(drain(&mut limits, now, RISK), 2, "another client used the rest");
        limits.heed(
            now,
            RISK,
            RateLimitHeaders { refused: Some(Duration::from_secs(3)), ..RateLimitHeaders::default() },
        );
        assert_eq!(limits.acquire(now, RISK), Err(Duration::from_secs(3)));
        let now = now + Duration::from_secs(3);
        limits.heed(
            now,
            RISK,
            RateLimitHeaders { tier: RequestTier::of("Gold").map(RequestTier::orders), ..RateLimitHeaders::default() },
        );
        let later = now + Duration::from_secs(10);
        assert_eq!(drain(&mut limits, later, EXIT), 600);
        assert_eq!(drain(&mut limits, later, CANCEL), 1_200);
    }
}
