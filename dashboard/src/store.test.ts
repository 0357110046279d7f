import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Snapshot } from "./generated/Snapshot";
import type { Update } from "./generated/Update";
import { HISTORY_MAX, NOTIFY_MS, reduce, REFUSALS_MAX, Store, TRADES_MAX } from "./store";
import { bot, order, pnl, position, refusal, snapshot, trade } from "./testing";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function loaded(change: Partial<Snapshot> = {}): Store {
  const store = new Store();
  store.load(snapshot(change));
  return store;
}

const running: Update = { kind: "bot", data: bot({ events: 5 }) };

describe("the order of messages", () => {
  it("applies the next message and remembers its number", () => {
    const store = loaded();
    expect(store.apply({ seq: 11, update: running })).toBe("applied");
    expect(store.apply({ seq: 12, update: running })).toBe("applied");
    expect(store.get().snapshot?.seq).toBe(12);
    expect(store.get().snapshot?.bot.events).toBe(5);
  });

  it("ignores a message that the snapshot contains already", () => {
    const store = loaded();
    expect(store.apply({ seq: 10, update: running })).toBe("old");
    expect(store.get().snapshot?.bot.events).toBe(0);
  });

  it("reports a gap and changes nothing", () => {
    const store = loaded();
    expect(store.apply({ seq: 12, update: running })).toBe("gap");
    expect(store.get().snapshot?.seq).toBe(10);
    expect(store.get().snapshot?.bot.events).toBe(0);
  });

  it("reports a gap while there is no snapshot", () => {
    expect(new Store().apply({ seq: 1, update: running })).toBe("gap");
  });

  it("starts again from a snapshot with a lower number, as after a restart of the host", () => {
    const store = loaded();
    store.load(snapshot({ seq: 2 }));
    expect(store.apply({ seq: 3, update: running })).toBe("applied");
  });

  it("replaces the list of files that are not loaded", () => {
    const store = loaded({ skipped_files: [{ file: "a b.wasm", reason: "why" }] });
    expect(store.apply({ seq: 11, update: { kind: "skipped_files", data: [] } })).toBe("applied");
    expect(store.get().snapshot?.skipped_files).toEqual([]);
  });

  it("counts a message of an unknown kind, so that a newer host does not look like a gap", () => {
    const store = loaded();
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const unknown = { kind: "weather", data: {} } as unknown as Update;
    expect(store.apply({ seq: 11, update: unknown })).toBe("applied");
    expect(store.apply({ seq: 12, update: unknown })).toBe("applied");
    expect(store.apply({ seq: 13, update: running })).toBe("applied");
    expect(warned.mock.calls).toEqual([["unknown update weather; reload the page"]]);
    warned.mockRestore();
  });
});

describe("changes", () => {
  it("replaces an order in its place, appends a new one, and removes one that is over", () => {
    const before = snapshot({ orders: [order(1), order(2)] });
    const partly = reduce(before, { kind: "order", data: order(1, { state: "partly_filled", filled_micros: 4 }) });
    expect(partly.orders.map((it) => [it.id, it.filled_micros])).toEqual([[1, 4], [2, 0]]);
    const added = reduce(partly, { kind: "order", data: order(3) });
    expect(added.orders.map((it) => it.id)).toEqual([1, 2, 3]);
    const over = order(2, { state: "filled", is_over: true });
    expect(reduce(added, { kind: "order", data: over }).orders.map((it) => it.id)).toEqual([1, 3]);
  });

  it("keeps an order of unknown outcome, because it may rest at the venue", () => {
    const before = snapshot({ orders: [order(1)] });
    expect(reduce(before, { kind: "order", data: order(1, { state: "unknown" }) }).orders).toHaveLength(1);
  });

  it("does not add an order that was refused before it was ever open", () => {
    expect(reduce(snapshot(), { kind: "order", data: order(1, { state: "refused", is_over: true }) }).orders).toEqual([]);
  });

  it("removes a position whose size is zero", () => {
    const before = snapshot({ positions: [position("1"), position("2")] });
    const after = reduce(before, { kind: "position", data: position("1", { size_micros: 0 }) });
    expect(after.positions.map((it) => it.token)).toEqual(["2"]);
  });

  it("puts a new trade first and settles a known one where it is", () => {
    const one = reduce(snapshot(), { kind: "trade", data: trade("a") });
    const two = reduce(one, { kind: "trade", data: trade("b") });
    const settled = reduce(two, { kind: "trade", data: trade("a", { settlement: "confirmed" }) });
    expect(settled.trades.map((it) => [it.id, it.settlement])).toEqual([["b", "matched"], ["a", "confirmed"]]);
  });

  it("adds a point to the plot: the profit that the host states", () => {
    const data = pnl({ at_ms: 9, realised_micro_usd: 5, unrealised_micro_usd: -2, fees_micro_usd: 1, profit_micro_usd: 2 });
    expect(reduce(snapshot(), { kind: "pnl", data }).history).toEqual([{ at_ms: 9, profit_micro_usd: 2 }]);
  });

  it("keeps unchanged objects, so that only the changed view redraws", () => {
    const before = snapshot({ orders: [order(1)] });
    const after = reduce(before, { kind: "trade", data: trade("a") });
    expect(after.orders).toBe(before.orders);
    expect(before.trades).toEqual([]);
  });
});

describe("bounds", () => {
  it("limits the number of trades and refusals, the newest first", () => {
    let state = snapshot();
    for (let at = 0; at < 250; at += 1) {
      state = reduce(state, { kind: "trade", data: trade(`t${at}`) });
      state = reduce(state, { kind: "refusal", data: refusal(at) });
    }
    expect(state.trades).toHaveLength(TRADES_MAX);
    expect(state.trades[0]?.id).toBe("t249");
    expect(state.refusals).toHaveLength(REFUSALS_MAX);
    expect(state.refusals[0]?.at_ms).toBe(249);
  });

  it("replaces a refusal that is sent again with its count", () => {
    let state = snapshot();
    state = reduce(state, { kind: "refusal", data: refusal(1) });
    state = reduce(state, { kind: "refusal", data: refusal(2, { rule: "cash" }) });
    state = reduce(state, { kind: "refusal", data: refusal(1, { count: 9, last_at_ms: 5 }) });
    expect(state.refusals.map((it) => [it.rule, it.count])).toEqual([["cash", 1], ["max_order_usd", 9]]);
  });

  it("thins the older half of a long history and keeps its first and last point", () => {
    let state = snapshot();
    for (let at = 0; at <= 3 * HISTORY_MAX; at += 1) {
      state = reduce(state, { kind: "pnl", data: pnl({ at_ms: at }) });
      expect(state.history.length).toBeLessThanOrEqual(HISTORY_MAX);
    }
    expect(state.history[0]?.at_ms).toBe(0);
    expect(state.history.at(-1)?.at_ms).toBe(3 * HISTORY_MAX);
    const times = state.history.map((it) => it.at_ms);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});

describe("listeners", () => {
  it("are notified of a burst once", () => {
    const store = loaded();
    vi.advanceTimersByTime(NOTIFY_MS);
    const heard = vi.fn();
    const unsubscribe = store.subscribe(heard);
    for (let seq = 11; seq < 100; seq += 1) store.apply({ seq, update: running });
    vi.advanceTimersByTime(NOTIFY_MS);
    expect(heard).toHaveBeenCalledTimes(1);
    unsubscribe();
    store.apply({ seq: 100, update: running });
    vi.advanceTimersByTime(NOTIFY_MS);
    expect(heard).toHaveBeenCalledTimes(1);
  });
});
