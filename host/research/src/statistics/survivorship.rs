//! Markets by their end, and the rules by which they were chosen.

use crate::run::{MarketRow, RunData};
use serde::Serialize;

/// Counts of markets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Survivorship {
    /// Markets that the tapes list.
    pub listed: u64,
    /// Markets in which a strategy traded.
    pub traded: u64,
    /// Resolved to one outcome.
    pub resolved: u64,
    /// Resolved to both outcomes alike, or otherwise divided.
    pub void: u64,
    /// Not resolved in the tapes.
    pub open: u64,
    /// Resolved only after the end of the run.
    pub resolved_later: u64,
    /// Rules by which the markets were chosen, as the tapes state them.
    pub chosen: Vec<String>,
}

/// Returns the counts.
pub(crate) fn survivorship(data: &RunData) -> Survivorship {
    let end = data.description.span.1;
    let count = |wanted: &dyn Fn(&MarketRow) -> bool| {
        u64::try_from(data.markets.iter().filter(|market| wanted(market)).count()).unwrap_or(u64::MAX)
    };
    let whole = |market: &MarketRow| market.pays.is_some_and(|pays| [0, 1_000_000].contains(&pays.0));
    let mut chosen: Vec<String> = data.description.tapes.iter().map(|tape| tape.selection.clone()).collect();
    chosen.sort();
    chosen.dedup();
    Survivorship {
        listed: count(&|_| true),
        traded: count(&|market| market.traded),
        resolved: count(&whole),
        void: count(&|market| market.pays.is_some() && !whole(market)),
        open: count(&|market| market.pays.is_none()),
        resolved_later: count(&|market| market.pays.is_some() && market.resolved_at.is_some_and(|at| at > end)),
        chosen,
    }
}
