"""Generates the order-book events that all three programs are run on.

A random walk of one token's book with ten levels a side: one event in fifty moves the price by a tick, the others
change the size of one level, those near the touch most often. No two events have the same time, because hftbacktest gives those to a strategy together.
Changes are 5 ms apart. The same seed gives the same events.

Output: `events.npz` (time in ms, side, price in ticks of a cent, size in shares; size 0 removes the level) for
hftbacktest and NautilusTrader, and `events.csv`, the L2 format that `polytrader tape import` reads.
"""

import csv
import random
import sys
from pathlib import Path

import numpy as np

START_MS = 1_795_424_400_000
APART_MS = 5
LEVELS = 10
BID, ASK = 0, 1
# The tokens of the file for `polytrader tape import`; only the first one has events after its first book.
TOKENS = ("1001", "1002")


class Walk:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.bid = 49
        self.now = START_MS
        self.rows: list[tuple[int, int, int, int]] = []

    @property
    def ask(self) -> int:
        return self.bid + 3

    def size(self) -> int:
        return self.random.randrange(10, 510)

    def level(self, side: int, ticks: int, size: int) -> None:
        self.now += 1
        self.rows.append((self.now, side, ticks, size))

    def book(self) -> None:
        for step in range(LEVELS):
            self.level(BID, self.bid - step, self.size())
            self.level(ASK, self.ask + step, self.size())

    def resize(self) -> None:
        step = min(self.random.randrange(LEVELS), self.random.randrange(LEVELS))
        if self.random.randrange(2):
            self.level(BID, self.bid - step, self.size())
        else:
            self.level(ASK, self.ask + step, self.size())

    def walk(self) -> None:
        up = self.bid <= 30 or (self.bid < 70 and self.random.randrange(2) == 0)
        if up:
            self.level(ASK, self.ask, 0)
            self.level(BID, self.bid - (LEVELS - 1), 0)
            self.bid += 1
            self.level(BID, self.bid, self.size())
            self.level(ASK, self.ask + (LEVELS - 1), self.size())
        else:
            self.level(BID, self.bid, 0)
            self.level(ASK, self.ask + (LEVELS - 1), 0)
            self.bid -= 1
            self.level(ASK, self.ask, self.size())
            self.level(BID, self.bid - (LEVELS - 1), self.size())


def generate(seed: int, count: int) -> np.ndarray:
    walk = Walk(seed)
    walk.book()
    while len(walk.rows) < count:
        walk.now += APART_MS
        if walk.random.randrange(50) == 0:
            walk.walk()
        else:
            walk.resize()
    return np.array(walk.rows, dtype=np.int64)


def write_csv(rows: np.ndarray, path: Path) -> None:
    """Writes frames as the recorder of the L2 files did: one row a level, the first book as one `book` frame."""
    header = "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp".split(",")
    market = "0x" + "51" * 32
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(header)
        book = 2 * LEVELS
        complete = rows[book - 1][0]
        for _, side, ticks, size in rows[:book]:
            name = "bid" if side == BID else "ask"
            out.writerow(["walk", TOKENS[0], market, "book", ticks / 100, name, size, "first", complete])
        for _, side, ticks, size in rows[:book]:
            name = "ask" if side == BID else "bid"
            out.writerow(["walk", TOKENS[1], market, "book", (100 - ticks) / 100, name, size, "second", complete])
        for number, (at, side, ticks, size) in enumerate(rows[book:]):
            name = "bid" if side == BID else "ask"
            out.writerow(["walk", TOKENS[0], market, "price_change", ticks / 100, name, size, number, at])


def main() -> None:
    folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    rows = generate(seed, count)
    np.savez(folder / "events.npz", rows=rows)
    write_csv(rows, folder / "events.csv")


if __name__ == "__main__":
    main()
