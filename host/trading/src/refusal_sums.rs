//! Aggregates equal refusals into one row: a strategy that repeats itself increases a count instead of filling the
//! database.

use model::{StrategyId, TokenIx};
use std::collections::BTreeMap;
use store::db::RefusalRow;

/// Refusals of the same strategy, rule and token within this time of the first share one row.
const WINDOW_MS: u64 = 60_000;
/// The most rows that may still grow. One more flushes them all and starts over.
const GROWING_MAX: usize = 4_096;

/// The key of equal refusals.
pub(crate) type Kind = (StrategyId, &'static str, Option<TokenIx>);

#[derive(Debug)]
struct Sum {
    row: RefusalRow,
    /// True if it grew since it was last written.
    grew: bool,
}

/// The rows that may still grow.
#[derive(Debug, Default)]
pub(crate) struct RefusalSums {
    growing: BTreeMap<Kind, Sum>,
}

impl RefusalSums {
    /// Adds a refusal. The first of its kind is written at once; later ones are counted.
    pub(crate) fn add(&mut self, kind: Kind, row: RefusalRow, mut write: impl FnMut(RefusalRow)) {
        if let Some(sum) = self.growing.get_mut(&kind)
            && row.at_ms.saturating_sub(sum.row.at_ms) < WINDOW_MS
        {
            let RefusalRow { value, allowed, last_at_ms, .. } = row;
            let count = sum.row.count.saturating_add(row.count);
            sum.row = RefusalRow { value, allowed, last_at_ms, count, ..sum.row.clone() };
            sum.grew = true;
            return;
        }
        if self.growing.len() >= GROWING_MAX {
            self.flush(row.at_ms, &mut write);
            self.growing.clear();
        }
        write(row.clone());
        let before = self.growing.insert(kind, Sum { row, grew: false });
        before.filter(|sum| sum.grew).into_iter().for_each(|sum| write(sum.row));
    }

    /// Writes the rows that grew, and drops those whose window is over.
    pub(crate) fn flush(&mut self, now_ms: u64, mut write: impl FnMut(RefusalRow)) {
        for sum in self.growing.values_mut().filter(|sum| sum.grew) {
            sum.grew = false;
            write(sum.row.clone());
        }
        self.growing.retain(|_, sum| now_ms.saturating_sub(sum.row.at_ms) < WINDOW_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, at_ms: u64) -> RefusalRow {
        RefusalRow {
            session: 1,
            seq,
            place: 0,
            at_ms,
            strategy: "storm".to_owned(),
            rule: "size".to_owned(),
            market: "m".to_owned(),
            outcome: "Yes".to_owned(),
            value: i64::try_from(seq).unwrap(),
            allowed: 5,
            count: 1,
            last_at_ms: at_ms,
        }
    }

    fn kind(rule: &'static str) -> Kind {
        (StrategyId(1), rule, Some(TokenIx(0)))
    }

    #[test]
    fn a_storm_of_equal_refusals_is_a_row_a_minute_written_once_a_second() {
        let (mut sums, mut written) = (RefusalSums::default(), Vec::new());
        for seq in 0..120_000 {
            sums.add(kind("size"), row(seq, seq), |row| written.push(row));
            if seq % 1_000 == 999 {
                sums.flush(seq, |row| written.push(row));
            }
        }
        assert!(written.len() <= 122, "{}", written.len());
        let last: BTreeMap<u64, RefusalRow> = written.into_iter().map(|row| (row.seq, row)).collect();
        let rows: Vec<_> = last.values().map(|row| (row.at_ms, row.last_at_ms, row.count, row.value)).collect();
        assert_eq!(rows, [(0, 59_999, 60_000, 59_999), (60_000, 119_999, 60_000, 119_999)]);
    }

    #[test]
    fn others_stay_apart_and_the_first_of_each_is_written_at_once() {
        let (mut sums, mut written) = (RefusalSums::default(), Vec::new());
        sums.add(kind("size"), row(1, 1), |row| written.push(row));
        sums.add(kind("cash"), row(2, 1), |row| written.push(row));
        sums.add((StrategyId(2), "cash", None), row(3, 1), |row| written.push(row));
        assert_eq!(written, [row(1, 1), row(2, 1), row(3, 1)]);
        sums.flush(2, |row| panic!("nothing grew: {row:?}"));
    }

    #[test]
    fn what_grew_is_not_lost_where_a_window_ends_or_too_many_grow() {
        let (mut sums, mut written) = (RefusalSums::default(), Vec::new());
        for at in [0, 10, WINDOW_MS] {
            sums.add(kind("size"), row(at, at), |row| written.push(row));
        }
        assert_eq!(
            written.iter().map(|row| (row.seq, row.count)).collect::<Vec<_>>(),
            [(0, 1), (WINDOW_MS, 1), (0, 2)]
        );
        written.clear();
        sums.add(kind("size"), row(WINDOW_MS + 1, WINDOW_MS + 1), |row| written.push(row));
        for strategy in 0..u16::try_from(GROWING_MAX).unwrap() {
            let other = (StrategyId(strategy), "cash", None);
            sums.add(other, row(u64::from(strategy), WINDOW_MS + 1), |row| written.push(row));
        }
        assert!(written.contains(&RefusalRow {
            seq: WINDOW_MS,
            at_ms: WINDOW_MS,
            count: 2,
            ..row(WINDOW_MS + 1, WINDOW_MS + 1)
        }));
        assert!(sums.growing.len() <= GROWING_MAX);
    }
}
