//! Access control: cookies, login links, the order of the checks, and their description in the OpenAPI document.

use super::*;
use axum::http::HeaderMap;

/// Logs in by a link and returns the header that sets the cookie.
async fn logged_in(rig: &Rig, headers: &[(&str, &str)]) -> String {
    let code = rig.parts.auth.login_code(rig.parts.auth.owner(), NOW()).unwrap();
    let response = rig.request("POST", "/login", headers, &format!("code={code}")).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()["set-cookie"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_is_a_cookie_whose_changes_need_the_mark() {
    let rig = Rig::new("cookie").await;
    let set = logged_in(&rig, &[]).await;
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let (status, who) = read(rig.request("GET", "/v1/session", &[("cookie", cookie)], "").await).await;
    assert_eq!((status, who["role"].as_str()), (StatusCode::OK, Some("admin")));
    let stop = rig.request("POST", "/v1/admin/bot/stop", &[("cookie", cookie)], "").await;
    assert_eq!(stop.status(), StatusCode::FORBIDDEN, "another site's page could send this");
    let marked = [("cookie", cookie), ("x-polytrader", "1")];
    assert_eq!(rig.request("POST", "/v1/admin/bot/stop", &marked, "").await.status(), StatusCode::OK);
    assert_eq!(rig.request("DELETE", "/v1/session", &marked, "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(rig.request("GET", "/v1/session", &[("cookie", cookie)], "").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_hosts_of_one_machine_keep_their_logins_apart() {
    let (here, there) = (Rig::new("here").await, Rig::new("there").await);
    let (mine, theirs) = (logged_in(&here, &[]).await, logged_in(&there, &[]).await);
    let name = |set: &str| set.split('=').next().unwrap().to_owned();
    assert_ne!(name(&mine), name(&theirs), "browsers send cookies to all ports of a machine");
    let jar = [&mine, &theirs].map(|set| set.split(';').next().unwrap().to_owned()).join("; ");
    for rig in [&here, &there] {
        assert_eq!(rig.request("GET", "/v1/session", &[("cookie", &jar)], "").await.status(), StatusCode::OK);
    }
    // Another host's cookie does not count as a wrong guess, however often it is sent.
    let other = theirs.split(';').next().unwrap();
    for _ in 0..200 {
        let status = here.request("GET", "/v1/session", &[("cookie", other)], "").await.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(here.as_("a guess", "GET", "/v1/session", "").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_cookie_is_secure_where_the_browser_came_by_tls() {
    let rig = Rig::new("secure").await;
    for (header, value, secure) in [
        ("x-forwarded-proto", "https", true),
        ("x-forwarded-proto", "HTTPS, http", true),
        ("forwarded", "for=10.0.0.1;proto=https;host=a", true),
        ("x-forwarded-proto", "http", false),
        ("x-forwarded-proto", "http, https", false),
        ("accept", "https", false),
    ] {
        let set = logged_in(&rig, &[(header, value)]).await;
        assert_eq!(set.contains("; Secure"), secure, "{header}: {value}: {set}");
    }
    let body = json!({ "token": rig.admin }).to_string();
    let response = rig.request("POST", "/v1/session", &[("x-forwarded-proto", "https")], &body).await;
    assert!(response.headers()["set-cookie"].to_str().unwrap().contains("; Secure"));
}

#[tokio::test]
async fn forwarding_headers_of_peers_that_are_not_trusted_are_ignored() {
    let rig = Rig::new("proxies").await;
    for (from, by, secure, origin) in [
        ([127, 0, 0, 1], "203.0.113.9", true, "203.0.113.9 by 127.0.0.1"),
        ([10, 0, 0, 7], "198.51.100.1, 203.0.113.9", true, "203.0.113.9 by 10.0.0.7"),
        ([10, 0, 0, 8], "203.0.113.9", false, "10.0.0.8"),
        ([127, 0, 0, 1], "not an address", true, "127.0.0.1"),
    ] {
        let code = rig.parts.auth.login_code(rig.parts.auth.owner(), NOW()).unwrap();
        let request = |method: &str, path: &str| {
            let peer = crate::origin::Peer(std::net::IpAddr::from(from));
            let request = Request::builder().method(method).uri(path).extension(peer).header("host", "localhost");
            request.header("x-forwarded-proto", "https").header("x-forwarded-for", by)
        };
        let login = request("POST", "/login").body(Body::from(format!("code={code}"))).unwrap();
        let answer = rig.router.clone().oneshot(login).await.unwrap();
        let set = answer.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(set.contains("; Secure"), secure, "{from:?}: {set}");
        let stop = request("POST", "/v1/admin/bot/stop").header("authorization", format!("Bearer {}", rig.trader));
        let stop = rig.router.clone().oneshot(stop.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(stop.status(), StatusCode::OK);
        let row = rig.parts.db.audits(1).await.unwrap().remove(0);
        assert_eq!((row.origin.as_str(), row.role.as_str(), row.who.as_str()), (origin, "trader", "desk"));
    }
}

async fn text(response: Response<Body>) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_login_link_is_spent_by_its_button_alone() {
    let rig = Rig::new("link").await;
    let code = rig.parts.auth.login_code(rig.parts.auth.owner(), NOW()).unwrap();
    let link = format!("/login?code={code}");
    for method in ["HEAD", "GET", "GET", "HEAD"] {
        let (status, headers, page) = text(rig.request(method, &link, &[], "").await).await;
        assert_eq!((status, headers.get("set-cookie")), (StatusCode::OK, None), "{method}");
        assert_eq!(headers["cache-control"], "no-store");
        let form =
            format!("<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"code\" value=\"{code}\">");
        assert!(method == "HEAD" || page.contains(&form), "{page}");
    }
    let (status, headers, _) = text(rig.request("POST", "/login", &[], &format!("code={code}")).await).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(headers.contains_key("set-cookie"));
    // It is used up, and the page says so.
    for (method, path, body) in [("GET", link.as_str(), ""), ("POST", "/login", &format!("code={code}"))] {
        let (status, headers, page) = text(rig.request(method, path, &[], body).await).await;
        assert_eq!((status, headers.get("set-cookie")), (StatusCode::UNAUTHORIZED, None), "{method}");
        assert!(page.contains("was used already"), "{page}");
    }
    for odd in ["/login?code=%3Cscript%3E", "/login?code=a&code=b"] {
        let (_, _, page) = text(rig.request("GET", odd, &[], "").await).await;
        assert!(!page.contains("<script"), "{page}");
    }
    assert_eq!(rig.request("GET", "/login", &[], "").await.status(), StatusCode::SEE_OTHER);
    // Every role can create a link.
    let (status, answer) = rig.as_(&rig.viewer, "POST", "/v1/session/codes", "").await;
    assert_eq!(status, StatusCode::OK);
    let code = answer["path"].as_str().unwrap().strip_prefix("/login?code=").unwrap();
    assert_eq!(rig.parts.auth.redeem(code, NOW()).unwrap().identity.name, "screen");
}

#[tokio::test]
async fn every_error_is_a_problem_document_and_strangers_are_refused_first() {
    let rig = Rig::new("problems").await;
    let bearer = format!("Bearer {}", rig.admin);
    let large = "x".repeat(BODY_MAX + 1);
    for (method, path, body, expected) in [
        ("DELETE", "/v1/markets", "", 405),
        ("PATCH", "/health", "", 405),
        ("GET", "/v1/trading/trades?limit=99999999999999999999", "", 400),
        ("GET", "/v1/trading/trades?limit=-1", "", 400),
        ("GET", "/v1/trading/orders/%ff", "", 400),
        ("GET", "/v1/nothing", "", 404),
        ("GET", "/missing.js", "", 404),
        ("PUT", "/v1/config/max_order_usd", large.as_str(), 413),
        ("PUT", "/v1/config/max_order_usd", "{", 400),
    ] {
        let response = rig.request(method, path, &[("authorization", &bearer)], body).await;
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let (status, problem) = read(response).await;
        assert_eq!((status.as_u16(), kind.as_str()), (expected, "application/problem+json"), "{method} {path}");
        assert_eq!(problem["status"], expected, "{problem}");
        assert!(!problem["detail"].as_str().unwrap().is_empty() && problem["title"].is_string(), "{problem}");
    }
    let module = vec![b'x'; sandbox::MODULE_MAX + 1];
    let request = Request::builder().method("PUT").uri("/v1/strategies/a").header("host", "localhost");
    let request = request.header("authorization", &bearer).body(Body::from(module)).unwrap();
    let response = rig.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    // Without a token, nothing about parameters, names or bodies is revealed.
    for (method, path) in [
        ("GET", "/v1/trading/trades?limit=x"),
        ("GET", "/v1/stream?after=%ff"),
        ("GET", "/v1/trading/orders/%ff"),
        ("PUT", "/v1/config/nothing"),
        ("POST", "/v1/admin/circuit-breakers/none/reset"),
    ] {
        let response = rig.request(method, path, &[], &large).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn every_described_route_is_there_and_wants_a_token() {
    let rig = Rig::new("routes").await;
    let described = serde_json::to_value(document()).unwrap();
    let schemes = described["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!((&schemes["token"]["scheme"], &schemes["login"]["in"]), (&json!("bearer"), &json!("cookie")));
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.len() >= 20, "{}", paths.len());
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let at = path.replace("{id}", "17").replace("{name}", "stale_data");
            let method = method.to_uppercase();
            let (status, problem) = read(rig.request(&method, &at, &[], "").await).await;
            let expected = match (method.as_str(), path.as_str()) {
                ("GET", "/health") => StatusCode::OK,
                ("POST", "/v1/session") => StatusCode::BAD_REQUEST,
                ("GET", "/login") => StatusCode::SEE_OTHER,
                ("POST", "/login") => StatusCode::UNAUTHORIZED,
                _ => {
                    let needs = json!([{ "token": [] }, { "login": [] }]);
                    assert_eq!(operation["security"], needs, "{method} {path}");
                    for code in ["401", "403", "429"] {
                        let kinds = &operation["responses"][code]["content"];
                        assert!(kinds["application/problem+json"].is_object(), "{method} {path} {code}: {kinds}");
                    }
                    assert_eq!(problem["status"], 401, "{method} {path}");
                    assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
                    continue;
                }
            };
            assert_eq!(operation["security"], json!([{}]), "{method} {path}");
            assert_eq!(status, expected, "{method} {path}");
        }
    }
    for path in ["/login", "/metrics", "/v1/stream", "/v1/tokens"] {
        assert!(paths.contains_key(path), "{path}");
    }
    let (status, _) = rig.as_("a guess", "GET", "/v1/snapshot", "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, problem) = rig.as_(&rig.admin, "GET", "/v1/nothing", "").await;
    assert_eq!((status, problem["title"].as_str()), (StatusCode::NOT_FOUND, Some("Not Found")));
}

#[tokio::test]
async fn what_the_database_says_stays_inside() {
    let rig = Rig::new("inside").await;
    rig.parts.db.close(Duration::from_secs(5)).await;
    for (token, method, path) in [(&rig.viewer, "GET", "/v1/trading/trades"), (&rig.admin, "POST", "/v1/tokens")] {
        let body = json!({ "name": "a", "role": "viewer" }).to_string();
        let (status, problem) = rig.as_(token, method, path, &body).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let detail = problem["detail"].as_str().unwrap();
        for word in ["pool", "closed", "statement", "sql"] {
            assert!(!detail.to_lowercase().contains(word), "{path}: {detail}");
        }
    }
}
