//! Disk space: tables are kept within their ceilings, and a host short of disk space takes no more risk.

use crate::handles::Handles;
use alerts::{Alert, Alerts, Severity};
use config::Config;
use control::clock;
use control::inbox::Inbox;
use model::input::{Command, Restriction, Scope};
use model::{InputKind, Time};
use readmodel::ReadModel;
use readmodel::views::RestrictionLevelView;
use std::time::Duration;
use store::db::{Ceilings, Db};

/// The interval of disk checks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The interval of pruning tables to their ceilings.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const DAY_MILLIS: u64 = 86_400_000;
/// The percentage of the reserve that must be free before the shortage counts as over, so that it does not flap.
const ROOM_AGAIN_PERCENT: u64 = 125;

/// Starts the disk check and the pruning of tables, which run until the session ends.
pub(super) fn watch(handles: &Handles, config: &Config) {
    let limits = config.storage;
    let ceilings = Ceilings { refusals: limits.refusals, order_events: limits.order_events };
    tokio::spawn(prune(handles.db.clone(), ceilings, config.operations.rows_keep_days));
    handles.db.journal_audit_head(handles.journal.clone());
    let Handles { inbox, picture, alerts, .. } = handles.clone();
    let (watch, dir) =
        (DiskWatch { inbox, picture, alerts, reserve: limits.reserve, is_short: false }, config.data_dir.clone());
    tokio::spawn(watch_free_space(watch, LOOK_EVERY, move || store::free_space(&dir)));
}

async fn prune(db: Db, ceilings: Ceilings, keep_days: u32) {
    let mut again = tokio::time::interval(PRUNE_EVERY);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        let before = clock::now().millis().saturating_sub(u64::from(keep_days).saturating_mul(DAY_MILLIS));
        let pruned = match db.prune(ceilings).await {
            Ok(above) => db.prune_older(before).await.map(|older| above.saturating_add(older)),
            failed => failed,
        };
        match pruned {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "pruned the oldest refusals and order events"),
            Err(error) => tracing::warn!(%error, "pruning tables failed; retrying in a minute"),
        }
    }
}

/// Checks the disk repeatedly. `free` may block on a slow disk.
async fn watch_free_space(
    mut watch: DiskWatch,
    every: Duration,
    free: impl Fn() -> std::io::Result<u64> + Clone + Send + 'static,
) {
    loop {
        let free = free.clone();
        match tokio::task::spawn_blocking(free).await {
            Ok(Ok(bytes)) => watch.see(bytes, clock::now()),
            Ok(Err(error)) => tracing::warn!(%error, "reading the free space of the data folder failed"),
            Err(_) => return,
        }
        tokio::time::sleep(every).await;
    }
}

/// Restricts the session while the disk is short of space.
struct DiskWatch {
    inbox: Inbox,
    picture: ReadModel,
    alerts: Alerts,
    /// Bytes that must stay free.
    reserve: u64,
    is_short: bool,
}

impl DiskWatch {
    /// Processes the free bytes of the disk. While they are too few, a session without a restriction is restricted at
    /// each check: an operator who lifts the restriction makes space first. A tighter restriction stays.
    fn see(&mut self, free: u64, now: Time) {
        let reserve = self.reserve;
        if free < reserve {
            if !self.is_restricted() {
                let restrict = Command::Restrict { scope: Scope::Session, restriction: Restriction::ReduceOnly };
                self.inbox.account(now, InputKind::Command(restrict));
            }
            if !std::mem::replace(&mut self.is_short, true) {
                tracing::error!(free, reserve, "disk space low; the session only reduces positions");
                let title = "disk space is low: the host only reduces positions";
                let detail = format!(
                    "{free} bytes are free in the data folder, fewer than disk.reserve_mb: free some space, then \
                     lift the restriction of the session"
                );
                self.alert(now, Severity::Critical, "disk_short", title, &detail);
            }
        } else if self.is_short
            && free >= reserve.saturating_mul(ROOM_AGAIN_PERCENT).checked_div(100).unwrap_or(reserve)
        {
            self.is_short = false;
            tracing::warn!(free, "disk space sufficient again; the restriction stays until an operator lifts it");
            let detail = "the restriction of the session stays until an operator lifts it";
            self.alert(now, Severity::Warning, "disk_room", "disk space is sufficient again", detail);
        }
    }

    /// Returns true if the session is restricted, by an operator or by this check.
    fn is_restricted(&self) -> bool {
        let restrictions = self.picture.bot().restrictions;
        restrictions.iter().any(|view| view.scope == "session" && view.restriction != RestrictionLevelView::None)
    }

