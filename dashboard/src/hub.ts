// One stream for all tabs of a browser. Browsers open at most six connections to a host; a stream for each tab would leave none for an
// emergency stop. The hub runs in a shared worker (`stream.worker.ts`); tabs follow it through `shared.ts`.

import type { Place, StreamEvents } from "./api";
import type { StreamMessage } from "./generated/StreamMessage";

/** A message from a tab to the hub. */
export type Wish = { kind: "follow"; after: Place } | { kind: "leave" };

/** A message from the hub to a tab. */
export type HubEvent = { kind: "attached" } | { kind: "open" } | { kind: "message"; message: StreamMessage } | { kind: "reset" } | { kind: "end" };

/** A tab that follows the stream. */
export interface Tab {
  send: (event: HubEvent) => void;
}

/** Maximum number of updates kept for tabs whose snapshot is older than the stream. */
export const KEPT_MAX = 2_048;
/** A stream without messages for this long is treated as dead: the host sends a valuation each second. */
export const SILENCE_MAX_MS = 10_000;

/** Holds one stream while at least one tab follows it. */
export class Hub {
  private readonly tabs = new Set<Tab>();
  private kept: StreamMessage[] = [];
  /** All updates after this one are kept or not yet received. */
  private base: Place = { session: 0, seq: 0 };
  private isOpen = false;
  private close: (() => void) | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly open: (after: Place, events: StreamEvents) => () => void) {}

  /** Sends a tab the updates after `after`. */
  follow(tab: Tab, after: Place): void {
    tab.send({ kind: "attached" });
    if (this.close !== null && (after.session !== this.base.session || after.seq < this.base.seq)) {
      tab.send({ kind: "reset" });
      return;
    }
    this.tabs.add(tab);
    if (this.close === null) {
      this.begin(after);
      return;
    }
    if (this.isOpen) tab.send({ kind: "open" });
    for (const message of this.kept) if (message.seq > after.seq) tab.send({ kind: "message", message });
  }

  /** Stops sending to a tab. The stream is closed with the last tab. */
  leave(tab: Tab): void {
    if (this.tabs.delete(tab) && this.tabs.size === 0) this.forget();
  }

  private begin(after: Place): void {
    this.base = after;
    this.watch();
    this.close = this.open(after, {
      open: () => {
        this.isOpen = true;
        this.watch();
        this.send({ kind: "open" });
      },
      message: (message) => {
        this.watch();
        this.kept.push(message);
        if (this.kept.length > KEPT_MAX) this.base = { ...this.base, seq: this.kept.shift()?.seq ?? this.base.seq };
        this.send({ kind: "message", message });
      },
      reset: () => this.over({ kind: "reset" }),
      end: () => this.over({ kind: "end" }),
    });
  }

  private watch(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.over({ kind: "end" }), SILENCE_MAX_MS);
  }

  /** Closes the stream and notifies all tabs that they have to start again. */
  private over(event: HubEvent): void {
    const tabs = [...this.tabs];
    this.forget();
    for (const tab of tabs) tab.send(event);
  }

  private send(event: HubEvent): void {
    for (const tab of this.tabs) tab.send(event);
  }

  private forget(): void {
    clearTimeout(this.silence);
    this.close?.();
    this.close = null;
    this.tabs.clear();
    this.kept = [];
    this.isOpen = false;
  }
}
