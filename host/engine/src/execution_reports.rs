//! Execution reports: acks, order updates, trades, and results of order queries.

use crate::account::reserve_of;
use crate::breakers::Trip;
use crate::effect::{Effect, Effects, EngineEvent};
use crate::orders::{By, Fill, FillKey, OrderEntry};
use crate::step::{CANCEL_RETRY_MICROS, Engine};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{Breaker, CancelOutcome, PlaceOutcome, Settlement, TradeUpdate, VenueStatus};
use model::order::DOLLARS_DUST;
use model::{FillEntry, OrderId, OrderState, OwnEvent, Size, StrategyId, Time, Usd};

/// The time after a failed cancel at which it is repeated.
const CANCEL_AGAIN_MICROS: u64 = 500_000;
/// The time that a cancel acknowledged by the venue waits for the user channel's update, which has the matched shares,
/// before the order is queried.
const CANCEL_WORD_MICROS: u64 = 1_000_000;
/// The time without any response after which a placement counts as unknown. The driver reports an outcome much sooner.
const PENDING_MAX_MICROS: u64 = 30_000_000;
/// The proof that an order does not exist: two "not found" results this far apart, the later one this long after the
/// send.
const DENIALS_APART_MICROS: u64 = 30_000_000;
const DENIAL_AFTER_MICROS: u64 = 60_000_000;
/// A match that is not settled after this time may have lost its message: the order is queried.
const SETTLES_WITHIN_MICROS: u64 = 60_000_000;
/// The interval at which an order of unknown outcome is queried.
const LOOK_MICROS: u64 = 5_000_000;

impl Engine {
    pub(crate) fn on_placed(&mut self, order: OrderId, outcome: &PlaceOutcome, effects: &mut Effects) {
        let Some(entry) = self.orders.get(order) else {
            return self.stranger(order, effects);
        };
        let (rests, cancel) = (entry.order.kind.rests(), entry.cancel.is_some());
        let now = self.now;
        match outcome {
            PlaceOutcome::Live | PlaceOutcome::Delayed => {
                self.change(order, effects, |entry| {
                    if matches!(entry.state, OrderState::Pending | OrderState::Unknown) {
                        entry.state = if entry.matched.is_zero() { OrderState::Live } else { OrderState::PartlyFilled };
                        entry.unknown = None;
                    }
                });
            }
            PlaceOutcome::Matched { matched } => self.change(order, effects, |entry| {
                entry.matched = entry.matched.max((*matched).min(entry.order.shares_max()));
                entry.unknown = None;
                if !entry.state.is_over() {
                    entry.state = match (entry.is_whole(), rests) {
                        (true, _) => OrderState::Filled,
                        (false, true) if entry.matched.is_zero() => OrderState::Live,
                        (false, true) => OrderState::PartlyFilled,
                        // The unmatched part of an order that cannot rest is cancelled.
                        (false, false) => OrderState::Cancelled,
                    };
                }
            }),
            PlaceOutcome::Refused { reason } | PlaceOutcome::NotSent { reason } => {
                self.change(order, effects, |entry| {
                    if entry.matched.is_zero() && !entry.state.is_over() {
                        entry.state = OrderState::Refused;
                        entry.reason.clone_from(reason);
                        entry.unknown = None;
                    }
                })
            }
            PlaceOutcome::Unknown { reason } => self.change(order, effects, |entry| {
                if entry.state == OrderState::Pending {
                    entry.state = OrderState::Unknown;
                    entry.reason.clone_from(reason);
                    entry.unknown = Some(now);
                }
            }),
        }
        // A cancel requested while the order was in flight found nothing; it may find the order now.
        if cancel && self.orders.get(order).is_some_and(OrderEntry::is_open) {
            effects.push(Effect::Cancel { order });
        }
    }

    pub(crate) fn on_cancel_answer(&mut self, order: OrderId, outcome: &CancelOutcome, effects: &mut Effects) {
        let now = self.now;
        match outcome {
            CancelOutcome::Cancelled => {
                let _ = self.quietly(order, |entry| entry.cancel_acked = entry.cancel_acked.or(Some(now)));
            }
            // Either the order has not arrived yet, or its end is reported on the user channel; a query decides.
            CancelOutcome::NotOpen => {
                if self.orders.get(order).is_some_and(|entry| entry.is_open() && entry.state != OrderState::Pending) {
                    effects.push(Effect::QueryOrder { order });
                }
            }
            CancelOutcome::Failed { .. } => {
                let _ = self.quietly(order, |entry| entry.cancel_failed = Some(now));
            }
            CancelOutcome::Swept { reason } => self.on_swept(order, reason, effects),
        }
    }

