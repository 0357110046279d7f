//! The text scraped by Prometheus, line by line.

use super::*;
use std::collections::BTreeMap;

/// A text in the OpenMetrics format: the type of each family, and each sample in order.
struct Exposition {
    types: BTreeMap<String, String>,
    samples: Vec<(String, String)>,
}

impl Exposition {
    fn parse(text: &str) -> Self {
        let (mut types, mut samples) = (BTreeMap::new(), Vec::new());
        let lines = text.strip_suffix("# EOF\n").expect("the last line is # EOF");
        for line in lines.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "TYPE", family, kind] => {
                    let before = types.insert(family.to_owned(), kind.to_owned());
                    assert_eq!(before, None, "{family} has one type");
                }
                ["#", "HELP" | "UNIT", _, words] => assert!(!words.is_empty(), "{line}"),
                [name, value] => samples.push((name.to_owned(), value.to_owned())),
                _ => panic!("neither a sample nor a description: {line}"),
            }
        }
        Self { types, samples }
    }

    fn value(&self, name: &str) -> &str {
        let found: Vec<&str> =
            self.samples.iter().filter(|(sample, _)| sample == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    }

    /// Returns the type of a sample's family, by the name of the sample.
    fn kind(&self, sample: &str) -> &str {
        let name = sample.split('{').next().unwrap();
        let families = ["", "_total", "_bucket", "_sum", "_count"].into_iter().filter_map(|suffix| {
            let family = name.strip_suffix(suffix)?;
            let kind = self.types.get(family)?;
            let fits = match kind.as_str() {
                "gauge" => suffix.is_empty(),
                "counter" => suffix == "_total",
                "histogram" => matches!(suffix, "_bucket" | "_sum" | "_count"),
                other => panic!("{family} is of the type {other}"),
            };
            fits.then_some(kind.as_str())
        });
        let families: Vec<&str> = families.collect();
        assert_eq!(families.len(), 1, "{sample} belongs to one family with a TYPE line");
        families[0]
    }
}

async fn scraped(rig: &Rig) -> Exposition {
    let bearer = format!("Bearer {}", rig.viewer);
    let response = rig.request("GET", "/metrics", &[("authorization", &bearer)], "").await;
    assert_eq!(response.status(), StatusCode::OK);
    let kind = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Exposition::parse(std::str::from_utf8(&bytes).unwrap())
}

#[tokio::test]
async fn every_metric_has_its_type_and_a_base_unit() {
    let rig = Rig::new("metric-types").await;
    let all = scraped(&rig).await;
    for (name, value) in &all.samples {
        assert!(name.starts_with("polytrader_"), "{name}");
        assert!(!name.contains("micro") && !name.contains("milli"), "{name} is in a base unit");
        assert_eq!(all.kind(name) == "counter", name.ends_with("_total"), "{name}");
        assert!(value.parse::<f64>().unwrap().is_finite(), "{name} {value}");
    }
    let counters: Vec<&str> =
        all.types.iter().filter(|(_, kind)| *kind == "counter").map(|(family, _)| family.as_str()).collect();
    let expected = [
        "alert_channel_failed",
        "alert_channel_sent",
        "alerts_dropped",
        "alerts_failed",
        "alerts_sent",
        "books_confirmed",
        "dead_man_pings",
        "dead_man_withheld",
        "market_events",
        "output_lines_lost",
        "rows_lost",
        "rows_written",
        "strategy_answers",
        "strategy_events",
        "strategy_faults",
        "strategy_fills",
        "strategy_fuel",
        "strategy_intents",
        "strategy_orders",
        "strategy_refusals",
    ];
    assert_eq!(counters, expected.map(|name| format!("polytrader_{name}")));
    assert_eq!(all.types["polytrader_event_wait_seconds"], "histogram");
    assert_eq!(all.types.values().filter(|kind| *kind == "gauge").count(), 22);
    assert_eq!(all.types.values().filter(|kind| *kind == "histogram").count(), 12);
}

