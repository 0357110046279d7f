//! Jobs of a sweep, which contain everything that a backtest needs, and the rows that they leave.

use super::space::Parameters;
use crate::run::{FillModel, Totals};
use model::{Limits, RequestTier, Size, Time, Usd, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Version of [`SweepJob`] and [`TrialRow`].
pub const SCHEMA: u32 = 1;
/// The horizons of [`GroupRow::markouts`], in seconds after the match.
pub const HORIZONS: [u32; 4] = [1, 5, 30, 60];
/// Most event groups that a row names; the profit of the rest is summed in one further row named [`OTHERS`].
pub const GROUPS_MAX: usize = 20_000;
/// The name of the row that sums the groups above [`GROUPS_MAX`].
pub const OTHERS: &str = "others";

/// A backtest of a sweep. Files are named by their hashes, so that any machine that has them can run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepJob {
    /// Version of this description.
    pub schema: u32,
    /// The strategy's name, as in live trading.
    pub strategy: String,
    /// SHA-256 of its module, lower-case hex.
    pub module: String,
    /// SHA-256 of the tapes' records, lower-case hex, in the order of the sweep file.
    pub tapes: Vec<String>,
    /// All its parameters.
    pub parameters: Parameters,
    /// The models of the backtest.
    pub models: Models,
}

/// The models of a backtest, equal for all jobs of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Models {
    /// The fill model.
    pub fill: FillModel,
    /// Assumed time from the venue to the strategy, in microseconds, where a tape has no receive times.
    pub feed_latency_us: u64,
    /// Time from the strategy to the venue, in microseconds.
    pub order_latency_us: u64,
    /// The fee source: `recorded`, a rate, or a schedule's rows as text.
    pub fees: String,
    /// Cash at the start.
    pub cash: Usd,
    /// Session limits.
    pub limits: Limits,
    /// Seed of the backtest.
    pub seed: u64,
    /// Events before this time are left out.
    pub from: Option<Time>,
    /// Events from this time on are left out.
    pub to: Option<Time>,
    /// The tier that limits the rates of orders and cancels.
    #[serde(default, skip_serializing_if = "RequestTier::is_standard")]
    pub request_tier: RequestTier,
}

impl SweepJob {
    /// Returns the job's identity: the SHA-256 of its description as JSON, lower-case hex.
    pub fn hash(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(&Sha256::digest(text))
    }
}

/// The result of a job. Equal jobs have equal rows, whatever ran them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRow {
    /// Version of this description.
    pub schema: u32,
    /// The job's hash.
    pub job: String,
    /// The parameters, for readers.
    pub parameters: Parameters,
    /// Its end.
    pub end: TrialEnd,
    /// Totals of the backtest.
    pub totals: Totals,
    /// Figures of the report by name, rounded to nine digits; a figure of too few values is left out.
    pub figures: BTreeMap<String, f64>,
    /// Results by event group, sorted by name.
    pub groups: Vec<GroupRow>,
    /// Digest of all decisions.
    pub digest: String,
}

/// The end of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialEnd {
    /// All events were processed.
    Complete,
    /// The strategy failed, for this reason. The trial counts, and has no score.
    Failed(String),
}

/// Results of the markets of an event group: of a negative-risk event, or of one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// The group's name: the negative-risk event's id, or the condition id.
    pub group: String,
    /// Time of its first listing.
    pub first: Time,
    /// Time of its last payout, or of the tape's end.
    pub last: Time,
    /// Profit with open positions at their outcome; unresolved ones at the bid.
    pub profit: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// Traded dollars.
    pub turnover: Usd,
    /// Fills.
    pub fills: u64,
    /// Markouts at the [`HORIZONS`].
    pub markouts: [Markout; 4],
}

/// The distance of the later mid price from the prices of fills, in our favour, summed over shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markout {
    /// Sum over fills of shares times the distance, in micro-dollars.
    pub gain: Usd,
    /// Shares of the fills for which the later mid is known.
    pub shares: Size,
}