    fn alert(&self, now: Time, severity: Severity, kind: &'static str, title: &str, detail: &str) {
        self.alerts.raise(Alert::new(now, severity, kind, title, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::inbox::Taken;
    use readmodel::Begin;
    use readmodel::views::ModeView;

    const SHORT: Command = Command::Restrict { scope: Scope::Session, restriction: Restriction::ReduceOnly };

    fn watch() -> DiskWatch {
        let picture = ReadModel::new(&Begin { mode: ModeView::Demo, session: 7, at: Time(1) });
        DiskWatch { inbox: Inbox::default(), picture, alerts: Alerts::default(), reserve: 1_000, is_short: false }
    }

    /// Returns the commands in the inbox after the engine has restricted the session to `holds`.
    fn taken(watch: &DiskWatch, holds: Option<Restriction>) -> Vec<Command> {
        let mut taken = Taken::default();
        watch.inbox.next_round(&mut taken, 0, Duration::ZERO);
        watch.picture.restrictions(holds.map(|restriction| (Scope::Session, restriction)).into_iter());
        let commands = taken.arrivals.into_iter().filter_map(|arrival| match arrival.body {
            InputKind::Command(command) => Some(command),
            _ => None,
        });
        commands.collect()
    }

    #[test]
    fn a_host_that_is_short_of_space_only_reduces_until_an_operator_lifts_it_with_space() {
        let mut watch = watch();
        watch.see(1_000, Time(1));
        assert_eq!((taken(&watch, None), watch.is_short), (vec![], false));
        watch.see(999, Time(2));
        assert_eq!((taken(&watch, Some(Restriction::ReduceOnly)), watch.is_short), (vec![SHORT], true));
        watch.see(10, Time(3));
        assert_eq!(taken(&watch, None), [], "already restricted; now an operator lifts it");
        watch.see(10, Time(4));
        assert_eq!(
            taken(&watch, Some(Restriction::CancelOnly)),
            [SHORT],
            "without space it is set again; now it is tightened"
        );
        watch.see(10, Time(5));
        assert_eq!(taken(&watch, Some(Restriction::CancelOnly)), [], "a tighter one stays");
        watch.see(1_249, Time(6));
        assert!(watch.is_short, "slightly more is not enough");
        watch.see(1_250, Time(7));
        assert_eq!((taken(&watch, None), watch.is_short), (vec![], false), "the restriction is not lifted by itself");
    }

    #[tokio::test]
    async fn a_shortage_of_space_and_its_end_are_alerts_once_each() {
        let alerts = Alerts::start(&alerts::Settings::default(), &alerts::Bot::default(), || Time(1)).unwrap();
        let mut watch = DiskWatch { alerts: alerts.clone(), ..watch() };
        let raised = || -> Vec<(&str, Severity, u64)> {
            let listed = alerts.list(Time(9)).into_iter();
            listed.map(|alert| (alert.kind, alert.severity, alert.count)).collect()
        };
        watch.see(1_000, Time(1));
        assert_eq!(raised(), []);
        watch.see(999, Time(2));
        watch.see(998, Time(3));
        assert_eq!(raised(), [("disk_short", Severity::Critical, 1)]);
        let detail = &alerts.list(Time(9))[0].detail;
        assert!(detail.starts_with("999 bytes are free") && detail.contains("disk.reserve_mb"), "{detail}");
        watch.see(1_249, Time(4));
        watch.see(1_250, Time(5));
        watch.see(1_250, Time(6));
        assert_eq!(raised(), [("disk_room", Severity::Warning, 1), ("disk_short", Severity::Critical, 1)]);
        watch.see(5, Time(7));
        assert!(raised().contains(&("disk_short", Severity::Critical, 2)), "the next shortage is another alert");
    }

    #[tokio::test]
    async fn the_disk_is_looked_at_again_and_an_unknown_one_changes_nothing() {
        let (sizes, seen) = (std::sync::Arc::new(parking_lot::Mutex::new(vec![Ok(5), Err(()), Ok(2_000)])), watch());
        let inbox = seen.inbox.clone();
        let left = std::sync::Arc::clone(&sizes);
        let free = move || left.lock().pop().unwrap_or(Ok(5)).map_err(|()| std::io::Error::other("gone"));
        let task = tokio::spawn(watch_free_space(seen, Duration::from_millis(1), free));
        let mut taken = Taken::default();
        while taken.arrivals.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            inbox.next_round(&mut taken, 0, Duration::ZERO);
        }
        assert!(sizes.lock().is_empty(), "the first two checks changed nothing");
        assert_eq!(taken.arrivals[0].body, InputKind::Command(SHORT));
        task.abort();
    }
}
