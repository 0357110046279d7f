//! The metrics of a short demo that trades, in Prometheus' text format.

use crate::command;
use crate::repo::Repo;
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Maximum time until a demo trades, on a machine that is busy.
const TRADES_WITHIN: Duration = Duration::from_secs(90);
/// Timeout of a response of the host.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Maximum size of a response, in bytes.
const ANSWER_MAX: u64 = 4 * 1024 * 1024;
/// The beginning of the samples that count orders.
const TRADES: &str = "polytrader_strategy_orders_total{";

/// A demo; ends when dropped.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // Play money: there is nothing to save.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs a demo until a strategy has placed orders, and returns its metrics.
pub(super) fn exposition(repo: &Repo) -> anyhow::Result<String> {
    let data = repo.target.join("prometheus/demo");
    if data.exists() {
        fs::remove_dir_all(&data).context("removing the last demo's folder")?;
    }
    fs::create_dir_all(&data).context("making the demo's folder")?;
    let mut program = command::new(repo.binary("debug"), &repo.root);
    program.args(["run", "--mode", "demo", "--api-port", "0", "--dashboard-port", "0", "--data-dir"]).arg(&data);
    program.arg("--strategies").arg(repo.strategies());
    // A channel that is down has metrics too; no server listens there.
    program.env("POLYTRADER_ALERTS_WEBHOOK", "http://127.0.0.1:9/").stdout(Stdio::null()).stderr(Stdio::null());
    let mut demo = Demo(program.spawn().context("starting the demo")?);
    let started = Instant::now();
    while started.elapsed() < TRADES_WITHIN {
        if let Some(status) = demo.0.try_wait().context("waiting for the demo")? {
            bail!("the demo ended ({status})");
        }
        match scraped(&data) {
            Ok(text) if has_traded(&text) => return Ok(text),
            // It is starting, or has not traded yet.
            Ok(_) | Err(_) => sleep(Duration::from_millis(200)),
        }
    }
    bail!("no strategy of the demo placed an order within {} s: {:?}", TRADES_WITHIN.as_secs(), scraped(&data).err())
}

fn has_traded(text: &str) -> bool {
    let orders = text.lines().filter(|line| line.starts_with(TRADES));
    orders.filter_map(|line| line.rsplit_once(' ')).any(|(_, value)| value != "0")
}

/// Requests the metrics from the host of a data folder.
fn scraped(data: &Path) -> anyhow::Result<String> {
    let run: Value = serde_json::from_slice(&fs::read(data.join("run.json"))?)?;
    let token = fs::read_to_string(data.join("admin.token"))?;
    let api = run.get("api").and_then(Value::as_str).context("run.json has no api")?;
    let host = api.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let token = token.trim();
    // The format that promtool reads.
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    body(&answer)
}

fn body(answer: &str) -> anyhow::Result<String> {
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{}", head.lines().next().unwrap_or_default());
    let whole = !head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    ensure!(whole, "the answer came in pieces");
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_if_it_is_whole_and_good() {
        assert_eq!(body("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab").unwrap(), "ab");
        for bad in [
            "",
            "HTTP/1.1 401 Unauthorized\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        ] {
            assert!(body(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_demo_has_traded_when_a_strategy_has_orders() {
        assert!(!has_traded("polytrader_strategy_orders_total{strategy=\"a\"} 0\npolytrader_x 7\n"));
        assert!(has_traded(
            "polytrader_strategy_orders_total{strategy=\"a\"} 0\npolytrader_strategy_orders_total{strategy=\"b\"} 3\n"
        ));
    }
}
