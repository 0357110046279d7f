// What a strategy's JSON Schema says about its parameters, as fields that can be typed into.

import type { ParametersView } from "./generated/ParametersView";

export interface Field {
  name: string;
  /** `integer`, `number`, `boolean` or `string`. */
  kind: string;
  /** The words that it may be; empty if it is free. */
  choices: string[];
  description: string;
  /** What its numbers count: `dollars`, `shares`, `price` or `seconds`; empty if it is a plain number, or none. */
  unit: string;
  /** What was given; empty if nothing was. */
  value: string;
  /** What holds if nothing is given. */
  fallback: string;
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Returns a field for each parameter that the schema names. */
export function fields({ schema, parameters }: ParametersView): Field[] {
  return Object.entries(object(schema["properties"])).map(([name, property]) => {
    const { type, description, minimum, maximum, unit, enum: choices, default: fallback } = object(property);
    return {
      name,
      kind: typeof type === "string" ? type : "string",
      choices: Array.isArray(choices) ? choices.map(text) : [],
      description: [text(description), range(text(minimum), text(maximum))].filter((it) => it !== "").join(" "),
      unit: text(unit),
      value: text(parameters[name]),
      fallback: text(fallback),
    };
  });
}

/** Returns the values that a field is chosen from; none if it is typed. A value that was given and is none of them can be kept. */
export function options({ kind, choices, value }: Field): string[] {
  const allowed = kind === "boolean" ? ["true", "false"] : choices;
  return allowed.length === 0 || value === "" || allowed.includes(value) ? allowed : [...allowed, value];
}

/** Returns a sentence about what a number may be. */
function range(least: string, most: string): string {
  if (least !== "" && most !== "") return `From ${least} to ${most}.`;
  if (least !== "") return `At least ${least}.`;
  return most === "" ? "" : `At most ${most}.`;
}

/** Returns the parameters that were typed; what is empty is left out. The host judges whether they fit. */
export function typed(all: Field[]): Record<string, unknown> {
  const given = all.filter((it) => it.value.trim() !== "");
  return Object.fromEntries(given.map((it) => [it.name, value(it)]));
}

function value({ kind, value: typed }: Field): unknown {
  const trimmed = typed.trim();
  if (kind === "string") return trimmed;
  try {
    return JSON.parse(trimmed) as unknown;
  } catch {
    // The host says what it expected instead.
    return trimmed;
  }
}
