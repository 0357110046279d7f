//! The numbers of strategies and of their markets, as the journals have them. A database that was restored from an
//! older backup lacks the latest, and would give them to others: what a strategy holds would become another's.

use anyhow::Context;
use journal::Record;
use model::input::StrategyChange;
use model::{ConditionId, InputKind, SessionId, StrategyId};
use std::collections::BTreeMap;
use std::path::PathBuf;
use store::db::Db;
use store::journal_files::{Step, walk};

/// The numbers that the journals have.
#[derive(Debug, Default)]
struct Numbers {
    names: BTreeMap<StrategyId, String>,
    places: BTreeMap<(StrategyId, ConditionId), u32>,
}

impl Numbers {
    fn on_step(&mut self, markets: &mut Vec<ConditionId>, step: Step) {
        let Step::Record(Record::Input(input)) = step else { return };
        match input.kind {
            InputKind::Market(market) => markets.push(market.condition),
            InputKind::Strategy(StrategyChange::Loaded { strategy, name, markets: granted, places, .. }) => {
                self.names.insert(strategy, name);
                for (market, place) in granted.iter().zip(places) {
                    if let Some(condition) = markets.get(market.index()) {
                        self.places.insert((strategy, *condition), place);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Adds the numbers that the database lacks; returns how many.
pub(super) async fn write_again(db: &Db, sessions: &[(SessionId, Vec<PathBuf>)]) -> anyhow::Result<u64> {
    let files: Vec<Vec<PathBuf>> = sessions.iter().map(|(_, files)| files.clone()).collect();
    let read = tokio::task::spawn_blocking(move || {
        let mut numbers = Numbers::default();
        for files in &files {
            let mut markets = Vec::new();
            // A journal that is damaged is reported with its rows.
            if let Err(error) = walk(files, |step| numbers.on_step(&mut markets, step)) {
                tracing::warn!(error = format!("{error:#}"), "numbers of a session not read");
            }
        }
        numbers
    });
    let Numbers { names, places } = read.await.context("reading the journals")?;
    let mut added = 0_u64;
    for (strategy, name) in names {
        added = added.saturating_add(db.add_strategy_number(strategy, &name).await?);
    }
    for ((strategy, condition), place) in places {
        added = added.saturating_add(db.add_market_place(strategy, condition, place).await?);
    }
    Ok(added)
}
