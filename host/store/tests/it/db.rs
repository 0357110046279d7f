//! Every statement on both databases.

use crate::ceilings::refusal;
use crate::postgres::Cluster;
use crate::upgrade::token;
use crate::{decisions, valuations};
use model::{ConditionId, StrategyId, Usd};
use sqlx::{Connection, Database, Executor, Postgres, Sqlite};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::db::claims::{ClaimKind, ClaimState};
use store::db::engines::{Claimant, Lease};
use store::db::{
    AccountScope, AuditRow, BreakerRow, ClaimRow, Db, DbError, DbWrite, DecisionRow, Delay, FillKey, FillRow, Filter,
    Halt, Halts, OrderRow, PositionRow, RefusalRow, SessionRow, SettingRow, StrategyRow, TokenRow,
};
use testkit::Scratch;

pub(crate) const SESSION: u64 = 1_800_000_000_000_000;
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn live() -> AccountScope {
    AccountScope::new("live", "0xfeed")
}

#[tokio::test]
async fn every_statement_works_on_sqlite() {
    let dir = Scratch::new("sqlite");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    let db = Db::open(&url).await.unwrap();
    projections(&db).await;
    primary(&db).await;
    places(&db).await;
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    engines(&db).await;
    halts_wait_for_a_lock::<Sqlite>(&db, &mut other, &["BEGIN IMMEDIATE"]).await;
    halts_are_written_again::<Sqlite>(&db, &mut other).await;
    decisions::wait_for_a_lock::<Sqlite>(&db, &mut other, &["BEGIN IMMEDIATE"]).await;
    decisions::are_written_again::<Sqlite>(&db, &mut other).await;
    valuations::are_written_again::<Sqlite>(&db, &mut other).await;
    db.close(PATIENCE).await;
    what_was_written_stays(&url).await;
}

#[tokio::test]
async fn every_statement_works_on_postgres() {
    let Some(cluster) = Cluster::start("every_statement_works_on_postgres") else { return };
    let db = Db::open(&cluster.url()).await.unwrap();
    projections(&db).await;
    primary(&db).await;
    places(&db).await;
    let mut other = sqlx::PgConnection::connect(&cluster.url()).await.unwrap();
    engines(&db).await;
    halts_wait_for_a_lock::<Postgres>(&db, &mut other, &["BEGIN", "LOCK TABLE halts IN ACCESS EXCLUSIVE MODE"]).await;
    halts_are_written_again::<Postgres>(&db, &mut other).await;
    let locked = ["BEGIN", "LOCK TABLE audit, settings, strategy_decisions IN ACCESS EXCLUSIVE MODE"];
    decisions::wait_for_a_lock::<Postgres>(&db, &mut other, &locked).await;
    decisions::are_written_again::<Postgres>(&db, &mut other).await;
    valuations::are_written_again::<Postgres>(&db, &mut other).await;
    db.close(PATIENCE).await;
    what_was_written_stays(&cluster.url()).await;
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let Some(cluster) = Cluster::start("both_databases_have_the_same_tables_and_columns") else { return };
    let dir = Scratch::new("schemas");
    let file = format!("sqlite:{}", dir.join("test.sqlite").display());
    Db::open(&file).await.unwrap().close(PATIENCE).await;
    Db::open(&cluster.url()).await.unwrap().close(PATIENCE).await;
    let lite = sqlx::SqlitePool::connect(&file).await.unwrap();
    let sql = "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'
               AND t.name NOT LIKE '%sqlite%' AND t.name <> '_sqlx_migrations' ORDER BY t.name, c.cid";
    let lite: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&lite).await.unwrap();
    let post = sqlx::PgPool::connect(&cluster.url()).await.unwrap();
    let sql = r#"SELECT table_name::text COLLATE "C", column_name::text FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' ORDER BY 1, ordinal_position"#;
    let post: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&post).await.unwrap();
    assert!(lite.len() > 80, "{lite:?}");
    assert_eq!(lite, post);
}