    /// Handles an order that was cancelled without a request for it, because the host cancelled more than was named.
    /// Its end may have been reported already.
    fn on_swept(&mut self, order: OrderId, reason: &Reason, effects: &mut Effects) {
        let now = self.now;
        let Some(entry) = self.orders.get(order) else { return };
        let (wanted, state) = (entry.cancel.is_some(), entry.state);
        if !state.is_over() {
            let _ = self.quietly(order, |entry| {
                entry.cancel_acked = entry.cancel_acked.or(Some(now));
                if !wanted {
                    entry.reason.clone_from(reason);
                }
            });
        } else if state == OrderState::Cancelled
            && !wanted
            && let Some(entry) = self.quietly(order, |entry| entry.reason.clone_from(reason))
        {
            let (order, filled, reason) = (entry.order, entry.matched, entry.reason);
            effects.push(Effect::Event(EngineEvent::Order { order, state, filled, reason }));
        }
    }

    pub(crate) fn on_order_update(
        &mut self,
        order: OrderId,
        status: VenueStatus,
        matched: Size,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.orders.get(order) else {
            return self.stranger(order, effects);
        };
        if entry.state == OrderState::Refused && status != VenueStatus::Invalid {
            self.late_appearance(order, effects);
        }
        self.change(order, effects, |entry| {
            entry.matched = entry.matched.max(matched.min(entry.order.shares_max()));
            entry.unknown = None;
            // A FOK or FAK BUY that matched enough shares may have dollars left: only the report of its end closes it.
            let whole = if status == VenueStatus::Matched { entry.is_whole() } else { entry.is_spent() };
            entry.state = match (status, entry.state) {
                // A finished order stays finished, but a wrongly assumed refusal is corrected.
                (_, state @ (OrderState::Filled | OrderState::Cancelled)) => state,
                (VenueStatus::Invalid, _) => OrderState::Refused,
                (_, _) if whole => OrderState::Filled,
                (VenueStatus::Cancelled | VenueStatus::Matched, _) => OrderState::Cancelled,
                (VenueStatus::Live, _) if entry.matched.is_zero() => OrderState::Live,
                (VenueStatus::Live, _) => OrderState::PartlyFilled,
            };
        });
    }

    pub(crate) fn on_trade(&mut self, trade: &TradeUpdate, effects: &mut Effects) {
        let key: FillKey = (trade.trade, trade.part, trade.order);
        match self.orders.fill(&key) {
            Some(fill) => self.update_settlement(key, fill, trade, effects),
            None if trade.settlement == Settlement::Failed => self.record_failed_trade(key, trade, effects),
            None => self.book_fill(key, trade, effects),
        }
    }

    /// Handles the failure of a match that was never booked: no money moved, but its shares are no longer expected.
    fn record_failed_trade(&mut self, key: FillKey, trade: &TradeUpdate, effects: &mut Effects) {
        let Some(order) = self.orders.get(trade.order).map(|entry| entry.order) else {
            return self.stranger(trade.order, effects);
        };
        let model::NewOrder { id, token, side, strategy, .. } = order;
        let (size, cost, fee, basis) = (trade.size, Usd::ZERO, Usd::ZERO, [Usd::ZERO; 2]);
        let entry = FillEntry { strategy, token, side, size, cost, fee, basis };
        self.orders.remember(key, Fill { entry, settlement: Settlement::Failed, at: self.now }, self.now);
        let spent = trade.cost().unwrap_or_default();
        self.change(id, effects, |entry| entry.record_trade(size, spent));
        self.notify_fill(key, trade, effects);
    }

