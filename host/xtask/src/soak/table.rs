//! The samples of a soak as a table, and the verdict: memory in the last third compared with the middle third.

use super::process::{Family, Use};
use crate::say;
use anyhow::ensure;
use std::time::Duration;

/// Growth allowed between the middle third and the last, in percent ...
const GROWTH_PERCENT: u64 = 3;
/// ... plus this much, in kibibytes, because an allocator returns memory late.
const GROWTH_KIB: u64 = 2_048;
/// Minimum number of samples in each third.
const SAMPLES_MIN: usize = 3;

/// One sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Time since the start.
    pub(super) at: Duration,
    /// Resource use of the processes.
    pub(super) family: Family,
    /// Size of the data folder, in bytes.
    pub(super) data_bytes: u64,
}

/// All samples.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

/// A process in the table: its name and the function that selects it.
type Pick = (&'static str, fn(&Family) -> Use);

const PROCESSES: [Pick; 3] =
    [("host", |family| family.host), ("signer", |family| family.signer), ("exchange", |family| family.exchange)];

impl Table {
    /// Returns the header line.
    pub(super) fn head() -> String {
        "   time        host KiB   cpu   signer KiB   cpu   exchange KiB   cpu   data folder KiB".to_owned()
    }

    /// Adds a sample and returns its line.
    pub(super) fn add(&mut self, row: Row) -> String {
        let before = self.rows.last().copied().unwrap_or(Row { at: Duration::ZERO, data_bytes: 0, ..row });
        let spent = row.at.saturating_sub(before.at);
        let busy = |now: Use, then: Use| percent(now.cpu.saturating_sub(then.cpu), spent);
        let (host, signer, exchange) = (row.family.host, row.family.signer, row.family.exchange);
        let line = format!(
            "   {:<10} {:>9} {:>4}% {:>12} {:>4}% {:>14} {:>4}% {:>17}",
            say::time(row.at),
            host.resident,
            busy(host, before.family.host),
            signer.resident,
            busy(signer, before.family.signer),
            exchange.resident,
            busy(exchange, before.family.exchange),
            row.data_bytes / 1_024,
        );
        self.rows.push(row);
        line
    }

    /// Prints for each process what it needs in each third, and how fast it grows in the second half.
    pub(super) fn show_verdict(&self) {
        for (name, pick) in PROCESSES {
            let [first, middle, last] = self.thirds(pick);
            let slope = self.slope(pick);
            let most = self.rows.iter().map(|row| pick(&row.family).resident).max().unwrap_or(0);
            say::line(&format!(
                "   {name}: {first}, {middle}, {last} KiB in the thirds, {most} at most; {slope} KiB an hour in the second half"
            ));
        }
    }

    /// Returns an error if the memory of a process grows.
    pub(super) fn judge(&self) -> anyhow::Result<()> {
        ensure!(self.rows.len() / 3 >= SAMPLES_MIN, "{} samples are too few for a verdict", self.rows.len());
        for (name, pick) in PROCESSES {
            let [_, middle, last] = self.thirds(pick);
            let most = middle.saturating_add(middle.saturating_mul(GROWTH_PERCENT) / 100).saturating_add(GROWTH_KIB);
            ensure!(
                last <= most,
                "the memory of the {name} grows: {middle} KiB in the middle third, {last} KiB in the last, at most {most} are flat"
            );
        }
        Ok(())
    }

    /// Returns the median of each third, in kibibytes. Medians, because packing a journal file takes more memory for a
    /// moment.
    fn thirds(&self, pick: fn(&Family) -> Use) -> [u64; 3] {
        let third = self.rows.len() / 3;
        [0, third, third.saturating_mul(2)].map(|from| {
            let mut part: Vec<u64> =
                self.rows.iter().skip(from).take(third).map(|row| pick(&row.family).resident).collect();
            part.sort_unstable();
            part.get(part.len() / 2).copied().unwrap_or(0)
        })
    }

    /// Returns the least-squares slope of the second half, in kibibytes an hour.
    fn slope(&self, pick: fn(&Family) -> Use) -> i128 {
        let half = self.rows.iter().skip(self.rows.len() / 2);
        let points: Vec<(i128, i128)> =
            half.map(|row| (i128::from(row.at.as_secs()), i128::from(pick(&row.family).resident))).collect();
        let count = i128::try_from(points.len()).unwrap_or(0);
        let sum = |of: fn(&(i128, i128)) -> i128| points.iter().map(of).fold(0, i128::saturating_add);
        let (x, y) = (sum(|(x, _)| *x), sum(|(_, y)| *y));
        let (xx, xy) = (sum(|(x, _)| x.saturating_mul(*x)), sum(|(x, y)| x.saturating_mul(*y)));
        let below = count.saturating_mul(xx).saturating_sub(x.saturating_mul(x));
        let above = count.saturating_mul(xy).saturating_sub(x.saturating_mul(y));
        above.saturating_mul(3_600).checked_div(below).unwrap_or(0)
    }
}

fn percent(part: Duration, whole: Duration) -> u128 {
    part.as_millis().saturating_mul(100).checked_div(whole.as_millis()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]
mod tests {
    use super::*;

    /// Returns a soak of one hour in which the host starts at 100 MB and grows by `growth` kibibytes an hour.
    fn soak(growth: u64) -> Table {
        let mut table = Table::default();
        for sample in 1..=360 {
            let used = |resident| Use { resident, cpu: Duration::from_secs(sample) };
            let family =
                Family { host: used(100_000 + growth * sample / 360), signer: used(9_000), exchange: used(80_000) };
            table.add(Row { at: Duration::from_secs(sample * 10), family, data_bytes: 2_048 });
        }
        table
    }

    #[test]
    fn memory_that_grows_fails_and_flat_memory_does_not() {
        soak(0).judge().unwrap();
        soak(6_000).judge().unwrap();
        let error = soak(60_000).judge().unwrap_err().to_string();
        assert!(error.contains("the memory of the host grows"), "{error}");
        assert!(Table::default().judge().is_err(), "an empty table has no verdict");
    }

    #[test]
    fn the_slope_is_that_of_the_line() {
        let slope = soak(36_000).slope(|family| family.host);
        assert!((35_900..=36_100).contains(&slope), "{slope}");
        assert_eq!(soak(0).slope(|family| family.host), 0);
    }

    #[test]
    fn a_line_shows_memory_and_processor_time_since_the_last_sample() {
        let mut table = soak(0);
        let used = Use { resident: 1_000, cpu: Duration::from_secs(365) };
        let family = Family { host: used, signer: used, exchange: used };
        let line = table.add(Row { at: Duration::from_secs(3_610), family, data_bytes: 4_096 });
        assert!(line.contains("60 min 10 s") && line.contains("50%") && line.ends_with(" 4"), "{line}");
    }
}
