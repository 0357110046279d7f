import { describe, expect, it } from "vitest";
import { type ChartData, decoded, sums, values } from "./data";
import { label, time } from "./format";

describe("the data of a report", () => {
  it("is read back from differences", () => {
    expect(sums([5, 2, 0, -6])).toEqual([5, 7, 7, 1]);
    expect(values([5_000_000, null, -1_000_000], 1_000_000)).toEqual([5, null, 4]);
  });

  it("keeps every mark", () => {
    const chart: ChartData = {
      id: "a",
      unit: "price",
      x_kind: "time",
      scale: 10_000,
      height: 100,
      x: [10, 5],
      lines: [{ label: "bid", style: "main", stepped: true, filled: false, y: [4_000, 100] }],
      marks: [{ label: "bought", shape: "up", x: [11, 1], y: [4_050, 0] }],
    };
    const found = decoded(chart);
    expect(found.x).toEqual([10, 15]);
    expect(found.lines[0]?.y).toEqual([0.4, 0.41]);
    expect(found.marks?.[0]).toMatchObject({ x: [11, 12], y: [0.405, 0.405] });
  });
});

describe("the labels of a report", () => {
  it("have as many digits as the distance of two labels needs", () => {
    expect(label("usd", -1_234.5, 500)).toBe("\u2212$1\u202f235");
    expect(label("usd", 0.5, 0.25)).toBe("$0.50");
    expect(label("price", 0.4, 0.1)).toBe("0.40");
    expect(label("price", 0.4325, 0.0005)).toBe("0.4325");
    expect(label("share", 0.5, 0.1)).toBe("50 %");
    expect(label("cents", -0.5, 0.5)).toBe("\u22120.5 ¢");
  });

  it("are in UTC and name the day at midnight", () => {
    const noon = Date.UTC(2026, 10, 29, 12, 5, 6);
    expect(time(noon, 3_600_000)).toBe("12:05");
    expect(time(noon, 1_000)).toBe("12:05:06");
    expect(time(Date.UTC(2026, 10, 30), 3_600_000)).toBe("11-30");
    expect(time(noon, 86_400_000)).toBe("11-29");
  });
});
