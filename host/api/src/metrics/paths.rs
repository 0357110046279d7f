//! Histograms of the paths, and the figures of each strategy.

use super::{Families, millionths};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use readmodel::paths::{Paths, SPAN_BOUNDS_NANOS, STRATEGIES_MAX, SpanCounts, SpanHistogram};
use readmodel::views::{Snapshot, StrategyStateView, StrategyView};
use std::fmt;

/// The label of a family's series. Its values are names of strategies, channels or breakers, whose number is bounded.
type Labels = [(&'static str, String); 1];

/// The series of one family, each with its labels.
#[derive(Debug)]
struct Series<T> {
    kind: MetricType,
    values: Vec<(Labels, T)>,
}

/// A value of a counter.
#[derive(Debug)]
struct Count(u64);

/// A value of a gauge, in millionths.
#[derive(Debug)]
struct Millionths(i64);

/// A value that can be written.
trait Written: fmt::Debug + Send + Sync {
    fn write(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result;
}

impl Written for Count {
    fn write(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.0, None)
    }
}

impl Written for Millionths {
    fn write(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&millionths(self.0))
    }
}

impl Written for SpanCounts {
    fn write(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let bounds = SPAN_BOUNDS_NANOS.into_iter().map(nanos).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.buckets).collect();
        let count = self.buckets.into_iter().fold(0u64, u64::saturating_add);
        encoder.encode_histogram::<NoLabelSet>(nanos(self.sum_nanos), count, &buckets, None)
    }
}