#[tokio::test]
async fn an_address_of_no_known_database_is_refused_without_its_password() {
    let error = Db::open("mysql://me:secret@host/db").await.unwrap_err();
    assert!(matches!(error, DbError::Address(_)) && !error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn one_bad_row_is_lost_alone_and_counted() {
    let dir = Scratch::new("bad-row");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let writer = db.writer();
    for row in [order(1, "live", 0), OrderRow { side: "HOLD".to_owned(), ..order(2, "live", 0) }, order(3, "live", 0)] {
        writer.write(DbWrite::Order { seq: row.id, order: row });
    }
    assert!(writer.flush(PATIENCE).await);
    let ids: Vec<u64> =
        db.orders(&Filter::of(Some(SESSION)), None, 10).await.unwrap().iter().map(|order| order.id).collect();
    assert_eq!((ids, writer.health().written, writer.health().lost), (vec![3, 1], 2, 1));
}

#[tokio::test]
async fn a_full_queue_loses_rows_and_never_waits() {
    let dir = Scratch::new("full");
    let db = Db::open(&format!("sqlite:{}", dir.join("test.sqlite").display())).await.unwrap();
    let writer = db.writer();
    // The writer shares this test's thread, so that nothing is written until the test waits.
    for id in 1..=20_000 {
        writer.write(DbWrite::Order { seq: id, order: order(id, "live", 0) });
    }
    let health = writer.health();
    assert_eq!(health.lost + health.waiting, 20_000);
    assert!(health.lost > 0);
    assert!(writer.flush(PATIENCE).await);
    assert_eq!(writer.health().written + health.lost, 20_000);
}

pub(crate) fn order(id: u64, state: &str, filled: u64) -> OrderRow {
    OrderRow {
        session: SESSION,
        id,
        venue_id: "0xab".to_owned(),
        strategy: "quoter".to_owned(),
        token: "123".to_owned(),
        market: "rain".to_owned(),
        outcome: "Yes".to_owned(),
        side: "BUY".to_owned(),
        kind: "GTC".to_owned(),
        price_micro_usd: 480_000,
        size_micros: 20_000_000,
        filled_micros: filled,
        state: state.to_owned(),
        reason: format!("because {state}"),
        created_at_ms: 1_000,
        updated_at_ms: 1_000 + id,
    }
}

pub(crate) fn fill(id: &str, at_ms: u64, settlement: &str) -> FillRow {
    FillRow {
        session: SESSION,
        id: id.to_owned(),
        order_id: 7,
        at_ms,
        strategy: "quoter".to_owned(),
        token: "123".to_owned(),
        market: "rain".to_owned(),
        outcome: "Yes".to_owned(),
        side: "BUY".to_owned(),
        price_micro_usd: 480_000,
        size_micros: 5_000_000,
        cost_micro_usd: 2_400_000,
        fee_micro_usd: 12,
        maker: 1,
        settlement: settlement.to_owned(),
    }
}

async fn projections(db: &Db) {
    let writer = db.writer();
    let session =
        SessionRow { session: SESSION, mode: "demo", account: "0xfeed".to_owned(), started_at_ms: SESSION / 1_000 };
    let (market, outcome) = ("rain".to_owned(), "Yes".to_owned());
    let position = PositionRow {
        session: SESSION,
        token: "123".to_owned(),
        market: market.clone(),
        outcome: outcome.clone(),
        size_micros: 5_000_000,
        cost_micro_usd: 2_400_000,
        realised_micro_usd: -3,
        at_ms: 1,
    };
    let strategy = StrategyRow {
        hash: "ab".to_owned(),
        name: "quoter".to_owned(),
        version: "1.0.0".to_owned(),
        first_seen_ms: 1,
        source: "quoter.wasm".to_owned(),
        bytes: 5,
        loaded_at_ms: 1,
    };
    let rows = [
        DbWrite::Session(session),
        DbWrite::Order { seq: 10, order: OrderRow { venue_id: String::new(), ..order(7, "pending", 0) } },
        DbWrite::Order { seq: 11, order: order(7, "live", 0) },
        DbWrite::Order { seq: 12, order: OrderRow { venue_id: String::new(), ..order(7, "partly_filled", 5_000_000) } },
        DbWrite::Order { seq: 13, order: order(8, "pending", 0) },
        DbWrite::Fill(fill("t1/0", 500, "matched")),
        DbWrite::Fill(fill("t1/1", 500, "matched")),
        DbWrite::Fill(fill("t2/0", 600, "matched")),
        DbWrite::Fill(fill("t1/0", 900, "confirmed")),
        DbWrite::Position(position),
        DbWrite::Refusal(RefusalRow { market: market.clone(), outcome, ..refusal(14) }),
        DbWrite::Breaker(BreakerRow {
            session: SESSION,
            seq: 15,
            name: "stale_data".to_owned(),
            market,
            tripped: true,
            reason: "61 s".to_owned(),
            at_ms: 3,
        }),
        DbWrite::Strategy(live(), strategy),
    ];
    let count = u64::try_from(rows.len()).unwrap();
    // Twice: writing the same row again changes nothing.
    for row in rows.clone().into_iter().chain(rows) {
        writer.write(row);
    }
    assert!(writer.flush(PATIENCE).await);
    let health = writer.health();
    assert_eq!((health.written, health.lost, health.waiting), (2 * count, 0, 0), "{:?}", db.kind());
    pages(db).await;
    history(db).await;
    versions(db).await;
}

async fn versions(db: &Db) {
    let row = |hash: &str, first_seen_ms, loaded_at_ms| StrategyRow {
        hash: hash.to_owned(),
        name: "versions".to_owned(),
        version: "1".to_owned(),
        first_seen_ms,
        source: "versions.wasm".to_owned(),
        bytes: 5,
        loaded_at_ms,
    };
    let writer = db.writer();
    for loaded in [row("a", 1, 1), row("b", 2, 2), row("a", 9, 9)] {
        writer.write(DbWrite::Strategy(live(), loaded));
    }
    assert!(writer.flush(PATIENCE).await);
    let versions = db.strategy_versions(&live(), "versions", 20).await.unwrap();
    assert_eq!(versions, [row("a", 1, 9), row("b", 2, 2)], "the first-seen time stays, and the last loaded is first");
    assert_eq!(db.strategy_versions(&live(), "versions", 1).await.unwrap(), [row("a", 1, 9)]);
    let all = db.all_versions().await.unwrap();
    let hashes: Vec<&str> = all.iter().filter(|(name, _)| name == "versions").map(|(_, hash)| hash.as_str()).collect();
    assert_eq!(hashes, ["a", "b"]);
}

async fn pages(db: &Db) {
    let first = db.trades(&Filter::default(), None, 2).await.unwrap();
    let ids = |fills: &[FillRow]| fills.iter().map(|fill| fill.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["t2/0", "t1/1"]);
    let second = db.trades(&Filter::default(), first.last().map(FillKey::from).as_ref(), 2).await.unwrap();
    assert_eq!(second, [fill("t1/0", 500, "confirmed")], "the first time and the last settlement are kept");
    assert_eq!(db.orders(&Filter::of(Some(SESSION)), Some((SESSION, 8)), 10).await.unwrap().len(), 1);
    assert_eq!(db.orders(&Filter::of(Some(SESSION)), None, 10).await.unwrap()[0], order(8, "pending", 0));
}

async fn history(db: &Db) {
    let history = db.order_history(SESSION, 7).await.unwrap().unwrap();
    assert_eq!(history.order, order(7, "partly_filled", 5_000_000), "a known venue id stays");
    let events: Vec<_> = history.events.iter().map(|event| (event.seq, event.state.as_str())).collect();
    assert_eq!(events, [(10, "pending"), (11, "live"), (12, "partly_filled")]);
    assert_eq!(history.events[2].reason, "because partly_filled");
    assert_eq!(history.fills.len(), 3);
    assert_eq!(db.order_history(SESSION, 99).await.unwrap(), None);
    assert_eq!(db.order_history(SESSION, u64::MAX).await.unwrap(), None);
}

/// A claim is stored once before it is sent, and its state is updated.
async fn claims(db: &Db) {
    let row = |created_at_ms, state| ClaimRow {
        account: "0xa".into(),
        created_at_ms,
        kind: ClaimKind::Merge,
        market: "rain".into(),
        condition_id: "0x07".into(),
        size_micros: 1,
        worth_micro_usd: 2,
        nonce: 3,
        deadline_s: 4,
        state,
        transaction_id: String::new(),
        transaction_hash: String::new(),
        reason: String::new(),
        who: "ann".into(),
        updated_at_ms: 5,
    };
    db.add_claim(&row(1, ClaimState::Signed)).await.unwrap();
    db.add_claim(&row(2, ClaimState::Signed)).await.unwrap();
    assert!(db.add_claim(&row(2, ClaimState::Signed)).await.is_err(), "the same row twice");
    let (transaction_id, transaction_hash, reason) = ("t".into(), "0x1".into(), "why".into());
    let sent = ClaimRow { transaction_id, transaction_hash, reason, updated_at_ms: 6, ..row(1, ClaimState::Sent) };
    db.update_claim(&sent).await.unwrap();
    let claims = db.claims("0xa", 10).await.unwrap();
    assert_eq!((claims.rows, claims.unreadable), (vec![row(2, ClaimState::Signed), sent], 0));
    let all = [ClaimState::Unknown, ClaimState::Confirmed, ClaimState::Used, ClaimState::Failed];
    for (state, at) in all.into_iter().zip(10..) {
        let redeem = ClaimRow { account: "0xb".into(), kind: ClaimKind::Redeem, ..row(at, state) };
        db.add_claim(&redeem).await.unwrap();
        assert_eq!(db.claims("0xb", 1).await.unwrap().rows, [redeem]);
    }
    assert_eq!(db.claims("0xc", 10).await.unwrap().rows, []);
}

/// A row of an unknown state affects only itself: a newer host may have written it.
#[tokio::test]
async fn a_claim_that_cannot_be_read_is_skipped_and_counted() {
    let dir = Scratch::new("unreadable");
    let url = format!("sqlite:{}", dir.join("test.sqlite").display());
    let db = Db::open(&url).await.unwrap();
    claims(&db).await;
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let refused = sqlx::query("UPDATE claims SET state = 'dreamt'").execute(&pool).await;
    assert!(refused.unwrap_err().to_string().contains("claims_state"));
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&pool).await.unwrap();
    sqlx::query("UPDATE claims SET state = 'dreamt' WHERE created_at_ms IN (2, 10)").execute(&pool).await.unwrap();
    sqlx::query("UPDATE claims SET kind = 'bake' WHERE created_at_ms = 11").execute(&pool).await.unwrap();
    for (account, left, unreadable) in [("0xa", vec![1], 1), ("0xb", vec![13, 12], 2)] {
        let claims = db.claims(account, 10).await.unwrap();
        let shown: Vec<u64> = claims.rows.iter().map(|row| row.created_at_ms).collect();
        assert_eq!((shown, claims.unreadable), (left, unreadable));
    }
    let unknown = ClaimState::try_from("dreamt".to_owned()).unwrap_err().to_string();
    let expected = "claim state `dreamt` is unknown; expected one of signed, sent, unknown, confirmed, used, failed";
    assert_eq!(unknown, expected);
    db.close(PATIENCE).await;
}

async fn primary(db: &Db) {
    claims(db).await;
    let setting = |value: &str, at_ms| SettingRow {
        name: "max_order_usd".to_owned(),
        value: value.to_owned(),
        who: "desk".to_owned(),
        at_ms,
    };
    assert_eq!(db.settings(&live()).await.unwrap(), []);
    db.set_setting(&live(), &setting("20", 1)).await.unwrap();
    db.set_setting(&live(), &setting("30.5", 2)).await.unwrap();
    assert_eq!(db.settings(&live()).await.unwrap(), [setting("30.5", 2)]);
    let token = TokenRow { expires_at_ms: Some(9), ..token("desk", "trader", "ab") };
    assert!(db.add_token(&live(), &token).await.unwrap());
    assert!(!db.add_token(&live(), &token).await.unwrap());
    assert_eq!(db.tokens(&live()).await.unwrap(), std::slice::from_ref(&token));
    let row = |action: &str| AuditRow {
        at_ms: 9,
        who: "desk".to_owned(),
        action: action.to_owned(),
        detail: "{\"reason\": \"'; DROP TABLE audit\"}".to_owned(),
        ..AuditRow::default()
    };
    db.audit(&row("stop")).await.unwrap();
    db.audit(&row("start")).await.unwrap();
    assert_eq!(db.audits(10).await.unwrap(), [row("start"), row("stop")]);
    assert_eq!(db.strategy_id("quoter").await.unwrap(), StrategyId(1));
    assert_eq!(db.strategy_id("other").await.unwrap(), StrategyId(2));
    assert_eq!(db.strategy_id("quoter").await.unwrap(), StrategyId(1));
    let undecided = DecisionRow { name: "quoter".to_owned(), ..DecisionRow::default() };
    assert_eq!(db.decision(&live(), "quoter").await.unwrap(), undecided);
    let decided = |pinned: &str, at_ms| DecisionRow {
        name: "quoter".to_owned(),
        disabled: 1,
        pinned: pinned.to_owned(),
        over_file: "cd".to_owned(),
        armed: "ef".to_owned(),
        armed_capital_micro_usd: Some(i64::MAX),
        armed_daily_loss_micro_usd: None,
        armed_orders_per_minute: Some(7),
        who: "desk".to_owned(),
        at_ms,
    };
    db.set_decision(&live(), &decided("ab", 1)).await.unwrap();
    db.set_decision(&live(), &decided("", 2)).await.unwrap();
    assert_eq!(db.decision(&live(), "quoter").await.unwrap(), decided("", 2));
    assert_eq!(db.decided_versions().await.unwrap(), ["", "cd", "ef"]);
    assert_eq!(db.last_valuation("0xfeed", 20_000).await.unwrap(), None);
    db.set_valuation("0xfeed", 20_000, Usd::dollars(9), 1).await.unwrap();
    db.set_valuation("0xfeed", 20_000, Usd::dollars(-7), 2).await.unwrap();
    db.set_valuation("0xfeed", 19_998, Usd::dollars(5), 3).await.unwrap();
    db.set_valuation("0xother", 19_999, Usd::dollars(6), 4).await.unwrap();
    let newest =
        [(19_997, None), (19_999, Some((19_998, Usd::dollars(5)))), (30_000, Some((20_000, Usd::dollars(-7))))];
    for (day, row) in newest {
        assert_eq!(db.last_valuation("0xfeed", day).await.unwrap(), row, "{day}");
    }
    let halt = |reason: &str| Halt { reason: reason.to_owned(), at_ms: 3 };
    db.set_halted("a", Some(&halt("first"))).await.unwrap();
    db.set_halted("a", Some(&halt("second"))).await.unwrap();
    assert_eq!(db.halted("a").await.unwrap(), Some(halt("first")));
    assert_eq!(db.halted("b").await.unwrap(), None);
    db.set_halted("a", None).await.unwrap();
    assert_eq!(db.halted("a").await.unwrap(), None);
    db.set_halted("a", Some(&halt("again"))).await.unwrap();
}

async fn what_was_written_stays(url: &str) {
    let db = Db::open(url).await.unwrap();
    assert_eq!(db.strategy_id("third").await.unwrap(), StrategyId(3));
    assert_eq!(db.last_valuation("0xfeed", 20_000).await.unwrap(), Some((20_000, Usd::dollars(-7))));
    assert_eq!(db.halted("a").await.unwrap().unwrap().reason, "again");
    assert_eq!(db.trades(&Filter::default(), None, 10).await.unwrap().len(), 3);
    db.close(PATIENCE).await;
}

/// Returns the handle that stores the halts of a scope, with the delays that it reports.
fn keeper(db: &Db, scope: &str) -> (Halts, Arc<Mutex<Vec<Delay>>>) {
    let delays: Arc<Mutex<Vec<Delay>>> = Arc::default();
    let reported = Arc::clone(&delays);
    (Halts::start(db, scope.to_owned(), move |delay| reported.lock().unwrap().push(delay)), delays)
}

fn stop(at_ms: u64) -> Option<Halt> {
    Some(Halt { reason: "emergency stop".to_owned(), at_ms })
}

/// While another connection holds a lock, an emergency stop is not stored, and reports that; then it is.
async fn halts_wait_for_a_lock<D: Database>(db: &Db, other: &mut D::Connection, lock: &[&'static str])
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let (halts, delays) = keeper(db, "locked");
    assert!(halts.are_stored(Duration::ZERO).await, "no stop is queued yet");
    for sql in lock {
        other.execute(*sql).await.unwrap();
    }
    halts.set(stop(1));
    assert!(!halts.are_stored(Duration::from_millis(1_500)).await);
    assert_eq!(*delays.lock().unwrap(), [Delay::Began]);
    other.execute("ROLLBACK").await.unwrap();
    assert!(halts.are_stored(PATIENCE).await);
    assert_eq!(db.halted("locked").await.unwrap(), stop(1));
    halts.set(None);
    assert!(halts.are_stored(PATIENCE).await);
    assert_eq!(db.halted("locked").await.unwrap(), None);
    assert_eq!(*delays.lock().unwrap(), [Delay::Began, Delay::Ended]);
}

/// While statements fail, the last of several stops and releases is the one stored in the end.
async fn halts_are_written_again<D: Database>(db: &Db, other: &mut D::Connection)
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    for (scope, last, reports) in [
        ("released", None, vec![Delay::Began, Delay::Released]),
        ("stopped", stop(3), vec![Delay::Began, Delay::Ended]),
    ] {
        let (halts, delays) = keeper(db, scope);
        other.execute("ALTER TABLE halts RENAME TO hidden").await.unwrap();
        halts.set(stop(1));
        assert!(!halts.are_stored(Duration::from_millis(300)).await);
        assert_eq!(*delays.lock().unwrap(), [Delay::Began], "{scope}");
        halts.set(None);
        last.iter().for_each(|halt: &Halt| halts.set(Some(halt.clone())));
        assert!(!halts.are_stored(Duration::from_millis(300)).await);
        other.execute("ALTER TABLE hidden RENAME TO halts").await.unwrap();
        assert!(halts.are_stored(PATIENCE).await);
        assert_eq!(db.halted(scope).await.unwrap(), last);
        assert_eq!(*delays.lock().unwrap(), reports, "{scope}");
    }
}

/// A strategy's markets keep their handles, whatever it is granted later, and no handle is reused for another market.
async fn places(db: &Db) {
    let markets = |bytes: &[u8]| bytes.iter().map(|byte| ConditionId([*byte; 32])).collect::<Vec<_>>();
    let (one, two) = (StrategyId(1), StrategyId(2));
    assert_eq!(db.market_places(one, &markets(&[7, 5])).await.unwrap(), [0, 1]);
    assert_eq!(db.market_places(one, &markets(&[9, 5, 8])).await.unwrap(), [2, 1, 3]);
    assert_eq!(db.market_places(two, &markets(&[5])).await.unwrap(), [0]);
    assert_eq!(db.market_places(one, &markets(&[5, 6, 5, 7])).await.unwrap(), [1, 4, 1, 0]);
    assert_eq!(db.market_places(one, &[]).await.unwrap(), [0_u32; 0]);
    let [early, late] = [10..60, 40..90].map(|bytes| markets(&bytes.collect::<Vec<u8>>()));
    let (left, right) = tokio::join!(db.market_places(two, &early), db.market_places(two, &late));
    let (left, right) = (left.unwrap(), right.unwrap());
    assert_eq!(left[30..], right[..20], "a market has one handle, whichever host asks first");
    let all: std::collections::BTreeSet<u32> = left.iter().chain(&right).copied().collect();
    assert_eq!(all.len(), 80);
}

/// A run on the machine `machine`.
fn claimant(machine: &str, holder: &str) -> Claimant {
    let [account, holder, machine] = ["0xac", holder, machine].map(str::to_owned);
    Claimant { account, mode: "live", holder, place: format!("a process on {machine}"), machine }
}

/// An account has one engine in a database.
async fn engines(db: &Db) {
    let first = Lease::acquire(db, claimant("one", "a")).await.unwrap();
    // The other machine's engine is alive.
    let refused = Lease::acquire(db, claimant("two", "b")).await.unwrap_err().to_string();
    assert!(
        refused.contains("another run trades on the account 0xac") && refused.contains("a process on one"),
        "{refused}"
    );
    Lease::acquire(db, Claimant { mode: "demo", ..claimant("two", "c") }).await.unwrap().leave().await.unwrap();
    // The machine's own lock proves that the first is dead.
    let second = Lease::acquire(db, claimant("one", "d")).await.unwrap();
    tokio::time::timeout(PATIENCE, first.lost()).await.unwrap();
    // Releasing does not remove the successor's row.
    first.leave().await.unwrap();
    second.leave().await.unwrap();
    // A dead engine of another machine is replaced.
    let dead = Lease::acquire(db, claimant("one", "e")).await.unwrap();
    drop(dead);
    Lease::acquire(db, claimant("two", "f")).await.unwrap().leave().await.unwrap();
}