    fn book_fill(&mut self, key: FillKey, trade: &TradeUpdate, effects: &mut Effects) {
        let Some(entry) = self.orders.get(trade.order).cloned() else {
            return self.stranger(trade.order, effects);
        };
        let order = entry.order;
        self.doubt_fill(&entry, trade, effects);
        let Some((cost, fee)) = self.money_of(&order, trade) else {
            return self.trip(Trip::session(Breaker::InvariantBroken, "the cost of a fill overflowed"), effects);
        };
        let booked = self.ledger.book(order.strategy, order.token, order.side, trade.size, cost, fee);
        let booked = match booked {
            Ok(booked) => booked,
            // Shares owned by strategies were sold externally.
            Err(error) if order.strategy == StrategyId::EXTERNAL => {
                return self.trip(Trip::session(Breaker::ReconciliationMismatch, error.to_string()), effects);
            }
            Err(error) => return self.trip(Trip::session(Breaker::InvariantBroken, error.to_string()), effects),
        };
        let settlement = trade.settlement.min(Settlement::Mined);
        let fill = Fill { entry: booked, settlement, at: self.now };
        self.orders.remember(key, fill, self.now);
        let model::NewOrder { id, tag, token, side, strategy, .. } = order;
        let event = OwnEvent::Fill {
            order: id,
            tag,
            token,
            side,
            price: trade.price(),
            size: trade.size,
            fee,
            trade: trade.trade,
            part: trade.part,
        };
        effects.push(Effect::NotifyOwn { strategy, event });
        self.change(id, effects, |entry| {
            entry.record_trade(trade.size, cost);
            entry.unknown = None;
            entry.state = match entry.state {
                _ if entry.is_traded_whole() => OrderState::Filled,
                OrderState::Pending | OrderState::Live | OrderState::Unknown => OrderState::PartlyFilled,
                // The matched shares sufficed, but now that all trades are reported, dollars are left.
                OrderState::Filled if !entry.is_whole() => OrderState::Cancelled,
                state => state,
            };
        });
        if settlement > Settlement::Matched {
            self.notify_settlement(trade, settlement, effects);
        }
        self.notify_fill(key, trade, effects);
        if strategy != StrategyId::EXTERNAL {
            self.record_fill(&order, effects);
            self.score_fill(&order, fee, effects);
        }
        if trade.settlement > Settlement::Mined {
            self.update_settlement(key, fill, trade, effects);
        }
    }

    /// Returns the cost of (or proceeds from) a fill and its fee.
    fn money_of(&self, order: &model::NewOrder, trade: &TradeUpdate) -> Option<(Usd, Usd)> {
        let rate = self.markets.of_token(order.token).map(|market| market.market.fee).unwrap_or_default();
        let fee = if trade.maker { Some(Usd::ZERO) } else { rate.taker_fee(trade.price(), trade.size) };
        trade.cost().zip(fee)
    }

    /// Checks a fill for plausibility. An impossible fill is booked anyway, because the money moved, but it shows that
    /// our orders differ from the venue's. A FOK or FAK BUY gets more shares than it names where prices are better, but
    /// never spends more than its dollars.
    fn doubt_fill(&mut self, entry: &OrderEntry, trade: &TradeUpdate, effects: &mut Effects) {
        let (order, cost) = (&entry.order, trade.cost().unwrap_or(Usd(i64::MAX)));
        let reason = match order.dollars() {
            Some(dollars) if entry.spent.saturating_add(cost) >= dollars.saturating_add(DOLLARS_DUST) => {
                Some(format!("order {} of {dollars} dollars overspent by a fill of {cost}", order.id))
            }
            None if entry.traded.saturating_add(trade.size) > order.size && !entry.explains(cost) => {
                Some(format!("order {} of {} shares overfilled by a fill of {}", order.id, order.size, trade.size))
            }
            _ => None,
        };
        if let Some(reason) = reason {
            self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
        }
        if entry.state == OrderState::Refused {
            self.late_appearance(order.id, effects);
        }
    }

    /// Updates the settlement of a booked fill: confirmed, or failed and reversed.
    fn update_settlement(&mut self, key: FillKey, fill: Fill, trade: &TradeUpdate, effects: &mut Effects) {
        // Messages are repeated and reordered; only progress counts, and a final state stays final.
        if fill.is_final() || trade.settlement <= fill.settlement {
            return;
        }
        match trade.settlement {
            Settlement::Confirmed => self.ledger.settle_trade(&fill.entry),
            Settlement::Failed => {
                if let Err(error) = self.ledger.reverse(&fill.entry) {
                    self.trip(Trip::session(Breaker::InvariantBroken, error.to_string()), effects);
                }
                self.unscore_fee(&fill.entry);
            }
            Settlement::Matched | Settlement::Mined | Settlement::Retrying => {}
        }
        let fill = Fill { settlement: trade.settlement, ..fill };
        self.orders.remember(key, fill, self.now);
        self.notify_settlement(trade, trade.settlement, effects);
        if fill.is_final() {
            self.record_ending(trade.settlement == Settlement::Failed, effects);
        }
        self.notify_fill(key, trade, effects);
    }

