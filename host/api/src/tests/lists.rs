//! Lists of all sessions: filters, pages that keep them, and files with all rows.

use super::*;
use axum::http::header;
use store::db::{AuditRow, DbWrite, FillRow, OrderRow, RefusalRow};

fn fill(session: u64, number: u64) -> FillRow {
    FillRow {
        session,
        id: format!("t{session}-{number}"),
        order_id: number,
        at_ms: 1_000 * number,
        strategy: if number.is_multiple_of(2) { "=quoter".to_owned() } else { "momentum".to_owned() },
        token: "77".to_owned(),
        market: format!("market-{}", number % 3),
        outcome: "Yes".to_owned(),
        side: if number.is_multiple_of(2) { "BUY".to_owned() } else { "SELL".to_owned() },
        price_micro_usd: 530_000,
        size_micros: 12_500_000,
        cost_micro_usd: -6_625_000,
        fee_micro_usd: 1,
        maker: 1,
        settlement: "confirmed".to_owned(),
    }
}

fn order(session: u64, number: u64) -> OrderRow {
    let FillRow { strategy, token, market, outcome, side, .. } = fill(session, number);
    let state = if number.is_multiple_of(2) { "live" } else { "cancelled" }.to_owned();
    let (venue_id, kind, reason) = (String::new(), "GTC".to_owned(), "a \"quoted\", reason".to_owned());
    OrderRow {
        session,
        id: number,
        venue_id,
        strategy,
        token,
        market,
        outcome,
        side,
        kind,
        price_micro_usd: 530_000,
        size_micros: 12_500_000,
        filled_micros: 0,
        state,
        reason,
        created_at_ms: 1_000 * number,
        updated_at_ms: 1_000 * number,
    }
}

fn refusal(session: u64, number: u64) -> RefusalRow {
    let FillRow { strategy, market, outcome, .. } = fill(session, number);
    let rule = if number.is_multiple_of(2) { "max_order" } else { "stale" }.to_owned();
    let (at_ms, last_at_ms, count, value, allowed) = (1_000 * number, 1_000 * number, 1, -5, 7);
    RefusalRow {
        session,
        seq: number,
        place: 0,
        at_ms,
        strategy,
        rule,
        market,
        outcome,
        value,
        allowed,
        count,
        last_at_ms,
    }
}

/// Fills the tables with rows of two sessions.
async fn filled(name: &str, rows: u64) -> Rig {
    let rig = Rig::new(name).await;
    for session in [6, 7] {
        for number in 1..=rows {
            for write in [
                DbWrite::Order { seq: number, order: order(session, number) },
                DbWrite::Fill(fill(session, number)),
                DbWrite::Refusal(refusal(session, number)),
            ] {
                rig.parts.db.writer().write(write);
            }
        }
    }
    for number in 1..=5_u64 {
        let (who, action) = (if number == 5 { "other" } else { "desk" }, ["config/a", "strategies/x/enable"]);
        let action = action[usize::from(number.is_multiple_of(2))].to_owned();
        let row = AuditRow { at_ms: 1_000 * number, who: who.to_owned(), action, ..AuditRow::default() };
        rig.parts.db.audit(&row).await.unwrap();
    }
    assert!(rig.parts.db.writer().flush(Duration::from_secs(20)).await);
    rig
}

/// Reads all pages of a list, and returns its rows.
async fn pages(rig: &Rig, path: &str) -> Vec<Value> {
    let bearer = format!("Bearer {}", rig.admin);
    let (mut next, mut rows) = (Some(path.to_owned()), Vec::new());
    while let Some(path) = next.take() {
        let response = rig.request("GET", &path, &[("authorization", &bearer)], "").await;
        let link = response.headers().get(header::LINK).map(|link| link.to_str().unwrap().to_owned());
        next = link.map(|link| link.split(['<', '>']).nth(1).unwrap().to_owned());
        let (status, page) = read(response).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        rows.extend(page.as_array().unwrap().iter().cloned());
    }
    rows
}

