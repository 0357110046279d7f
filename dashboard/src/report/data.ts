// The data of a report's charts, as host/research writes them: integers, each the difference to the one before it.

/** A number, or null where a value is missing. */
export type Value = number | null;

export interface LineData {
  label: string;
  style: "main" | "second" | "third" | "reference";
  stepped: boolean;
  filled: boolean;
  y: Value[];
}

export interface MarksData {
  label: string;
  shape: "up" | "down" | "hollow_down" | "hollow_up";
  x: number[];
  y: Value[];
}

export interface ChartData {
  id: string;
  unit: "usd" | "price" | "shares" | "share" | "cents";
  x_kind: "time" | "share" | "step";
  steps?: string[];
  scale: number;
  height: number;
  span?: [number, number];
  x: number[];
  lines: LineData[];
  marks?: MarksData[];
}

/** Adds up differences. */
export function sums(differences: number[]): number[] {
  let sum = 0;
  return differences.map((difference) => (sum += difference));
}

/** Adds up differences between the values that are there, and divides by the scale. */
export function values(differences: Value[], scale: number): Value[] {
  let sum = 0;
  return differences.map((difference) => (difference === null ? null : (sum += difference) / scale));
}

/** Returns a chart with its values instead of differences. */
export function decoded(chart: ChartData): ChartData {
  const marks = chart.marks?.map((marks) => ({ ...marks, x: sums(marks.x), y: values(marks.y, chart.scale) }));
  return {
    ...chart,
    x: sums(chart.x),
    lines: chart.lines.map((line) => ({ ...line, y: values(line.y, chart.scale) })),
    ...(marks === undefined ? {} : { marks }),
  };
}
