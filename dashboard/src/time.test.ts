import { describe, expect, it } from "vitest";
import { span, utc } from "./time";

describe("times", () => {
  it("shows a span with its two largest units", () => {
    expect(span(0)).toBe("0s");
    expect(span(59_999)).toBe("59s");
    expect(span(185_000)).toBe("3m 05s");
    expect(span(7_620_000)).toBe("2h 07m");
    expect(span(356_400_000)).toBe("4d 03h");
  });

  it("never shows a negative span, whatever the clocks say", () => {
    expect(span(-5_000)).toBe("0s");
  });

  it("gives UTC for the tooltip and nothing for what is not a time", () => {
    expect(utc(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(utc(Number.NaN)).toBe("");
  });
});
