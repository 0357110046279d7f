//! The manifest: what is known about the markets of a tape and about its making. Its keys are conditions and tokens,
//! never slugs. What was published after the close is apart, under `hindsight`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the format.
pub const FORMAT: u16 = 1;
/// Maximum markets of a tape.
pub const MARKETS_MAX: usize = 50_000;
/// Maximum gaps that a manifest lists; the records have all of them.
pub const GAPS_MAX: usize = 10_000;

/// The manifest of a tape. All times are in microseconds since 1970, prices and sizes in millionths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Version of the format: [`FORMAT`].
    pub format: u16,
    /// The program that wrote it, with its version.
    pub program: String,
    /// The making of the tape: `recorded`, `imported`, `invented` or `journal`.
    pub origin: String,
    /// The importer, with its version.
    pub importer: String,
    /// The files that it was imported from.
    pub sources: Vec<SourceFile>,
    /// Licence note of the sources.
    pub licence: String,
    /// Rule by which its markets were chosen.
    pub selection: String,
    /// Time at which they were chosen.
    pub selected_us: Option<u64>,
    /// True if the recorder marked every gap, so that a quiet market is quiet. Otherwise a silence of more than 60 s of
    /// a market is a gap.
    pub gaps_marked: bool,
    /// True if trades were inferred from books.
    pub trades_inferred: bool,
    /// True if the books were invented from prices.
    pub invented: bool,
    /// The markets by condition.
    pub markets: BTreeMap<String, MarketEntry>,
    /// Negative-risk groups by event id.
    pub groups: BTreeMap<String, GroupEntry>,
    /// Values published after the close, by condition.
    pub hindsight: BTreeMap<String, HindsightEntry>,
    /// Gaps, at most [`GAPS_MAX`].
    pub gaps: Vec<GapEntry>,
    /// Number of records by kind.
    pub counts: BTreeMap<String, u64>,
    /// Counts of an import's report, by kind.
    pub damage: BTreeMap<String, u64>,
    /// Time of the first record.
    pub first_us: Option<u64>,
    /// Time of the last record.
    pub last_us: Option<u64>,
}

/// A file that a tape was imported from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceFile {
    /// Its name without folders.
    pub name: String,
    /// SHA-256 of the file as it is, lower-case hex.
    pub sha256: String,
    /// Its format as the importer names it.
    pub format: String,
}

/// A market as published before its close.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MarketEntry {
    /// Token ids in decimal, first outcome first.
    pub tokens: [String; 2],
    /// Outcome names; empty if unknown.
    pub outcomes: [String; 2],
    /// Slug. Never a key.
    pub slug: String,
    /// Question.
    pub question: String,
    /// Listing time, if known.
    pub listed_us: Option<u64>,
    /// Time of its first record.
    pub first_us: Option<u64>,
    /// Time of its last record.
    pub last_us: Option<u64>,
    /// Tick sizes with the times from which they were valid; the first one is that of the listing.
    pub ticks: Vec<TickEntry>,
    /// Minimum order size in millionths of a share.
    pub min_size_micros: Option<u64>,
    /// Fee schedule with validity; empty if unknown.
    pub fees: Vec<FeeEntry>,
    /// True if it belongs to a negative-risk event.
    pub neg_risk: bool,
    /// Its negative-risk event.
    pub event: Option<String>,
    /// Announced end as listed.
    pub end_us: Option<u64>,
    /// Resolution rule.
    pub rule: String,
    /// Resolution source.
    pub rule_source: String,
    /// Reward parameters with validity.
    pub rewards: Vec<RewardEntry>,
    /// False if the tape has only prices of it.
    pub has_books: bool,
    /// True if its books were invented.
    pub invented: bool,
    /// Assumptions that stand in for unknown values, one sentence each.
    pub assumed: Vec<String>,
}

/// A tick size and the time from which it was valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TickEntry {
    /// Valid from; 0 for the listing.
    pub from_us: u64,
    /// The tick size in millionths of a dollar.
    pub tick_micros: u32,
}

/// A fee rate and the time from which it was valid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FeeEntry {
    /// Valid from; 0 for the listing.
    pub from_us: u64,
    /// The taker fee rate in millionths.
    pub rate_micros: u32,
    /// Fee category, if published.
    pub category: String,
    /// The part of the fee that the resting order gets back, in millionths; 0 if none is known.
    #[serde(default)]
    pub rebate_micros: u32,
}

/// Reward parameters and the time from which they were valid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RewardEntry {
    /// Valid from; 0 for the listing.
    pub from_us: u64,
    /// Maximum distance from the mid price in millionths of a dollar.
    pub max_spread_micros: u64,
    /// Minimum size in millionths of a share.
    pub min_size_micros: u64,
    /// Dollars a day in millionths.
    pub daily_micros: u64,
}

/// A negative-risk event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupEntry {
    /// All member conditions, recorded or not.
    pub members: Vec<String>,
    /// True if the members are all outcomes.
    pub complete: bool,
    /// True if the event has an outcome `other` that is not a member.
    pub has_other: bool,
}

/// Values published about a market after its close.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HindsightEntry {
    /// Payout per share of the first token in millionths of a dollar; `None` if unresolved.
    pub pays_micros: Option<i64>,
    /// Time of the resolution.
    pub resolved_us: Option<u64>,
    /// True if the payout is read off the last book.
    pub implied: bool,
    /// The end as it was published later, if it differs.
    pub end_us: Option<u64>,
    /// Other fields of a row that was fetched later, as published.
    pub fields: BTreeMap<String, String>,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapEntry {
    /// Time of the last data before it.
    pub from_us: u64,
    /// Time of the first data after it.
    pub to_us: u64,
    /// Its cause.
    pub cause: crate::record::Cause,
    /// Its markets; empty for all.
    pub markets: Vec<String>,
}

