import { describe, expect, it, vi } from "vitest";
import { standing, together, whyNot } from "./claims";
import type { ClaimStateView } from "./generated/ClaimStateView";
import { claim } from "./testing";

describe("claims", () => {
  it("are executed by traders, if the host can and none is in progress", () => {
    expect(whyNot(claim(), true)).toBe("");
    expect(whyNot(claim(), false)).toContain("traders");
    expect(whyNot(claim({ executable: false, how: "claims.execute is off" }), true)).toBe("claims.execute is off");
    const begun: ClaimStateView[] = ["signed", "sent", "unknown", "confirmed", "used"];
    for (const state of begun) expect(whyNot(claim({ state }), true)).not.toBe("");
    expect(whyNot(claim({ state: "failed" }), true)).toBe("");
  });

  it("can be merged again after a merge", () => {
    expect(whyNot(claim({ kind: "merge", state: "confirmed" }), true)).toBe("");
    expect(standing(claim({ kind: "merge", state: "used" }))?.word).toBe("merged before");
    expect(whyNot(claim({ kind: "merge", state: "sent" }), true)).not.toBe("");
  });

  it("show their state and its reason", () => {
    expect(standing(claim())).toBeNull();
    const failed = standing(claim({ state: "failed", state_reason: "reverted", transaction: "0xaa" }));
    expect(failed).toEqual({ tone: "bad", word: "failed", about: "reverted\n0xaa" });
    expect(standing(claim({ state: "used" }))?.word).toBe("done");
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const state = "new here" as ClaimStateView;
    expect([standing(claim({ state }))?.word, whyNot(claim({ state }), true)]).toEqual(["new here", ""]);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });

  it("are one row if one call redeems both outcomes of a draw", () => {
    const draw = [claim({ worth_micro_usd: 5_000_000 }), claim({ outcome: "No", size_micros: 4_000_000, worth_micro_usd: 2_000_000 })];
    const rows = together([...draw, claim({ market: "other" }), claim({ kind: "merge" })]);
    expect(rows.map((it) => `${it.kind} ${it.market}`)).toEqual(["redeem m", "redeem other", "merge m"]);
    expect(rows[0]).toMatchObject({ outcome: "Yes, No", size_micros: 14_000_000, worth_micro_usd: 7_000_000 });
  });
});
