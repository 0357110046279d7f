use super::*;
use alloc::vec;
use model::{Level, Price, Side, Size};
use proptest::prelude::*;

/// Returns true if a book is crossed, whatever was noted.
fn is_any_crossed(markets: &Markets) -> bool {
    markets.books.iter().any(|books| [0, 1].into_iter().any(|outcome| books.token(outcome).book.is_crossed()))
}

proptest! {
    /// The changes are: a level of one token, of both, a snapshot, the loss of a book, a look for suspects. A crossed book
    /// that is not noted would never be requested again.
    #[test]
    fn a_crossed_book_is_always_noted(
        changes in proptest::collection::vec((0u8..7, 0u32..2, any::<bool>(), 45u32..55, 0u64..3), 0..100),
    ) {
        let mut markets = Markets::default();
        let market = markets.add(Market::synthetic(1)).unwrap();
        for (at, (kind, outcome, buy, cents, shares)) in (1u64..).zip(changes) {
            let (token, now) = (market.token(outcome), Time(at.saturating_mul(1_500_000)));
            let side = if buy { Side::Buy } else { Side::Sell };
            let (price, size) = (Price::from_micros(cents.saturating_mul(10_000)).unwrap(), Size::shares(shares));
            let change = LevelChange { token, venue_time: now, side, price, size, both: kind == 1 };
            let apply = |markets: &mut Markets, kind| {
                markets.apply(&MarketEvent { token, venue_time: now, kind }, now);
            };
            match kind {
                0 => drop(markets.set_level(&change, now)),
                1 => drop(markets.set_both(&change, now)),
                2 | 3 => {
                    let (bids, asks) = (vec![Level { price, size: Size(1) }], vec![Level { price: price.complement(), size }]);
                    apply(&mut markets, MarketEventKind::Book { bids, asks });
                }
                4 => apply(&mut markets, MarketEventKind::Unread { grid: false }),
                5 => apply(&mut markets, change.event().kind),
                _ => markets.suspects(now, &mut Vec::new()),
            }
            prop_assert!(markets.crossed || !is_any_crossed(&markets), "{kind} at {now:?}");
        }
    }
}
