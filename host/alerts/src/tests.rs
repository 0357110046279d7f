//! Alerts against a real HTTP server that fails, is slow, or limits the rate.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod channels;

use super::*;
use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::Value;
use std::collections::VecDeque;
use tokio::net::TcpListener;

/// Actions of the server on requests, in order; the last one repeats.
#[derive(Debug, Clone, Copy)]
enum Act {
    Take,
    Answer(u16),
    /// Status 429, with a wait in seconds.
    Enough(u64),
    Slow(Duration),
    /// A status for alerts of one kind; all others are accepted.
    Fail(&'static str, u16),
}

/// A server, with the requests it received and their times.
struct Server {
    address: String,
    got: Arc<Mutex<Vec<(Instant, Value)>>>,
}

impl Server {
    async fn start(acts: &[Act]) -> Self {
        let got: Arc<Mutex<Vec<(Instant, Value)>>> = Arc::default();
        let acts: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(acts.iter().copied().collect()));
        let kept = Arc::clone(&got);
        let take = move |Json(body): Json<Value>| {
            let kind = body["kind"].as_str().unwrap_or_default().to_owned();
            kept.lock().push((Instant::now(), body));
            let mut acts = acts.lock();
            let act = if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0] };
            async move {
                match act {
                    Act::Fail(bad, status) if bad == kind => StatusCode::from_u16(status).unwrap().into_response(),
                    Act::Take | Act::Fail(..) => StatusCode::NO_CONTENT.into_response(),
                    Act::Answer(status) => (StatusCode::from_u16(status).unwrap(), "no_service\n").into_response(),
                    Act::Enough(seconds) => {
                        (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
                    }
                    Act::Slow(time) => {
                        tokio::time::sleep(time).await;
                        StatusCode::OK.into_response()
                    }
                }
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/secret", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/secret", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, got }
    }

    fn alerts(&self, level: Severity) -> Alerts {
        let webhook = Some(Webhook::parse(&self.address).unwrap());
        let settings = Settings { webhook, level, ..Settings::default() };
        Alerts::start(&settings, &Bot { mode: "demo".into(), account: "0x1".into() }, || Time(1)).unwrap()
    }

