//! Access of every role to every route. A route that is not in the table fails the test, and so does a row without a
//! route.

use super::*;
use std::collections::BTreeSet;

/// The requirement of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    /// No token.
    Nothing,
    /// Any token or login.
    Viewer,
    Trader,
    Admin,
}

/// Every route with its requirement.
const TABLE: &[(&str, &str, Needs)] = &[
    ("GET", "/health", Needs::Nothing),
    ("GET", "/login", Needs::Nothing),
    ("POST", "/login", Needs::Nothing),
    ("POST", "/v1/session", Needs::Nothing),
    // Any token may trigger the emergency stop.
    ("POST", "/v1/admin/emergency-stop", Needs::Viewer),
    ("GET", "/v1/admin/bot/state", Needs::Viewer),
    ("GET", "/v1/config/", Needs::Viewer),
    ("GET", "/v1/config/{key}", Needs::Viewer),
    ("GET", "/v1/positions", Needs::Viewer),
    ("GET", "/v1/positions/pnl", Needs::Viewer),
    ("GET", "/v1/positions/claims", Needs::Viewer),
    ("GET", "/v1/positions/claims/runs", Needs::Viewer),
    ("GET", "/v1/trading/orders", Needs::Viewer),
    ("GET", "/v1/trading/orders/history", Needs::Viewer),
    ("GET", "/v1/trading/orders/{id}", Needs::Viewer),
    ("GET", "/v1/trading/orders/{id}/events", Needs::Viewer),
    ("GET", "/v1/trading/orders/{id}/fills", Needs::Viewer),
    ("GET", "/v1/trading/trades", Needs::Viewer),
    ("GET", "/v1/trading/refusals", Needs::Viewer),
    ("GET", "/v1/trading/trades.csv", Needs::Viewer),
    ("GET", "/v1/trading/orders.csv", Needs::Viewer),
    ("GET", "/v1/trading/refusals.csv", Needs::Viewer),
    ("GET", "/v1/trading/venue-orders", Needs::Viewer),
    ("GET", "/v1/strategies", Needs::Viewer),
    ("GET", "/v1/skipped-files", Needs::Viewer),
    ("GET", "/v1/strategies/{name}/parameters", Needs::Viewer),
    ("GET", "/v1/strategies/{name}/versions", Needs::Viewer),
    ("GET", "/v1/markets", Needs::Viewer),
    ("GET", "/v1/snapshot", Needs::Viewer),
    ("GET", "/v1/stream", Needs::Viewer),
    ("GET", "/v1/ws", Needs::Viewer),
    ("GET", "/v1/session", Needs::Viewer),
    ("DELETE", "/v1/session", Needs::Viewer),
    ("POST", "/v1/session/codes", Needs::Viewer),
    ("GET", "/health/detailed", Needs::Viewer),
    ("GET", "/metrics", Needs::Viewer),
    ("GET", "/v1/admin/locks", Needs::Viewer),
    ("GET", "/v1/alerts", Needs::Viewer),
    ("POST", "/v1/alerts/{id}/acknowledge", Needs::Trader),
    ("PUT", "/v1/admin/locks/{market}", Needs::Trader),
    ("DELETE", "/v1/admin/locks/{market}", Needs::Trader),
    ("POST", "/v1/admin/bot/start", Needs::Trader),
    ("POST", "/v1/admin/bot/stop", Needs::Trader),
    ("POST", "/v1/admin/bot/pause", Needs::Trader),
    ("POST", "/v1/admin/bot/resume", Needs::Trader),
    ("POST", "/v1/admin/circuit-breakers/{name}/reset", Needs::Trader),
    ("PUT", "/v1/admin/restrictions", Needs::Trader),
    ("DELETE", "/v1/trading/orders/{id}", Needs::Trader),
    ("POST", "/v1/trading/orders/cancel-all", Needs::Trader),
    ("POST", "/v1/positions/{token}/close", Needs::Trader),
    ("POST", "/v1/positions/assign", Needs::Trader),
    ("POST", "/v1/positions/claims/execute", Needs::Trader),
    ("PUT", "/v1/strategies/{name}/parameters", Needs::Trader),
    ("POST", "/v1/strategies/{name}/enable", Needs::Trader),
    ("POST", "/v1/strategies/{name}/disable", Needs::Trader),
    ("POST", "/v1/strategies/{name}/rollback", Needs::Trader),
    ("POST", "/v1/strategies/{name}/signal", Needs::Trader),
    ("POST", "/v1/admin/emergency-stop/release", Needs::Admin),
    ("POST", "/v1/admin/transfers", Needs::Admin),
    ("GET", "/v1/admin/audit", Needs::Admin),
    ("GET", "/v1/admin/audit.csv", Needs::Admin),
    ("PUT", "/v1/config/{key}", Needs::Admin),
    ("POST", "/v1/config/reload", Needs::Admin),
    ("PUT", "/v1/strategies/{name}", Needs::Admin),
    ("POST", "/v1/strategies/{name}/arm", Needs::Admin),
    ("GET", "/v1/tokens", Needs::Admin),
    ("POST", "/v1/tokens", Needs::Admin),
    ("DELETE", "/v1/tokens/{name}", Needs::Admin),
];

