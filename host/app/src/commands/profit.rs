//! `polytrader profit`: profit by day, week or month. Works with and without a running host.

use crate::cli::{PeriodArg, ProfitArgs};
use crate::commands::lots::walk;
use crate::console::println;
use model::{Time, Usd};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;

const DAY_MILLIS: u64 = 86_400_000;

/// The sums of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    trades: u64,
    volume: i64,
    fees: i64,
    /// Closed lots, and their profit after fees.
    closed: u64,
    profit: i64,
}

/// Runs `polytrader profit`.
///
/// # Errors
/// If the configuration is invalid, or the database cannot be read.
pub(crate) fn run(args: &ProfitArgs) -> anyhow::Result<ExitCode> {
    let periods = RefCell::new(BTreeMap::<String, Sums>::new());
    let change = |at_ms: u64, edit: &dyn Fn(&mut Sums)| {
        edit(periods.borrow_mut().entry(period(args.by, at_ms)).or_default());
    };
    walk(
        &args.lots,
        |one| {
            let is_trade = one.by == "trade";
            change(one.at_ms, &|sums| {
                sums.trades = sums.trades.saturating_add(u64::from(is_trade));
                sums.volume = sums.volume.saturating_add(if is_trade { one.dollars } else { 0 });
                sums.fees = sums.fees.saturating_add(one.fee);
            });
        },
        |lot| {
            let (at, gain) = (lot.closing.as_ref().map_or(0, |closing| closing.at_ms), lot.gain().unwrap_or(0));
            change(at, &|sums| {
                sums.closed = sums.closed.saturating_add(1);
                sums.profit = sums.profit.saturating_add(gain);
            });
        },
    )?;
    print(&periods.into_inner(), args.lots.common.json);
    Ok(ExitCode::SUCCESS)
}

fn print(periods: &BTreeMap<String, Sums>, is_json: bool) {
    if is_json {
        let rows: Vec<Value> = periods.iter().map(|(period, sums)| view(period, *sums)).collect();
        return println(&Value::from(rows).to_string());
    }
    if periods.is_empty() {
        return println("there are no trades in this mode");
    }
    periods.iter().for_each(|(period, sums)| println(&line(period, *sums)));
    let total = periods.values().fold(Sums::default(), |all, one| Sums {
        trades: all.trades.saturating_add(one.trades),
        volume: all.volume.saturating_add(one.volume),
        fees: all.fees.saturating_add(one.fees),
        closed: all.closed.saturating_add(one.closed),
        profit: all.profit.saturating_add(one.profit),
    });
    println(&line("all", total));
}

fn view(period: &str, sums: Sums) -> Value {
    json!({
        "period": period, "trades": sums.trades, "volume_micro_usd": sums.volume, "fees_micro_usd": sums.fees,
        "closed_lots": sums.closed, "profit_micro_usd": sums.profit,
    })
}

fn line(period: &str, sums: Sums) -> String {
    let Sums { trades, volume, fees, closed, profit } = sums;
    let (volume, fees, profit) = (Usd(volume), Usd(fees), Usd(profit));
    format!("{period:10}  profit ${profit} of {closed} closed lots; {trades} trades of ${volume}, fees ${fees}")
}

/// Returns the name of the period that contains a time: its day, the Monday of its week, or its month.
fn period(by: PeriodArg, at_ms: u64) -> String {
    let day = at_ms / DAY_MILLIS;
    // The epoch was a Thursday.
    let monday = day.saturating_sub(day.saturating_add(3) % 7);
    let (day, length) = match by {
        PeriodArg::Day => (day, 10),
        PeriodArg::Week => (monday, 10),
        PeriodArg::Month => (day, 7),
    };
    let mut text = Time::from_millis(day.saturating_mul(DAY_MILLIS)).iso();
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_of_utc_and_weeks_begin_on_monday() {
        // 2026-11-29 is a Sunday.
        let sunday = 1_795_996_799_000;
        let of = |at| [PeriodArg::Day, PeriodArg::Week, PeriodArg::Month].map(|by| period(by, at));
        assert_eq!(of(sunday), ["2026-11-29", "2026-11-23", "2026-11"]);
        assert_eq!(of(1_795_996_800_000), ["2026-11-30", "2026-11-30", "2026-11"]);
        assert_eq!(of(0), ["1970-01-01", "1970-01-01", "1970-01"], "before the first Monday");
    }
}
