"""Runs the EMA strategy in hftbacktest 2.4.4: one asset, an L2 book in a vector, 0.5 ms order latency, full-size fills.

Prints one JSON object a round, after a round that warms the compiler up.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import BUY_EVENT, DEPTH_EVENT, EXCH_EVENT, LOCAL_EVENT, SELL_EVENT
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.order import IOC, LIMIT
from hftbacktest.types import event_dtype
from numba import njit

MS = 1_000_000


def decode(path: str) -> np.ndarray:
    rows = np.load(path)["rows"]
    events = np.zeros(len(rows), dtype=event_dtype)
    sides = np.where(rows[:, 1] == 0, BUY_EVENT, SELL_EVENT)
    events["ev"] = sides | DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT
    events["exch_ts"] = rows[:, 0] * MS
    events["local_ts"] = rows[:, 0] * MS
    events["px"] = rows[:, 2] / 100
    events["qty"] = rows[:, 3]
    return events


@njit
def ema(hbt, every, out):
    fast = 0.0
    slow = 0.0
    changes = 0
    orders = 0
    bid, ask, bid_size, ask_size = 0, 0, 0.0, 0.0
    while hbt.wait_next_feed(False, 10**17) == 2:
        depth = hbt.depth(0)
        new_bid, new_ask = depth.best_bid_tick, depth.best_ask_tick
        # The sizes of the best levels that a vector book keeps are those of the last change of a best price.
        new_bid_size, new_ask_size = depth.bid_qty_at_tick(new_bid), depth.ask_qty_at_tick(new_ask)
        if new_bid == bid and new_ask == ask and new_bid_size == bid_size and new_ask_size == ask_size:
            continue
        bid, ask, bid_size, ask_size = new_bid, new_ask, new_bid_size, new_ask_size
        if bid >= ask or bid <= 0 or ask >= 100:
            continue
        mid = (bid + ask) / 2.0
        fast += (mid - fast) / 10.0
        slow += (mid - slow) / 50.0
        changes += 1
        if changes % every:
            continue
        orders += 1
        position = hbt.position(0)
        if position > 0.0:
            hbt.submit_sell_order(0, orders, bid / 100.0, position, IOC, LIMIT, False)
        else:
            hbt.submit_buy_order(0, orders, ask / 100.0, 10.0 if fast >= slow else 5.0, IOC, LIMIT, False)
        hbt.clear_inactive_orders(0)
    values = hbt.state_values(0)
    out[0] = orders
    out[1] = values.num_trades
    out[2] = values.balance + values.position * bid / 100.0
    out[3] = changes


def once(events: np.ndarray, every: int) -> dict:
    asset = (
        BacktestAsset()
        .data(events)
        .linear_asset(1.0)
        .constant_order_latency(MS // 2, MS // 2)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(0.01)
        .lot_size(1.0)
        .roi_lb(0.0)
        .roi_ub(1.0)
    )
    hbt = ROIVectorMarketDepthBacktest([asset])
    out = np.zeros(4)
    started = time.perf_counter()
    ema(hbt, every, out)
    seconds = time.perf_counter() - started
    hbt.close()
    return {"seconds": seconds, "orders": int(out[0]), "fills": int(out[1]), "profit": out[2], "tops": int(out[3])}


def main() -> None:
    path, every, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    started = time.perf_counter()
    events = decode(path)
    decoded = time.perf_counter() - started
    once(events, every)
    for _ in range(rounds):
        print(json.dumps({"decode": decoded, **once(events, every)}), flush=True)


if __name__ == "__main__":
    main()
