import { describe, expect, it, vi } from "vitest";
import type { RecordsStatusView } from "./generated/RecordsStatusView";
import { complaints, tone } from "./records";
import { records } from "./testing";

describe("records", () => {
  it("report nothing when all is well", () => {
    const well = records({ waiting: 2, unknown_fields: 3 });
    expect([tone(well), complaints(well)]).toEqual(["good", []]);
  });

  it("report activity that was not booked", () => {
    const odd = records({ elsewhere: 2, unknown_kinds: ["AIRDROP", "TITHE"], unreadable: 1 });
    const said = complaints(odd).join(" ");
    for (const word of ["2 movements", "AIRDROP, TITHE", "1 rows"]) expect(said).toContain(word);
    expect(tone(odd)).toBe("warn");
  });

  it("report a read error and the differences", () => {
    expect(complaints(records({ error: "503" }))).toEqual(["They cannot be read: 503"]);
    const differs = records({ status: "differs", differences: ["a", "b"] });
    expect([tone(differs), complaints(differs).length]).toEqual(["bad", 2]);
    expect(tone(records({ status: "unread" }))).toBe("warn");
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    expect(tone(records({ status: "new" as RecordsStatusView }))).toBe("idle");
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });
});