    /// Notifies a strategy of the settlement state of one of its fills.
    fn notify_settlement(&self, trade: &TradeUpdate, settlement: Settlement, effects: &mut Effects) {
        let Some(model::NewOrder { id, tag, token, side, strategy, .. }) =
            self.orders.get(trade.order).map(|entry| entry.order)
        else {
            return;
        };
        let event = OwnEvent::Settlement {
            order: id,
            tag,
            token,
            side,
            price: trade.price(),
            size: trade.size,
            trade: trade.trade,
            part: trade.part,
            settlement,
        };
        effects.push(Effect::NotifyOwn { strategy, event });
    }

    fn notify_fill(&self, key: FillKey, trade: &TradeUpdate, effects: &mut Effects) {
        let Some(Fill { entry, .. }) = self.orders.fill(&key) else {
            return;
        };
        effects.push(Effect::Event(EngineEvent::Fill {
            order: trade.order,
            strategy: entry.strategy,
            trade: trade.trade,
            part: trade.part,
            token: entry.token,
            side: entry.side,
            price: trade.price(),
            size: trade.size,
            cost: entry.cost,
            fee: entry.fee,
            maker: trade.maker,
            settlement: trade.settlement,
        }));
        let position = self.ledger.position(entry.token);
        let (size, cost, realised) = (position.size, position.cost, position.realised);
        effects.push(Effect::Event(EngineEvent::Position { token: entry.token, size, cost, realised }));
        let part = self.ledger.part(entry.strategy, entry.token);
        let event = OwnEvent::Position { token: entry.token, size: part.size, cost: part.cost };
        effects.push(Effect::NotifyOwn { strategy: entry.strategy, event });
    }

    /// Handles the result of an order query.
    pub(crate) fn on_looked(&mut self, order: OrderId, denied: bool, asked: Time, effects: &mut Effects) {
        if !denied {
            return;
        }
        let Some(entry) = self.orders.get(order).filter(|entry| entry.is_open()) else {
            return;
        };
        // The venue removed it from the book before the query was sent, and no trade is known.
        if entry.cancel_acked.is_some_and(|acked| asked >= acked) {
            return self.change(order, effects, |entry| entry.state = OrderState::Cancelled);
        }
        let Some(first) = entry.denied else {
            let _ = self.quietly(order, |entry| entry.denied = Some(asked));
            return;
        };
        // A result may be older than later reports by the venue, so a single "not found" proves nothing.
        if asked.since(first) < DENIALS_APART_MICROS {
            return;
        }
        match entry.unknown {
            Some(since) if asked.since(since) >= DENIAL_AFTER_MICROS => self.change(order, effects, |entry| {
                entry.state = OrderState::Refused;
                entry.reason =
                    Reason::from("never reached the venue: not found twice by order id, open orders and trades");
            }),
            // The order existed and no longer does, and no trade explains it.
            None if entry.cancel.is_some() && entry.state != OrderState::Pending => {
                self.change(order, effects, |entry| entry.state = OrderState::Cancelled);
            }
            _ => {}
        }
    }

    /// Requests the cancel of an order, now and until it is finished. A cancel decided by the host is sent again if the
    /// earlier one was not the host's, because the shell may cancel more for it.
    pub(crate) fn cancel(&mut self, order: OrderId, by: By, effects: &mut Effects) {
        let now = self.now;
        let Some(entry) = self.orders.get(order).filter(|entry| entry.is_open()) else { return };
        let raised = by == By::Host && !entry.by_host && entry.cancel_acked.is_none();
        if entry.cancel.is_some() && !raised {
            return;
        }
        let _ = self.quietly(order, |entry| {
            (entry.cancel, entry.cancel_failed) = (Some(now), None);
            entry.by_host |= by == By::Host;
        });
        effects.push(Effect::Cancel { order });
    }

    /// Cancels the open orders selected by `pick`, external orders excepted.
    pub(crate) fn cancel_where(&mut self, pick: impl Fn(&OrderEntry) -> bool, by: By, effects: &mut Effects) {
        let picked = self.orders.open().filter(|entry| entry.order.strategy != StrategyId::EXTERNAL && pick(entry));
        let picked: Vec<OrderId> = picked.map(|entry| entry.order.id).collect();
        picked.into_iter().for_each(|order| self.cancel(order, by, effects));
    }

