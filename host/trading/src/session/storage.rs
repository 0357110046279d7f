//! Room on the disk: tables are held to their ceilings, and a host that is short of room takes no more risk.

use crate::handles::Handles;
use alerts::{Alert, Alerts, Severity};
use config::Config;
use control::clock;
use control::inbox::Inbox;
use model::input::{Command, Restriction, Scope};
use model::{Body, Time};
use readmodel::Picture;
use readmodel::views::RestrictionLevelView;
use std::time::Duration;
use store::db::{Ceilings, Db};

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often tables are held to their ceilings.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// The disk has room again with so many hundredths of the reserve, so that it does not come and go.
const ROOM_AGAIN_PERCENT: u64 = 125;

/// Starts what looks after the disk and the tables, until the session ends.
pub(super) fn watch(handles: &Handles, config: &Config) {
    let limits = config.storage;
    let ceilings = Ceilings { refusals: limits.refusals, order_events: limits.order_events };
    tokio::spawn(prune(handles.db.clone(), ceilings));
    let Handles { inbox, picture, alerts, .. } = handles.clone();
    let (watch, dir) =
        (DiskWatch { inbox, picture, alerts, reserve: limits.reserve, is_short: false }, config.data_dir.clone());
    tokio::spawn(look(watch, LOOK_EVERY, move || store::free_space(&dir)));
}

async fn prune(db: Db, ceilings: Ceilings) {
    let mut again = tokio::time::interval(PRUNE_EVERY);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        match db.prune(ceilings).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "oldest refusals and states of orders removed"),
            Err(error) => tracing::warn!(%error, "tables not held to their ceilings; trying again in a minute"),
        }
    }
}

/// Looks at the disk again and again. `free` may wait for a slow disk.
async fn look(mut watch: DiskWatch, every: Duration, free: impl Fn() -> std::io::Result<u64> + Clone + Send + 'static) {
    loop {
        let free = free.clone();
        match tokio::task::spawn_blocking(free).await {
            Ok(Ok(bytes)) => watch.see(bytes, clock::now()),
            Ok(Err(error)) => tracing::warn!(%error, "free space of the data folder not known"),
            Err(_) => return,
        }
        tokio::time::sleep(every).await;
    }
}

/// Restricts the session while the disk is short of room.
struct DiskWatch {
    inbox: Inbox,
    picture: Picture,
    alerts: Alerts,
    /// Bytes that are to stay free.
    reserve: u64,
    is_short: bool,
}

impl DiskWatch {
    /// Takes the free bytes of the disk. A session without a restriction gets one while they are too few, at each look: an operator who
    /// lifts it makes room first. A tighter one stays.
    fn see(&mut self, free: u64, now: Time) {
        let reserve = self.reserve;
        if free < reserve {
            if !self.is_restricted() {
                let restrict = Command::Restrict { scope: Scope::Session, restriction: Restriction::ReduceOnly };
                self.inbox.account(now, Body::Command(restrict));
            }
            if !std::mem::replace(&mut self.is_short, true) {
                tracing::error!(free, reserve, "disk short of room; the session only reduces positions");
                let title = "the disk is short of room: the host only reduces positions";
                let detail = format!(
                    "{free} bytes are free in the data folder, fewer than disk.reserve_mb: make room, then lift the restriction of \
                     the session"
                );
                self.alert(now, Severity::Critical, "disk_short", title, &detail);
            }
        } else if self.is_short
            && free >= reserve.saturating_mul(ROOM_AGAIN_PERCENT).checked_div(100).unwrap_or(reserve)
        {
            self.is_short = false;
            tracing::warn!(free, "disk has room again; an operator lifts the restriction of the session");
            let detail = "the restriction of the session stays until an operator lifts it";
            self.alert(now, Severity::Warning, "disk_room", "the disk has room again", detail);
        }
    }

    /// Says whether an operator, or this, restricted the session.
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
        let picture = Picture::new(&Begin { mode: ModeView::Demo, session: 7, at: Time(1) });
        DiskWatch { inbox: Inbox::default(), picture, alerts: Alerts::default(), reserve: 1_000, is_short: false }
    }

    /// Returns the commands of the inbox, once the engine has restricted the session to this.
    fn taken(watch: &DiskWatch, holds: Option<Restriction>) -> Vec<Command> {
        let mut taken = Taken::default();
        watch.inbox.take(&mut taken, 0, Duration::ZERO);
        watch.picture.restrictions(holds.map(|restriction| (Scope::Session, restriction)).into_iter());
        let commands = taken.arrivals.into_iter().filter_map(|arrival| match arrival.body {
            Body::Command(command) => Some(command),
            _ => None,
        });
        commands.collect()
    }

    #[test]
    fn a_host_that_is_short_of_room_only_reduces_until_an_operator_lifts_it_with_room() {
        let mut watch = watch();
        watch.see(1_000, Time(1));
        assert_eq!((taken(&watch, None), watch.is_short), (vec![], false));
        watch.see(999, Time(2));
        assert_eq!((taken(&watch, Some(Restriction::ReduceOnly)), watch.is_short), (vec![SHORT], true));
        watch.see(10, Time(3));
        assert_eq!(taken(&watch, None), [], "it holds already; now an operator lifts it");
        watch.see(10, Time(4));
        assert_eq!(
            taken(&watch, Some(Restriction::CancelOnly)),
            [SHORT],
            "without room it comes back; now it is tightened"
        );
        watch.see(10, Time(5));
        assert_eq!(taken(&watch, Some(Restriction::CancelOnly)), [], "a tighter one stays");
        watch.see(1_249, Time(6));
        assert!(watch.is_short, "a little more is no room yet");
        watch.see(1_250, Time(7));
        assert_eq!((taken(&watch, None), watch.is_short), (vec![], false), "nothing is lifted by itself");
    }

    #[tokio::test]
    async fn the_disk_is_looked_at_again_and_an_unknown_one_changes_nothing() {
        let (sizes, seen) = (std::sync::Arc::new(parking_lot::Mutex::new(vec![Ok(5), Err(()), Ok(2_000)])), watch());
        let inbox = seen.inbox.clone();
        let left = std::sync::Arc::clone(&sizes);
        let free = move || left.lock().pop().unwrap_or(Ok(5)).map_err(|()| std::io::Error::other("gone"));
        let task = tokio::spawn(look(seen, Duration::from_millis(1), free));
        let mut taken = Taken::default();
        while taken.arrivals.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            inbox.take(&mut taken, 0, Duration::ZERO);
        }
        assert!(sizes.lock().is_empty(), "nothing came of the first two looks");
        assert_eq!(taken.arrivals[0].body, Body::Command(SHORT));
        task.abort();
    }
}