impl<T: Written> EncodeMetric for Series<T> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, value) in &self.values {
            value.write(&mut encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

/// The spans of a path as a histogram.
#[derive(Debug)]
struct Spans(SpanCounts);

impl EncodeMetric for Spans {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.write(&mut encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl Families {
    /// Adds the histograms of the paths that have a budget.
    pub(super) fn paths(&mut self, paths: &Paths) {
        self.spans(
            "market_frame",
            "From the receipt of a frame of the market channel to the engine's inbox",
            &paths.frame,
        );
        self.spans("engine_step", "A step of the engine for a market event, one in sixteen", &paths.step);
        self.spans("gate_step", "A step of the engine that judges a strategy's intents", &paths.gate);
        self.spans("sign", "Signing an order, to the signer's process and back", &paths.sign);
        self.spans("journal_wait", "The wait of a placement until the journal is on disk", &paths.journal);
        self.spans("order_ready", "From an approved placement to a signed order that may be sent", &paths.order_ready);
        self.spans("place_request", "The venue's answer to a request that places orders", &paths.place);
        self.spans("cancel_request", "The venue's answer to a request that cancels orders", &paths.cancel);
        let help = "From an operator's emergency stop until its cancels were issued";
        self.spans("emergency_stop", help, &paths.emergency_stop);
        self.spans("strategy_reload", "From a compiled module to its first call", &paths.reload);
        self.counter("books_confirmed", "Quiet books that REST confirmed since the start", paths.books_confirmed.get());
        self.counter(
            "dead_man_pings",
            "Dead man's pings that were accepted since the start",
            paths.dead_man_pings.get(),
        );
        let help = "Dead man's pings withheld since the start because engine, journal or feeds were not proved alive";
        self.counter("dead_man_withheld", help, paths.dead_man_withheld.get());
        let strategies = paths.strategies();
        let counts = |count: fn(&readmodel::paths::StrategyPath) -> u64| {
            strategies.iter().map(|(name, path)| (strategy(name), Count(count(path)))).collect::<Vec<_>>()
        };
        self.series("strategy_answers", "Answers of a strategy since the start", counts(|path| path.answers.get()));
        self.series("strategy_fuel", "Fuel that a strategy used since the start", counts(|path| path.fuel.get()));
        self.series("strategy_faults", "Calls of a strategy that failed", counts(|path| path.faults.get()));
        let values = strategies.iter().map(|(name, path)| (strategy(name), path.answer.counts())).collect();
        let help = "From the first event that a strategy was notified of to its answer at the engine";
        let series = Series { kind: MetricType::Histogram, values };
        self.0.register_with_unit("strategy_answer", help, Unit::Seconds, series);
    }

    /// Adds the figures that the read model shows of each strategy.
    pub(super) fn strategies(&mut self, snapshot: &Snapshot) {
        let shown = || snapshot.strategies.iter().take(STRATEGIES_MAX);
        let counts = |count: fn(&StrategyView) -> u64| {
            shown().map(|one| (strategy(&one.name), Count(count(one)))).collect::<Vec<_>>()
        };
        self.series("strategy_events", "Events that a strategy received since the start", counts(|one| one.events));
        self.series("strategy_intents", "Intents of a strategy since the start", counts(|one| one.intents));
        self.series("strategy_orders", "Orders of a strategy since the start", counts(|one| one.orders));
        self.series("strategy_fills", "Fills of a strategy since the start", counts(|one| one.fills));
        self.series("strategy_refusals", "Intents of a strategy refused since the start", counts(|one| one.refusals));
        let running = |one: &StrategyView| i64::from(one.state == StrategyStateView::Running).saturating_mul(1_000_000);
        self.gauges(
            "strategy_running",
            "1 while a strategy runs",
            None,
            shown().map(|one| (strategy(&one.name), running(one))),
        );
        let usd = || Some(Unit::Other("usd".to_owned()));
        let profits = shown().map(|one| (strategy(&one.name), one.profit_micro_usd));
        self.gauges("strategy_profit", "Profit of a strategy less fees, in all sessions", usd(), profits);
        let today = shown().map(|one| (strategy(&one.name), one.today_micro_usd));
        self.gauges("strategy_today", "Gain of a strategy since 00:00 UTC", usd(), today);
        let breakers = snapshot.breakers.iter();
        let tripped =
            breakers.map(|one| ([("breaker", one.name.clone())], i64::from(one.tripped).saturating_mul(1_000_000)));
        self.gauges("breaker_tripped", "1 while a breaker is tripped", None, tripped);
    }

    /// Adds the figures of each channel of alerts.
    pub(super) fn alert_channels(&mut self, channels: &[(&'static str, alerts::Figures)]) {
        let counts = |count: fn(&alerts::Figures) -> u64| {
            channels
                .iter()
                .map(|(name, figures)| ([("channel", (*name).to_owned())], Count(count(figures))))
                .collect::<Vec<_>>()
        };
        self.series(
            "alert_channel_sent",
            "Alerts that a channel accepted since the start",
            counts(|figures| figures.sent),
        );
        self.series(
            "alert_channel_failed",
            "Alerts that a channel rejected since the start",
            counts(|figures| figures.failed),
        );
        let error = |figures: &alerts::Figures| i64::from(figures.error.is_empty()).saturating_mul(1_000_000);
        let up = channels.iter().map(|(name, figures)| ([("channel", (*name).to_owned())], error(figures)));
        self.gauges("alert_channel_up", "1 while a channel accepts alerts", None, up);
    }

    fn spans(&mut self, name: &str, help: &str, spans: &SpanHistogram) {
        self.0.register_with_unit(name, help, Unit::Seconds, Spans(spans.counts()));
    }

    fn series(&mut self, name: &str, help: &str, values: Vec<(Labels, Count)>) {
        self.0.register(name, help, Series { kind: MetricType::Counter, values });
    }

    fn gauges(&mut self, name: &str, help: &str, unit: Option<Unit>, values: impl Iterator<Item = (Labels, i64)>) {
        let values = values.map(|(labels, value)| (labels, Millionths(value))).collect();
        let series = Series { kind: MetricType::Gauge, values };
        match unit {
            Some(unit) => self.0.register_with_unit(name, help, unit, series),
            None => self.0.register(name, help, series),
        }
    }
}

fn strategy(name: &str) -> Labels {
    [("strategy", name.to_owned())]
}

#[expect(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "the format's numbers are floating point, and nothing is computed from them here"
)]
fn nanos(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
