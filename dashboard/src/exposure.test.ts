import { describe, expect, it } from "vitest";
import { exposures } from "./exposure";
import { order, position } from "./testing";

describe("exposure", () => {
  it("adds the cost of shares and the remaining cost of open BUY orders", () => {
    const held = [position("1", { cost_micro_usd: 5_000_000 }), position("2", { cost_micro_usd: 1_000_000 })];
    const open = [order(1, { size_micros: 10_000_000, filled_micros: 4_000_000, price_micro_usd: 500_000 })];
    expect(exposures(held, open)).toEqual([
      { market: "m", held_micro_usd: 6_000_000, bids_micro_usd: 3_000_000, total_micro_usd: 9_000_000, orders: 1 },
    ]);
  });

  it("counts a SELL as an order that costs nothing", () => {
    const [only] = exposures([], [order(1, { side: "SELL" })]);
    expect([only?.orders, only?.total_micro_usd]).toEqual([1, 0]);
  });

  it("puts the largest market first", () => {
    const held = [position("1", { market: "a", cost_micro_usd: 1 }), position("2", { market: "b", cost_micro_usd: 2 })];
    expect(exposures(held, []).map((it) => it.market)).toEqual(["b", "a"]);
  });
});
