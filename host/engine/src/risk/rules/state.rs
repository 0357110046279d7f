//! Rules on the state of the bot, restrictions, grants and the market.

use super::{Check, refusal};
use crate::effect::{BotState, Restriction};
use crate::risk::gate::Origin;
use crate::risk::{Refusal, Rule};
use model::input::VenueState;
use model::{MarketState, Side};

pub(super) fn running(check: &Check<'_>) -> Result<(), Refusal> {
    let may = match check.engine.state {
        BotState::Running => true,
        // Guards stay active while the bot is paused.
        BotState::Paused => check.origin == Origin::Guard,
        BotState::Stopped => false,
    };
    if may { Ok(()) } else { Err(refusal(Rule::NotRunning, 0u32, 1u32)) }
}

pub(super) fn restricted(check: &Check<'_>) -> Result<(), Refusal> {
    let market = check.order.token.market();
    let restriction = check.engine.restriction_in(market, check.order.strategy);
    let allowed = match (restriction, check.origin) {
        (Restriction::None, _) => true,
        // Until the venue's account was confirmed to equal the ledger, it is unknown which shares an exit would sell.
        _ if !check.engine.reconciled => false,
        (Restriction::ReduceOnly | Restriction::CancelOnly, Origin::Guard) => true,
        (Restriction::ReduceOnly, _) => check.order.side == Side::Sell && !check.increases_risk(),
        (Restriction::CancelOnly | Restriction::Halted, _) => false,
    };
    let level = |restriction: Restriction| match restriction {
        Restriction::None => 0u32,
        Restriction::ReduceOnly => 1,
        Restriction::CancelOnly => 2,
        Restriction::Halted => 3,
    };
    if allowed { Ok(()) } else { Err(refusal(Rule::Restricted, level(restriction), level(Restriction::None))) }
}

pub(super) fn granted(check: &Check<'_>) -> Result<(), Refusal> {
    let market = check.order.token.market();
    if check.origin == Origin::Guard || check.entry.is_granted(check.order.strategy) {
        return Ok(());
    }
    Err(refusal(Rule::UnknownMarket, market.0, 0u32))
}

pub(super) fn market_open(check: &Check<'_>) -> Result<(), Refusal> {
    let engine = check.engine;
    match engine.markets.state(check.order.token, engine.now, engine.limits.stale_after_micros) {
        MarketState::Open => Ok(()),
        MarketState::Blind | MarketState::Paused => Err(refusal(Rule::MarketNotOpen, 0u32, 1u32)),
        MarketState::Resolved => Err(refusal(Rule::MarketNotOpen, 2u32, 1u32)),
    }
}

/// Refuses an order that the venue does not accept now; a refusal there would cost a request and a second.
pub(super) fn venue_open(check: &Check<'_>) -> Result<(), Refusal> {
    let (state, level) = match check.engine.venue {
        VenueState::Open => return Ok(()),
        VenueState::PostOnly => (check.order.kind.is_post_only(), 1u32),
        VenueState::CancelOnly => (false, 2),
        VenueState::Restarting => (false, 3),
    };
    if state { Ok(()) } else { Err(refusal(Rule::VenueState, level, 0u32)) }
}

/// Refuses new risk in a market that is due to end soon: its price jumps to 0 or 1.
pub(super) fn time_to_end(check: &Check<'_>) -> Result<(), Refusal> {
    let Some(end) = check.entry.market.end.filter(|_| check.increases_risk()) else { return Ok(()) };
    let (left, least) = (end.since(check.engine.now), check.engine.limits.min_time_to_end_micros);
    if left >= least { Ok(()) } else { Err(refusal(Rule::TimeToEnd, left / 1_000_000, least / 1_000_000)) }
}
