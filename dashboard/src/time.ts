// Times arrive as Unix milliseconds. The page shows local time, and UTC in the tooltip for comparison with logs.

const two = (value: number): string => String(value).padStart(2, "0");

/** Returns the local time of day, for instance `14:03:27`. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Returns the time in UTC to the millisecond; empty if it is not a valid time. */
export function utc(ms: number): string {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}

/** Returns a duration with its two largest units: `42s`, `3m 05s`, `2h 07m`, `4d 03h`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes === 0) return `${seconds}s`;
  if (hours === 0) return `${minutes}m ${two(seconds % 60)}s`;
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}
