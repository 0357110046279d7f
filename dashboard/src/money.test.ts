import { describe, expect, it } from "vitest";
import { costCeil, count, exactUsd, NONE, percent, price, ruleAmount, shares, signedUsd, trend, usd } from "./money";

describe("dollars", () => {
  it("shows cents and groups thousands", () => {
    expect(usd(1_234_567_891_000)).toBe("$1,234,567.89");
    expect(usd(0)).toBe("$0.00");
    expect(usd(10_000_000_000)).toBe("$10,000.00");
  });

  it("is exact where a float is not", () => {
    expect(usd(290_000)).toBe("$0.29");
    expect(usd(1_005_000)).toBe("$1.01");
    expect(exactUsd(9_007_199_254_740_991)).toBe("$9,007,199,254.740991");
  });

  it("rounds halves away from zero on both sides", () => {
    expect(usd(4_999)).toBe("$0.00");
    expect(usd(5_000)).toBe("$0.01");
    expect(usd(-5_000)).toBe("−$0.01");
  });

  it("never shows a negative zero", () => {
    expect(usd(-4_999)).toBe("$0.00");
    expect(signedUsd(-4_999)).toBe("$0.00");
    expect(signedUsd(4_999)).toBe("$0.00");
    expect(trend(-4_999)).toBe("flat");
  });

  it("signs gains and losses", () => {
    expect(signedUsd(1_200_000)).toBe("+$1.20");
    expect(signedUsd(-1_200_000)).toBe("−$1.20");
    expect(signedUsd(1_500_000, 0)).toBe("+$2");
    expect([trend(10_000), trend(-10_000), trend(0)]).toEqual(["up", "down", "flat"]);
  });

  it("shows every micro-dollar in tooltips and drops trailing zeros", () => {
    expect(exactUsd(1_234_567)).toBe("$1.234567");
    expect(exactUsd(-1_200_000)).toBe("−$1.20");
    expect(exactUsd(1)).toBe("$0.000001");
  });

  it("shows a question mark for a value that is not a whole number of millionths", () => {
    for (const wrong of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(usd(wrong)).toBe("?");
      expect(shares(wrong)).toBe("?");
      expect(trend(wrong)).toBe("flat");
    }
  });
});

describe("prices, shares and counts", () => {
  it("shows three decimals of a price, and more where the tick is finer", () => {
    expect(price(530_000)).toBe("0.530");
    expect(price(532_500)).toBe("0.5325");
    expect(price(1_000)).toBe("0.001");
    expect(price(null)).toBe(NONE);
  });

  it("shows hundredths of shares", () => {
    expect(shares(1_250_000_000)).toBe("1,250.00");
    expect(shares(5_010_000)).toBe("5.01");
  });

  it("groups counts", () => {
    expect(count(0)).toBe("0");
    expect(count(1_234_567)).toBe("1,234,567");
    expect(count(-1_000)).toBe("−1,000");
  });

  it("gives percentages with one decimal, and none of an empty whole", () => {
    expect(percent(1, 3)).toBe("33.3%");
    expect(percent(-1, 8)).toBe("−12.5%");
    expect(percent(5, 0)).toBe(NONE);
  });
});

describe("costs and rules", () => {
  it("rounds the cost of an order up, as the ledger reserves it", () => {
    expect(costCeil(530_000, 100_000_000)).toBe(53_000_000);
    expect(costCeil(333_333, 1)).toBe(1);
    expect(costCeil(0, 1)).toBe(0);
  });

  it("shows the numbers of a refusal in the unit of its rule", () => {
    expect(ruleAmount("max_order_usd", 120_000_000)).toBe("$120.00");
    expect(ruleAmount("shares", 5_000_000)).toBe("5.00 sh");
    expect(ruleAmount("tick", 10_000)).toBe("0.010");
    expect(ruleAmount("strategy_capital", 8_100_000)).toBe("$8.10");
    expect(ruleAmount("max_order_shares", 5_000_000)).toBe("5.00 sh");
    expect(ruleAmount("max_slippage_ticks", 20_000)).toBe("0.020");
    expect(ruleAmount("min_time_to_end_s", 7_200)).toBe("7,200 s");
    expect(ruleAmount("max_open_orders", 200)).toBe("200");
  });
});
