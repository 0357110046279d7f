//! Pruning of old strategy versions, so that they do not fill the disk. Kept are the last versions of each strategy,
//! versions that run or should run, those that operators decided about, and those that an existing journal refers to.

use super::Strategies;
use anyhow::Context;
use model::hex;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::journal_files::{folder, segments_of};
use store::module_archive::{self, Pruned};
use tokio::time::Instant;

/// Time to wait for further starts, so that they lead to one pruning.
const WAIT: Duration = Duration::from_secs(1);

/// Returns the time of the pruning after a start.
pub(super) fn soon() -> Instant {
    Instant::now().checked_add(WAIT).unwrap_or_else(Instant::now)
}

/// Waits until a time; forever if there is none.
pub(super) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Strategies {
    /// Records that this session runs a module, so that it is kept as long as the session's journal.
    pub(super) fn record_run(&mut self, name: &str, hash: [u8; 32]) {
        if !self.noted.insert(hash) {
            return;
        }
        if let Err(error) = module_archive::record_session(&self.tools.data_dir, &hash, self.tools.session) {
            tracing::error!(%error, name, "run of a module not recorded; it may be pruned before the journal");
        }
    }

    /// Removes versions that are no longer needed.
    pub(super) async fn prune(&mut self) {
        self.prune_at = None;
        match self.pruned().await {
            Ok(Pruned { modules, bytes, failed }) => {
                if modules > 0 {
                    let kept = self.tools.keep_versions;
                    tracing::info!(modules, bytes, kept, "old versions of strategies removed");
                }
                if let Some(error) = failed.first() {
                    let modules = failed.len();
                    tracing::warn!(%error, modules, "old versions of strategies not removed; the first error is shown");
                }
            }
            Err(error) => tracing::warn!(error = format!("{error:#}"), "removing old versions of strategies failed"),
        }
    }

    async fn pruned(&self) -> anyhow::Result<Pruned> {
        let versions = self.tools.db.all_versions().await?;
        let decided = self.tools.db.decided_versions().await?;
        let here = self.known.values().flat_map(|known| known.needs()).map(|hash| hex::encode(&hash));
        let old = old(&versions, self.tools.keep_versions, decided.into_iter().chain(here).collect());
        if old.is_empty() {
            return Ok(Pruned::default());
        }
        let data_dir = self.tools.data_dir.clone();
        let work = move || -> anyhow::Result<Pruned> {
            let journaled = segments_of(&folder(&data_dir)).context("reading the journal folder")?;
            let journaled = journaled.into_iter().map(|(session, _)| session.0).collect();
            Ok(module_archive::prune(&data_dir, &old, &journaled))
        };
        tokio::task::spawn_blocking(work).await.context("removing modules")?
    }
}

/// Returns the versions that are neither among the last `keep` of any strategy nor needed. `versions` are names with
/// hashes, for each name the latest first. Versions that the database does not know are never returned.
fn old(versions: &[(String, String)], keep: u32, mut needed: BTreeSet<String>) -> Vec<String> {
    let mut counts = BTreeMap::<&str, u32>::new();
    for (name, hash) in versions {
        let count = counts.entry(name).or_default();
        *count = count.saturating_add(1);
        if *count <= keep {
            needed.insert(hash.clone());
        }
    }
    let all: BTreeSet<&String> = versions.iter().map(|(_, hash)| hash).collect();
    all.into_iter().filter(|hash| !needed.contains(*hash)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_versions_of_each_strategy_and_the_needed_ones_stay() {
        let versions = ["a 5", "a 4", "a 3", "a 2", "a 1", "b 9", "b 2"];
        let versions = versions.map(|row| row.split_once(' ').unwrap_or_default());
        let versions = versions.map(|(name, hash)| (name.to_owned(), hash.to_owned()));
        let old = |keep, needed: &[&str]| old(&versions, keep, needed.iter().map(|hash| (*hash).to_owned()).collect());
        assert_eq!(old(2, &[]), ["1", "3"], "another strategy's second version is the fourth of this one");
        assert_eq!(old(2, &["3", "", "7"]), ["1"]);
        assert_eq!(old(1, &[]), ["1", "2", "3", "4"]);
        assert!(old(5, &[]).is_empty() && old(2, &["1", "3"]).is_empty());
    }
}
