//! Sweeps, trials and the time that strategies ran, on both databases.

use crate::db::live;
use crate::postgres::Cluster;
use store::db::{AccountScope, Db, SweepRow, TrialRow};
use testkit::Scratch;

#[tokio::test]
async fn sweeps_and_trials_are_kept_on_sqlite() {
    let dir = Scratch::new("research");
    keep(&Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap()).await;
}

#[tokio::test]
async fn sweeps_and_trials_are_kept_on_postgres() {
    let Some(cluster) = Cluster::start("research") else { return };
    keep(&Db::open(&cluster.url()).await.unwrap()).await;
}

fn trial(sweep: &str, place: u64, sharpe_nanos: Option<i64>) -> TrialRow {
    TrialRow {
        tape: "tape".to_owned(),
        run: format!("{sweep}-run-{place:04}"),
        module: "ab".to_owned(),
        strategy: "größe".to_owned(),
        parameters: "{\"size\":5}".to_owned(),
        sweep: sweep.to_owned(),
        place,
        score_nanos: Some(-5),
        sharpe_nanos,
        profit_micro_usd: -7,
        until_ms: 1_000,
        at_ms: 2_000 + place,
        ..TrialRow::default()
    }
}

async fn keep(db: &Db) {
    let row = SweepRow {
        sweep: "s1".to_owned(),
        name: "ema".to_owned(),
        strategy: "momentum".to_owned(),
        module: "ab".to_owned(),
        tape: "tape".to_owned(),
        objective: "profit".to_owned(),
        plan: "{}".to_owned(),
        verdict: String::new(),
        started_at_ms: 10,
        ended_at_ms: None,
    };
    db.store_sweep(&row).await.unwrap();
    let ended = SweepRow { verdict: "{\"overfit\":0.5}".to_owned(), ended_at_ms: Some(20), started_at_ms: 15, ..row };
    db.store_sweep(&ended).await.unwrap();
    assert_eq!(db.sweep("s1").await.unwrap(), Some(SweepRow { started_at_ms: 10, ..ended }), "the first start stays");
    assert_eq!(db.sweep("s2").await.unwrap(), None);
    let [first, second, alone] = [trial("s1", 0, Some(400_000_000)), trial("s1", 1, None), trial("", 0, Some(-1))];
    for trial in [&second, &first, &alone] {
        db.store_trial(trial).await.unwrap();
    }
    // A second delivery changes nothing.
    db.store_trial(&TrialRow { profit_micro_usd: 99, ..first.clone() }).await.unwrap();
    assert_eq!(db.trials_of_sweep("s1").await.unwrap(), [first.clone(), second.clone()]);
    // Own trials are counted by the sweep itself.
    assert_eq!(db.trial_history("tape", "s1").await.unwrap(), (1, vec![-1]));
    assert_eq!(db.trial_history("tape", "s2").await.unwrap(), (3, vec![-1, 400_000_000]));
    assert_eq!(db.trial_history("other", "s1").await.unwrap(), (0, Vec::new()));
    assert_eq!(db.trials_of_run("s1-run-0").await.unwrap(), [second, first]);
    assert_eq!(db.trials_of_run("s1-run").await.unwrap(), [], "too short");
    assert_eq!(db.trials_of_run("%%%%%%%%%").await.unwrap(), []);
    let paper = AccountScope::new("paper", "0xb");
    for (scope, ran) in [(&paper, 60_000), (&paper, 30_000), (&live(), 5)] {
        db.add_strategy_time(scope, ("momentum", "ab"), ran, 100).await.unwrap();
    }
    assert_eq!(
        [db.strategy_time("paper", "ab").await.unwrap(), db.strategy_time("paper", "cd").await.unwrap()],
        [90_000, 0]
    );
}
