// The page's replica of the host: one snapshot, then ordered updates. Objects are replaced, never changed, so that a view
// redraws only what it shows.

import type { PnlPoint } from "./generated/PnlPoint";
import type { RefusalView } from "./generated/RefusalView";
import type { Snapshot } from "./generated/Snapshot";
import type { StreamMessage } from "./generated/StreamMessage";
import type { Update } from "./generated/Update";
import { unforeseen } from "./unforeseen";

/** Maximum number of trades and refusals, as in the host's snapshot. */
export const TRADES_MAX = 100;
export const REFUSALS_MAX = 50;
/** Maximum number of points of the plot; above it the older half loses every second point, so that a page left open for days stays small. */
export const HISTORY_MAX = 2_880;

/** The result of applying a message. */
export type Applied =
  /** The replica now includes it. */
  | "applied"
  /** The replica included it already. */
  | "old"
  /** Earlier messages are missing, or there is no snapshot: fetch a new one. */
  | "gap";

/** State of the page's connection to the host. */
export type Link = { state: "connecting" } | { state: "live" } | { state: "lost"; since_ms: number; reason: string };

/** The data that the views show. */
export interface View {
  snapshot: Snapshot | null;
  link: Link;
}

/** Minimum time between two notifications: eight redraws a second, slow enough for a burst of hundreds of updates. */
export const NOTIFY_MS = 120;

/** Holds the replica and notifies its listeners of changes, at most once every `NOTIFY_MS`. */
export class Store {
  private view: View = { snapshot: null, link: { state: "connecting" } };
  private readonly listeners = new Set<() => void>();
  private pending: ReturnType<typeof setTimeout> | null = null;

  get(): View {
    return this.view;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Replaces the replica with a new snapshot. */
  load(snapshot: Snapshot): void {
    this.view = { ...this.view, snapshot: { ...snapshot, history: bounded(snapshot.history) } };
    this.notify();
  }

  setLink(link: Link): void {
    this.view = { ...this.view, link };
    this.notify();
  }

  /** Applies one message of the stream if it is the next one. */
  apply(message: StreamMessage): Applied {
    const { snapshot } = this.view;
    if (snapshot === null || message.seq > snapshot.seq + 1) return "gap";
    if (message.seq <= snapshot.seq) return "old";
    this.view = { ...this.view, snapshot: { ...reduce(snapshot, message.update), seq: message.seq } };
    this.notify();
    return "applied";
  }

  private notify(): void {
    this.pending ??= setTimeout(() => {
      this.pending = null;
      for (const listener of this.listeners) listener();
    }, NOTIFY_MS);
  }
}

/** Returns the snapshot with one update applied. An unknown kind of update leaves it unchanged. */
export function reduce(snapshot: Snapshot, update: Update): Snapshot {
  switch (update.kind) {
    case "bot":
      return { ...snapshot, bot: update.data };
    case "pnl": {
      const { at_ms, profit_micro_usd } = update.data;
      return { ...snapshot, pnl: update.data, history: bounded([...snapshot.history, { at_ms, profit_micro_usd }]) };
    }
    case "position":
      return { ...snapshot, positions: replaceOrRemove(snapshot.positions, update.data, (it) => it.token, (it) => it.size_micros === 0) };
    case "order":
      return { ...snapshot, orders: replaceOrRemove(snapshot.orders, update.data, (it) => it.id, (it) => it.is_over) };
    case "trade":
      return { ...snapshot, trades: putNewest(snapshot.trades, update.data, (it) => it.id, TRADES_MAX) };
    case "refusal":
      return { ...snapshot, refusals: putNewest(snapshot.refusals, update.data, refusalKey, REFUSALS_MAX) };
    case "strategy":
      return { ...snapshot, strategies: replace(snapshot.strategies, update.data, (it) => it.name) };
    case "skipped_files":
      return { ...snapshot, skipped_files: update.data };
    case "breaker":
      return { ...snapshot, breakers: replace(snapshot.breakers, update.data, (it) => it.name) };
    case "market":
      return { ...snapshot, markets: replace(snapshot.markets, update.data, (it) => it.condition) };
    default:
      return unforeseen("update", update, snapshot);
  }
}

/** Replaces the item of the same key in its place, or appends a new one. */
function replace<T>(items: T[], item: T, key: (item: T) => string | number): T[] {
  const place = items.findIndex((other) => key(other) === key(item));
  return place < 0 ? [...items, item] : items.with(place, item);
}

/** Replaces the item of the same key as `replace` does, or removes it once it is gone. */
function replaceOrRemove<T>(items: T[], item: T, key: (item: T) => string | number, isGone: (item: T) => boolean): T[] {
  return isGone(item) ? items.filter((other) => key(other) !== key(item)) : replace(items, item, key);
}

/** Returns the key of a refusal. Equal refusals of a minute are sent again with their count. */
function refusalKey(it: RefusalView): string {
  return `${it.at_ms} ${it.strategy} ${it.rule} ${it.market} ${it.outcome}`;
}

/** Replaces the item of the same key in its place (a trade settles), or puts a new one first. */
function putNewest<T>(items: T[], item: T, key: (item: T) => string, max: number): T[] {
  const known = items.some((other) => key(other) === key(item));
  return known ? replace(items, item, key) : newest(items, item, max);
}

function newest<T>(items: T[], item: T, max: number): T[] {
  return [item, ...items.slice(0, max - 1)];
}

function bounded(history: PnlPoint[]): PnlPoint[] {
  if (history.length <= HISTORY_MAX) return history;
  const half = Math.floor(history.length / 2);
  return history.filter((_, index) => index >= half || index % 2 === 0);
}
