import { describe, expect, it } from "vitest";
import { collapse } from "./refusals";
import { refusal } from "./testing";

describe("refusals", () => {
  it("become one row while only time and value differ, which shows the newest", () => {
    const rows = collapse([refusal(3, { value: 7 }), refusal(2), refusal(1)]);
    expect(rows.map((it) => [it.refusal.at_ms, it.refusal.value, it.times])).toEqual([[3, 7, 3]]);
  });

  it("add the counts of the host", () => {
    const rows = collapse([refusal(3, { count: 40 }), refusal(2, { count: 2 }), refusal(1)]);
    expect(rows.map((it) => it.times)).toEqual([43]);
  });

  it("stay separate when another one is between them", () => {
    const rows = collapse([refusal(3), refusal(2, { rule: "cash" }), refusal(1)]);
    expect(rows.map((it) => it.times)).toEqual([1, 1, 1]);
    expect(new Set(rows.map((it) => it.key)).size).toBe(3);
  });

  it("keep the key of a row while its run grows", () => {
    const before = collapse([refusal(2), refusal(1, { rule: "cash" })]);
    const after = collapse([refusal(3), refusal(2), refusal(1, { rule: "cash" })]);
    expect(after.map((it) => it.key)).toEqual(before.map((it) => it.key));
  });

  it("are none when there are none", () => {
    expect(collapse([])).toEqual([]);
  });
});
