//! Routing of the supervisor's reports.

use config::{Config, Mode};
use control::clock;
use control::inbox::Inbox;
use model::InputKind;
use model::event::{REASON_MAX, Reason};
use model::input::{Blob, StrategyChange};
use sandbox::{Report, Sandbox, Supervisor};
use std::sync::Arc;
use store::strategy_state::SavedStates;
use tokio::sync::mpsc;

/// Starts watching the strategies folder. Answers and states of strategies go directly to the engine, from the
/// strategies' own threads and therefore in order; all other reports go to [`Strategies`](crate::Strategies).
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
        // Called from the sandbox's own threads, which may block briefly.
        if reports.blocking_send(report).is_err() {
            tracing::debug!("report of a strategy dropped; the session has ended");
        }
    };
    Ok(Supervisor::open(sandbox, config.strategies_dir.clone(), Arc::new(sink))?)
}

/// Sends the engine the reports that it needs in order, and returns those for others.
fn straight(inbox: &Inbox, states: &SavedStates, report: Report) -> Option<Report> {
    let tell = |body| inbox.strategy(clock::now(), body);
    match report {
        Report::Answer(answer, unjudged) => inbox.answer(clock::now(), answer, unjudged),
        Report::Saved { strategy, name, instance, state } => {
            if let Some(state) = &state {
                states.store(&name, state);
            }
            let state = state.map(|state| Blob(state.to_vec()));
            tell(InputKind::Strategy(StrategyChange::Saved { strategy, instance, state }));
        }
        Report::Kept { strategy, instance, error } => {
            let reason = cut(format!("a new version did not start; the previous one keeps running: {error}"));
            tell(InputKind::Strategy(StrategyChange::Kept { strategy, instance, reason }));
            return Some(Report::Kept { strategy, instance, error });
        }
        other => return Some(other),
    }
    None
}

/// Cuts a reason to the maximum length of the journal.
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
    use sandbox::InstanceId;
    use std::time::{Duration, Instant};

    const STORMING: StrategyId = StrategyId(1);
    /// Time to wait when no report is expected.
    const QUIET: Duration = Duration::from_millis(200);

    /// Takes all inputs from the inbox and returns the number of answers; waits for `expected` answers, and then
    /// briefly for more.
    fn answers(inbox: &Inbox, expected: usize) -> usize {
        let (mut all, mut taken) = (Vec::new(), Taken::default());
        let started = Instant::now();
        while all.len() < expected && started.elapsed() < Duration::from_secs(10) {
            inbox.next_round(&mut taken, 0, QUIET);
            all.append(&mut taken.arrivals);
        }
        std::thread::sleep(QUIET);
        inbox.next_round(&mut taken, 0, QUIET);
        all.append(&mut taken.arrivals);
        assert!(all.iter().all(|arrival| matches!(arrival.body, InputKind::Intents(_))), "{all:?}");
        all.len()
    }

    #[test]
    fn an_answer_that_does_not_fit_into_the_inbox_holds_nothing_up() {
        let dir = std::env::temp_dir().join(format!("polytrader-supervise-full-{}", std::process::id()));
        let (inbox, states) = (Inbox::default(), SavedStates::new(&dir, model::input::Mode::Demo, "account"));
        let (done, answered) = std::sync::mpsc::channel();
        let sink = {
            let inbox = inbox.clone();
            move |report| {
                let answer = matches!(&report, Report::Answer(..));
                drop(straight(&inbox, &states, report));
                if answer {
                    done.send(()).unwrap();
                }
            }
        };
        // Nothing takes from the inbox, and it is full.
        (0..65_536).for_each(|_| inbox.strategy(model::Time(1), InputKind::Clock));
        let sandbox = sandbox();
        let supervisor = Supervisor::open(sandbox.clone(), dir.join("strategies"), Arc::new(sink)).unwrap();
        let who = InstanceId { strategy: STORMING, name: "storming".to_owned(), instance: 1 };
        supervisor.start(who, sandbox.load(&storming().core()).unwrap(), session()).unwrap();
        for seconds in 2..5 {
            supervisor.notify_market(STORMING, top(seconds));
            answered.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        let mut taken = Taken::default();
        inbox.next_round(&mut taken, 0, QUIET);
        assert!(taken.account_lost, "the engine learns of the loss");
        supervisor.shutdown();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_account_input_that_arrives_after_an_answer_is_taken_before_it() {
        let dir = std::env::temp_dir().join(format!("polytrader-supervise-order-{}", std::process::id()));
        let (inbox, states) = (Inbox::default(), SavedStates::new(&dir, model::input::Mode::Demo, "account"));
        let (done, answered) = std::sync::mpsc::channel();
        let sink = {
            let inbox = inbox.clone();
            move |report| {
                let answer = matches!(&report, Report::Answer(..));
                drop(straight(&inbox, &states, report));
                if answer {
                    done.send(()).unwrap();
                }
            }
        };
        let sandbox = sandbox();
        let supervisor = Supervisor::open(sandbox.clone(), dir.join("strategies"), Arc::new(sink)).unwrap();
        let who = InstanceId { strategy: STORMING, name: "storming".to_owned(), instance: 1 };
        supervisor.start(who, sandbox.load(&storming().core()).unwrap(), session()).unwrap();
        supervisor.notify_market(STORMING, top(2));
        answered.recv_timeout(Duration::from_secs(10)).unwrap();
        inbox.account(model::Time(9), InputKind::Clock);
        let mut taken = Taken::default();
        inbox.next_round(&mut taken, 0, QUIET);
        let kinds: Vec<&InputKind> = taken.arrivals.iter().map(|arrival| &arrival.body).collect();
        assert!(matches!(kinds[..], [InputKind::Clock, InputKind::Intents(_)]), "{kinds:?}");
        supervisor.shutdown();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn no_more_than_one_answer_of_a_strategy_waits_for_the_engine_until_the_inbox_closes() {
        let dir = std::env::temp_dir().join(format!("polytrader-supervise-{}", std::process::id()));
        let (inbox, states) = (Inbox::default(), SavedStates::new(&dir, model::input::Mode::Demo, "account"));
        let sink = {
            let (inbox, states) = (inbox.clone(), states);
            move |report| drop(straight(&inbox, &states, report))
        };
        let sandbox = sandbox();
        let supervisor = Supervisor::open(sandbox.clone(), dir.join("strategies"), Arc::new(sink)).unwrap();
        let who = InstanceId { strategy: STORMING, name: "storming".to_owned(), instance: 1 };
        supervisor.start(who, sandbox.load(&storming().core()).unwrap(), session()).unwrap();
        // It receives one event at a time, and answers each with the maximum number of intents.
        (2..12).for_each(|seconds| supervisor.notify_market(STORMING, top(seconds)));
        for _ in 0..3 {
            assert_eq!(answers(&inbox, 1), 1);
        }
        // One answer is pending and is released; after closing, answers are no longer processed and no longer block.
        std::thread::sleep(QUIET);
        inbox.close();
        assert_eq!(answers(&inbox, 7), 7);
        supervisor.shutdown();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
