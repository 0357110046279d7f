import { describe, expect, it } from "vitest";
import { fields, options, typed } from "./parameters";

const view = {
  schema: {
    properties: {
      size: { type: "integer", minimum: 2, maximum: 10, default: 5, description: "Shares." },
      side: { type: "string", enum: ["buy", "sell"] },
      fast: { type: "boolean", default: false },
      edge: { type: ["number", "string"], unit: "price", minimum: 0 },
    },
  },
  parameters: { size: 3 },
};

describe("parameters", () => {
  it("have a field each, with the value and the allowed values", () => {
    expect(fields(view)).toEqual([
      { name: "size", kind: "integer", choices: [], description: "Shares. From 2 to 10.", unit: "", value: "3", fallback: "5" },
      { name: "side", kind: "string", choices: ["buy", "sell"], description: "", unit: "", value: "", fallback: "" },
      { name: "fast", kind: "boolean", choices: [], description: "", unit: "", value: "", fallback: "false" },
      { name: "edge", kind: "string", choices: [], description: "At least 0.", unit: "price", value: "", fallback: "" },
    ]);
    expect(fields({ schema: {}, parameters: {} })).toEqual([]);
  });

  it("are chosen if their values are a closed set, and entered otherwise", () => {
    const all = fields(view);
    expect(all.map(options)).toEqual([[], ["buy", "sell"], ["true", "false"], []]);
    expect(all.map((it) => options({ ...it, value: "odd" }))).toEqual([[], ["buy", "sell", "odd"], ["true", "false", "odd"], []]);
    const chosen = all.map((it) => (it.name === "fast" ? { ...it, value: options(it)[0] ?? "" } : it));
    expect(typed(chosen)).toEqual({ size: 3, fast: true });
  });

  it("are sent by their kind, and empty fields are left out", () => {
    const set = (name: string, value: string) => fields(view).map((it) => (it.name === name ? { ...it, value } : it));
    expect(typed(fields(view))).toEqual({ size: 3 });
    expect(typed(set("size", " "))).toEqual({});
    expect(typed(set("side", "7"))).toEqual({ size: 3, side: "7" });
    expect(typed(set("fast", "true"))).toEqual({ size: 3, fast: true });
    expect(typed(set("size", "many"))).toEqual({ size: "many" });
  });
});
