//! Selection of the markets that a strategy is granted.

use model::{EventId, Market, MarketIx};
use sandbox::Selection;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the markets granted to a strategy, at most `wanted` (0 for all) of those that it selects: first the open
/// ones that it `had`, then others in order, starting with index `next` and wrapping around.
pub fn grant(
    open: &[(MarketIx, Market)],
    had: &[MarketIx],
    selection: &Selection,
    wanted: u32,
    next: u32,
) -> Vec<MarketIx> {
    let count = if wanted == 0 { open.len() } else { usize::try_from(wanted).unwrap_or(usize::MAX) };
    let units = units(open, selection);
    let mut granted: Vec<MarketIx> = Vec::new();
    let mut taken = BTreeSet::new();
    let mut take = |place: usize| {
        let Some(unit) = units.get(place).filter(|unit| granted.len().saturating_add(unit.len()) <= count) else {
            return;
        };
        if taken.insert(place) {
            granted.extend(unit);
        }
    };
    let place_of = |market: &MarketIx| units.iter().position(|unit| unit.contains(market));
    had.iter().filter_map(place_of).for_each(&mut take);
    let first = usize::try_from(next).unwrap_or(0).checked_rem(units.len()).unwrap_or(0);
    (0..units.len()).cycle().skip(first).take(units.len()).for_each(take);
    granted
}

/// Returns the groups of markets that are granted together or not at all, in the order of the markets.
fn units(open: &[(MarketIx, Market)], selection: &Selection) -> Vec<Vec<MarketIx>> {
    if !selection.whole_events {
        return open.iter().filter(|(_, market)| selection.selects(market)).map(|(ix, _)| vec![*ix]).collect();
    }
    let mut units: Vec<(bool, Vec<MarketIx>)> = Vec::new();
    let mut of_event: BTreeMap<EventId, usize> = BTreeMap::new();
    for (ix, market) in open {
        let place = match market.event {
            Some(event) => *of_event.entry(event).or_insert(units.len()),
            None => units.len(),
        };
        if place == units.len() {
            units.push((false, Vec::new()));
        }
        if let Some((wanted, unit)) = units.get_mut(place) {
            *wanted |= selection.selects(market);
            unit.push(*ix);
        }
    }
    units.into_iter().filter(|(wanted, _)| *wanted).map(|(_, unit)| unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(slug: &str, neg_risk: bool, event: Option<u8>) -> Market {
        let event = event.map(|event| EventId([event; 32]));
        Market { slug: slug.into(), neg_risk, event, ..testkit::market(1) }
    }

    fn markets(numbers: &[u32]) -> Vec<MarketIx> {
        numbers.iter().copied().map(MarketIx).collect()
    }

    #[test]
    fn a_strategy_keeps_its_open_markets_and_gets_others_for_those_that_ended() {
        let open: Vec<_> = markets(&[1, 2, 4, 5]).into_iter().map(|ix| (ix, market("m", false, None))).collect();
        let got = |had: &[u32], wanted, next| grant(&open, &markets(had), &Selection::default(), wanted, next);
        assert_eq!(got(&[], 2, 0), markets(&[1, 2]));
        assert_eq!(got(&[], 2, 3), markets(&[5, 1]), "the order wraps around");
        assert_eq!(got(&[0, 2], 2, 0), markets(&[2, 1]), "0 has ended");
        assert_eq!(got(&[5, 4], 2, 0), markets(&[5, 4]));
        assert_eq!(got(&[4], 0, 0), markets(&[4, 1, 2, 5]), "0 means all");
        assert_eq!(got(&[1], 9, 2), markets(&[1, 4, 5, 2]));
        assert!(grant(&[], &markets(&[1]), &Selection::default(), 3, 7).is_empty());
    }

    #[test]
    fn a_selection_leaves_out_what_it_does_not_want() {
        let open = [("btc-1", false), ("eth-1", true), ("btc-2", true), ("sol-1", false)];
        let open = open.map(|(slug, neg_risk)| market(slug, neg_risk, None));
        let open: Vec<_> = (0..).map(MarketIx).zip(open).collect();
        let got = |slugs: &[&str], neg_risk| {
            let slugs = slugs.iter().map(|slug| (*slug).to_owned()).collect();
            grant(&open, &[], &Selection { slugs, neg_risk, whole_events: false }, 0, 0)
        };
        assert_eq!(got(&["btc-"], false), markets(&[0, 2]));
        assert_eq!(got(&["sol", "eth"], false), markets(&[1, 3]));
        assert_eq!(got(&[], true), markets(&[1, 2]));
        assert_eq!(got(&["btc-"], true), markets(&[2]));
        assert!(got(&["doge"], false).is_empty());
    }

    #[test]
    fn an_event_is_granted_whole_or_not_at_all() {
        let open = [
            market("a-1", true, Some(1)),
            market("b-1", true, Some(2)),
            market("lone", false, None),
            market("a-2", true, Some(1)),
            market("b-2", true, Some(2)),
            market("a-3", true, Some(1)),
        ];
        let open: Vec<_> = (0..).map(MarketIx).zip(open).collect();
        let got = |slugs: &[&str], neg_risk, had: &[u32], wanted| {
            let slugs = slugs.iter().map(|slug| (*slug).to_owned()).collect();
            grant(&open, &markets(had), &Selection { slugs, neg_risk, whole_events: true }, wanted, 0)
        };
        assert_eq!(got(&[], true, &[], 0), markets(&[0, 3, 5, 1, 4]));
        assert_eq!(got(&[], true, &[], 4), markets(&[0, 3, 5]), "the second event no longer fits");
        assert_eq!(got(&[], true, &[], 2), markets(&[1, 4]), "the first event is too large");
        assert_eq!(got(&[], false, &[4], 3), markets(&[1, 4, 2]), "its previous markets come first");
        assert_eq!(got(&["a-2"], true, &[], 0), markets(&[0, 3, 5]), "an event is selected if one of its markets is");
        assert!(got(&[], true, &[], 1).is_empty());
    }
}