/// Folds groups above [`GROUPS_MAX`] into one row, and sorts the rows by name.
pub fn bounded(mut groups: Vec<GroupRow>) -> Vec<GroupRow> {
    groups.sort_by(|one, other| one.group.cmp(&other.group));
    if groups.len() <= GROUPS_MAX {
        return groups;
    }
    let rest = groups.split_off(GROUPS_MAX);
    let folded = rest.into_iter().reduce(|mut sum, row| {
        sum.first = sum.first.min(row.first);
        sum.last = sum.last.max(row.last);
        sum.profit = sum.profit.saturating_add(row.profit);
        sum.fees = sum.fees.saturating_add(row.fees);
        sum.turnover = sum.turnover.saturating_add(row.turnover);
        sum.fills = sum.fills.saturating_add(row.fills);
        for (sum, one) in sum.markouts.iter_mut().zip(row.markouts) {
            sum.gain = sum.gain.saturating_add(one.gain);
            sum.shares = sum.shares.saturating_add(one.shares);
        }
        sum
    });
    groups.extend(folded.map(|row| GroupRow { group: OTHERS.to_owned(), ..row }));
    groups
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "test code")]

    use super::*;

    /// Returns a job with one parameter.
    pub(crate) fn job(size: i64) -> SweepJob {
        SweepJob {
            schema: SCHEMA,
            strategy: "quoter".to_owned(),
            module: "ab".repeat(32),
            tapes: vec!["cd".repeat(32)],
            parameters: [("size".to_owned(), size.into())].into(),
            models: models(),
        }
    }

    pub(crate) fn models() -> Models {
        Models {
            fill: FillModel::Pessimistic,
            feed_latency_us: 125_000,
            order_latency_us: 50_000,
            request_tier: model::RequestTier::Standard,
            fees: "recorded".to_owned(),
            cash: Usd::dollars(1_000),
            limits: Limits::DEFAULT,
            seed: 1,
            from: None,
            to: None,
        }
    }

    /// Returns a group that lasts an hour.
    pub(crate) fn group(name: &str, hour: u64, profit: i64) -> GroupRow {
        let (first, last) = (Time(hour * 3_600_000_000), Time((hour + 1) * 3_600_000_000 - 1));
        GroupRow {
            group: name.to_owned(),
            first,
            last,
            profit: Usd(profit),
            fees: Usd(1_000),
            turnover: Usd::dollars(10),
            fills: 2,
            markouts: [Markout { gain: Usd(profit / 2), shares: Size::shares(10) }; 4],
        }
    }

    #[test]
    fn a_job_survives_its_text_and_each_field_counts_in_its_hash() {
        let first = job(5);
        let text = serde_json::to_string(&first).unwrap();
        let read: SweepJob = serde_json::from_str(&text).unwrap();
        assert_eq!((&read, read.hash()), (&first, first.hash()));
        let mut others = vec![job(6)];
        others.extend((0..4).map(|place| {
            let mut other = job(5);
            match place {
                0 => other.module = "ef".repeat(32),
                1 => other.tapes.push("00".repeat(32)),
                2 => other.models.seed = 2,
                _ => other.models.fees.clear(),
            }
            other
        }));
        assert!(others.iter().all(|other| other.hash() != first.hash()));
    }

    #[test]
    fn groups_above_the_limit_are_summed_in_one_row() {
        let many: Vec<GroupRow> =
            (0..GROUPS_MAX + 3).map(|number| group(&format!("{number:06}"), 1, 2)).rev().collect();
        let rows = bounded(many);
        assert_eq!((rows.len(), rows[0].group.as_str()), (GROUPS_MAX + 1, "000000"));
        let last = rows.last().unwrap();
        assert_eq!((last.group.as_str(), last.profit, last.fills), (OTHERS, Usd(6), 6));
        assert_eq!(last.markouts[3], Markout { gain: Usd(3), shares: Size::shares(30) });
    }
}
