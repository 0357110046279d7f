// Form fields for a strategy's parameters, from its JSON Schema.

import type { ParametersView } from "./generated/ParametersView";

export interface Field {
  name: string;
  /** `integer`, `number`, `boolean` or `string`. */
  kind: string;
  /** The allowed values; empty if any text is allowed. */
  choices: string[];
  description: string;
  /** The unit of its numbers: `dollars`, `shares`, `price` or `seconds`; empty for a plain number or a text. */
  unit: string;
  /** The value that is set; empty if none is. */
  value: string;
  /** The default. */
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

/** Returns the values to choose from; empty for a field with free input. A value that is set but not allowed can be kept. */
export function options({ kind, choices, value }: Field): string[] {
  const allowed = kind === "boolean" ? ["true", "false"] : choices;
  return allowed.length === 0 || value === "" || allowed.includes(value) ? allowed : [...allowed, value];
}

/** Returns a sentence with the range of a number. */
function range(least: string, most: string): string {
  if (least !== "" && most !== "") return `From ${least} to ${most}.`;
  if (least !== "") return `At least ${least}.`;
  return most === "" ? "" : `At most ${most}.`;
}

/** Returns the parameters that were entered; empty fields are left out. The host validates them. */
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
    // The host rejects it and names the expected type.
    return trimmed;
  }
}