    /// Waits for this number of requests.
    #[track_caller]
    fn wait(&self, count: usize) -> impl Future<Output = Vec<(Instant, Value)>> + use<> {
        let got = Arc::clone(&self.got);
        let caller = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            loop {
                let now = got.lock().clone();
                if now.len() >= count {
                    return now;
                }
                assert!(started.elapsed() < Duration::from_secs(20), "{caller}: {now:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

fn alert(kind: &'static str) -> Alert {
    Alert::new(Time(1_000_000), Severity::Warning, kind, "something", "happened")
}

/// Waits until the counts have these values.
async fn settled(alerts: &Alerts, wanted: (u64, u64, u64)) -> Figures {
    let started = Instant::now();
    loop {
        let view = alerts.figures();
        if (view.sent, view.failed, view.dropped) == wanted {
            return view;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{view:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_alert_is_there_at_once_and_its_like_are_folded() {
    let server = Server::start(&[Act::Take]).await;
    let alerts = server.alerts(Severity::Warning);
    let raised = Instant::now();
    (0..50).for_each(|_| alerts.raise(alert("a")));
    alerts.raise(Alert { severity: Severity::Info, ..alert("b") });
    let got = server.wait(1).await;
    assert!(got[0].0.duration_since(raised) < Duration::from_secs(5));
    assert_eq!(
        (&got[0].1["kind"], &got[0].1["text"]),
        (
            &Value::from("a"),
            &Value::from("[WARNING] something: happened (50 times since the last alert of it) - polytrader demo 0x1")
        )
    );
    settled(&alerts, (1, 0, 0)).await;
    // Alerts below the minimum severity are never sent; a repeat waiting for its minute is sent at the end.
    alerts.raise(alert("a"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.got.lock().len(), 1);
    alerts.close(CLOSE_WITHIN).await;
    assert_eq!(server.wait(2).await.len(), 2);
    assert_eq!(alerts.figures().waiting, 0);
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_and_one_that_refuses_is_not() {
    let server = Server::start(&[Act::Answer(503), Act::Take, Act::Answer(404), Act::Take]).await;
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("a"));
    let got = server.wait(2).await;
    assert_eq!(got[0].1, got[1].1, "the same alert again");
    assert!(got[1].0.duration_since(got[0].0) >= Duration::from_millis(900));
    settled(&alerts, (1, 0, 0)).await;
    alerts.raise(alert("b"));
    let view = settled(&alerts, (1, 1, 0)).await;
    assert_eq!(view.error, "404 Not Found: no_service", "the address is not shown");
    // The next alert reports the lost one.
    alerts.raise(alert("c"));
    assert_eq!(server.wait(4).await[3].1["missed"], 1);
    settled(&alerts, (2, 1, 0)).await;
    alerts.raise(alert("d"));
    assert_eq!(server.wait(5).await[4].1["missed"], 0);
}

#[tokio::test]
async fn a_server_that_has_enough_says_when_to_come_again() {
    let server = Server::start(&[Act::Enough(3), Act::Take]).await;
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("a"));
    let got = server.wait(2).await;
    let waited = got[1].0.duration_since(got[0].0);
    assert!(waited >= Duration::from_millis(2_900), "{waited:?}");
}

#[tokio::test]
async fn a_slow_server_delays_no_caller_and_the_end_is_in_time() {
    let server = Server::start(&[Act::Slow(Duration::from_secs(30))]).await;
    let alerts = server.alerts(Severity::Info);
    let started = Instant::now();
    for number in 0..10_000 {
        alerts.raise(Alert { subject: number.to_string(), ..alert("a") });
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    server.wait(1).await;
    let view = alerts.figures();
    assert!(view.waiting <= 256 && view.dropped >= 10_000 - 257, "{view:?}");
    let ending = Instant::now();
    alerts.close(CLOSE_WITHIN).await;
    assert!(ending.elapsed() < Duration::from_millis(2_500), "{:?}", ending.elapsed());
    // Raising an alert after the end is harmless.
    alerts.raise(alert("late"));
    alerts.close(CLOSE_WITHIN).await;
}

/// Returns the time of the first alert of this kind.
fn first(got: &[(Instant, Value)], kind: &str) -> Option<Instant> {
    got.iter().find(|(_, body)| body["kind"] == kind).map(|(at, _)| *at)
}

#[tokio::test]
async fn an_alert_that_the_server_fails_on_holds_up_no_other() {
    let server = Server::start(&[Act::Fail("bad", 500)]).await;
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("bad"));
    server.wait(1).await;
    let raised = Instant::now();
    alerts.raise(alert("good"));
    alerts.raise(Alert { severity: Severity::Critical, ..alert("stop") });
    let view = settled(&alerts, (2, 0, 0)).await;
    let got = server.got.lock().clone();
    for kind in ["good", "stop"] {
        assert!(first(&got, kind).unwrap().duration_since(raised) < Duration::from_secs(5), "{kind}: {got:?}");
    }
    assert_eq!((view.waiting, view.retrying, view.held_s), (1, 1, 0));
    let again = || server.got.lock().iter().filter(|(_, body)| body["kind"] == "bad").count() > 2;
    let started = Instant::now();
    while !again() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(alerts.figures().failed, 0, "it is still being retried");
}

#[tokio::test]
async fn a_server_that_asks_for_minutes_gets_critical_alerts_at_once_and_the_wait_is_shown() {
    let server = Server::start(&[Act::Enough(300), Act::Take]).await;
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("a"));
    server.wait(1).await;
    let started = Instant::now();
    while alerts.figures().held_s == 0 {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    alerts.raise(alert("b"));
    alerts.raise(Alert { severity: Severity::Critical, ..alert("stop") });
    let got = server.wait(2).await;
    assert!(first(&got, "stop").unwrap().duration_since(got[0].0) < Duration::from_secs(5), "{got:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let view = alerts.figures();
    assert_eq!((view.waiting, view.retrying, server.got.lock().len()), (2, 1, 2));
    assert!(view.held_s > 290, "{view:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_gets_a_critical_alert_beside_another() {
    let server = Server::start(&[Act::Slow(Duration::from_secs(30))]).await;
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("a"));
    server.wait(1).await;
    alerts.raise(Alert { severity: Severity::Critical, ..alert("stop") });
    let got = server.wait(2).await;
    assert!(got[1].0.duration_since(got[0].0) < Duration::from_secs(3), "before the first one times out");
}

#[tokio::test]
async fn an_error_of_a_server_that_is_not_there_does_not_say_where() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/secret", listener.local_addr().unwrap());
    drop(listener);
    let server = Server { address, got: Arc::default() };
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("a"));
    let started = Instant::now();
    while alerts.figures().error.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    alerts.close(CLOSE_WITHIN).await;
    let view = alerts.figures();
    assert!(view.failed == 1 && view.error.contains("refused") && !view.error.contains("secret"), "{view:?}");
}

#[tokio::test]
async fn without_a_webhook_nothing_happens() {
    let settings = Settings { level: Severity::Info, ..Settings::default() };
    let alerts = Alerts::start(&settings, &Bot::default(), || Time(1)).unwrap();
    alerts.raise(alert("a"));
    alerts.close(CLOSE_WITHIN).await;
    assert!(!alerts.figures().configured && alerts.list(Time(1)).len() == 1);
}