#[tokio::test]
async fn lists_of_all_sessions_are_filtered_and_their_pages_keep_the_filter() {
    let rig = filled("filters", 30).await;
    for (path, count) in [
        ("/v1/trading/trades?limit=7", 60),
        ("/v1/trading/trades?limit=7&session=6", 30),
        ("/v1/trading/trades?limit=4&strategy=%3Dquoter", 30),
        ("/v1/trading/trades?limit=4&strategy=%3Dquoter&market=market-2&session=7&side=BUY", 5),
        ("/v1/trading/trades?side=SELL&from_ms=5000&to_ms=9000", 4),
        ("/v1/trading/orders/history?limit=3&state=live&market=market-0", 10),
        ("/v1/trading/orders/history?from_ms=29000", 4),
        ("/v1/trading/orders/history?strategy=nothing", 0),
        ("/v1/trading/orders/history?strategy=", 60),
        ("/v1/trading/trades?market=a%00b", 0),
        ("/v1/trading/refusals?limit=2&rule=stale&to_ms=4000", 4),
        ("/v1/admin/audit?limit=1&who=desk", 4),
        ("/v1/admin/audit?limit=1&action=strategies", 2),
        ("/v1/admin/audit?action=strat", 0),
        ("/v1/admin/audit?action=config/a&from_ms=2000&to_ms=5000", 1),
    ] {
        assert_eq!(pages(&rig, path).await.len(), count, "{path}");
    }
    let long = format!("/v1/trading/trades?market={}", "x".repeat(201));
    for (path, what) in [
        (long.as_str(), "`market` has 201 characters"),
        ("/v1/trading/trades?rule=stale", "`rule` is not a parameter here"),
        ("/v1/trading/trades?side=BUY&side=SELL", "`side` was given twice"),
        ("/v1/trading/trades?from_ms=yesterday", "`yesterday` is not a time"),
        ("/v1/admin/audit?session=7", "`session` is not a parameter here"),
        ("/v1/trading/trades.csv?limit=5", "`limit` is not a parameter here"),
    ] {
        let (status, problem) = rig.as_(&rig.admin, "GET", path, "").await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == StatusCode::BAD_REQUEST && detail.contains(what), "{path}: {detail}");
    }
}

/// Returns the lines of a file.
async fn lines(rig: &Rig, token: &str, path: &str) -> Vec<String> {
    let bearer = format!("Bearer {token}");
    let response = rig.request("GET", path, &[("authorization", &bearer)], "").await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let name = path.rsplit('/').next().unwrap().split('?').next().unwrap();
    assert_eq!(response.headers()["content-disposition"], format!("attachment; filename=\"{name}\""));
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn files_have_every_row_with_exact_numbers_and_no_formula() {
    let rig = filled("exports", 600).await;
    let trades = lines(&rig, &rig.viewer, "/v1/trading/trades.csv").await;
    assert_eq!(trades.len(), 1 + 1_200, "more than two pages");
    assert_eq!(trades[0].split(',').next(), Some("at"));
    let last =
        "1970-01-01T00:10:00.000Z,7,600,t7-600,'=quoter,77,market-0,Yes,BUY,0.53,12.5,-6.625,0.000001,true,confirmed";
    assert_eq!(trades[1], last);
    let orders = lines(&rig, &rig.viewer, "/v1/trading/orders.csv?session=6&state=live").await;
    assert_eq!(orders.len(), 1 + 300);
    assert!(orders[1].ends_with(",live,\"a \"\"quoted\"\", reason\""), "{}", orders[1]);
    let refusals = lines(&rig, &rig.viewer, "/v1/trading/refusals.csv?rule=stale").await;
    assert_eq!(refusals.len(), 1 + 600);
    assert!(refusals[1].ends_with(",-5,7"), "{}", refusals[1]);
    let audit = lines(&rig, &rig.admin, "/v1/admin/audit.csv?who=desk").await;
    assert_eq!(audit.len(), 1 + 4);
    assert_eq!(rig.as_(&rig.viewer, "GET", "/v1/admin/audit.csv", "").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_file_that_cannot_go_on_is_cut_off_and_not_ended() {
    use futures_util::StreamExt;
    let rig = filled("cut-off", 600).await;
    let bearer = format!("Bearer {}", rig.viewer);
    let response = rig.request("GET", "/v1/trading/trades.csv", &[("authorization", &bearer)], "").await;
    let mut pieces = response.into_body().into_data_stream();
    assert!(pieces.next().await.unwrap().is_ok());
    rig.parts.auth.revoke_token(&rig.parts.db, "screen", "test", NOW()).unwrap();
    assert!(pieces.next().await.unwrap().is_err(), "the token is revoked");
    rig.parts.db.close(Duration::from_secs(5)).await;
    let (status, _) = rig.as_(&rig.admin, "GET", "/v1/trading/trades.csv", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
