//! The price grid of a market where a tape has no notice of its changes.

use model::event::MarketEventKind;
use model::{Price, TickSize};

/// The venue's grids (PROTOCOL 7.2), in millionths.
const GRIDS: [u32; 5] = [10_000, 5_000, 2_500, 1_000, 100];

/// Returns the coarsest grid, finer than `tick`, on which all prices of an event lie; `None` if they lie on `tick`, or on
/// no grid of the venue.
pub(super) fn finer(tick: TickSize, kind: &MarketEventKind) -> Option<TickSize> {
    if on(tick, kind) {
        return None;
    }
    let finer = GRIDS.into_iter().filter(|micros| *micros < tick.micros());
    finer.filter_map(TickSize::from_micros).find(|tick| on(*tick, kind))
}

/// Returns true if all prices of an event lie on a grid.
pub(super) fn on(tick: TickSize, kind: &MarketEventKind) -> bool {
    let is_on = |price: Price| price.is_on(tick);
    match kind {
        MarketEventKind::Book { bids, asks } => {
            bids.iter().chain(asks).all(|level| level.size.is_zero() || is_on(level.price))
        }
        MarketEventKind::Level { price, size, .. } => size.is_zero() || is_on(*price),
        MarketEventKind::Trade { price, .. } => is_on(*price),
        _ => true,
    }
}
