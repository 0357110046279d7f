//! The dead man's ping: an external address is requested while engine, journal and feeds prove to be alive. Each ping needs
//! proofs from its own interval; a host that is blocked, cannot write or receives nothing of its markets sends none, and
//! the service at the address raises an alarm.

use crate::handles::Handles;
use crate::watchdog::Watchdog;
use alerts::{DeadMan, Outcome};
use config::Config;
use model::Time;
use std::time::Duration;

/// Maximum time for the journal to reach the disk.
const SYNCED_WITHIN: Duration = Duration::from_secs(5);

/// Signs of life up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Proofs {
    /// True if the engine thread is gone or blocked.
    engine_lost: bool,
    /// The time of the last state that the engine published.
    engine_at: Option<Time>,
    /// True if the journal up to the end of the interval is on disk.
    journaled: bool,
    /// True if both channels are up.
    channels_up: bool,
    /// Market events, and quiet books that REST confirmed, since the start.
    market_proofs: u64,
}

/// Returns the missing proof of the interval between two readings, if any.
fn missing(before: &Proofs, now: &Proofs) -> Option<&'static str> {
    if now.engine_lost || now.engine_at.is_none() || now.engine_at == before.engine_at {
        return Some("the engine did not move");
    }
    if !now.journaled {
        return Some("the journal is not on the disk");
    }
    if !now.channels_up {
        return Some("a channel is down");
    }
    if now.market_proofs == before.market_proofs {
        return Some("no market event came and no quiet book was confirmed");
    }
    None
}

/// Starts the pings, if an address is configured.
pub(crate) fn start(handles: &Handles, watchdog: &Watchdog, config: &Config) {
    if let Some(dead_man) = config.alerts.dead_man.clone() {
        tokio::spawn(run(handles.clone(), watchdog.clone(), dead_man));
    }
}

async fn run(handles: Handles, watchdog: Watchdog, dead_man: DeadMan) {
    let mut ticks = tokio::time::interval(dead_man.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first interval begins at once.
    ticks.tick().await;
    let mut before = proofs(&handles, &watchdog).await;
    let (mut silent, mut failures) = (None, 0_u32);
    loop {
        ticks.tick().await;
        let now = proofs(&handles, &watchdog).await;
        let reason = missing(&before, &now);
        before = now;
        if reason != silent {
            silent = reason;
            match reason {
                Some(reason) => tracing::error!(reason, "dead man's ping withheld; its service will raise an alarm"),
                None => tracing::info!("dead man's pings resumed"),
            }
        }
        let paths = handles.picture.paths();
        if reason.is_some() {
            paths.dead_man_withheld.add(1);
            continue;
        }
        match dead_man.ping().await {
            Outcome::Taken(_) => {
                failures = 0;
                paths.dead_man_pings.add(1);
            }
            Outcome::Refused(why) | Outcome::Later(why, _) => {
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::warn!(why, failures, "dead man's ping was not accepted");
                }
            }
        }
    }
}

async fn proofs(handles: &Handles, watchdog: &Watchdog) -> Proofs {
    let synced = handles.journal.synced(handles.journal.mark());
    let journaled = matches!(tokio::time::timeout(SYNCED_WITHIN, synced).await, Ok(Ok(())));
    let bot = handles.picture.bot();
    Proofs {
        engine_lost: watchdog.engine_is_lost(),
        engine_at: handles.latest.get().map(|view| view.at),
        journaled,
        channels_up: bot.market_channel_up && bot.user_channel_up,
        market_proofs: bot.events.saturating_add(handles.picture.paths().books_confirmed.get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_needs_the_engine_the_journal_and_the_feeds_in_its_interval() {
        let before = Proofs {
            engine_lost: false,
            engine_at: Some(Time(1)),
            journaled: true,
            channels_up: true,
            market_proofs: 7,
        };
        let now = Proofs { engine_at: Some(Time(2)), market_proofs: 8, ..before };
        assert_eq!(missing(&before, &now), None);
        for (lacks, word) in [
            (Proofs { engine_lost: true, ..now }, "engine"),
            (Proofs { engine_at: Some(Time(1)), ..now }, "engine"),
            (Proofs { engine_at: None, ..now }, "engine"),
            (Proofs { journaled: false, ..now }, "journal"),
            (Proofs { channels_up: false, ..now }, "channel"),
            (Proofs { market_proofs: 7, ..now }, "market event"),
        ] {
            assert!(missing(&before, &lacks).is_some_and(|reason| reason.contains(word)), "{lacks:?}");
        }
    }
}
