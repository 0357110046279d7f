//! The limit on log output per second of one strategy. Lines beyond it are counted; a strategy far beyond it fails.

use super::rate::LeakyBucket;
use crate::settings::Rates;
use crate::state::LogLine;
use model::Time;

/// Prefix of the fault of an instance that logs too much. It depends on a clock, so a replay takes it from the record.
pub(crate) const OVER: &str = "it logged more than";
/// The minimum interval between reports of lost lines, in microseconds.
const TELL_MICROS: u64 = 1_000_000;

/// The log rates of one instance.
#[derive(Debug)]
pub(super) struct LogLimit {
    /// Rates of kept lines and bytes, with a burst of one second's worth.
    lines: LeakyBucket,
    bytes: LeakyBucket,
    /// Rates of all logged lines and bytes, kept or not.
    tried_lines: LeakyBucket,
    tried_bytes: LeakyBucket,
    burst_s: u64,
    exceeded: bool,
    /// Lines that were discarded and not reported yet.
    lost: u64,
    /// The earliest time of the next report of lost lines.
    tell_at: Time,
}

impl LogLimit {
    /// Returns the limit of a new instance.
    pub(super) const fn of(rates: &Rates) -> Self {
        let Rates { log_lines, log_bytes, log_excess, burst_s, .. } = *rates;
        Self {
            lines: LeakyBucket::new(log_lines, 1),
            bytes: LeakyBucket::new(log_bytes, 1),
            tried_lines: LeakyBucket::new(log_lines.saturating_mul(log_excess), burst_s),
            tried_bytes: LeakyBucket::new(log_bytes.saturating_mul(log_excess), burst_s),
            burst_s,
            exceeded: false,
            lost: 0,
            tell_at: Time(0),
        }
    }

    /// Applies the limit to the lines of a call; `lost` counts the lines that the call itself discarded. Returns the
    /// kept lines, and the number of discarded lines since the last report, or 0 if that was less than a second ago.
    pub(super) fn hold(&mut self, at: Time, mut lines: Vec<LogLine>, lost: u64) -> (Vec<LogLine>, u64) {
        let length = |line: &LogLine| u64::try_from(line.text.len()).unwrap_or(u64::MAX);
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let bytes = lines.iter().map(length).fold(0, u64::saturating_add);
        self.exceeded |= self.tried_lines.is_over_with(at, count.saturating_add(lost));
        self.exceeded |= self.tried_bytes.is_over_with(at, bytes);
        lines.retain(|line| self.bytes.has_room_for(at, length(line)) && self.lines.has_room_for(at, 1));
        let kept = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.lost = self.lost.saturating_add(lost).saturating_add(count.saturating_sub(kept));
        if self.lost == 0 || at < self.tell_at {
            return (lines, 0);
        }
        self.tell_at = at.plus_micros(TELL_MICROS);
        (lines, self.last_lost())
    }

    /// Returns the number of discarded lines that were not reported yet.
    pub(super) fn last_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Returns the reason why the instance must end; none while it is within the limit.
    pub(super) fn fault(&self) -> Option<String> {
        let (lines, bytes, burst) = (self.tried_lines.a_second, self.tried_bytes.a_second, self.burst_s);
        self.exceeded.then(|| format!("{OVER} {lines} lines or {bytes} bytes a second for more than {burst} s"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::*;
    use crate::state::LogLevel;

    const SECOND: u64 = 1_000_000;

    fn lines(count: usize, bytes: usize) -> Vec<LogLine> {
        vec![LogLine { level: LogLevel::Info, text: "x".repeat(bytes) }; count]
    }

    /// Logs `each` (lines, bytes per line) in each of `calls` calls spread over `seconds`. Returns the lines and bytes
    /// kept, the lines lost, and the number of reports of lost lines.
    fn logs(limit: &mut LogLimit, calls: u64, seconds: u64, each: (usize, usize)) -> (u64, usize, u64, usize) {
        let (mut kept, mut bytes, mut lost, mut reports) = (0, 0, 0, 0);
        for call in 0..calls {
            let (these, not) = limit.hold(Time(SECOND * seconds * call / calls), lines(each.0, each.1), 0);
            kept += u64::try_from(these.len()).unwrap();
            bytes += these.iter().map(|line| line.text.len()).sum::<usize>();
            (lost, reports) = (lost + not, reports + usize::from(not > 0));
        }
        (kept, bytes, lost + limit.last_lost(), reports)
    }

    #[test]
    fn a_hundred_lines_a_second_are_kept_and_all_others_counted_once_a_second() {
        let mut limit = LogLimit::of(&Rates::default());
        let (kept, _, lost, reports) = logs(&mut limit, 1_000, 10, (5, 20));
        assert!((1_000..=1_100).contains(&kept), "{kept} in ten seconds");
        assert_eq!((kept + lost, limit.fault()), (5_000, None), "each is kept or counted");
        assert!(reports <= 10, "{reports}");
    }

    #[test]
    fn bytes_are_limited_as_lines_are() {
        let mut limit = LogLimit::of(&Rates::default());
        let (kept, bytes, lost, _) = logs(&mut limit, 100, 10, (10, 1_000));
        assert!((640_000..=720_000).contains(&bytes), "{bytes} in ten seconds");
        assert_eq!((kept + lost, limit.fault()), (1_000, None));
    }

    #[test]
    fn what_is_within_the_limits_is_kept_whole() {
        let mut limit = LogLimit::of(&Rates::default());
        assert_eq!(logs(&mut limit, 3_600, 3_600, (60, 500)), (216_000, 108_000_000, 0, 0));
    }

    #[test]
    fn ten_times_as_much_for_more_than_five_seconds_is_a_fault() {
        for each in [(100, 5), (90, 1_000)] {
            let mut limit = LogLimit::of(&Rates::default());
            logs(&mut limit, 10_000, 10, each);
            let error = limit.fault().unwrap();
            assert_eq!(error, "it logged more than 1000 lines or 655360 bytes a second for more than 5 s", "{each:?}");
        }
        let mut limit = LogLimit::of(&Rates::default());
        limit.hold(Time(1), Vec::new(), 1_000_000);
        assert!(limit.fault().is_some(), "lines that the call discarded count as well");
        let mut limit = LogLimit::of(&Rates::default());
        logs(&mut limit, 10, 1, (90, 20));
        assert_eq!(limit.fault(), None, "a burst of one second");
    }
}
