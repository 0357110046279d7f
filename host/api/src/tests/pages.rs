//! Lists with more rows than a page.

use super::*;
use std::collections::BTreeSet;
use store::db::{DbWrite, FillRow, OrderRow, RefusalRow};

/// The sessions whose rows are stored: an earlier one, and the running one.
const SESSIONS: [u64; 2] = [6, 7];

fn order(session: u64, id: u64) -> OrderRow {
    let (market, outcome) = ("rain".to_owned(), "Yes".to_owned());
    OrderRow {
        session,
        id,
        venue_id: "0xab".to_owned(),
        strategy: "quoter".to_owned(),
        token: "123".to_owned(),
        market,
        outcome,
        side: "BUY".to_owned(),
        kind: "GTC".to_owned(),
        price_micro_usd: 480_000,
        size_micros: 20_000_000,
        filled_micros: 0,
        state: "live".to_owned(),
        reason: String::new(),
        created_at_ms: 1,
        updated_at_ms: 1,
    }
}

fn fill(session: u64, number: u64) -> FillRow {
    FillRow {
        session,
        // A character that must be escaped in an address.
        id: format!("0xab/{number}&é"),
        order_id: 1,
        at_ms: number / 10,
        strategy: "quoter".to_owned(),
        token: "123".to_owned(),
        market: "rain".to_owned(),
        outcome: "Yes".to_owned(),
        side: "BUY".to_owned(),
        price_micro_usd: 480_000,
        size_micros: 1,
        cost_micro_usd: 1,
        fee_micro_usd: 0,
        maker: 1,
        settlement: "matched".to_owned(),
    }
}

fn refusal(session: u64, seq: u64) -> RefusalRow {
    let nothing = String::new;
    let (strategy, rule) = ("storm".to_owned(), "size".to_owned());
    RefusalRow {
        session,
        seq,
        place: 0,
        at_ms: 1,
        strategy,
        rule,
        market: nothing(),
        outcome: nothing(),
        value: 1,
        allowed: 2,
        count: 1,
        last_at_ms: 1,
    }
}

impl Rig {
    /// Follows the `Link` header from `path` to the last page and returns all rows and the number of pages.
    async fn all(&self, path: &str) -> (Vec<Value>, usize) {
        let (mut rows, mut pages, mut next) = (Vec::new(), 0, Some(path.to_owned()));
        while let Some(path) = next.take() {
            pages += 1;
            assert!(pages < 100, "{path}");
            let bearer = format!("Bearer {}", self.admin);
            let response = self.request("GET", &path, &[("authorization", &bearer)], "").await;
            let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            next = link.map(|link| link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned());
            let (status, body) = read(response).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            rows.extend(body.as_array().unwrap().iter().cloned());
        }
        (rows, pages)
    }
}

