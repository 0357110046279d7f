//! Throwing old versions of strategies away, so that they do not fill the disk. What stays: the last versions of each strategy, what runs
//! or should, what operators decided about, and what a journal that is here names.

use super::Strategies;
use anyhow::Context;
use model::hex;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::journal_files::{folder, segments_of};
use store::module_archive;
use tokio::time::Instant;

/// What starts within so long of each other is looked at once.
const WAIT: Duration = Duration::from_secs(1);

/// Returns when to look after something started.
pub(super) fn soon() -> Instant {
    Instant::now().checked_add(WAIT).unwrap_or_else(Instant::now)
}

/// Waits for a moment; for ever if there is none.
pub(super) async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Strategies {
    /// Notes that this session runs a module, so that it is kept as long as the session's journal is.
    pub(super) fn note_run(&mut self, name: &str, hash: [u8; 32]) {
        if !self.noted.insert(hash) {
            return;
        }
        if let Err(error) = module_archive::note(&self.tools.data_dir, &hash, self.tools.session) {
            tracing::error!(%error, name, "nobody will know that this session ran a module: its file may go before the journal");
        }
    }

    /// Throws away what nobody needs any more.
    pub(super) async fn prune(&mut self) {
        self.prune_at = None;
        match self.pruned().await {
            Ok((0, _)) => {}
            Ok((modules, bytes)) => {
                let kept = self.tools.keep_versions;
                tracing::info!(modules, bytes, kept, "old versions of strategies were thrown away");
            }
            Err(error) => tracing::warn!(error = format!("{error:#}"), "old versions of strategies stay"),
        }
    }

    async fn pruned(&self) -> anyhow::Result<(u64, u64)> {
        let versions = self.tools.db.all_versions().await?;
        let decided = self.tools.db.decided_versions().await?;
        let here = self.known.values().flat_map(|known| known.needs()).map(|hash| hex::encode(&hash));
        let old = old(&versions, self.tools.keep_versions, decided.into_iter().chain(here).collect());
        if old.is_empty() {
            return Ok((0, 0));
        }
        let data_dir = self.tools.data_dir.clone();
        let work = move || -> anyhow::Result<(u64, u64)> {
            let journaled = segments_of(&folder(&data_dir)).context("reading the folder of the journals")?;
            let journaled = journaled.into_iter().map(|(session, _)| session.0).collect();
            module_archive::prune(&data_dir, &old, &journaled).context("in the folder of the modules")
        };
        tokio::task::spawn_blocking(work).await.context("throwing modules away")?
    }
}

/// Returns the versions that are not among the last `keep` of any strategy, nor needed. `versions` are names with hashes, of each name the
/// last one first. What the database does not know is not among them.
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
    fn the_last_versions_of_each_strategy_stay_and_what_is_needed_besides() {
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
