//! The host's environment: the venue, the market's other traders, the network with its delays, and the clock.

use super::draws::{Fault, Likelihoods};
use super::{START, Summary};
use crate::flow::Flow;
use crate::member::{Member, Trade};
use crate::rng::Rng;
use crate::venue::{AccountId, Venue};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::input::Channel;
use model::{Activity, InputKind, MarketIx, NewOrder, OrderId, Time, Usd, VenueOrderId};

/// The starting cash of the account.
pub(super) const CASH: Usd = Usd::dollars(2_000);

/// A message in flight.
#[derive(Debug, Clone)]
pub(super) enum Delivery {
    /// An order reaches the venue. The last number is the process that waits for the answer.
    Place(NewOrder, VenueOrderId, u64),
    /// A cancel reaches the venue.
    Cancel(OrderId, u64),
    /// A cancel of a whole market reaches the venue, replacing this order's cancel.
    Sweep(OrderId, MarketIx, u64),
    /// A cancel of everything reaches the venue.
    CancelAll,
    /// A query for an order reaches the venue.
    Look(OrderId, Time),
    /// A query for the account reaches the venue.
    Account,
    /// An answer or an input created by the host reaches the host. Lost in a crash.
    Answer(InputKind),
    /// A message of the user channel reaches the host, if the channel is up.
    User(InputKind),
    /// A message of the market channel reaches the host, if the channel is up.
    Market(InputKind),
    /// A trade settles further.
    Settle(Trade),
    /// A channel is restored.
    Reconnect(Channel),
    /// The journal is synced up to this byte, for an order that is then sent.
    Leave(NewOrder, VenueOrderId, usize, Time),
}

/// The host's environment.
pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) now: Time,
    pub(super) venue: Venue,
    pub(super) flow: Flow,
    /// Our account, with the orders that reached the venue.
    pub(super) member: Member,
    pub(super) likelihoods: Likelihoods,
    pub(super) markets: Vec<MarketIx>,
    pub(super) user_up: bool,
    pub(super) market_up: bool,
    /// The venue refuses everything until this time.
    pub(super) venue_back: Time,
    pub(super) summary: Summary,
    /// The Data API's rows of movements without a trade, each with the time from which it is published.
    pub(super) records: Vec<(Time, Activity)>,
    wire: BTreeMap<(Time, u64), Delivery>,
    sent: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x50A4_50A4);
        let flow = Flow::new(seed);
        let mut venue = Venue::new();
        let markets = flow.markets().into_iter().filter_map(|market| venue.add_market(market).ok()).collect();
        let account = venue.open_account(CASH).unwrap_or(AccountId::HOUSE);
        let likelihoods = Likelihoods::draw(|bound| rng.below(bound));
        Self {
            rng,
            now: START,
            venue,
            flow,
            member: Member::new(account),
            likelihoods,
            markets,
            user_up: true,
            market_up: true,
            venue_back: START,
            summary: Summary::default(),
            records: Vec::new(),
            wire: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Draws whether a fault occurs now, and counts it.
    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.rng.below(10_000) < self.likelihoods.of(fault);
        if strikes {
            self.summary.draws.count(fault);
        }
        strikes
    }

    /// Draws the duration of the next step.
    pub(super) fn draw_pause(&mut self) -> u64 {
        match self.rng.below(50) {
            0 => self.rng.below(5_000_000),
            1..5 => self.rng.below(500_000),
            _ => self.rng.below(40_000),
        }
        .saturating_add(100)
    }

    /// Draws the duration of a channel's outage.
    pub(super) fn draw_outage(&mut self) -> u64 {
        let most = if self.rng.below(4) == 0 { 90_000_000 } else { 3_000_000 };
        self.rng.below(most)
    }

    /// Draws the delay of a message.
    pub(super) fn draw_delay(&mut self) -> u64 {
        let slow = self.strikes(Fault::Slow);
        let most = if slow { 20_000_000 } else { 80_000 };
        self.rng.below(most).saturating_add(1_000)
    }

    /// Lets the other traders act.
    pub(super) fn move_market(&mut self) {
        self.venue.expire(self.now);
        self.flow.step(self.now, &mut self.venue);
    }

    /// Sends a message with a random delay.
    pub(super) fn send(&mut self, delivery: Delivery) {
        let delay = self.draw_delay();
        self.send_in(delay, delivery);
    }

    /// Sends a message that arrives after `micros` microseconds.
    pub(super) fn send_in(&mut self, micros: u64, delivery: Delivery) {
        self.sent = self.sent.saturating_add(1);
        self.wire.insert((self.now.plus_micros(micros), self.sent), delivery);
    }

    /// Returns the next due message.
    pub(super) fn due(&mut self) -> Option<Delivery> {
        let (key, _) = self.wire.first_key_value()?;
        let key = *key;
        if key.0 <= self.now { self.wire.remove(&key) } else { None }
    }

    /// Applies a crash: messages in flight to the host are lost, those to the venue are not.
    pub(super) fn forget_what_comes_in(&mut self) {
        self.wire.retain(|_, delivery| {
            !matches!(
                delivery,
                Delivery::Answer(_)
                    | Delivery::User(_)
                    | Delivery::Market(_)
                    | Delivery::Reconnect(_)
                    | Delivery::Leave(..)
                    | Delivery::Look(..)
                    | Delivery::Account
            )
        });
    }
}
