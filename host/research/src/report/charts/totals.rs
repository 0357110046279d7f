//! Charts of the whole run.

use super::{Chart, Line, Style, differences, maybe_differences};
use crate::report::thin::thin;
use crate::run::{EquityRow, RunData};
use crate::statistics::{self, HORIZONS, Statistics};
use model::Usd;

/// Value of a line in a row.
type ValueAt<'v> = &'v dyn Fn(usize) -> Option<i64>;

/// A line over time: its label, its style, true if the area to zero is filled, and its values.
type LineOf<'v> = (&'v str, Style, bool, ValueAt<'v>);

/// Height of a chart of the whole run.
const HEIGHT: u32 = 240;

fn line(label: &str, style: Style, filled: bool, y: Vec<Option<i64>>) -> Line {
    Line { label: label.to_owned(), style, stepped: true, filled, y }
}

/// Returns a chart of money over the equity's rows.
fn over_time(id: &str, title: &str, rows: &[EquityRow], lines: &[LineOf<'_>]) -> Chart {
    let columns: Vec<ValueAt<'_>> = lines.iter().map(|(.., value)| *value).collect();
    let kept = thin(rows.len(), &columns);
    let millis = |row: usize| rows.get(row).map_or(0, |row| i64::try_from(row.at.millis()).unwrap_or(0));
    let lines = lines.iter().map(|(label, style, filled, value)| {
        line(label, *style, *filled, maybe_differences(kept.iter().map(|row| value(*row))))
    });
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        unit: "usd",
        x_kind: "time",
        steps: Vec::new(),
        scale: 1_000_000,
        height: HEIGHT,
        lines: lines.collect(),
        x: differences(kept.iter().map(|row| millis(*row))),
        marks: Vec::new(),
        span: None,
    }
}

/// Returns profit at the bid and drawdown, with the profit of another run at the same times.
pub(crate) fn equity(data: &RunData, other: Option<&RunData>) -> Chart {
    let start = data.description.cash;
    let profit = |rows: &[EquityRow], row: usize, start: Usd| {
        rows.get(row).map(|row| statistics::equity(row).saturating_sub(start).0)
    };
    let mut peak = 0;
    let falls: Vec<i64> = data
        .equity
        .iter()
        .map(|row| {
            let now = statistics::equity(row).saturating_sub(start).0;
            peak = peak.max(now);
            now.saturating_sub(peak)
        })
        .collect();
    let own = |row: usize| profit(&data.equity, row, start);
    let fall = |row: usize| falls.get(row).copied();
    let others = |row: usize| {
        let (at, other) = (data.equity.get(row)?.at, other?);
        let after = other.equity.partition_point(|row| row.at <= at);
        profit(&other.equity, after.checked_sub(1)?, other.description.cash)
    };
    let mut lines: Vec<LineOf<'_>> =
        vec![("profit at the bid", Style::Main, false, &own), ("drawdown", Style::Second, true, &fall)];
    if other.is_some() {
        lines.push(("profit of the other run", Style::Third, false, &others));
    }
    over_time("equity", "Profit at the bid, and drawdown", &data.equity, &lines)
}

/// Returns exposure and locked capital.
pub(crate) fn capital(data: &RunData) -> Chart {
    let exposure = |row: usize| data.equity.get(row).map(|row| row.exposure.0);
    let locked = |row: usize| data.equity.get(row).map(|row| statistics::locked(row, data.description.cash).0);
    let orders = |row: usize| data.equity.get(row).map(|row| row.locked.0);
    over_time(
        "capital",
        "Worst-case loss (exposure) and locked capital",
        &data.equity,
        &[
            ("worst-case loss", Style::Main, false, &exposure),
            ("locked capital", Style::Second, false, &locked),
            ("of it by open orders", Style::Third, false, &orders),
        ],
    )
}

/// Returns the value of the positions.
pub(crate) fn inventory(data: &RunData) -> Chart {
    let positions = |row: usize| data.equity.get(row).map(|row| row.positions.0);
    over_time(
        "inventory",
        "Inventory: positions at the bid",
        &data.equity,
        &[("positions at the bid", Style::Main, true, &positions)],
    )
}

/// Returns the markouts by horizon in thousandths of a cent a share.
pub(crate) fn markouts(statistics: &Statistics) -> Chart {
    let styles = [Style::Main, Style::Second, Style::Third];
    let lines = statistics.markouts.iter().zip(styles).map(|(markouts, style)| {
        let y = markouts.horizons.iter().map(|horizon| horizon.per_share.and_then(|value| thousandths(value * 100.0)));
        // The resolution is another scale; the table has it.
        let y = maybe_differences(y.take(HORIZONS.len().saturating_sub(1)));
        Line { label: markouts.of.to_owned(), style, stepped: false, filled: false, y }
    });
    Chart {
        id: "markouts".to_owned(),
        title: "Markout by time after the fill, in cents a share".to_owned(),
        unit: "cents",
        x_kind: "step",
        steps: HORIZONS.iter().copied().take(HORIZONS.len().saturating_sub(1)).collect(),
        scale: 1_000,
        height: 200,
        x: differences(0..5),
        lines: lines.collect(),
        marks: Vec::new(),
        span: None,
    }
}

/// Returns prices paid and forecasts against the share that paid, in thousandths.
pub(crate) fn calibration(statistics: &Statistics) -> Chart {
    let of = |rows: &[statistics::CalibrationRow], bin: u32| {
        let row = rows.iter().find(|row| row.from == f64::from(bin) / 10.0)?;
        row.happened.and_then(thousandths)
    };
    let bins = || 0..10_u32;
    let middle = |bin: u32| i64::from(bin).saturating_mul(100).saturating_add(50);
    let line = |label: &str, style, y: Vec<Option<i64>>| Line {
        label: label.to_owned(),
        style,
        stepped: false,
        filled: false,
        y,
    };
    Chart {
        id: "calibration".to_owned(),
        title: "Calibration: share that paid, by price paid and by forecast".to_owned(),
        unit: "share",
        x_kind: "share",
        steps: Vec::new(),
        scale: 1_000,
        height: 260,
        x: differences(bins().map(middle)),
        lines: vec![
            line(
                "prices paid",
                Style::Main,
                maybe_differences(bins().map(|bin| of(&statistics.forecasts.bought, bin))),
            ),
            line(
                "forecasts",
                Style::Second,
                maybe_differences(bins().map(|bin| of(&statistics.forecasts.calibration, bin))),
            ),
            line("perfect", Style::Reference, maybe_differences(bins().map(|bin| Some(middle(bin))))),
        ],
        marks: Vec::new(),
        span: None,
    }
}

/// Returns a number in thousandths; `None` beyond any chart.
#[expect(clippy::as_conversions, reason = "the range is checked, and a chart has no more digits")]
fn thousandths(value: f64) -> Option<i64> {
    let scaled = (value * 1_000.0).round();
    (scaled.abs() < 1e15).then_some(scaled as i64)
}
