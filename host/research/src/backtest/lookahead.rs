//! Finds look-ahead: a run that ends at a moment must have made the same intents as the whole run up to then, because
//! nothing later was known. A source that computes anything from the whole tape gives another run when it is cut.
//! Later starts show how many events a strategy needs until it acts as if it had run from the beginning.

use super::{Job, Options, Runner, Watch};
use crate::events::EventSource;
use crate::run::RunEnd;
use anyhow::bail;
use model::{Intent, IntentKind, OrderId, Time};
use serde::Serialize;
use sim::Rng;

/// Opens the source: from the first time, up to the second one.
pub type Open<'a> = &'a dyn Fn(Option<Time>, Option<Time>) -> anyhow::Result<Box<dyn EventSource>>;

/// A moment at which the tape was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The moment.
    pub at: Time,
    /// Intents before it in the whole run.
    pub intents: usize,
    /// The first difference, as a sentence; `None` if all intents agree.
    pub differs: Option<String>,
}

/// A later start of the strategies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarmUp {
    /// The start.
    pub from: Time,
    /// Microseconds after which all further intents are those of the whole run; `None` if the last ones differ.
    pub agrees_after_us: Option<u64>,
}

/// Result of the search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lookahead {
    /// Intents of the whole run.
    pub intents: usize,
    /// The cuts, by time.
    pub cuts: Vec<Cut>,
    /// The later starts, by time.
    pub starts: Vec<WarmUp>,
}

impl Lookahead {
    /// Returns true if a cut changed an intent before it.
    pub fn found(&self) -> bool {
        self.cuts.iter().any(|cut| cut.differs.is_some())
    }

    /// Returns the longest warm-up in microseconds; `None` if a start never agreed.
    pub fn warm_up_us(&self) -> Option<u64> {
        self.starts
            .iter()
            .map(|start| start.agrees_after_us)
            .try_fold(0, |most, after| after.map(|after| most.max(after)))
    }
}

type Noted = Vec<(usize, Time, Intent)>;

/// Cuts the tape at `count` moments drawn from the job's seed, and starts the strategies `count` times later.
///
/// # Errors
/// If a run is refused, or a strategy fails.
pub fn lookahead(runner: &Runner, open: Open<'_>, job: &Job, count: u32, watch: &Watch) -> anyhow::Result<Lookahead> {
    let intents_of = |job: &Job, to: Option<Time>| -> anyhow::Result<(Noted, (Time, Time))> {
        let options = Options { intents: true, ..Options::default() };
        let (data, details) = runner.run_with(open(None, to)?.as_mut(), job, watch, options)?;
        match data.description.end {
            RunEnd::Complete => Ok((details.intents, data.description.span)),
            RunEnd::Interrupted(_) => bail!("interrupted"),
            RunEnd::Failed(at, reason) => bail!("at {}: {reason}", at.iso()),
        }
    };
    let (whole, (first, last)) = intents_of(job, job.to)?;
    let mut rng = Rng::new(job.seed);
    let mut moments: Vec<Time> =
        (0..count).map(|_| first.plus_micros(rng.below(last.since(first).max(1)).saturating_add(1))).collect();
    moments.sort_unstable();
    let (mut cuts, mut starts) = (Vec::new(), Vec::new());
    for at in moments.iter().copied() {
        let short = Job { to: Some(at), from: job.from.filter(|from| *from < at), ..job.clone() };
        let (seen, (_, reached)) = intents_of(&short, Some(at))?;
        let (expected, seen) = (up_to(&whole, at, reached), up_to(&seen, at, reached));
        cuts.push(Cut { at, intents: expected.len(), differs: difference(&expected, &seen) });
    }
    for from in moments {
        if job.to.is_some_and(|to| from >= to) {
            continue;
        }
        let (late, _) = intents_of(&Job { from: Some(from), ..job.clone() }, job.to)?;
        starts.push(WarmUp { from, agrees_after_us: agrees_after(&whole, &late, from) });
    }
    Ok(Lookahead { intents: whole.len(), cuts, starts })
}

/// Returns the intents before a cut that a run of the cut tape can have made: it ends at `reached`, the time of its last
/// event, while timers of the whole run fire between that event and the cut too.
fn up_to(noted: &Noted, cut: Time, reached: Time) -> Noted {
    noted.iter().take_while(|(_, at, _)| *at < cut && *at <= reached).cloned().collect()
}

fn difference(expected: &Noted, seen: &Noted) -> Option<String> {
    let pair = expected.iter().zip(seen).find(|(expected, seen)| expected != seen);
    let show = |(_, at, intent): &(usize, Time, Intent)| format!("{} at {}", shown(intent), at.iso());
    match pair {
        Some((expected, seen)) => {
            Some(format!("{} with the whole tape, {} with the cut one", show(expected), show(seen)))
        }
        None if expected.len() > seen.len() => {
            expected.get(seen.len()).map(|extra| format!("{} with the whole tape only", show(extra)))
        }
        None => seen.get(expected.len()).map(|extra| format!("{} with the cut tape only", show(extra))),
    }
}

/// Returns the time after the start from which all intents are those of the whole run.
fn agrees_after(whole: &Noted, late: &Noted, from: Time) -> Option<u64> {
    let whole: Vec<_> = whole.iter().filter(|(_, at, _)| *at >= from).map(plain).collect();
    let late: Vec<_> = late.iter().map(plain).collect();
    let same = whole.iter().rev().zip(late.iter().rev()).take_while(|(one, other)| one == other).count();
    if same == whole.len() && same == late.len() {
        return Some(0);
    }
    let at = |list: &[(usize, Time, Intent)]| {
        list.len().checked_sub(same)?.checked_sub(1).and_then(|place| list.get(place)).map(|(_, at, _)| *at)
    };
    let last = at(&whole).max(at(&late))?;
    (same > 0).then(|| last.since(from))
}

/// Returns an intent without the numbers of orders, which differ between runs.
fn plain((slot, at, intent): &(usize, Time, Intent)) -> (usize, Time, Intent) {
    let mut intent = intent.clone();
    if let IntentKind::Cancel { order } = &mut intent.kind {
        *order = OrderId(0);
    }
    (*slot, *at, intent)
}

fn shown(intent: &Intent) -> String {
    match &intent.kind {
        IntentKind::Place { token, side, price, size, .. } => format!("{side} {size} of token {token} at {price}"),
        IntentKind::Cancel { order } => format!("cancel of order {order}"),
        IntentKind::CancelAll { .. } => "cancel of all".to_owned(),
        IntentKind::Quote { token, bid, ask } => {
            let leg = |leg: &Option<model::Quote>| leg.map_or_else(|| "-".to_owned(), |leg| leg.price.to_string());
            format!("quote of token {token} {}/{}", leg(bid), leg(ask))
        }
        IntentKind::SetTimer { timer, .. } => format!("timer {timer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_between_the_last_event_and_the_cut_is_no_difference() {
        let timer = |at: u64| {
            let kind = IntentKind::SetTimer { timer: 1, at: Time(50) };
            (0, Time(at), Intent { tag: 0, reason: "".into(), fair: None, kind })
        };
        let whole: Noted = [10, 20, 30, 40].map(timer).into();
        let count = |cut, reached| up_to(&whole, Time(cut), Time(reached)).len();
        // The cut tape's last event is at 25; the timer at 30 fired after it.
        assert_eq!(count(35, 25), 2);
        assert_eq!(count(35, 30), 3);
        // Events before the cut may be heard after it.
        assert_eq!(count(35, 60), 3);
    }
}
