//! The description of markets in tapes: what the order book says, and what the catalog says beside trading. A catalog
//! that does not answer costs only the latter.

use model::{ConditionId, Market};
use polymarket::client::Catalog;
use polymarket::parse::{EventMembers, MarketTerms};
use std::collections::BTreeSet;
use tape::Manifest;
use tape::manifest::{GroupEntry, MarketEntry, RewardEntry};

/// Returns the entries of markets; `listed_us` is their listing time in microseconds, if they are new.
pub fn entries(markets: &[Market], listed_us: Option<u64>) -> Manifest {
    let mut manifest = Manifest::default();
    for market in markets {
        manifest.markets.insert(market.condition.to_string(), MarketEntry::of(market, listed_us));
    }
    manifest
}

/// Returns the entries of markets with the catalog's terms, and the events that they belong to.
pub async fn described(catalog: &Catalog, markets: &[Market], listed_us: Option<u64>) -> Manifest {
    let mut manifest = entries(markets, listed_us);
    let conditions: Vec<ConditionId> = markets.iter().map(|market| market.condition).collect();
    let terms = match catalog.terms(&conditions).await {
        Ok(terms) => terms,
        Err(error) => {
            tracing::warn!(%error, "the catalog's terms of markets are not in the tape");
            return manifest;
        }
    };
    let slugs: BTreeSet<&String> = terms.iter().filter_map(|terms| terms.event_slug.as_ref()).collect();
    for slug in slugs {
        match catalog.event(slug).await {
            Ok(events) => events.into_iter().for_each(|event| add_group(&mut manifest, event)),
            Err(error) => tracing::warn!(%error, slug, "the members of an event are not in the tape"),
        }
    }
    terms.into_iter().for_each(|terms| add_terms(&mut manifest, terms));
    manifest
}

fn add_terms(manifest: &mut Manifest, terms: MarketTerms) {
    let Some(entry) = manifest.markets.get_mut(&terms.condition.to_string()) else { return };
    let rewards = terms.rewards.map(|rewards| RewardEntry {
        from_us: 0,
        max_spread_micros: rewards.max_spread_micros,
        min_size_micros: rewards.min_size_micros,
        daily_micros: rewards.daily_micros,
    });
    entry.rewards = rewards.into_iter().collect();
    entry.fees.iter_mut().for_each(|fee| fee.rebate_micros = terms.rebate_micros);
    (entry.rule, entry.rule_source) = (terms.rule, terms.rule_source);
}

fn add_group(manifest: &mut Manifest, event: EventMembers) {
    let members = event.members.iter().map(ToString::to_string).collect();
    // A market for all other outcomes is a member like any other.
    let group = GroupEntry { members, complete: event.complete, has_other: !event.complete };
    manifest.groups.insert(event.event.to_string(), group);
}
