"""Runs the same events and the same EMA strategy through PolyTrader, hftbacktest and NautilusTrader, and prints a table.

    python3 run.py --polytrader target/release/polytrader --strategy target/strategies/fixtures/ema.wasm \
        --hft-python VENV/bin/python --nautilus-python VENV/bin/python [--events 1000000] [--rounds 5] [--cpu 1]

NautilusTrader 1.231 needs Python 3.12 or later, hftbacktest 2.4.4 runs on 3.11 too; both are installed from
`requirements.txt`. Every program runs on one pinned processor. The table has the median of the rounds; decoding of the
events is measured apart. Ratios are those of this machine and this run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
# Changes of the top between two orders; about a thousand events.
EVERY = 200
# The strategy loses on purpose, a spread at each round trip. Without these keys the host acts as it must: the guards
# close its position and let it only reduce for five minutes, and five losing round trips pause it for an hour. The two
# other programs have no such limits, so all programs run without them.
WITHOUT_LIMITS = {
    "max_jump_usd": "1",
    "stop_loss_pct": "100",
    "take_profit_pct": "10000",
    "max_losing_trips": "10000",
    "max_strategy_loss_usd": "1000000",
    "daily_loss_limit_usd": "1000000",
    "max_drawdown_pct": "100",
    "max_fills_per_minute": "10000",
    "max_depth_pct": "10000",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--polytrader", type=Path, required=True, help="a release build of the program")
    parser.add_argument("--strategy", type=Path, required=True, help="ema.wasm, built by `cargo xtask strategies`")
    parser.add_argument("--hft-python", help="Python with hftbacktest; without it hftbacktest is left out")
    parser.add_argument("--nautilus-python", help="Python with nautilus_trader; without it it is left out")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--nautilus-events", type=int, help="fewer events for NautilusTrader; default: as many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cpu", default="1", help="the processor that everything is pinned to")
    return parser.parse_args()


def run(args: argparse.Namespace, command: list) -> str:
    pinned = ["taskset", "-c", args.cpu, *map(str, command)]
    done = subprocess.run(pinned, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(pinned)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def rows(args: argparse.Namespace, python: str, script: str, events: Path) -> list[dict]:
    out = run(args, [python, HERE / script, events, EVERY, args.rounds])
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def polytrader(args: argparse.Namespace, folder: Path) -> list[dict]:
    """Imports the events once, which builds the parsed cache, and runs the backtest in processes of their own."""
    tape = folder / "walk.tape"
    started = time.perf_counter()
    run(args, [args.polytrader, "tape", "import", folder / "events.csv", "--out", tape])
    decode = time.perf_counter() - started
    # No feed latency, and 500 us for orders.
    latency = folder / "latency.csv"
    latency.write_text("0,500\n")
    results = []
    for number in range(args.rounds + 1):
        command = [args.polytrader, "backtest", "--strategy", args.strategy, "--tape", tape, "--fees", "0"]
        command += ["--latency", f"measured:{latency}", "--cash", "10000"]
        command += [word for key, value in WITHOUT_LIMITS.items() for word in ("--set", f"{key}={value}")]
        command += ["--quick", "--json", "--out", folder / f"run{number}"]
        done = json.loads(run(args, command))
        totals = done["totals"]
        if done.get("stops") or done["refusals"]:
            print(f"PolyTrader was stopped: {done.get('stops')}, refused: {done['refusals']}", file=sys.stderr)
        results.append(
            {
                "decode": decode,
                "seconds": done["seconds"],
                "orders": totals["orders"],
                "fills": totals["fills"],
                "profit": totals["profit_at_bid"] / 1e6,
            }
        )
    return results[1:]


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        python = args.hft_python or args.nautilus_python
        if not python:
            sys.exit("expected --hft-python or --nautilus-python: the events are generated with its numpy")
        run(args, [python, HERE / "events.py", folder, args.events, args.seed])
        events = {"PolyTrader": args.events, "hftbacktest 2.4.4": args.events, "NautilusTrader 1.231": args.events}
        found = {"PolyTrader": polytrader(args, folder)}
        if args.hft_python:
            found["hftbacktest 2.4.4"] = rows(args, args.hft_python, "hft.py", folder / "events.npz")
        if args.nautilus_python:
            few = args.nautilus_events or args.events
            events["NautilusTrader 1.231"] = few
            if few != args.events:
                run(args, [python, HERE / "events.py", folder / "few", few, args.seed])
            path = folder / "few/events.npz" if few != args.events else folder / "events.npz"
            found["NautilusTrader 1.231"] = rows(args, args.nautilus_python, "nautilus.py", path)
    table(found, events)


def table(found: dict[str, list[dict]], events: dict[str, int]) -> None:
    def speed(name: str) -> float:
        return events[name] / statistics.median(row["seconds"] for row in found[name])

    orders = {name: results[-1]["orders"] / events[name] for name, results in found.items()}
    least, most = min(orders.values()), max(orders.values())
    if most > least * 1.01:
        print(f"NOT COMPARABLE: orders per event differ by more than 1 %: {orders}", file=sys.stderr)
    ours = speed("PolyTrader")
    print("| program | events | events/s | PolyTrader is faster by | decoding, s | orders | fills | profit, $ |")
    print("|---|---|---|---|---|---|---|---|")
    for name, results in found.items():
        last = results[-1]
        print(
            f"| {name} | {events[name]:,} | {speed(name):,.0f} | {ours / speed(name):.1f} | {last['decode']:.2f} "
            f"| {last['orders']} | {last['fills']} | {last['profit']:.2f} |"
        )


if __name__ == "__main__":
    main()
