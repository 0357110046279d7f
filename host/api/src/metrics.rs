//! Prometheus metrics: the counts and amounts of the read model in the OpenMetrics text format, in base units.

mod paths;
mod process;

use crate::state::AppParts;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use readmodel::views::{BotStateView, ConnectionView, PnlView, Snapshot};
use readmodel::{WAIT_BOUNDS_MICROS, WaitCounts};
use std::fmt;

/// The content type of [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The content type of [`classic`].
pub(crate) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns true if a client accepts Prometheus' older text format and not OpenMetrics.
pub(crate) fn wants_classic(accept: &str) -> bool {
    accept.contains("text/plain") && !accept.contains("openmetrics")
}

/// Converts a text from the OpenMetrics format to Prometheus' older one: counters are described under the names of their
/// samples, and there are no units and no end mark.
pub(crate) fn classic(text: &str) -> String {
    let type_of = |line: &str| {
        line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')).map(|(n, k)| (n.to_owned(), k == "counter"))
    };
    let counters: std::collections::BTreeSet<String> =
        text.lines().filter_map(type_of).filter(|(_, counter)| *counter).map(|(name, _)| name).collect();
    let mut classic = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let described = ["# HELP ", "# TYPE "].into_iter().find_map(|word| {
            let (name, rest) = line.strip_prefix(word)?.split_once(' ')?;
            counters.contains(name).then(|| format!("{word}{name}_total {rest}"))
        });
        classic.push_str(described.as_deref().unwrap_or(line));
        classic.push('\n');
    }
    classic
}

/// Returns all metrics as text.
pub(crate) fn text(parts: &AppParts) -> Result<String, fmt::Error> {
    let mut families = Families(Registry::with_prefix("polytrader"));
    let snapshot = parts.picture.snapshot();
    families.trading(&snapshot);
    families.money(&snapshot.pnl);
    families.market_data(&snapshot, &parts.picture.connections(), parts.picture.event_waits().counts());
    families.alerts(&parts.alerts.figures());
    families.database(&parts.db.writer().health());
    families.output((parts.lost_lines)());
    families.paths(parts.picture.paths());
    families.strategies(&snapshot);
    families.alert_channels(&parts.alerts.channels());
    families.process();
    let mut text = String::new();
    encode(&mut text, &families.0)?;
    Ok(text)
}

/// The metric families of one answer. The registry adds the prefix, the units and the `_total` of counters to the
/// names, and a full stop to the descriptions.
struct Families(Registry);

impl Families {
    fn trading(&mut self, snapshot: &Snapshot) {
        self.gauge("running", "1 while the bot is RUNNING", i64::from(snapshot.bot.state == BotStateView::Running));
        self.gauge("open_orders", "Orders that are not over", snapshot.orders.len());
        self.gauge("positions", "Tokens held", snapshot.positions.len());
        let tripped = snapshot.breakers.iter().filter(|breaker| breaker.tripped).count();
        self.gauge("tripped_breakers", "Breakers that are tripped", tripped);
    }

    fn money(&mut self, pnl: &PnlView) {
        self.dollars("cash", "All cash", pnl.cash_micro_usd);
        self.dollars("portfolio", "Cash and positions", pnl.portfolio_micro_usd);
        self.dollars("realised", "P&L realised in all sessions on the account", pnl.realised_micro_usd);
        self.dollars("unrealised", "Positions at the bid less their cost", pnl.unrealised_micro_usd);
        self.dollars("fees", "Fees paid in all sessions on the account", pnl.fees_micro_usd);
        self.dollars("today", "P&L since 00:00 UTC", pnl.today_micro_usd);
    }

    fn market_data(&mut self, snapshot: &Snapshot, connections: &[ConnectionView], waits: WaitCounts) {
        let bot = &snapshot.bot;
        self.gauge("market_channel_up", "1 while the market channel is up", i64::from(bot.market_channel_up));
        self.gauge("user_channel_up", "1 while the user channel is up", i64::from(bot.user_channel_up));
        let (up, parts) = connections.iter().fold((0u64, 0u64), |(up, parts), line| {
            (up.saturating_add(line.up.into()), parts.saturating_add(line.parts.into()))
        });
        self.gauge("market_connections", "Connections of the market channel", parts);
        self.gauge("market_connections_up", "Connections of the market channel that are up", up);
        self.counter("market_events", "Market events since the start", bot.events);
        let help = "Time that market events waited for the engine after they were received";
        self.0.register_with_unit("event_wait", help, Unit::Seconds, Waits(waits));
    }

    fn alerts(&mut self, figures: &alerts::Figures) {
        self.counter("alerts_sent", "Alerts that the webhook accepted since the start", figures.sent);
        self.counter("alerts_failed", "Alerts dropped after the last attempt since the start", figures.failed);
        self.counter("alerts_dropped", "Alerts dropped because the queue was full since the start", figures.dropped);
        self.gauge("alerts_waiting", "Alerts in the queue", figures.waiting);
    }

    fn database(&mut self, rows: &store::db::WriterHealth) {
        self.counter("rows_written", "Rows written to the database since the start", rows.written);
        self.counter("rows_lost", "Rows that are in the journal only since the start", rows.lost);
        self.gauge("rows_waiting", "Rows in the queue to the database", rows.waiting);
    }

    fn output(&mut self, lost: u64) {
        self.counter("output_lines_lost", "Lines of the log and of standard output lost since the start", lost);
    }

    fn gauge<N>(&mut self, name: &str, help: &str, value: N)
    where
        N: EncodeGaugeValue + fmt::Debug + Send + Sync + 'static,
    {
        self.0.register(name, help, ConstGauge::new(value));
    }

    fn counter<N>(&mut self, name: &str, help: &str, value: N)
    where
        N: EncodeCounterValue + fmt::Debug + Send + Sync + 'static,
    {
        self.0.register(name, help, ConstCounter::new(value));
    }

    fn dollars(&mut self, name: &str, help: &str, micro_usd: i64) {
        self.0.register_with_unit(name, help, Unit::Other("usd".to_owned()), ConstGauge::new(millionths(micro_usd)));
    }
}

/// The waits of market events as a histogram.
#[derive(Debug)]
struct Waits(WaitCounts);

impl EncodeMetric for Waits {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = WAIT_BOUNDS_MICROS.into_iter().map(seconds).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.0.buckets).collect();
        let count = self.0.buckets.into_iter().fold(0u64, u64::saturating_add);
        encoder.encode_histogram::<NoLabelSet>(seconds(self.0.sum_micros), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn seconds(micros: u64) -> f64 {
    millionths(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Converts millionths to whole units, exact to the sixth decimal up to nine billion.
#[expect(
    clippy::as_conversions,
    clippy::float_arithmetic,
    reason = "the format uses floating point, and nothing is computed with it here"
)]
fn millionths(value: i64) -> f64 {
    value as f64 / 1e6
}
