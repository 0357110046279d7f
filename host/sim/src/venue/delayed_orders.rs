//! The sports delay (PROTOCOL 6): an order that would match at once is delayed, and processed when the delay ends.
//! Until then it cannot be cancelled, and the amount it needs is reserved.

use super::Venue;
use super::place::cash_needed;
use super::types::{AccountId, Change, Event, Order, Reject};
use model::{Side, Time, VenueOrderId};

/// The most delayed orders.
const HELD_MAX: usize = 10_000;

/// A delayed order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    order: Order,
    account: AccountId,
    since: Time,
    /// The amount reserved for it, in base units of what it gives.
    needed: i128,
}

impl Venue {
    /// Returns true if an order would match at once.
    pub fn is_marketable(&self, account: AccountId, order: &Order) -> bool {
        self.consider(account, order).is_ok_and(|(_, plan)| !plan.is_empty())
    }

    /// Delays an order, until [`Venue::release`] at `until` or later.
    ///
    /// # Errors
    /// [`Reject`], as for an order without a delay; nothing was changed then.
    pub fn hold(&mut self, now: Time, account: AccountId, order: &Order, until: Time) -> Result<(), Reject> {
        self.check_new(order.id)?;
        if self.held.len() >= HELD_MAX {
            return Err(Reject::TooManyOrders);
        }
        let (taker, plan) = self.consider(account, order)?;
        let needed = match order.side {
            Side::Sell => i64::try_from(order.size.micros()).ok(),
            Side::Buy => cash_needed(order, taker.fee, &plan),
        };
        let needed = i128::from(needed.ok_or(Reject::Range)?);
        self.remember(order.id);
        self.ledger.hold(account, order.side, order.token, needed);
        self.held.insert((until, order.id), Held { order: *order, account, since: now, needed });
        self.events.push(Event::Order { at: now, change: Change::Delayed, order: order.opened(account, now) });
        Ok(())
    }

    /// Releases the orders whose delay is over, in the order of its end: each matches, rests or is refused.
    pub fn release(&mut self, now: Time) {
        while self.held.first_key_value().is_some_and(|((until, _), _)| *until <= now) {
            let Some((_, Held { order, account, since, needed })) = self.held.pop_first() else { break };
            self.ledger.hold(account, order.side, order.token, needed.saturating_neg());
            match self.consider(account, &order) {
                Ok((taker, plan)) => drop(self.accept(now, &taker, &order, &plan, Some(since))),
                Err(reject) => {
                    let order = order.opened(account, since);
                    self.events.push(Event::Order { at: now, change: Change::Refused(reject), order });
                }
            }
        }
    }

    /// Returns true if an order is delayed.
    pub fn is_held(&self, id: VenueOrderId) -> bool {
        self.held.keys().any(|(_, held)| *held == id)
    }
}
