import { describe, expect, it } from "vitest";
import type { StrategyStateView } from "./generated/StrategyStateView";
import { budgetFields, budgetWords, isWrong, sayable, says, toneOf, typedBudget } from "./strategies";
import { strategy } from "./testing";

describe("the commands for a strategy", () => {
  const words = (change: Parameters<typeof strategy>[0]) =>
    Object.entries(sayable(strategy(change)))
      .filter(([, may]) => may)
      .map(([word]) => word);

  it("disable one that runs or is about to", () => {
    const on: StrategyStateView[] = ["running", "replacing", "restarting", "starting", "loaded"];
    for (const state of on) expect(words({ state })).toEqual(["disable"]);
  });

  it("enable one that an operator or its failures ended, but none that cannot be loaded or was removed", () => {
    expect(words({ state: "disabled" })).toEqual(["enable"]);
    expect(words({ state: "quarantined" })).toEqual(["enable"]);
    expect(words({ state: "failed" })).toEqual(["enable"]);
    expect(words({ state: "failed", hash: "" })).toEqual([]);
    expect(words({ state: "removed" })).toEqual([]);
  });

  it("arm a version that waits for it, whether another version runs or none", () => {
    expect(words({ state: "unarmed" })).toEqual(["disable", "arm"]);
    expect(words({ state: "running", error: "the version 0a1b waits to be armed" })).toEqual(["disable", "arm"]);
  });
});

describe("a strategy's message", () => {
  it("is its error before its log line", () => {
    expect(says(strategy({ error: "no such market", log: "hello" }))).toBe("no such market");
    expect(says(strategy({ bounded: "armed with $5", log: "hello" }))).toBe("armed with $5");
    expect(says(strategy({ log: "hello" }))).toBe("hello");
  });

  it("is not an error if an operator ended it", () => {
    expect(isWrong(strategy({ state: "disabled", error: "it was disabled" }))).toBe(false);
    expect(isWrong(strategy({ state: "removed", error: "its file was removed" }))).toBe(false);
    expect(isWrong(strategy({ state: "running", error: "no such market" }))).toBe(true);
    expect(isWrong(strategy())).toBe(false);
  });

  it("has a colour for each state, and none for one that is unknown", () => {
    const some: StrategyStateView[] = ["running", "quarantined", "unarmed", "removed", "??" as StrategyStateView];
    expect(some.map(toneOf)).toEqual(["good", "bad", "warn", "idle", "idle"]);
  });
});

describe("a budget", () => {
  const some = { capital_micro_usd: 1_234_500_000, daily_loss_micro_usd: null, orders_per_minute: 60 };
  const none = { capital_micro_usd: null, daily_loss_micro_usd: null, orders_per_minute: null };

  it("is shown as text, or is the session's limits", () => {
    expect(budgetWords(some)).toBe("$1,234.50 of capital, 60 orders a minute");
    expect(budgetWords(none)).toBe("the session's limits");
  });

  it("is entered as shown, and empty fields are left out", () => {
    expect(typedBudget(budgetFields(some))).toEqual({ capital_usd: "1234.50", orders_per_minute: 60 });
    expect(typedBudget(budgetFields(none))).toEqual({});
    expect(typedBudget({ capital: "", loss: " 20 ", orders: "" })).toEqual({ daily_loss_usd: "20" });
  });
});