#[tokio::test]
async fn every_route_lets_in_the_roles_of_the_table_and_no_other() {
    let rig = Rig::new("roles-table").await;
    let described = document();
    let methods = |path: &Value| path.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect::<Vec<_>>();
    let routes = described["paths"].as_object().unwrap().iter();
    let mut described: BTreeSet<(String, String)> =
        routes.flat_map(|(path, all)| methods(all).into_iter().map(|method| (method, path.clone()))).collect();
    for (method, path, needs) in TABLE {
        let route = ((*method).to_owned(), (*path).to_owned());
        assert!(described.remove(&route), "{method} {path} is not described");
        let at = path.replace("{id}", "17").replace("{name}", "nothing").replace("{token}", "5").replace("{key}", "x");
        let at = at.replace("{market}", "none");
        for (role, token) in [
            (Needs::Nothing, ""),
            (Needs::Viewer, rig.viewer.as_str()),
            (Needs::Trader, rig.trader.as_str()),
            (Needs::Admin, rig.admin.as_str()),
        ] {
            let bearer = format!("Bearer {token}");
            let headers = if token.is_empty() { Vec::new() } else { vec![("authorization", bearer.as_str())] };
            let answer = rig.request(method, &at, &headers, "").await;
            // Without a code or a token in the body, these refuse all callers.
            if *method == "POST" && ["/login", "/v1/session"].contains(path) {
                continue;
            }
            let status = answer.status();
            let at = format!("{method} {path} as {role:?}, needs {needs:?}: {status}");
            if role >= *needs {
                assert!(![401, 403].contains(&status.as_u16()), "{at}");
            } else if role == Needs::Nothing {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{at}");
            } else {
                assert_eq!(status, StatusCode::FORBIDDEN, "{at}");
            }
        }
    }
    assert!(described.is_empty(), "not in the table: {described:?}");
}

#[tokio::test]
async fn a_viewer_stops_everything_and_only_an_admin_releases_it() {
    let rig = Rig::new("roles-halt").await;
    let (stop, release) = ("/v1/admin/emergency-stop", "/v1/admin/emergency-stop/release");
    assert_eq!(rig.as_(&rig.viewer, "POST", stop, "").await.0, StatusCode::OK);
    let body = r#"{"reason": "looked at it"}"#;
    for (token, status) in
        [(&rig.viewer, StatusCode::FORBIDDEN), (&rig.trader, StatusCode::FORBIDDEN), (&rig.admin, StatusCode::OK)]
    {
        assert_eq!(rig.as_(token, "POST", release, body).await.0, status);
    }
}
