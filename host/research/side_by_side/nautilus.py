"""Runs the EMA strategy in NautilusTrader 1.231: one binary option, an L2 book, 0.5 ms order latency.

Prints one JSON object a round, after a round that warms up.
"""

import json
import sys
import time
import warnings
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDC
from nautilus_trader.model.data import BookOrder, OrderBookDelta
from nautilus_trader.model.enums import AccountType, AssetClass, BookAction, BookType, OmsType, OrderSide, RecordFlag
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import BinaryOption
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

warnings.simplefilter("ignore")
VENUE = Venue("POLYMARKET")
INSTRUMENT = InstrumentId(Symbol("WALK"), VENUE)
MS = 1_000_000


def instrument() -> BinaryOption:
    return BinaryOption(
        instrument_id=INSTRUMENT,
        raw_symbol=INSTRUMENT.symbol,
        outcome="Yes",
        description="walk",
        asset_class=AssetClass.ALTERNATIVE,
        currency=USDC,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        size_precision=0,
        size_increment=Quantity.from_int(1),
        activation_ns=0,
        expiration_ns=2**62,
        max_quantity=None,
        min_quantity=Quantity.from_int(1),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        ts_event=0,
        ts_init=0,
    )


def decode(path: str) -> list[OrderBookDelta]:
    deltas = []
    for at, side, ticks, size in np.load(path)["rows"].tolist():
        action = BookAction.UPDATE if size else BookAction.DELETE
        order = BookOrder(OrderSide.SELL if side else OrderSide.BUY, Price(ticks / 100, 2), Quantity(size, 0), ticks)
        deltas.append(OrderBookDelta(INSTRUMENT, action, order, RecordFlag.F_LAST, 0, at * MS, at * MS))
    return deltas


class EmaConfig(StrategyConfig, frozen=True):
    every: int


class Ema(Strategy):
    def on_start(self) -> None:
        self.fast = self.slow = 0.0
        self.changes = self.placed = self.fills = 0
        self.position = 0
        self.cash = 0.0
        self.top = None
        self.option = self.cache.instrument(INSTRUMENT)
        self.subscribe_order_book_deltas(INSTRUMENT, book_type=BookType.L2_MBP)

    def on_order_book_deltas(self, deltas) -> None:
        book = self.cache.order_book(INSTRUMENT)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None:
            return
        top = (bid, ask, book.best_bid_size(), book.best_ask_size())
        if top == self.top:
            return
        self.top = top
        if bid >= ask:
            return
        mid = (float(bid) + float(ask)) * 50.0
        self.fast += (mid - self.fast) / 10.0
        self.slow += (mid - self.slow) / 50.0
        self.changes += 1
        if self.changes % self.config.every:
            return
        self.placed += 1
        if self.position > 0:
            side, price, size = OrderSide.SELL, bid, self.position
        else:
            side, price, size = OrderSide.BUY, ask, 10 if self.fast >= self.slow else 5
        order = self.order_factory.limit(INSTRUMENT, side, Quantity.from_int(size), price, TimeInForce.IOC)
        self.submit_order(order)

    def on_order_filled(self, event) -> None:
        self.fills += 1
        sign = 1 if event.order_side == OrderSide.BUY else -1
        self.position += sign * int(event.last_qty)
        self.cash -= sign * float(event.last_qty) * float(event.last_px)


def once(deltas: list[OrderBookDelta], every: int) -> dict:
    quiet = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(trader_id=TraderId("SIDE-001"), logging=quiet, run_analysis=False))
    engine.add_venue(
        VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=USDC,
        starting_balances=[Money(10_000, USDC)],
        book_type=BookType.L2_MBP,
        latency_model=LatencyModel(base_latency_nanos=MS // 2),
    )
    engine.add_instrument(instrument())
    engine.add_data(deltas)
    strategy = Ema(EmaConfig(every=every))
    engine.add_strategy(strategy)
    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started
    profit = strategy.cash + strategy.position * float(strategy.top[0])
    engine.dispose()
    return {
        "seconds": seconds,
        "orders": strategy.placed,
        "fills": strategy.fills,
        "profit": profit,
        "tops": strategy.changes,
    }


def main() -> None:
    path, every, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    started = time.perf_counter()
    deltas = decode(path)
    decoded = time.perf_counter() - started
    for number in range(rounds + 1):
        result = once(deltas, every)
        if number:
            print(json.dumps({"decode": decoded, **result}), flush=True)


if __name__ == "__main__":
    main()
