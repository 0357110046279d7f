//! The catalog's events: a market that stands alone is its own event, markets that exclude each other form one.

use super::Inside;
use crate::wire;
use model::{EventId, Market, MarketIx};
use std::collections::BTreeMap;

/// Slugs and titles of events with several markets, if any were set.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<EventId, (String, String)>);

impl Names {
    pub(super) fn insert(&mut self, event: EventId, (slug, title): (&str, &str)) {
        self.0.insert(event, (slug.to_owned(), title.to_owned()));
    }
}

/// An event in the catalog.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Gamma's id: that of its first market.
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    /// In listing order.
    pub(crate) markets: Vec<MarketIx>,
    /// The venue's id, if its markets exclude each other.
    pub(crate) exclusive: Option<EventId>,
}

/// Returns the event of a market that belongs to an exclusive event.
pub(crate) fn exclusive(market: &Market) -> Option<EventId> {
    market.event.filter(|_| market.neg_risk)
}

impl Inside {
    /// Returns the event of a market.
    pub(crate) fn event_of(&self, ix: MarketIx, market: &Market) -> Shown {
        let exclusive = exclusive(market);
        let markets = exclusive.map_or_else(|| vec![ix], |event| self.venue.event_markets(event));
        let first = markets.first().copied().unwrap_or(ix);
        let names = exclusive.and_then(|event| self.names.0.get(&event)).cloned();
        let (slug, title) = names.unwrap_or_else(|| {
            let first = self.venue.market(first).unwrap_or(market);
            (first.slug.clone(), first.question.clone())
        });
        Shown { id: wire::gamma_id(first), slug, title, markets, exclusive }
    }

    /// Returns every event once.
    pub(crate) fn events(&self) -> impl Iterator<Item = Shown> {
        let shown = self.venue.listed().map(|(ix, market)| (ix, self.event_of(ix, market)));
        shown.filter(|(ix, event)| event.markets.first() == Some(ix)).map(|(_, event)| event)
    }

    /// Returns the id of a market's question; in an event, it is the event's id with the question's index as last byte.
    pub(crate) fn question_id(&self, ix: MarketIx, market: &Market) -> String {
        let Some(mut event) = exclusive(market) else { return market.condition.to_string() };
        let place = self.venue.event_markets(event).iter().position(|one| *one == ix);
        if let Some((last, place)) = event.0.last_mut().zip(place.and_then(|place| u8::try_from(place).ok())) {
            *last = place;
        }
        event.to_string()
    }
}
