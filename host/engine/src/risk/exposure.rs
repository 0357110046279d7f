//! Worst-case exposure.

use crate::ledger::Ledger;
use crate::markets::{MarketEntry, Markets};
use crate::orders::{OrderEntry, Orders};
use model::{EventId, MarketIx, NewOrder, Price, Side, Size, TokenIx, Usd};

/// The loss at cost if YES wins, and if NO wins; a negative value is a gain.
pub(crate) type Losses = [Usd; 2];

/// Returns the loss in a market for each outcome, over every subset of its open orders, and of matched orders whose
/// trades are not reported yet, being filled: if an outcome wins, the worst case is that the bids for the other outcome
/// and the asks of this one were filled. Shares of both outcomes net, because a pair pays a dollar. Before fees.
pub(crate) fn losses<'a>(ledger: &Ledger, market: MarketIx, at_risk: impl Iterator<Item = &'a OrderEntry>) -> Losses {
    let [yes, no] = [ledger.position(market.token(0)), ledger.position(market.token(1))];
    let cost = yes.cost.saturating_add(no.cost);
    let mut losses = [cost.saturating_sub(face(yes.size)), cost.saturating_sub(face(no.size))];
    at_risk.for_each(|entry| {
        let loss = match entry.order.side {
            Side::Buy => entry.cost_at_risk(),
            Side::Sell => cost_of(entry.order.price.complement(), entry.at_risk()),
        };
        add(&mut losses, &entry.order, loss);
    });
    losses
}

/// Returns the possible loss of an order without any match: for a BUY its cost, for a FOK or FAK BUY its signed
/// dollars; for a SELL the payout that it gives up.
pub(crate) fn loss_of(order: &NewOrder) -> Usd {
    let price = match order.side {
        Side::Buy => order.price,
        Side::Sell => order.price.complement(),
    };
    order.dollars().unwrap_or_else(|| cost_of(price, order.size))
}

/// Adds the possible loss of an order. Its possible gain is not netted before it is filled: shares that may never
/// arrive complete no pair.
pub(crate) fn add(losses: &mut Losses, order: &NewOrder, loss: Usd) {
    let wins = u32::from(order.side == Side::Buy) ^ order.token.outcome();
    // A bid for YES loses if NO wins, an ask of YES if YES wins, and vice versa for NO.
    if let Some(sum) = losses.get_mut(usize::from(wins == 1)) {
        *sum = sum.saturating_add(loss);
    }
}

/// Returns the larger loss, never below zero.
pub(crate) fn worst(losses: Losses) -> Usd {
    losses.into_iter().max().unwrap_or_default().max(Usd::ZERO)
}

/// Returns the worst-case loss at cost over the markets of an event of which at most one resolves to YES, with `extra`
/// filled too: the maximum over each of them winning and none winning.
pub(crate) fn event_loss(ledger: &Ledger, orders: &Orders, markets: &Markets, event: EventId, extra: &NewOrder) -> Usd {
    let mut none_wins = Usd::ZERO;
    let mut worst_switch = Usd::ZERO;
    for (market, _) in markets.iter().filter(|(_, entry)| entry.market.event == Some(event)) {
        let mut losses = losses(ledger, market, orders.at_risk_in(market));
        if extra.token.market() == market {
            add(&mut losses, extra, loss_of(extra));
        }
        let [yes, no] = losses;
        none_wins = none_wins.saturating_add(no);
        worst_switch = worst_switch.max(yes.saturating_sub(no));
    }
    none_wins.saturating_add(worst_switch).max(Usd::ZERO)
}

/// Returns true if a market is held (except for dust below the minimum size) or bid for.
pub(crate) fn is_position(ledger: &Ledger, orders: &Orders, market: MarketIx, entry: &MarketEntry) -> bool {
    let held = [0, 1].into_iter().any(|outcome| {
        let size = ledger.position(market.token(outcome)).size;
        !size.is_zero() && size >= entry.market.min_size
    });
    held || orders.at_risk_in(market).any(|order| order.order.side == Side::Buy)
}

/// Returns the number of markets held or bid for. Visits only markets with holdings or orders.
pub(crate) fn open_positions(ledger: &Ledger, orders: &Orders, markets: &Markets) -> u32 {
    let with_orders = orders.markets_at_risk();
    // A market counts once, by its first token that is held, unless it already counted by its orders.
    let held = ledger.positions().filter(|(_, position)| !position.size.is_zero()).map(|(token, _)| token);
    let held = held.filter(|token| {
        let first = token.outcome() == 0 || ledger.position(token.complement()).size.is_zero();
        first && !orders.is_at_risk_in(token.market())
    });
    let all = with_orders.chain(held.map(TokenIx::market));
    let counts =
        |market: &MarketIx| markets.get(*market).is_some_and(|entry| is_position(ledger, orders, *market, entry));
    u32::try_from(all.filter(counts).count()).unwrap_or(u32::MAX)
}

fn face(size: Size) -> Usd {
    size.face_value().unwrap_or(Usd(i64::MAX))
}

fn cost_of(price: Price, size: Size) -> Usd {
    price.cost_ceil(size).unwrap_or(Usd(i64::MAX))
}
