//! The rows of `docs/operations.md`: its requests and pages as they stand in the runbook, and the check that each row
//! names a test.

use crate::process::{Api, Exchange, Folder, Run, not_run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
/// The runbook's parameters with its defaults.
const PARAMETERS: [(&str, &str); 6] = [
    ("portfolio_trade_pct", "5"),
    ("max_market_usd", "100"),
    ("daily_loss_limit_usd", "25"),
    ("take_profit_pct", "8"),
    ("stop_loss_pct", "5"),
    ("max_open_positions", "5"),
];
/// The runbook's breakers.
const BREAKERS: [&str; 5] =
    ["stale_data", "websocket_disconnect", "high_error_rate", "reconciliation_mismatch", "daily_loss_limit"];

/// Runs curl and returns the status with the body.
fn curl(arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl").args(["-sS", "-w", "\n%{http_code}"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

fn quoter(folder: &Path, built: &Path) -> PathBuf {
    let dropped = folder.join("dropped");
    fs::create_dir_all(&dropped).unwrap();
    fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    dropped
}

fn some(orders: &Value) -> bool {
    orders.as_array().is_some_and(|orders| !orders.is_empty())
}

#[test]
fn the_runbooks_requests_and_pages_answer_as_they_stand_there() {
    let test = "the runbook's requests";
    let Some(built) = strategies(test) else { return };
    if Command::new("curl").arg("--version").output().is_err() {
        return not_run(test, "curl");
    }
    let folder = Folder::new("runbook-requests");
    let exchange = Exchange::start(&folder.0.join("exchange"), 71);
    let data = folder.0.join("host");
    fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &quoter(&folder.0, &built), &["--exchange", &exchange.address]);
    let addresses = run.addresses();
    let (base, dashboard) = (addresses["api"].as_str().unwrap(), addresses["dashboard"].as_str().unwrap());
    let api = Api::new(&data, &addresses);
    let bearer = format!("Authorization: Bearer {}", fs::read_to_string(data.join("admin.token")).unwrap().trim());
    let asked = |method: &str, path: &str, more: &[&str]| -> Value {
        let address = format!("{base}{path}");
        let (status, body) = curl(&[&["-X", method, "-H", &bearer, &address][..], more].concat());
        assert_eq!(status, 200, "{method} {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{method} {path}: {error}: {body}"))
    };
    api.wait_for("/v1/trading/orders", SOON, some);

    // Monitoring: health without a token, and the five pages of a browser.
    assert_eq!(curl(&[&format!("{base}/health")]), (200, r#"{"status":"ok"}"#.to_owned()));
    api.wait_for("/health/detailed", SOON, |health| health["status"] == "ok");
    for page in ["", "/trades", "/exposure", "/health", "/config"] {
        let (status, body) = curl(&["-H", "Accept: text/html", &format!("{dashboard}{page}")]);
        assert!(status == 200 && body.contains("<html"), "{page}: {body:.200}");
    }
    // The page's own origin serves the API, so there is no CORS to configure.
    assert_eq!(curl(&["-H", &bearer, &format!("{dashboard}/v1/admin/bot/state")]).0, 200);

    // "Stop", start.
    assert_eq!(asked("POST", "/v1/admin/bot/stop", &[])["state"], "STOPPED");
    assert!(!some(&asked("GET", "/v1/trading/orders", &[])), "stop cancels the bot's orders");
    assert_eq!(asked("POST", "/v1/admin/bot/start", &[])["state"], "RUNNING");
    assert_eq!(asked("GET", "/v1/admin/bot/state", &[])["state"], "RUNNING");

    // Configuration.
    let config = asked("GET", "/v1/config/", &[]);
    let risk: BTreeSet<&str> =
        config.as_object().unwrap().iter().filter(|(_, view)| view["group"] == "risk").map(|(key, _)| &**key).collect();
    assert_eq!(risk, BTreeSet::from(PARAMETERS.map(|(key, _)| key)));
    for (key, default) in PARAMETERS {
        assert_eq!(config[key]["default"], default, "{key}");
    }
    let body = r#"{"value": 30, "user": "admin"}"#;
    asked("PUT", "/v1/config/daily_loss_limit_usd", &["-H", "Content-Type: application/json", "-d", body]);
    assert_eq!(asked("GET", "/v1/config/daily_loss_limit_usd", &[])["value"], "30");

    // Risk.
    let snapshot = asked("GET", "/v1/snapshot", &[]);
    let known: BTreeSet<&str> =
        snapshot["breakers"].as_array().unwrap().iter().map(|breaker| breaker["name"].as_str().unwrap()).collect();
    assert!(BREAKERS.iter().all(|name| known.contains(name)), "{known:?}");
    let reset =
        |name: &str| curl(&["-X", "POST", "-H", &bearer, &format!("{base}/v1/admin/circuit-breakers/{name}/reset")]);
    let (status, said) = reset("stale_data");
    assert!(status == 409 && said.contains("not tripped"), "a breaker that is not tripped: {status} {said}");
    let pnl = asked("GET", "/v1/positions/pnl", &[]);
    assert!(pnl["today_micro_usd"].is_i64() && pnl["realised_micro_usd"].is_i64(), "{pnl}");

    // Orders by hand.
    let cancelled = (0..50).any(|_| {
        let open = api.wait_for("/v1/trading/orders", SOON, some);
        let address = format!("{base}/v1/trading/orders/{}", open[0]["id"]);
        let (status, said) = curl(&["-X", "DELETE", "-H", &bearer, &address]);
        assert!([200, 409].contains(&status), "{status}: {said}");
        // The quoter may have replaced it in between.
        status == 200
    });
    assert!(cancelled, "no order was cancelled by hand");
    asked("POST", "/v1/trading/orders/cancel-all", &[]);
    run.signal(Signal::INT);
    assert_eq!(run.finish()["open_orders_at_exit"], 0);
}

#[test]
fn a_complete_halt_and_the_recovery_from_it_go_as_the_runbook_says() {
    let Some(built) = strategies("the runbook's recovery") else { return };
    let folder = Folder::new("runbook-recovery");
    let exchange = Exchange::start(&folder.0.join("exchange"), 72);
    let (data, dropped) = (folder.0.join("host"), quoter(&folder.0, &built));
    fs::create_dir_all(&data).unwrap();
    let start = || {
        let mut run = Run::start(&data, &dropped, &["--exchange", &exchange.address]);
        let api = Api::new(&data, &run.addresses());
        (run, api)
    };
    let (run, api) = start();
    api.wait_for("/v1/trading/orders", SOON, some);
    // A breaker that stands: a loss limit below any spread. Then the halt, and the end of the service.
    let (status, said) = api.put("/v1/config/daily_loss_limit_usd", br#"{"value": 0.01, "user": "admin"}"#.to_vec());
    assert_eq!(status, 200, "{said}");
    let is = |tripped: bool| {
        move |snapshot: &Value| {
            let breakers = snapshot["breakers"].as_array().unwrap();
            breakers.iter().any(|one| one["name"] == "daily_loss_limit" && one["tripped"] == tripped)
        }
    };
    api.wait_for("/v1/snapshot", SOON, is(true));
    api.post_json("/v1/admin/emergency-stop", &json!({ "reason": "odd fills" }));
    run.signal(Signal::TERM);
    assert_eq!(run.finish()["open_orders_at_exit"], 0);
    // 1. The logs have the cause.
    let log = |name: &str| fs::read_to_string(data.join("logs").join(name)).unwrap();
    let cause = format!("{}{}", log("worker_stdout.log"), log("worker_stderr.log"));
    assert!(cause.contains("daily_loss_limit") && cause.contains("EmergencyStop"), "{cause}");
    // 4. The services start, and what halted them is in force.
    let (run, api) = start();
    let state = api.get("/v1/admin/bot/state");
    assert_eq!((&state["state"], &state["restriction"]), (&json!("STOPPED"), &json!("halted")), "{state}");
    assert_ne!(api.refused("/v1/admin/bot/start", &json!({})).0, 200);
    // 2. and 3. What was wrong is put right, the halt is released, and the breaker is reset.
    let (status, said) = api.put("/v1/config/daily_loss_limit_usd", br#"{"value": 25, "user": "admin"}"#.to_vec());
    assert_eq!(status, 200, "{said}");
    let released = json!({ "reason": "understood" });
    let deadline = std::time::Instant::now() + SOON;
    while api.refused("/v1/admin/emergency-stop/release", &released).0 != 200 {
        assert!(std::time::Instant::now() < deadline, "not released");
        std::thread::sleep(Duration::from_millis(100));
    }
    if is(true)(&api.get("/v1/snapshot")) {
        api.post("/v1/admin/circuit-breakers/daily_loss_limit/reset");
    }
    api.wait_for("/v1/snapshot", SOON, is(false));
    // 5. The bot starts and trades.
    api.post("/v1/admin/bot/start");
    api.wait_for("/v1/trading/orders", SOON, some);
    run.signal(Signal::INT);
    run.finish();
}

/// The rows of the guide's tables about the runbook: what stands there, what is here, and its test.
fn rows() -> Vec<[String; 3]> {
    let text = include_str!("../../../../docs/operations.md");
    let mut rows = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        inside = line.starts_with("| runbook") || (inside && line.starts_with('|'));
        if !inside || line.starts_with("| runbook") || line.starts_with("|---") {
            continue;
        }
        let cells: Vec<String> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
        rows.push(cells.try_into().unwrap_or_else(|cells| panic!("three cells, not {cells:?}")));
    }
    rows
}

/// The names between backticks.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Adds the sources below a folder.
fn sources(folder: &Path, text: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_none_or(|name| name != "fixtures") {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_row_of_the_guide_names_its_test_and_each_line_of_the_runbook_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut code = String::new();
    for folder in ["app/tests", "engine/tests", "store/tests", "api/src"] {
        sources(&root.join("host").join(folder), &mut code);
    }
    let rows = rows();
    assert!(rows.len() > 50, "{}", rows.len());
    for [there, here, test] in &rows {
        if here.starts_with("not needed") || here.starts_with("Windows only") {
            assert_eq!(test, "-", "{there}");
            continue;
        }
        let tests = names(test);
        assert!(!tests.is_empty(), "{there} names no test");
        for test in tests {
            let is_there =
                if test.contains('/') { root.join(test).is_file() } else { code.contains(&format!("fn {test}()")) };
            assert!(is_there, "{there}: there is no test {test}");
        }
    }
    let told: String = rows.iter().map(|[there, ..]| there.as_str()).collect();
    for command in LINES {
        assert!(told.contains(command), "the runbook's `{command}` has no row");
    }
}

/// The commands, routes, pages, parameters and files of the runbook, in its order.
const LINES: [&str; 68] = [
    "00_preflight_check.ps1",
    "01_install_dependencies.ps1",
    "02_setup_repo.ps1",
    "03_setup_database.ps1",
    "04_setup_api.ps1",
    "05_setup_worker.ps1",
    "06_setup_dashboard.ps1",
    "07_register_services.ps1",
    "08_final_verification.ps1",
    "POLYMARKET_API_KEY",
    "POLYMARKET_API_SECRET",
    "POLYMARKET_PRIVATE_KEY",
    "POLYMARKET_FUNDER_ADDRESS",
    "localhost:3000/config",
    "POST /v1/admin/bot/start",
    "start_services.bat",
    "net start PolyTrader-API",
    "net start PolyTrader-UI",
    "net start PolyTrader-Worker",
    "stop_services.bat",
    "\"Stop\" on the page",
    "POST /v1/admin/emergency-stop",
    "localhost:3000`",
    "localhost:3000/trades",
    "localhost:3000/exposure",
    "localhost:3000/health",
    "GET /health",
    "GET /health/detailed",
    "GET /v1/admin/bot/state",
    "99_status_dashboard.ps1`",
    "99_status_dashboard.ps1 -TailOnFailure",
    "GET /v1/config/",
    "PUT /v1/config/daily_loss_limit_usd",
    "portfolio_trade_pct",
    "max_market_usd",
    "daily_loss_limit_usd",
    "take_profit_pct",
    "stop_loss_pct",
    "max_open_positions",
    "`stale_data`",
    "`websocket_disconnect`",
    "`high_error_rate`",
    "`reconciliation_mismatch`",
    "`daily_loss_limit`",
    "POST /v1/admin/circuit-breakers/stale_data/reset",
    "GET /v1/positions/pnl",
    "Get-Service PolyTrader-*",
    "Get-Content logs\\api_stderr.log -Tail 50",
    "Get-Content logs\\worker_stderr.log -Tail 50",
    "check the database connection",
    "verify `.env`",
    "review `logs\\api_stderr.log`",
    "curl http://localhost:8000/health",
    "browser console",
    "CORS",
    "the bot is `RUNNING`",
    "no circuit breaker is tripped",
    "credentials are configured",
    "the worker is running",
    "install-logs\\STEP*.log",
    "logs\\ui_stdout.log",
    "pg_dump -U polytrader polytrader > backup.sql",
    "psql -U polytrader polytrader < backup.sql",
    "Move-Item -Destination logs\\archive\\",
    "restart the affected service",
    "reset circuit breakers",
    "DELETE /v1/trading/orders/{order_id}",
    "POST /v1/trading/orders/cancel-all",
];
