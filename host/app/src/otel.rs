//! Traces for an OpenTelemetry collector, over HTTP with JSON (OTLP). Only in the release (feature `otel`), and disabled
//! unless `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector. Ended spans go into a bounded queue; a background thread sends
//! them. Spans that do not fit or are not accepted are dropped and counted: trading never waits for a collector.

use serde_json::{Value, json};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant, SystemTime};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Maximum number of queued spans.
const WAITING_MAX: usize = 4_096;
/// Maximum number of spans of a request, and the time in which they are collected.
const BATCH_MAX: usize = 512;
const GATHER: Duration = Duration::from_secs(2);
/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of attributes and events of a span, and of characters of a value.
const FIELDS_MAX: usize = 32;
const VALUE_MAX: usize = 512;
/// The crates whose spans are sent. Those of the exporter's own requests are not.
const OURS: [&str; 5] = ["api", "app", "lifecycle", "polytrader", "trading"];

/// Number of spans dropped since the start.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns the layer that sends spans; none if no collector is configured or the thread cannot be started.
pub(crate) fn layer() -> Option<Spans> {
    let endpoint = std::env::var(ENDPOINT).ok().filter(|endpoint| !endpoint.trim().is_empty())?;
    let address = format!("{}/v1/traces", endpoint.trim().trim_end_matches('/'));
    let (ended, waiting) = sync_channel(WAITING_MAX);
    let thread = std::thread::Builder::new().name("otel".to_owned()).spawn(move || send_all(&address, &waiting));
    thread.is_ok().then_some(Spans { ended })
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Spans {
    ended: SyncSender<Span>,
}

/// An open or ended span.
#[derive(Debug, Clone)]
struct Span {
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    name: &'static str,
    began: SystemTime,
    ended: SystemTime,
    fields: Fields,
    events: Vec<(SystemTime, Fields)>,
}

/// The fields of a span or an event.
#[derive(Debug, Clone, Default)]
struct Fields(Vec<Value>);

impl Fields {
    fn add(&mut self, name: &str, value: Value) {
        if self.0.len() < FIELDS_MAX {
            self.0.push(json!({ "key": name, "value": value }));
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), json!({ "intValue": value.to_string() }));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), json!({ "intValue": value.to_string() }));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), json!({ "boolValue": value }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text: String = value.chars().take(VALUE_MAX).collect();
        self.add(field.name(), json!({ "stringValue": text }));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness the id is zero, which is invalid: the collector ignores the span.
    if getrandom::fill(&mut bytes).is_err() {
        return [0; N];
    }
    bytes
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if !is_ours(attributes.metadata().target()) {
            return;
        }
        let parent =
            span.parent().and_then(|parent| parent.extensions().get::<Span>().map(|span| (span.trace, span.id)));
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let now = SystemTime::now();
        span.extensions_mut().insert(Span {
            trace: parent.map_or_else(random, |(trace, _)| trace),
            id: random(),
            parent: parent.map(|(_, id)| id),
            name: attributes.metadata().name(),
            began: now,
            ended: now,
            fields,
            events: Vec::new(),
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(span) = span.extensions_mut().get_mut::<Span>() {
            values.record(&mut span.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        if let Some(span) = span.extensions_mut().get_mut::<Span>()
            && span.events.len() < FIELDS_MAX
        {
            let mut fields = Fields::default();
            event.record(&mut fields);
            span.events.push((SystemTime::now(), fields));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(mut ended) = span.extensions_mut().remove::<Span>() else { return };
        ended.ended = SystemTime::now();
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.ended.try_send(ended) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn is_ours(target: &str) -> bool {
    OURS.contains(&target.split("::").next().unwrap_or_default())
}

/// Sends ended spans until the program ends.
fn send_all(address: &str, waiting: &Receiver<Span>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let Ok(tls) = polymarket::tls::client_config() else { return };
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.as_ref().clone())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .build();
    let Ok(client) = client else { return };
    let mut failures = 0_u64;
    while let Some(batch) = gathered(waiting) {
        let sent = runtime.block_on(async { client.post(address).json(&document(&batch)).send().await });
        let taken = sent.is_ok_and(|answer| answer.status().is_success());
        if taken {
            failures = 0;
            continue;
        }
        DROPPED.fetch_add(u64::try_from(batch.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        failures = failures.saturating_add(1);
        if failures.is_power_of_two() {
            let dropped = DROPPED.load(Ordering::Relaxed);
            tracing::warn!(failures, dropped, "the collector did not accept spans; they are dropped");
        }
    }
}

/// Returns the spans that end soon after the first; none at the end of the program.
fn gathered(waiting: &Receiver<Span>) -> Option<Vec<Span>> {
    let mut batch = vec![waiting.recv().ok()?];
    let began = Instant::now();
    while batch.len() < BATCH_MAX {
        match waiting.recv_timeout(GATHER.saturating_sub(began.elapsed())) {
            Ok(span) => batch.push(span),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(batch)
}

/// Returns the body of a request (OTLP 1.x, `ExportTraceServiceRequest` as JSON: ids hexadecimal, times as texts).
fn document(spans: &[Span]) -> Value {
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let resource = [attribute("service.name", "polytrader"), attribute("service.version", env!("CARGO_PKG_VERSION"))];
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": "polytrader" }, "spans": spans.iter().map(one).collect::<Vec<_>>() }],
    }] })
}

fn one(span: &Span) -> Value {
    let event = |(at, fields): &(SystemTime, Fields)| json!({ "timeUnixNano": nanos(*at), "name": "event", "attributes": fields.0 });
    json!({
        "traceId": model::hex::encode(&span.trace),
        "spanId": model::hex::encode(&span.id),
        "parentSpanId": span.parent.map(|parent| model::hex::encode(&parent)).unwrap_or_default(),
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": nanos(span.began),
        "endTimeUnixNano": nanos(span.ended),
        "attributes": span.fields.0,
        "events": span.events.iter().map(event).collect::<Vec<_>>(),
    })
}

fn nanos(at: SystemTime) -> String {
    at.duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "test code may fail loudly"
    )]

    use super::*;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn spans_that_end_have_their_parent_their_fields_and_their_events() {
        let (ended, waiting) = sync_channel(8);
        let subscriber = tracing_subscriber::registry().with(Spans { ended });
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::info_span!(target: "trading::orders", "placement", order = 7_u64);
            let _in_outer = outer.enter();
            tracing::info_span!(target: "trading::orders", "sign")
                .in_scope(|| tracing::info!(why = "a test", "signed"));
            tracing::info_span!(target: "hyper::client", "not ours").in_scope(|| ());
        });
        let batch = gathered(&waiting).unwrap();
        let document = document(&batch);
        let spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        assert_eq!((spans.len(), &spans[0]["name"], &spans[1]["name"]), (2, &json!("sign"), &json!("placement")));
        assert_eq!((&spans[0]["parentSpanId"], &spans[0]["traceId"]), (&spans[1]["spanId"], &spans[1]["traceId"]));
        assert_eq!(spans[1]["attributes"], json!([{ "key": "order", "value": { "intValue": "7" } }]));
        assert_eq!(spans[0]["events"].as_array().unwrap().len(), 1);
        assert_eq!(spans[1]["traceId"].as_str().unwrap().len(), 32);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (ended, waiting) = sync_channel(1);
        let before = DROPPED.load(Ordering::Relaxed);
        let subscriber = tracing_subscriber::registry().with(Spans { ended });
        tracing::subscriber::with_default(subscriber, || {
            (0..5).for_each(|_| tracing::info_span!(target: "trading", "placement").in_scope(|| ()));
        });
        assert!(DROPPED.load(Ordering::Relaxed) >= before + 4);
        assert_eq!(gathered(&waiting).unwrap().len(), 1);
    }

    /// Reads a request and responds with a status; returns its head and its body.
    fn request(listener: &std::net::TcpListener, status: &str) -> (String, Value) {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().unwrap();
        let (mut text, mut bytes) = (String::new(), [0; 4_096]);
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                socket.write_all(answer.as_bytes()).unwrap();
                return (head.to_ascii_lowercase(), body);
            }
            let read = socket.read(&mut bytes).unwrap();
            assert!(read > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    #[test]
    fn a_collector_gets_the_spans_by_http_and_those_that_it_refuses_are_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (ended, waiting) = sync_channel(8);
        let sender = std::thread::spawn(move || send_all(&address, &waiting));
        let subscriber = tracing_subscriber::registry().with(Spans { ended });
        let collecting = std::thread::spawn(move || {
            let (head, body) = request(&listener, "200 OK");
            (head, body, request(&listener, "503 Service Unavailable").1)
        });
        let before = DROPPED.load(Ordering::Relaxed);
        tracing::subscriber::with_default(subscriber, || {
            let placement = tracing::info_span!(target: "trading", "placement", order = 7_u64);
            placement.in_scope(|| tracing::info_span!(target: "trading", "sign").in_scope(|| ()));
            drop(placement);
            // Into the next request.
            std::thread::sleep(GATHER + Duration::from_millis(300));
            tracing::info_span!(target: "trading", "refused").in_scope(|| ());
        });
        let (head, body, refused) = collecting.join().unwrap();
        sender.join().unwrap();
        assert!(
            head.starts_with("post /v1/traces http/1.1\r\n") && head.contains("content-type: application/json"),
            "{head}"
        );
        let of = &body["resourceSpans"][0];
        assert_eq!(
            of["resource"]["attributes"][0],
            json!({"key": "service.name", "value": {"stringValue": "polytrader"}})
        );
        let spans = of["scopeSpans"][0]["spans"].as_array().unwrap();
        let names: Vec<&Value> = spans.iter().map(|span| &span["name"]).collect();
        assert_eq!(names, ["sign", "placement"]);
        assert_eq!(spans[0]["parentSpanId"], spans[1]["spanId"]);
        for span in spans {
            let text = |key: &str| span[key].as_str().unwrap().to_owned();
            assert!(text("traceId").len() == 32 && text("spanId").len() == 16, "{span}");
            let nanos = |key: &str| text(key).parse::<u128>().unwrap();
            assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano") && nanos("startTimeUnixNano") > 0, "{span}");
        }
        assert_eq!(refused["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"], "refused");
        assert!(DROPPED.load(Ordering::Relaxed) > before);
    }
}