#[tokio::test]
async fn the_values_are_those_of_the_read_model() {
    let rig = Rig::new("metric-values").await;
    let picture = &rig.parts.picture;
    let pnl = readmodel::views::PnlView { cash_micro_usd: 1_234_567_891, today_micro_usd: -10, ..Default::default() };
    picture.account(pnl, 12_345, Vec::new());
    picture.set_connections(vec![readmodel::views::ConnectionView { up: 2, parts: 3, first: 0, later: 0 }; 2]);
    picture.channel(model::input::Channel::Market, true);
    for micros in [10, 11, 20, 700, 12_000_000] {
        picture.event_waits().add(micros);
    }
    let row = store::db::StrategyRow {
        hash: "ab".to_owned(),
        name: "quoter".to_owned(),
        version: "1.0.0".to_owned(),
        first_seen_ms: 1,
        source: "quoter.wasm".to_owned(),
        bytes: 7,
        loaded_at_ms: 1,
    };
    rig.parts.db.writer().write(store::db::DbWrite::Strategy(super::scope(), row));
    assert!(rig.parts.db.writer().flush(Duration::from_secs(5)).await);
    let all = scraped(&rig).await;
    for (name, value) in [
        ("running", "0"),
        ("market_channel_up", "1"),
        ("user_channel_up", "0"),
        ("market_connections", "6"),
        ("market_connections_up", "4"),
        ("market_events_total", "12345"),
        ("rows_written_total", "1"),
        ("rows_lost_total", "0"),
        ("rows_waiting", "0"),
        ("output_lines_lost_total", "7"),
        ("cash_usd", "1234.567891"),
        ("today_usd", "-0.00001"),
        ("fees_usd", "0.0"),
        ("event_wait_seconds_count", "5"),
        ("event_wait_seconds_sum", "12.000741"),
        ("event_wait_seconds_bucket{le=\"0.00001\"}", "1"),
        ("event_wait_seconds_bucket{le=\"0.00002\"}", "3"),
        ("event_wait_seconds_bucket{le=\"0.0005\"}", "3"),
        ("event_wait_seconds_bucket{le=\"0.001\"}", "4"),
        ("event_wait_seconds_bucket{le=\"10.0\"}", "4"),
        ("event_wait_seconds_bucket{le=\"+Inf\"}", "5"),
    ] {
        assert_eq!(all.value(&format!("polytrader_{name}")), value, "{name}");
    }
}

#[tokio::test]
async fn each_path_and_strategy_has_its_figures() {
    let rig = Rig::new("metric-paths").await;
    let picture = &rig.parts.picture;
    let paths = picture.paths();
    paths.sign.add(60_000);
    paths.sign.add(2_000_000);
    let quoter = paths.strategy("quoter");
    quoter.answers.add(3);
    quoter.answer.add(900);
    let view = readmodel::views::StrategyView {
        name: "quoter".to_owned(),
        orders: 5,
        today_micro_usd: -1_500_000,
        ..Default::default()
    };
    picture.strategy(model::StrategyId(1), view);
    rig.trip(model::input::Breaker::Drawdown);
    let all = scraped(&rig).await;
    for (name, value) in [
        ("sign_seconds_count", "2"),
        ("sign_seconds_sum", "0.00206"),
        ("sign_seconds_bucket{le=\"0.0001\"}", "1"),
        ("sign_seconds_bucket{le=\"0.0025\"}", "2"),
        ("strategy_answers_total{strategy=\"quoter\"}", "3"),
        ("strategy_answer_seconds_bucket{le=\"0.000001\",strategy=\"quoter\"}", "1"),
        ("strategy_orders_total{strategy=\"quoter\"}", "5"),
        ("strategy_today_usd{strategy=\"quoter\"}", "-1.5"),
        ("strategy_running{strategy=\"quoter\"}", "0.0"),
        ("breaker_tripped{breaker=\"drawdown\"}", "1.0"),
        ("breaker_tripped{breaker=\"stale_data\"}", "0.0"),
    ] {
        assert_eq!(all.value(&format!("polytrader_{name}")), value, "{name}");
    }
    let resident: f64 = all.value("polytrader_resident_memory_bytes").parse().unwrap();
    assert!(resident > 1e6, "{resident}");
}

#[tokio::test]
async fn a_reader_of_the_older_format_gets_counters_under_the_names_of_their_samples() {
    let rig = Rig::new("metric-classic").await;
    let bearer = format!("Bearer {}", rig.viewer);
    let headers = [("authorization", bearer.as_str()), ("accept", "text/plain")];
    let response = rig.request("GET", "/metrics", &headers, "").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(
        text.contains("\n# TYPE polytrader_market_events_total counter\npolytrader_market_events_total 0\n"),
        "{text}"
    );
    assert!(!text.contains("# UNIT") && !text.contains("# EOF") && text.contains("# TYPE polytrader_running gauge\n"));
}
