//! Markets of manifests as the engine knows them. What a manifest lacks is assumed, and each assumption is named.

use crate::events::{Group, Hindsight, ListedMarket, RewardTerms, Terms};
use anyhow::{Context, ensure};
use model::{ConditionId, EventId, FeeRate, Market, Size, TickSize, Time, TokenId, Usd};
use tape::Manifest;
use tape::manifest::{MarketEntry, RewardEntry};

/// A market of a dataset, known before the run: for checks, grants and reports, never for strategies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetMarket {
    /// The market as the event `Listed` gives it.
    pub listed: ListedMarket,
    /// Listing time as published; that of the first frame where it is unknown.
    pub listed_at: Time,
    /// Event group: the negative-risk event, or the condition itself.
    pub group: String,
}

/// Returns the ids of a market in a manifest.
pub(super) fn ids(condition: &str, entry: &MarketEntry) -> anyhow::Result<(ConditionId, [TokenId; 2])> {
    let id =
        ConditionId::parse(condition).with_context(|| format!("market {condition:?}: expected 0x and 64 digits"))?;
    let [first, second] = &entry.tokens;
    let token = |text: &str| TokenId::parse(text).with_context(|| format!("market {condition}: token {text:?}"));
    let tokens = [token(first)?, token(second)?];
    ensure!(tokens[0] != tokens[1], "market {condition}: both tokens are {first}");
    Ok((id, tokens))
}

/// Returns the tick size at listing, and whether it is assumed.
pub(super) fn tick(entry: &MarketEntry) -> (TickSize, bool) {
    let first = entry.ticks.iter().min_by_key(|tick| tick.from_us);
    match first.and_then(|tick| TickSize::from_micros(tick.tick_micros)) {
        Some(tick) => (tick, false),
        None => (TickSize::CENT, true),
    }
}

/// Returns a market as it was listed.
pub(super) fn listed(condition: &str, entry: &MarketEntry) -> anyhow::Result<ListedMarket> {
    let (id, tokens) = ids(condition, entry)?;
    let mut assumed = entry.assumed.clone();
    let (tick, tick_assumed) = tick(entry);
    if tick_assumed {
        assumed.push("tick size at listing 0.01".to_owned());
    }
    let min_size = entry.min_size_micros.map(Size).unwrap_or_else(|| {
        assumed.push("minimum order size 5 shares".to_owned());
        Size::shares(5)
    });
    let fee = entry.fees.iter().min_by_key(|fee| fee.from_us);
    let outcomes = outcomes(&entry.outcomes, &mut assumed);
    if entry.listed_us.is_none() {
        assumed.push("listed at its first frame".to_owned());
    }
    let question = if entry.question.is_empty() { &entry.slug } else { &entry.question };
    let market = Market {
        condition: id,
        tokens,
        outcomes,
        slug: entry.slug.clone(),
        question: question.clone(),
        tick,
        min_size,
        neg_risk: entry.neg_risk,
        event: entry.event.as_deref().and_then(EventId::parse),
        fee: FeeRate { rate_micros: fee.map_or(0, |fee| fee.rate_micros) },
        end: entry.end_us.map(Time),
    };
    let (has_books, invented) = (entry.has_books, entry.invented);
    Ok(ListedMarket { market, fee_known: fee.is_some(), assumed, has_books, invented })
}

fn outcomes(names: &[String; 2], assumed: &mut Vec<String>) -> [String; 2] {
    if names.iter().all(|name| !name.is_empty()) {
        return names.clone();
    }
    assumed.push("outcome names Yes and No, in the order of the token ids".to_owned());
    ["Yes".to_owned(), "No".to_owned()]
}

/// Returns the terms of a manifest.
pub(super) fn terms(manifest: &Manifest) -> Terms {
    let mut terms = Terms::default();
    for (condition, entry) in &manifest.markets {
        let Some(condition) = ConditionId::parse(condition) else { continue };
        let rewards: Vec<RewardTerms> = entry.rewards.iter().filter_map(reward).collect();
        if !rewards.is_empty() {
            terms.rewards.insert(condition, rewards);
        }
        let first = entry.fees.iter().min_by_key(|fee| fee.from_us);
        if let Some(fee) = first.filter(|fee| fee.rebate_micros > 0) {
            terms.rebates.insert(condition, fee.rebate_micros);
        }
    }
    for (event, group) in &manifest.groups {
        let members: Option<Vec<ConditionId>> = group.members.iter().map(|id| ConditionId::parse(id)).collect();
        if let (Some(event), Some(members)) = (EventId::parse(event), members) {
            terms.groups.push(Group { event, members, complete: group.complete && !group.has_other });
        }
    }
    terms
}

/// Returns reward parameters under which something is paid.
fn reward(entry: &RewardEntry) -> Option<RewardTerms> {
    let daily = Usd(i64::try_from(entry.daily_micros).ok().filter(|daily| *daily > 0)?);
    let max_spread_micros = u32::try_from(entry.max_spread_micros).ok().filter(|spread| *spread > 0)?;
    Some(RewardTerms { from: Time(entry.from_us), max_spread_micros, min_size: Size(entry.min_size_micros), daily })
}

/// Returns the outcomes of a manifest.
pub(super) fn hindsight(manifest: &Manifest) -> Vec<Hindsight> {
    let rows = manifest.hindsight.iter().filter_map(|(condition, entry)| {
        Some(Hindsight {
            condition: ConditionId::parse(condition)?,
            pays_micros: entry.pays_micros,
            resolved_us: entry.resolved_us,
            implied: entry.implied,
        })
    });
    rows.collect()
}