#[tokio::test]
async fn more_rows_than_a_page_has_are_refused_by_number_and_come_page_by_page_each_once() {
    let rig = Rig::new("pages").await;
    let writer = rig.parts.db.writer();
    for session in SESSIONS {
        (1..=3).for_each(|id| writer.write(DbWrite::Order { seq: id, order: order(session, id) }));
        (0..603).for_each(|number| writer.write(DbWrite::Fill(fill(session, number))));
        (0..3).for_each(|seq| writer.write(DbWrite::Refusal(refusal(session, seq))));
    }
    (2..700).for_each(|seq| writer.write(DbWrite::Order { seq, order: order(7, 1) }));
    assert!(writer.flush(Duration::from_secs(20)).await);
    for limit in ["1000", "501", "0", "-1", "many", ""] {
        let (status, problem) = rig.as_(&rig.viewer, "GET", &format!("/v1/trading/trades?limit={limit}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("`{limit}`")) && detail.contains("1 to 500") && detail.contains("Link"),
            "{detail}"
        );
    }
    let distinct = |rows: &[Value], key: fn(&Value) -> String| rows.iter().map(key).collect::<BTreeSet<_>>().len();
    for (path, pages) in
        [("/v1/trading/trades?limit=500", 3), ("/v1/trading/trades?limit=201", 6), ("/v1/trading/trades", 13)]
    {
        let (trades, count) = rig.all(path).await;
        assert_eq!((trades.len(), count), (1_206, pages), "{path}");
        assert_eq!(distinct(&trades, |trade| trade["id"].to_string()), 603);
        assert!(trades.windows(2).all(|pair| pair[0]["at_ms"].as_u64() >= pair[1]["at_ms"].as_u64()), "newest first");
    }
    assert_eq!(rig.all("/v1/trading/trades?limit=500&session=6").await.0.len(), 603);
    let (orders, pages) = rig.all("/v1/trading/orders/history?limit=2").await;
    assert_eq!((orders.len(), pages), (6, 3));
    assert_eq!(distinct(&orders, |order| format!("{} {}", order["session"], order["order"]["id"])), 6);
    let (refusals, pages) = rig.all("/v1/trading/refusals?limit=5").await;
    assert_eq!((refusals.len(), pages), (6, 2));
    assert_eq!(refusals[0]["text"], "size: 1 is over the limit 2", "the stream's fields, with the session");
    assert!(refusals[0]["session"].is_u64() && refusals[0].get("refusal").is_none(), "{}", refusals[0]);
    let (events, pages) = rig.all("/v1/trading/orders/1/events?limit=500").await;
    assert_eq!((events.len(), pages), (699, 2));
    assert_eq!(rig.all("/v1/trading/orders/1/events?session=6").await.0.len(), 1);
    assert_eq!(
        rig.all("/v1/trading/orders/1/fills?limit=500&session=6").await,
        (rig.all("/v1/trading/trades?limit=500&session=6").await.0, 2)
    );
}

#[tokio::test]
async fn an_order_of_an_earlier_session_is_read_with_its_states_and_one_that_never_was_is_not_found() {
    let rig = Rig::new("earlier").await;
    let writer = rig.parts.db.writer();
    writer.write(DbWrite::Order { seq: 1, order: order(6, 9) });
    assert!(writer.flush(Duration::from_secs(20)).await);
    let (status, _) = rig.as_(&rig.viewer, "GET", "/v1/trading/orders/9", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, order) = rig.as_(&rig.viewer, "GET", "/v1/trading/orders/9?session=6", "").await;
    assert_eq!((status, order["events"].as_array().unwrap().len()), (StatusCode::OK, 1), "{order}");
    for bad in ["?session=six", "?session=18446744073709551615", "?sesion=6"] {
        let (status, problem) = rig.as_(&rig.viewer, "GET", &format!("/v1/trading/orders/9{bad}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    }
}

#[tokio::test]
async fn claims_come_page_by_page_and_one_that_cannot_be_read_ends_no_list() {
    use store::db::claims::{ClaimKind, ClaimState};
    let rig = Rig::new("claim-pages").await;
    for created_at_ms in 1..=7 {
        let row = store::db::ClaimRow {
            account: String::new(),
            created_at_ms,
            kind: ClaimKind::Merge,
            market: "rain".into(),
            condition_id: "0x07".into(),
            size_micros: 1,
            worth_micro_usd: 2,
            nonce: 3,
            deadline_s: 4,
            state: ClaimState::Signed,
            transaction_id: String::new(),
            transaction_hash: String::new(),
            reason: String::new(),
            who: "ann".into(),
            updated_at_ms: 5,
        };
        rig.parts.db.add_claim(&row).await.unwrap();
    }
    let file = format!("sqlite:{}", rig.dir.join("db.sqlite").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    // A number that does not fit.
    sqlx::query("UPDATE claims SET size_micros = -1 WHERE created_at_ms = 5").execute(&pool).await.unwrap();
    let (runs, _) = rig.all("/v1/positions/claims/runs?limit=2").await;
    let begun: Vec<u64> = runs.iter().map(|run| run["created_at_ms"].as_u64().unwrap()).collect();
    assert_eq!(begun, [7, 6, 4, 3, 2, 1]);
}

#[tokio::test]
async fn cancelling_an_order_that_never_was_is_not_found_and_one_that_is_over_a_conflict() {
    let rig = Rig::new("no-order").await;
    let writer = rig.parts.db.writer();
    writer.write(DbWrite::Order { seq: 1, order: order(7, 405) });
    // An order of another session.
    writer.write(DbWrite::Order { seq: 1, order: order(6, 404) });
    assert!(writer.flush(Duration::from_secs(20)).await);
    let cancel = async |id: u64| rig.as_(&rig.trader, "DELETE", &format!("/v1/trading/orders/{id}"), "").await;
    let (status, problem) = cancel(404).await;
    assert_eq!(
        (status, problem["detail"].as_str()),
        (StatusCode::NOT_FOUND, Some("there is no order 404 in this session"))
    );
    let (status, problem) = cancel(405).await;
    assert_eq!((status, problem["detail"].as_str()), (StatusCode::CONFLICT, Some("there is no order 405")));
    assert_eq!(cancel(u64::MAX).await.0, StatusCode::NOT_FOUND);
    assert_eq!(cancel(7).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_audit_is_an_admins_and_a_place_that_no_page_gave_is_refused() {
    let rig = Rig::new("audit-pages").await;
    let path = "/v1/admin/audit?limit=2";
    assert_eq!(rig.as_(&rig.trader, "GET", path, "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.request("GET", "/v1/admin/audit?limit=many", &[], "").await.status(), StatusCode::UNAUTHORIZED);
    for _ in 0..3 {
        rig.as_(&rig.trader, "POST", "/v1/admin/bot/stop", "").await;
    }
    let (entries, pages) = rig.all(path).await;
    assert_eq!((entries.len(), pages), (3, 2));
    assert!(entries.iter().all(|entry| entry["action"] == "stop" && entry["who"] == "desk"), "{entries:?}");
    for bad in ["before=7", "before=zz", "before=5b5d", "befor=1", "limit=1&limit=2"] {
        let (status, problem) = rig.as_(&rig.admin, "GET", &format!("/v1/admin/audit?{bad}"), "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}: {problem}");
    }
}
