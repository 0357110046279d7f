// The only file that formats money, prices and shares. All of them arrive as whole millionths and are rounded with integer
// arithmetic, because a float can show $0.29 as 0.28999999999999998.

/** Text for a missing value, for instance no bid. */
export const NONE = "–";

const MICRO_PLACES = 6;
const MINUS = "\u2212";

/** Number of decimals in a formatted amount. */
export type Places = 0 | 1 | 2 | 3 | 4 | 5 | 6;

interface Cut {
  negative: boolean;
  /** Grouped in threes. */
  whole: string;
  /** Exactly as many digits as the requested places. */
  fraction: string;
}

/** Rounds whole millionths to `places` decimals, halves away from zero. Null if the value is not a safe integer. */
function cut(micros: number, places: Places): Cut | null {
  if (!Number.isSafeInteger(micros)) return null;
  const unit = 10n ** BigInt(MICRO_PLACES - places);
  const magnitude = BigInt(Math.abs(micros));
  const rounded = (magnitude + unit / 2n) / unit;
  const digits = rounded.toString().padStart(places + 1, "0");
  const split = digits.length - places;
  return {
    // A value that rounds to zero has no sign: "−$0.00" would look like a loss.
    negative: micros < 0 && rounded !== 0n,
    whole: group(digits.slice(0, split)),
    fraction: digits.slice(split),
  };
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function join({ whole, fraction }: Cut): string {
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** Returns dollars, for instance `$1,234.50` or `−$0.07`. */
export function usd(micros: number, places: Places = 2): string {
  const parts = cut(micros, places);
  if (parts === null) return "?";
  return `${parts.negative ? MINUS : ""}$${join(parts)}`;
}

/** Returns dollars with a sign unless they round to zero: `+$1.20`, `−$1.20`, `$0.00`. */
export function signedUsd(micros: number, places: Places = 2): string {
  const parts = cut(micros, places);
  if (parts === null) return "?";
  const zero = /^[0.,]*$/.test(join(parts));
  const sign = zero ? "" : parts.negative ? MINUS : "+";
  return `${sign}$${join(parts)}`;
}

/** Returns dollars to the micro-dollar, for tooltips: `$1.234567`, `$1.20`. */
export function exactUsd(micros: number): string {
  const parts = cut(micros, 6);
  if (parts === null) return "?";
  return `${parts.negative ? MINUS : ""}$${join({ ...parts, fraction: trimZeros(parts.fraction, 2) })}`;
}

/** Returns a price in dollars per share: at least three decimals, more where the tick is finer. */
export function price(micros: number | null): string {
  if (micros === null) return NONE;
  const parts = cut(micros, 6);
  return parts === null ? "?" : join({ ...parts, fraction: trimZeros(parts.fraction, 3) });
}

/** Returns shares with two decimals, the venue's smallest size step. */
export function shares(micros: number): string {
  const parts = cut(micros, 2);
  return parts === null ? "?" : `${parts.negative ? MINUS : ""}${join(parts)}`;
}

/** Returns a count grouped in threes. */
export function count(value: number): string {
  return Number.isSafeInteger(value) ? `${value < 0 ? MINUS : ""}${group(String(Math.abs(value)))}` : "?";
}

/** Returns `part` of `whole` in percent with one decimal; a dash if `whole` is not positive. */
export function percent(part: number, whole: number): string {
  if (!Number.isSafeInteger(part) || !Number.isSafeInteger(whole) || whole <= 0) return NONE;
  const tenths = (BigInt(Math.abs(part)) * 1000n + BigInt(whole) / 2n) / BigInt(whole);
  const sign = part < 0 && tenths !== 0n ? MINUS : "";
  return `${sign}${group((tenths / 10n).toString())}.${(tenths % 10n).toString()}%`;
}

/** Returns whether an amount is a gain, a loss or neither at cent precision, so that colour and text agree. */
export function trend(micros: number): "up" | "down" | "flat" {
  const parts = cut(micros, 2);
  if (parts === null || /^[0,]*$/.test(parts.whole + parts.fraction)) return "flat";
  return parts.negative ? "down" : "up";
}

/** Returns the cost of `sizeMicros` shares at a price, rounded up as the ledger reserves it. */
export function costCeil(priceMicroUsd: number, sizeMicros: number): number {
  const product = BigInt(priceMicroUsd) * BigInt(sizeMicros);
  return Number((product + 999_999n) / 1_000_000n);
}

// The rule names of `Rule` in the host's engine, grouped by unit.
const USD_RULES = new Set([
  "cash",
  "portfolio_trade_pct",
  "max_order_usd",
  "probation",
  "max_market_usd",
  "max_event_usd",
  "max_strategy_pct",
  "strategy_capital",
  "max_resting_pct",
  "max_gross_pct",
  "cash_reserve_pct",
]);
const SHARE_RULES = new Set(["size", "shares", "max_order_shares", "max_depth_pct"]);
const PRICE_RULES = new Set(["tick", "price_collar_pct", "max_slippage_ticks", "min_edge_usd", "self_trade"]);
const SECOND_RULES = new Set(["expiry", "min_time_to_end_s"]);

/** Returns the value or limit of a refusal in the unit of its rule. */
export function ruleAmount(rule: string, value: number): string {
  if (PRICE_RULES.has(rule)) return price(value);
  if (SECOND_RULES.has(rule)) return `${count(value)} s`;
  if (USD_RULES.has(rule)) return usd(value);
  if (SHARE_RULES.has(rule)) return `${shares(value)} sh`;
  return count(value);
}

function trimZeros(fraction: string, atLeast: number): string {
  let end = fraction.length;
  while (end > atLeast && fraction[end - 1] === "0") end -= 1;
  return fraction.slice(0, end);
}
