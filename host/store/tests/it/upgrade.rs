//! A database from before decisions had a mode and an account, and decisions of several modes in one.

use crate::db::PATIENCE;
use crate::postgres::Cluster;
use sqlx::migrate::{Migrate, Migrator};
use sqlx::{Connection, Database, Executor};
use std::path::Path;
use store::db::{AccountScope, Db, DbWrite, DecisionRow, Halt, SettingRow, StrategyRow, TokenRow};
use testkit::Scratch;

/// The last migration before the one that introduced modes.
const BEFORE: i64 = 6;

/// Rows of a host that ran first in demo mode and later in live mode, in one database.
const ROWS: &str = "
    INSERT INTO sessions (session, mode, account, started_at_ms) VALUES (1, 'demo', '0xd', 100), (2, 'live', '0xa', 200);
    INSERT INTO halts (scope, reason, at_ms) VALUES ('0xa', 'emergency stop', 7), ('0xd', 'emergency stop', 8);
    INSERT INTO settings (name, value, who, at_ms) VALUES ('max_order_usd', '400', 'admin', 1);
    INSERT INTO tokens (name, role, hash, created_at_ms) VALUES ('admin', 'admin', 'd0', 99), ('later', 'trader', 'd1', 250);
    INSERT INTO strategies (hash, name, version, first_seen_ms, source, bytes, loaded_at_ms)
        VALUES ('ab', 'quoter', '1', 5, 'quoter.wasm', 3, 6);
    INSERT INTO valuations (funder, utc_day, value_micro_usd, at_ms) VALUES ('0xa', 20000, 5, 1);
    INSERT INTO strategy_decisions (name, disabled, pinned, over_file, armed, who, at_ms,
            armed_capital_micro_usd, armed_daily_loss_micro_usd, armed_orders_per_minute)
        VALUES ('quoter', 1, 'p', 'o', 'ab', 'admin', 9, 5, NULL, 7)";
/// Rows of a host that has only ever run in live mode.
const ONLY_LIVE: &str = "
    INSERT INTO sessions (session, mode, account, started_at_ms) VALUES (1, 'live', '0xa', 100), (2, 'live', '0xa', 200);
    INSERT INTO tokens (name, role, hash, created_at_ms)
        VALUES ('admin', 'admin', 'a0', 99), ('desk', 'trader', 'a1', 150), ('last', 'viewer', 'a2', 300)";

fn live() -> AccountScope {
    AccountScope::new("live", "0xa")
}

/// Returns a token that does not expire.
pub(crate) fn token(name: &str, role: &str, hash: &str) -> TokenRow {
    let (name, role, hash) = (name.to_owned(), role.to_owned(), hash.to_owned());
    TokenRow { name, role, hash, created_at_ms: 22, expires_at_ms: None, folder: String::new() }
}

fn scopes() -> [AccountScope; 4] {
    [live(), AccountScope::new("live", "0xb"), AccountScope::new("paper", "0xa"), AccountScope::new("demo", "0xa")]
}

