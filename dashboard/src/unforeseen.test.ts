import { afterEach, expect, it, vi } from "vitest";
import { unforeseen } from "./unforeseen";

afterEach(() => vi.restoreAllMocks());

it("falls back, and logs each unknown state once", () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  for (const state of ["frozen", "frozen", "melted"]) expect(unforeseen("state", state as never, "idle")).toBe("idle");
  expect(unforeseen("update", { kind: "frozen" } as never, 7)).toBe(7);
  expect(warned.mock.calls.map(([line]) => line as string)).toEqual([
    "unknown state frozen; reload the page",
    "unknown state melted; reload the page",
    "unknown update frozen; reload the page",
  ]);
});
