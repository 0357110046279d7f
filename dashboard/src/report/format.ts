// Labels of a report's charts.

import type { ChartData } from "./data";

const MINUS = "\u2212";

/** Writes a value in the unit of its chart; `step` is the distance of two labels of an axis, which decides the decimals. */
export function label(unit: ChartData["unit"], value: number, step: number): string {
  const sign = value < 0 ? MINUS : "";
  const size = Math.abs(value);
  const digits = (least: number): number => Math.min(6, Math.max(least, Math.ceil(-Math.log10(step) - 1e-9)));
  switch (unit) {
    case "usd":
      return `${sign}$${grouped(size, step >= 1 ? 0 : digits(2))}`;
    case "price":
      return `${sign}${size.toFixed(digits(2))}`;
    case "share":
      return `${sign}${(size * 100).toFixed(0)} %`;
    case "cents":
      return `${sign}${size.toFixed(step >= 1 ? 0 : digits(1))} ¢`;
    case "shares":
      return `${sign}${grouped(size, step >= 1 ? 0 : digits(1))}`;
  }
}

function grouped(value: number, digits: number): string {
  const [whole = "", rest] = value.toFixed(digits).split(".");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return rest === undefined ? text : `${text}.${rest}`;
}

/** Writes a time in UTC: the day where one begins or where labels are days apart, else hours and minutes. */
export function time(ms: number, step: number): string {
  const text = new Date(ms).toISOString();
  const day = text.slice(5, 10);
  const clock = text.slice(11, step < 60_000 ? 19 : 16);
  if (step >= 86_400_000) return day;
  return clock.replace(/^00:00(:00)?$/, day);
}
