//! Who hears what the supervisor reports.

use config::{Config, Mode};
use control::clock;
use control::inbox::Inbox;
use model::Body;
use model::event::{REASON_MAX, Reason};
use model::input::{Blob, StrategyChange};
use sandbox::{Report, Sandbox, Supervisor};
use std::sync::Arc;
use store::strategy_state::SavedStates;
use tokio::sync::mpsc;

/// Watches the strategies folder. What strategies say goes straight to the engine, from their own threads and so in their order; the
/// rest to whoever looks after strategies.
pub fn supervise(
    config: &Config,
    sandbox: Sandbox,
    inbox: &Inbox,
    states: SavedStates,
    reports: mpsc::Sender<Report>,
) -> anyhow::Result<Supervisor> {
    if config.mode == Mode::Live {
        crate::folder_permissions::must_be_ours(&config.strategies_dir)?;
    }
    let inbox = inbox.clone();
    let sink = move |report| {
        let Some(report) = straight(&inbox, &states, report) else { return };
        // Called from the sandbox's own threads, which may wait for a moment.
        if reports.blocking_send(report).is_err() {
            tracing::debug!("a report of a strategy came after the end");
        }
    };
    Ok(Supervisor::open(sandbox, config.strategies_dir.clone(), Arc::new(sink))?)
}

/// Gives the engine what it must hear in order, and returns what others must hear.
fn straight(inbox: &Inbox, states: &SavedStates, report: Report) -> Option<Report> {
    let tell = |body| inbox.strategy(clock::now(), body);
    match report {
        Report::Answer(answer, unjudged) => inbox.answer(clock::now(), answer, unjudged),
        Report::Saved { strategy, name, instance, state } => {
            if let Some(state) = &state {
                states.keep(&name, state);
            }
            let state = state.map(|state| Blob(state.to_vec()));
            tell(Body::Strategy(StrategyChange::Saved { strategy, instance, state }));
        }
        Report::Kept { strategy, instance, error } => {
            let reason = cut(format!("a new version did not start, and the one before goes on: {error}"));
            tell(Body::Strategy(StrategyChange::Kept { strategy, instance, reason }));
            return Some(Report::Kept { strategy, instance, error });
        }
        other => return Some(other),
    }
    None
}

/// Cuts a reason to what the journal takes.
pub(super) fn cut(mut reason: Reason) -> Reason {
    reason.truncate(reason.floor_char_boundary(REASON_MAX));
    reason
}

#[cfg(test)]
#[path = "../../sandbox/tests/it/guest.rs"]
#[allow(dead_code, clippy::arithmetic_side_effects, reason = "the sandbox's own tests use the rest, and count freely")]
mod guest;

#[cfg(test)]
mod tests {
    use super::guest::{sandbox, session, storming, top};
    use super::*;
    use control::inbox::Taken;
    use model::StrategyId;
    use sandbox::Who;
    use std::time::{Duration, Instant};

    const STORMING: StrategyId = StrategyId(1);
    /// How long nothing is waited for.
    const QUIET: Duration = Duration::from_millis(200);

    /// Takes what is in the inbox and returns how many answers there were; waits for so many, and a while for more.
    fn answers(inbox: &Inbox, expected: usize) -> usize {
        let (mut all, mut taken) = (Vec::new(), Taken::default());
        let started = Instant::now();
        while all.len() < expected && started.elapsed() < Duration::from_secs(10) {
            inbox.take(&mut taken, 0, QUIET);
            all.append(&mut taken.arrivals);
        }
        std::thread::sleep(QUIET);
        inbox.take(&mut taken, 0, QUIET);
        all.append(&mut taken.arrivals);
        assert!(all.iter().all(|arrival| matches!(arrival.body, Body::Intents(_))), "{all:?}");
        all.len()
    }

    #[test]
    fn an_answer_that_does_not_fit_into_the_inbox_holds_nothing_up() {
        let dir = std::env::temp_dir().join(format!("polytrader-supervise-full-{}", std::process::id()));
        let (inbox, states) = (Inbox::default(), SavedStates::new(&dir, model::input::Mode::Demo, "nobody"));
        let (told, answered) = std::sync::mpsc::channel();
        let sink = {
            let inbox = inbox.clone();
            move |report| {
                let answer = matches!(&report, Report::Answer(..));
                drop(straight(&inbox, &states, report));
                if answer {
                    told.send(()).unwrap();
                }
            }
        };
        // Nothing is taken, and there is no room.
        (0..65_536).for_each(|_| inbox.strategy(model::Time(1), Body::Tick));
        let sandbox = sandbox();
        let supervisor = Supervisor::open(sandbox.clone(), dir.join("strategies"), Arc::new(sink)).unwrap();
        let who = Who { strategy: STORMING, name: "storming".to_owned(), instance: 1 };
        supervisor.start(who, sandbox.load(&storming().core()).unwrap(), session()).unwrap();
        for seconds in 2..5 {
            supervisor.notify_market(STORMING, top(seconds));
            answered.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        let mut taken = Taken::default();
        inbox.take(&mut taken, 0, QUIET);
        assert!(taken.account_lost, "the engine is told of it");
        supervisor.shutdown();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn no_more_than_one_answer_of_a_strategy_waits_for_the_engine_until_the_inbox_closes() {
        let dir = std::env::temp_dir().join(format!("polytrader-supervise-{}", std::process::id()));
        let (inbox, states) = (Inbox::default(), SavedStates::new(&dir, model::input::Mode::Demo, "nobody"));
        let sink = {
            let (inbox, states) = (inbox.clone(), states);
            move |report| drop(straight(&inbox, &states, report))
        };
        let sandbox = sandbox();
        let supervisor = Supervisor::open(sandbox.clone(), dir.join("strategies"), Arc::new(sink)).unwrap();
        let who = Who { strategy: STORMING, name: "storming".to_owned(), instance: 1 };
        supervisor.start(who, sandbox.load(&storming().core()).unwrap(), session()).unwrap();
        // It hears one at a time, and answers each with as much as an answer can hold.
        (2..12).for_each(|seconds| supervisor.notify_market(STORMING, top(seconds)));
        for _ in 0..3 {
            assert_eq!(answers(&inbox, 1), 1);
        }
        // One waits, and is let go; what comes after nobody judges, and nobody waits for.
        std::thread::sleep(QUIET);
        inbox.close();
        assert_eq!(answers(&inbox, 7), 7);
        supervisor.shutdown();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
