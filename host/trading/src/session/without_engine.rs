//! The end of a session whose engine is lost.

use super::Outcome;
use crate::watchdog::{Phase, Watchdog};
use alerts::{Alerts, CLOSE_WITHIN};
use anyhow::bail;
use store::db::engines::Lease;
use store::db::{Db, Halts};

/// Waits until the watchdog is done, closes what can be closed, and returns the result as an error.
///
/// # Errors
/// Always: such a session has no outcome.
pub(super) async fn finish(
    watchdog: &Watchdog,
    halts: &Halts,
    (db, lease): (Db, Lease),
    alerts: &Alerts,
) -> anyhow::Result<Outcome> {
    let end = watchdog.takeover_ended().await;
    super::unstored::finish(halts, &db, alerts).await;
    super::close(db, lease).await;
    alerts.close(CLOSE_WITHIN).await;
    match end {
        Phase::Empty => {
            bail!("the engine was lost; the host cancelled everything without it, and no order is open at the venue")
        }
        _ => bail!("the engine was lost; the venue did not confirm that no order is open: check the account"),
    }
}