/// Creates the tables as they were, and fills them.
async fn old<D: Database>(connection: &mut D::Connection, migrations: &str, rows: &'static str)
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Connection: Migrate,
{
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(migrations);
    let migrator = Migrator::new(migrations).await.unwrap();
    migrator.run_direct(Some(BEFORE), connection, false).await.unwrap();
    for sql in rows.split(';') {
        connection.execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_that_restricts_is_lost_by_the_upgrade_of_sqlite() {
    for rows in [ROWS, ONLY_LIVE] {
        let dir = Scratch::new("upgrade");
        let file = dir.join("test.sqlite");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        old::<sqlx::Sqlite>(&mut connection, "sqlite", rows).await;
        connection.close().await.unwrap();
        upgraded(&format!("sqlite:{}", file.display()), rows).await;
    }
}

#[tokio::test]
async fn nothing_that_restricts_is_lost_by_the_upgrade_of_postgres() {
    let Some(cluster) = Cluster::start("nothing_that_restricts_is_lost_by_the_upgrade_of_postgres") else { return };
    let mut connection = sqlx::PgConnection::connect(&cluster.url()).await.unwrap();
    for rows in [ROWS, ONLY_LIVE] {
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
        old::<sqlx::Postgres>(&mut connection, "postgres", rows).await;
        upgraded(&cluster.url(), rows).await;
    }
}

async fn upgraded(url: &str, rows: &str) {
    let db = Db::open(url).await.unwrap();
    if rows == ONLY_LIVE {
        only_live(&db).await;
    } else {
        what_was_there(&db).await;
        new_rows_stay_in_their_scope(&db).await;
    }
    db.close(PATIENCE).await;
}

/// Tokens that were evidently created for live mode are valid in live mode, for that account only.
async fn only_live(db: &Db) {
    assert_eq!(names(db, &live()).await, ["admin", "desk", "last"]);
    for other in &scopes()[1..] {
        assert!(names(db, other).await.is_empty(), "{other:?}");
    }
}

async fn names(db: &Db, scope: &AccountScope) -> Vec<String> {
    db.tokens(scope).await.unwrap().into_iter().map(|row| row.name).collect()
}

async fn what_was_there(db: &Db) {
    for (account, at_ms) in [("0xa", 7), ("0xd", 8)] {
        let halt = Halt { reason: "emergency stop".to_owned(), at_ms };
        assert_eq!(db.halted(account).await.unwrap(), Some(halt), "{account}");
    }
    assert_eq!(db.last_valuation("0xa", 20_000).await.unwrap(), Some((20_000, model::Usd(5))));
    let limit = db.settings(&AccountScope::UNKNOWN).await.unwrap();
    assert_eq!((limit[0].name.as_str(), limit[0].value.as_str()), ("max_order_usd", "400"));
    for scope in scopes() {
        let decision = db.decision(&scope, "quoter").await.unwrap();
        let restricts = DecisionRow {
            name: "quoter".to_owned(),
            disabled: 1,
            pinned: "p".to_owned(),
            over_file: "o".to_owned(),
            armed: String::new(),
            armed_capital_micro_usd: Some(5),
            armed_daily_loss_micro_usd: None,
            armed_orders_per_minute: Some(7),
            who: "admin".to_owned(),
            at_ms: 9,
        };
        assert_eq!(decision, restricts, "{scope:?}");
        assert_eq!(db.armed_elsewhere(&scope, "quoter", "ab").await.unwrap().as_deref(), Some(""), "{scope:?}");
        assert_eq!(db.first_seen(&scope, "quoter", "ab").await.unwrap(), None, "{scope:?}");
        assert_eq!(db.strategy_versions(&scope, "quoter", 9).await.unwrap().len(), 1, "a rollback to it is possible");
        assert!(db.settings(&scope).await.unwrap().is_empty(), "{scope:?}");
        // The demo's token is the first; the other one was created after a demo had run.
        let opens: &[&str] = if scope.mode() == "live" { &[] } else { &["admin", "later"] };
        assert_eq!(names(db, &scope).await, opens, "{scope:?}");
    }
}

/// A decision made now applies in its own scope only.
async fn new_rows_stay_in_their_scope(db: &Db) {
    let decided =
        DecisionRow { name: "quoter".to_owned(), armed: "ab".to_owned(), at_ms: 20, ..DecisionRow::default() };
    db.set_decision(&live(), &decided).await.unwrap();
    let set =
        SettingRow { name: "max_order_usd".to_owned(), value: "7".to_owned(), who: "admin".to_owned(), at_ms: 21 };
    db.set_setting(&live(), &set).await.unwrap();
    let token = token("admin", "admin", "f0");
    assert!(db.add_token(&live(), &token).await.unwrap());
    let row = StrategyRow {
        hash: "ab".to_owned(),
        name: "quoter".to_owned(),
        version: "1".to_owned(),
        first_seen_ms: 30,
        source: "quoter.wasm".to_owned(),
        bytes: 3,
        loaded_at_ms: 31,
    };
    db.writer().write(DbWrite::Strategy(live(), row.clone()));
    assert!(db.writer().flush(PATIENCE).await);
    for scope in scopes() {
        let here = scope == live();
        let decision = db.decision(&scope, "quoter").await.unwrap();
        assert_eq!((decision.disabled, decision.armed.as_str()), if here { (0, "ab") } else { (1, "") }, "{scope:?}");
        assert_eq!(db.settings(&scope).await.unwrap().len(), usize::from(here), "{scope:?}");
        let elsewhere = [("live".to_owned(), "max_order_usd".to_owned(), "7".to_owned())];
        let expected = if here { &[][..] } else { &elsewhere[..] };
        assert_eq!(db.settings_elsewhere(&scope).await.unwrap(), expected, "{scope:?}");
        assert_eq!(db.first_seen(&scope, "quoter", "ab").await.unwrap(), here.then_some(30), "{scope:?}");
        let armed = db.armed_elsewhere(&scope, "quoter", "ab").await.unwrap().unwrap();
        assert_eq!(armed, if here { "" } else { "live" }, "{scope:?}");
    }
    assert_eq!(db.strategy_versions(&live(), "quoter", 9).await.unwrap(), [row]);
    assert_eq!(db.all_versions().await.unwrap(), [("quoter".to_owned(), "ab".to_owned())]);
    assert_eq!(names(db, &live()).await, ["admin"]);
    assert!(names(db, &AccountScope::new("live", "0xb")).await.is_empty());
}
