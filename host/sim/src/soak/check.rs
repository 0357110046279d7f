//! The invariants, computed independently of the engine's own sums.

use super::Story;
use alloc::format;
use alloc::string::String;
use engine::{Approved, BotState, Placement, Restriction};
use model::input::AccountView;
use model::{CarriedOrder, CarryOver, MarketIx, NewOrder, OrderId, Side, Size, Usd};

impl Story<'_> {
    /// Checks an approval when it is given.
    pub(super) fn check_approval(&self, approved: &Approved<Placement>) -> Result<(), String> {
        let engine = &self.host.engine;
        let order = approved.item().order;
        let summary = engine.summary();
        if order.id <= self.host.last_order {
            return Err(format!("order {} was approved after order {}", order.id, self.host.last_order));
        }
        if approved.signs() {
            return Err(format!("order {} could be signed, but the engine only simulates", order.id));
        }
        if summary.state == BotState::Stopped || summary.restriction == Restriction::Halted {
            return Err(format!(
                "order {} was approved while {:?} and {:?}",
                order.id, summary.state, summary.restriction
            ));
        }
        if !self.host.proved {
            return Err(format!("order {} was approved before the account was reconciled", order.id));
        }
        self.check_exposure(&order)?;
        self.check_budget(&order)?;
        if order.side == Side::Buy {
            let free = summary.cash.saturating_sub(summary.reserved);
            if free < Usd::ZERO {
                return Err(format!("order {} leaves {free} of free cash", order.id));
            }
        }
        Ok(())
    }

    /// Returns true if the venue's account equals the ledger.
    pub(super) fn is_equal(&self, view: &AccountView) -> bool {
        let ledger = self.host.engine.ledger();
        let shares =
            |token| view.shares.iter().find(|(other, _)| *other == token).map_or(Size::ZERO, |(_, size)| *size);
        view.cash == ledger.cash() && ledger.positions().all(|(token, position)| position.size == shares(token))
    }

    /// Checks that a session with a carry-over resets nothing.
    pub(super) fn check_carry(&self, left: &CarryOver) -> Result<(), String> {
        let now = self.host.engine.carry(|_| true);
        let same = [
            ("cash", now.cash == left.cash && now.fees == left.fees && now.unsettled == left.unsettled),
            ("positions", now.positions == left.positions && now.parts == left.parts),
            ("fills", now.fills == left.fills),
            ("order numbers", now.last_order >= left.last_order),
            ("breakers", left.breakers.iter().all(|tripped| now.breakers.contains(tripped))),
            ("restrictions", now.restrictions == left.restrictions),
            ("cool-downs", now.cooling.iter().all(|place| left.cooling.contains(place))),
            ("peak", now.peak >= left.peak),
        ];
        let kept = |order: &&CarriedOrder| now.orders.iter().any(|here| here.order == order.order);
        let lost = left.orders.iter().find(|order| !kept(order));
        match (same.iter().find(|(_, same)| !same), lost) {
            (Some((what, _)), _) => Err(format!("{what} of the new session differ from those that the last one left")),
            (None, Some(order)) => Err(format!("the new session does not know order {}", order.order.id)),
            (None, None) => Ok(()),
        }
    }

    /// Checks that the worst case of the market, and the order's own cost, are within their limits if the order
    /// increased them.
    fn check_exposure(&self, order: &NewOrder) -> Result<(), String> {
        let limits = self.host.engine.limits();
        let market = order.token.market();
        let (after, before) =
            (self.worst_loss(market, order.id), self.worst_loss(market, OrderId(order.id.0.saturating_sub(1))));
        // A guard's exit may break up a pair.
        if after <= before || order.tag == u64::MAX {
            return Ok(());
        }
        if after > limits.max_market {
            return Err(format!("order {} raises the worst loss of market {market} to {after}", order.id));
        }
        let cost = alone(order, order.size, Usd::ZERO, true);
        if cost > limits.max_order {
            return Err(format!("order {} costs {cost}", order.id));
        }
        Ok(())
    }

    /// Checks that the strategy's positions and bids, this order included, are within its budget. The budget is the
    /// soak's own copy.
    fn check_budget(&self, order: &NewOrder) -> Result<(), String> {
        let budget = self.host.budgets.get(&order.strategy).and_then(|budget| budget.capital);
        let Some(budget) = budget.filter(|_| order.side == Side::Buy) else { return Ok(()) };
        let engine = &self.host.engine;
        let held = engine.ledger().parts().filter(|(who, ..)| *who == order.strategy).map(|(.., part)| part.cost);
        // Later orders were approved in the same step, after the checked one.
        let bids = engine.at_risk().filter(|(other, ..)| other.strategy == order.strategy && other.side == Side::Buy);
        let bids = bids.filter(|(other, ..)| other.id <= order.id);
        let costs = bids.map(|(other, size, spent)| alone(&other, size, spent, self.is_open(other.id)));
        let capital = held.chain(costs).fold(Usd::ZERO, |sum, cost| sum.saturating_add(cost));
        if capital <= budget {
            return Ok(());
        }
        Err(format!("order {} binds {capital} of strategy {}, whose budget is {budget}", order.id, order.strategy.0))
    }

    /// Returns the worst case over the outcomes, with every subset of the orders up to `last` filled. Later orders were
    /// approved in the same step, after the checked one.
    fn worst_loss(&self, market: MarketIx, last: OrderId) -> Usd {
        let engine = &self.host.engine;
        let mut worst = Usd::ZERO;
        for winner in [0, 1] {
            let held = [0, 1].map(|outcome| engine.ledger().position(market.token(outcome)));
            let cost = held.iter().fold(0i64, |sum, position| sum.saturating_add(position.cost.0));
            let won = held.get(winner).map_or(Size::ZERO, |position| position.size);
            let mut loss = cost.saturating_sub(i64::try_from(won.0).unwrap_or(i64::MAX));
            for (order, size, spent) in engine.at_risk() {
                if order.token.market() != market || order.id > last {
                    continue;
                }
                let pays = usize::try_from(order.token.outcome()) == Ok(winner);
                // Possible winnings are not netted: a BUY that may get more shares than it names nets none.
                if pays == (order.side == Side::Sell) {
                    loss = loss.saturating_add(alone(&order, size, spent, self.is_open(order.id)).0);
                }
            }
            worst = worst.max(Usd(loss));
        }
        worst
    }

    fn is_open(&self, order: OrderId) -> bool {
        self.host.engine.order_state(order).is_some_and(|state| !state.is_over())
    }

    /// Checks the invariants that hold after every step.
    pub(super) fn check(&self) -> Result<(), String> {
        // Every order of ours on the venue's book is one that the engine manages.
        for open in self.world.venue.orders(self.world.member.account()) {
            let Some(ours) = self.world.member.order(open.id) else {
                return Err(format!("the venue has our order {}, which was never sent", open.id));
            };
            let state = self.host.engine.order_state(ours.id);
            if state.is_none_or(|state| state.is_over()) {
                return Err(format!("order {} is on the venue's book but {state:?} in the engine", ours.id));
            }
        }
        Ok(())
    }

    /// Checks after the calm that nothing is open on either side, and both sides' books are equal to the millionth.
    pub(super) fn compare_books(&self) -> Result<(), String> {
        let (engine, world) = (&self.host.engine, &self.world);
        let open: usize = world.venue.orders(world.member.account()).count();
        if open > 0 {
            return Err(format!("{open} orders are open at the venue after the calm"));
        }
        let unfinished = engine.open_orders().map(|(order, state, _)| (order.id, state)).next();
        if let Some((order, state)) = unfinished {
            return Err(format!("order {order} is still {state:?} after the calm"));
        }
        let theirs = world.account_view();
        if theirs.cash != engine.ledger().cash() {
            return Err(format!("cash: {} in the ledger, {} at the venue", engine.ledger().cash(), theirs.cash));
        }
        for token in world.tokens() {
            let there = theirs.shares.iter().find(|(other, _)| *other == token).map_or(Size::ZERO, |(_, size)| *size);
            let position = engine.ledger().position(token);
            if there != position.size {
                return Err(format!("token {token}: {} shares in the ledger, {there} at the venue", position.size));
            }
            if !position.unsettled.is_zero() {
                return Err(format!("token {token}: {} shares are still unsettled", position.unsettled));
            }
        }
        let summary = engine.summary();
        if summary.reserved != Usd::ZERO {
            return Err(format!("{} is still reserved although nothing is open", summary.reserved));
        }
        if !engine.is_reconciled() {
            return Err(String::from("the account was never reconciled"));
        }
        Ok(())
    }
}

/// Returns the possible loss of an order by itself of which `size` shares may still match and `spent` was spent. An
/// open market BUY can spend the rest of its dollars, whatever they buy.
fn alone(order: &NewOrder, size: Size, spent: Usd, open: bool) -> Usd {
    let price = if order.side == Side::Buy { order.price } else { order.price.complement() };
    let cost = price.cost_ceil(size).unwrap_or(Usd(i64::MAX));
    let left = order.dollars().map(|dollars| dollars.saturating_sub(spent).max(Usd::ZERO));
    left.map_or(cost, |left| if open { left } else { cost.min(left) })
}