impl Manifest {
    /// Returns an empty manifest of this format.
    pub fn new(program: &str, origin: &str) -> Self {
        Self { format: FORMAT, program: program.to_owned(), origin: origin.to_owned(), ..Self::default() }
    }

    /// Takes over what a later manifest frame names: markets, groups and outcomes by key, other fields if they are set.
    pub fn fold(&mut self, later: Self) {
        let text = |mine: &mut String, theirs: String| {
            if !theirs.is_empty() {
                *mine = theirs;
            }
        };
        self.format = self.format.max(later.format);
        text(&mut self.program, later.program);
        text(&mut self.origin, later.origin);
        text(&mut self.importer, later.importer);
        text(&mut self.licence, later.licence);
        text(&mut self.selection, later.selection);
        self.selected_us = later.selected_us.or(self.selected_us);
        self.gaps_marked |= later.gaps_marked;
        self.trades_inferred |= later.trades_inferred;
        self.invented |= later.invented;
        self.markets.extend(later.markets);
        self.groups.extend(later.groups);
        self.hindsight.extend(later.hindsight);
        if !later.sources.is_empty() {
            self.sources = later.sources;
        }
        if !later.gaps.is_empty() {
            self.gaps = later.gaps;
        }
        if !later.counts.is_empty() {
            self.counts = later.counts;
        }
        if !later.damage.is_empty() {
            self.damage = later.damage;
        }
        self.first_us = later.first_us.or(self.first_us);
        self.last_us = later.last_us.or(self.last_us);
    }

    /// Adds the markets and sources of another tape. Where both know a market, unknown values are filled in, and the
    /// wider span is kept.
    pub fn merge(&mut self, other: Self) {
        for (condition, theirs) in other.markets {
            match self.markets.entry(condition) {
                std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(theirs)),
                std::collections::btree_map::Entry::Occupied(mut mine) => mine.get_mut().merge(theirs),
            }
        }
        for (event, group) in other.groups {
            let mine = self.groups.entry(event).or_default();
            union(&mut mine.members, group.members);
            mine.complete |= group.complete;
            mine.has_other |= group.has_other;
        }
        for (condition, theirs) in other.hindsight {
            let mine = self.hindsight.entry(condition).or_default();
            // An outcome that was published replaces one that was read off a book.
            if mine.pays_micros.is_none() || (mine.implied && theirs.pays_micros.is_some() && !theirs.implied) {
                *mine = theirs;
            }
        }
        self.gaps_marked &= other.gaps_marked;
        self.trades_inferred |= other.trades_inferred;
        self.invented |= other.invented;
        union(&mut self.sources, other.sources);
        for (mine, theirs) in [
            (&mut self.importer, other.importer),
            (&mut self.licence, other.licence),
            (&mut self.selection, other.selection),
            (&mut self.origin, other.origin),
        ] {
            if theirs != *mine && !theirs.is_empty() && !mine.split("; ").any(|part| part == theirs) {
                let separator = if mine.is_empty() { "" } else { "; " };
                *mine = format!("{mine}{separator}{theirs}");
            }
        }
        for (kind, count) in other.damage {
            let mine = self.damage.entry(kind).or_default();
            *mine = mine.saturating_add(count);
        }
        self.selected_us = earlier(self.selected_us, other.selected_us);
    }
}

impl MarketEntry {
    /// Returns the entry of a market as it is described now, with its current tick size and fee rate.
    pub fn of(market: &model::Market, listed_us: Option<u64>) -> Self {
        Self {
            tokens: market.tokens.map(|token| token.to_string()),
            outcomes: market.outcomes.clone(),
            slug: market.slug.clone(),
            question: market.question.clone(),
            listed_us,
            ticks: vec![TickEntry { from_us: 0, tick_micros: market.tick.micros() }],
            min_size_micros: Some(market.min_size.0),
            fees: vec![FeeEntry { rate_micros: market.fee.rate_micros, ..FeeEntry::default() }],
            neg_risk: market.neg_risk,
            event: market.event.map(|event| event.to_string()),
            end_us: market.end.map(|end| end.0),
            has_books: true,
            ..Self::default()
        }
    }

    fn merge(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.slug, other.slug),
            (&mut self.question, other.question),
            (&mut self.rule, other.rule),
            (&mut self.rule_source, other.rule_source),
        ] {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
        if self.outcomes.iter().all(String::is_empty) && self.tokens == other.tokens {
            self.outcomes = other.outcomes;
        }
        self.listed_us = earlier(self.listed_us, other.listed_us);
        self.first_us = earlier(self.first_us, other.first_us);
        self.last_us = self.last_us.max(other.last_us);
        self.min_size_micros = self.min_size_micros.or(other.min_size_micros);
        self.end_us = self.end_us.or(other.end_us);
        self.event = self.event.take().or(other.event);
        self.neg_risk |= other.neg_risk;
        self.has_books |= other.has_books;
        self.invented |= other.invented;
        if self.ticks.is_empty() {
            self.ticks = other.ticks;
        }
        if self.fees.is_empty() {
            self.fees = other.fees;
        }
        if self.rewards.is_empty() {
            self.rewards = other.rewards;
        }
        union(&mut self.assumed, other.assumed);
    }
}

fn union<T: PartialEq>(mine: &mut Vec<T>, theirs: Vec<T>) {
    for item in theirs {
        if !mine.contains(&item) {
            mine.push(item);
        }
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