    /// Marks all our orders for cancel, where a single call to the venue cancels all of them.
    pub(crate) fn mark_all_for_cancel(&mut self) {
        let now = self.now;
        let open: Vec<OrderId> = self.orders.open().map(|entry| entry.order.id).collect();
        for order in open {
            let _ = self.quietly(order, |entry| {
                entry.cancel = entry.cancel.or(Some(now));
                entry.by_host = true;
            });
        }
    }

    /// Checks everything that depends on time: cancels to repeat, missing responses, unknown orders to query.
    pub(crate) fn watch_orders(&mut self, effects: &mut Effects) {
        let now = self.now;
        let overdue = self.orders.overdue(now, SETTLES_WITHIN_MICROS);
        effects.extend(overdue.into_iter().map(|order| Effect::QueryOrder { order }));
        let at_risk: Vec<OrderEntry> = self.orders.at_risk().filter(|entry| entry.is_watched()).cloned().collect();
        for entry in at_risk {
            let order = entry.order.id;
            if !entry.is_open() {
                // Shares were matched but their trade was not reported; the message may be lost.
                if now.since(entry.touched) >= LOOK_MICROS {
                    let _ = self.quietly(order, |entry| entry.touched = now);
                    effects.push(Effect::QueryOrder { order });
                }
                continue;
            }
            // A part may have been matched before the cancel, so the ack alone does not give the matched shares.
            if entry.cancel_acked.is_some_and(|at| now.since(at.max(entry.touched)) >= CANCEL_WORD_MICROS) {
                let _ = self.quietly(order, |entry| entry.touched = now);
                effects.push(Effect::QueryOrder { order });
                continue;
            }
            if entry.state == OrderState::Pending && now.since(entry.touched) >= PENDING_MAX_MICROS {
                let reason = Reason::from("no response");
                self.on_placed(order, &PlaceOutcome::Unknown { reason }, effects);
            }
            if entry.unknown.is_some() && now.since(entry.touched) >= LOOK_MICROS {
                let _ = self.quietly(order, |entry| entry.touched = now);
                effects.push(Effect::QueryOrder { order });
            }
            let failed = entry.cancel_failed.is_some_and(|at| now.since(at) >= CANCEL_AGAIN_MICROS);
            if entry.cancel.is_some_and(|at| failed || now.since(at) >= CANCEL_RETRY_MICROS) {
                let _ = self.quietly(order, |entry| (entry.cancel, entry.cancel_failed) = (Some(now), None));
                effects.push(Effect::Cancel { order });
            }
        }
    }

    /// Changes an order; notifies rows, strategy and standing quotes if its visible state changed.
    fn change(&mut self, order: OrderId, effects: &mut Effects, change: impl FnOnce(&mut OrderEntry)) {
        let Some(before) = self.orders.get(order).map(|entry| (entry.state, entry.matched, entry.traded)) else {
            return;
        };
        let now = self.now;
        let Some(entry) = self.quietly(order, |entry| {
            change(entry);
            entry.touched = now;
            entry.denied = None;
        }) else {
            return;
        };
        if before == (entry.state, entry.matched, entry.traded) {
            return;
        }
        self.notify_order(&entry, effects);
        if entry.target {
            self.renew_quote(entry.order.strategy, entry.order.token, effects);
        }
    }

    /// Changes an order and the sums that depend on it, without notifying.
    fn quietly(&mut self, order: OrderId, change: impl FnOnce(&mut OrderEntry)) -> Option<OrderEntry> {
        self.orders.update(order, |entry| reserve_of(&self.markets, entry), change)
    }

    /// Sends an order's state to the rows and its strategy.
    pub(crate) fn notify_order(&self, entry: &OrderEntry, effects: &mut Effects) {
        let OrderEntry { order, state, matched, ref reason, .. } = *entry;
        effects.push(Effect::Event(EngineEvent::Order { order, state, filled: matched, reason: reason.clone() }));
        let event = OwnEvent::Order {
            order: order.id,
            tag: order.tag,
            token: order.token,
            side: order.side,
            price: order.price,
            size: order.size,
            filled: matched,
            state,
        };
        effects.push(Effect::NotifyOwn { strategy: order.strategy, event });
    }

    fn late_appearance(&mut self, order: OrderId, effects: &mut Effects) {
        let reason = format!("order {order} was treated as refused but exists at the venue");
        self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
    }

    fn stranger(&mut self, order: OrderId, effects: &mut Effects) {
        let reason = format!("the venue reported unknown order {order}");
        self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
    }
}
