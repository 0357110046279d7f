//! `polytrader drill`: measures the time from an emergency stop until no order is open at the venue, repeatedly on the
//! running host. Start reading in [`run`].

use crate::cli::DrillArgs;
use crate::commands::bot::{list, text};
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use api::client::{HostError, Remote};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The longest time until no order is open; a slower emergency stop fails the drill.
const FLAT_WITHIN: Duration = Duration::from_secs(2);
/// The longest time for which the venue is polled after a stop.
const ASK_FOR: Duration = Duration::from_secs(30);
/// The longest times that a round waits for an open order, and for the release after the stop.
const ORDERS_WITHIN: Duration = Duration::from_secs(30);
const RELEASED_WITHIN: Duration = Duration::from_secs(60);
/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(20);
/// The reason in the audit log.
const REASON: &str = "drill";

/// Result of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Round {
    /// Orders open at the venue before the stop.
    open: usize,
    /// Time from the stop until the first of two consecutive answers without an open order.
    flat: Duration,
}

/// Runs `polytrader drill`.
///
/// # Errors
/// If no host is running, it trades real money without `--live-yes`, or it rejects a request.
pub(crate) fn run(args: &DrillArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.host.data_dir)?;
    let bot = remote.get("/v1/admin/bot/state")?;
    let mode = text(&bot, "mode");
    ensure!(
        mode != "live" || args.live_yes,
        "this host trades real money: each of the {} rounds cancels all of the account's orders; give --live-yes to permit that. Nothing was \
         done",
        args.rounds
    );
    ensure!(
        text(&bot, "restriction") != "halted",
        "an emergency stop is in force; release it first with `polytrader release --reason TEXT`. Nothing was done"
    );
    let was_running = text(&bot, "state") == "RUNNING";
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let done = round(&remote);
        let done = done.with_context(|| {
            format!("round {number}; if the host is halted, `polytrader release --reason TEXT` ends that")
        })?;
        if !args.host.json {
            println(&format!("{number:>3}  {:>5} ms  {} orders were open", done.flat.as_millis(), done.open));
        }
        rounds.push(done);
    }
    if was_running {
        remote.post("/v1/admin/bot/start", &json!({ "reason": REASON }))?;
    } else {
        eprintln("the bot is STOPPED, as before the drill");
    }
    Ok(report(&rounds, args.host.json))
}

fn round(remote: &Remote) -> anyhow::Result<Round> {
    remote.post("/v1/admin/bot/start", &json!({ "reason": REASON })).context("starting the bot")?;
    let open = await_orders(remote)?;
    let started = Instant::now();
    remote.post("/v1/admin/emergency-stop", &json!({ "reason": REASON })).context("the emergency stop")?;
    let flat = await_flat(remote, started)?;
    release(remote)?;
    Ok(Round { open, flat })
}

fn open_orders(remote: &Remote) -> anyhow::Result<usize> {
    let orders = remote.get("/v1/trading/venue-orders").context("querying the venue's open orders")?;
    Ok(list(&orders)?.len())
}

/// Waits until an order is open at the venue, because a stop without one proves little. Returns the number of open
/// orders.
fn await_orders(remote: &Remote) -> anyhow::Result<usize> {
    let started = Instant::now();
    loop {
        let open = open_orders(remote)?;
        if open > 0 || started.elapsed() > ORDERS_WITHIN {
            return Ok(open);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Returns the time from the stop until no order was open at the venue in two consecutive answers: a single answer may
/// be older than an order in transit.
fn await_flat(remote: &Remote, stopped: Instant) -> anyhow::Result<Duration> {
    let mut flat = None;
    while stopped.elapsed() < ASK_FOR {
        let open = open_orders(remote)?;
        match (open, flat) {
            (0, Some(flat)) => return Ok(flat),
            (0, None) => flat = Some(stopped.elapsed()),
            _ => flat = None,
        }
        std::thread::sleep(PAUSE);
    }
    bail!("orders are still open at the venue {} s after the stop; `polytrader kill` cancels them", ASK_FOR.as_secs())
}

/// Releases the stop. The host refuses while the end of an order is not confirmed.
fn release(remote: &Remote) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let refused = match remote.post("/v1/admin/emergency-stop/release", &json!({ "reason": REASON })) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let is_early =
            matches!(refused.downcast_ref(), Some(HostError::Refused { status, .. }) if status.as_u16() == 409);
        if !is_early || started.elapsed() > RELEASED_WITHIN {
            return Err(refused).context("releasing the stop");
        }
        std::thread::sleep(PAUSE.saturating_mul(5));
    }
}

fn report(rounds: &[Round], is_json: bool) -> ExitCode {
    let (median, worst) = figures(rounds);
    let with_orders = rounds.iter().filter(|round| round.open > 0).count();
    let passed = worst <= FLAT_WITHIN && with_orders > 0;
    if is_json {
        let figures = json!({
            "rounds": rounds.len(), "rounds_with_orders": with_orders, "p50_ms": millis(median), "max_ms": millis(worst),
            "limit_ms": millis(FLAT_WITHIN), "passed": passed,
        });
        println(&figures.to_string());
    } else {
        println(&format!(
            "{} emergency stops, {with_orders} of them with open orders: no open order at the venue after {} ms (median), {} ms (maximum)",
            rounds.len(),
            median.as_millis(),
            worst.as_millis()
        ));
    }
    if with_orders == 0 {
        eprintln("no order was open in any round, so the result proves nothing; run the drill while a strategy quotes");
    } else if worst > FLAT_WITHIN {
        eprintln(&format!(
            "failed: a stop took {} ms, and the limit is {} ms",
            worst.as_millis(),
            FLAT_WITHIN.as_millis()
        ));
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn millis(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

/// Returns the median and the largest of the times.
fn figures(rounds: &[Round]) -> (Duration, Duration) {
    let mut times: Vec<Duration> = rounds.iter().map(|round| round.flat).collect();
    times.sort_unstable();
    let median = times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    (median, times.last().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_stop_or_a_drill_without_orders_fails() {
        let of = |open, flats: &[u64]| -> Vec<Round> {
            flats.iter().map(|flat| Round { open, flat: Duration::from_millis(*flat) }).collect()
        };
        let (median, worst) = figures(&of(1, &[30, 10, 20, 2_000]));
        assert_eq!((median, worst), (Duration::from_millis(20), FLAT_WITHIN));
        let failed = |rounds: &[Round]| format!("{:?}", report(rounds, true)) == format!("{:?}", ExitCode::FAILURE);
        assert!(!failed(&of(3, &[10, 2_000])));
        assert!(failed(&of(3, &[10, 2_001])));
        assert!(failed(&of(0, &[10])));
    }
}
