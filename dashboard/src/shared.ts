// A tab's source of updates: the stream in the shared worker, or repeated snapshots where there are no shared workers. No tab holds its own
// stream.

import type { Place, StreamEvents } from "./api";
import type { HubEvent, Wish } from "./hub";

/** A shared worker that does not answer for this long is not used again. */
export const ATTACHED_WITHIN_MS = 5_000;
/** Interval between snapshots where there is no stream. */
export const POLL_MS = 2_000;

/** The tab's port to the worker. */
interface Port {
  onmessage: ((event: MessageEvent<HubEvent>) => void) | null;
  postMessage: (wish: Wish) => void;
  close: () => void;
}

/** Connects to the shared worker and returns the port to it; null where there is none. `fail` is called if it cannot be loaded. */
export type Connect = (fail: () => void) => Port | null;

function connectWorker(fail: () => void): Port | null {
  if (typeof SharedWorker === "undefined") return null;
  try {
    const worker = new SharedWorker(new URL("./stream.worker.ts", import.meta.url), { type: "module", name: "polytrader" });
    worker.onerror = fail;
    return worker.port;
  } catch {
    return null;
  }
}

/** Returns a function that opens the updates after a position for one tab and returns a function that closes them. */
export function sharedUpdates(connect: Connect = connectWorker): (after: Place, events: StreamEvents) => () => void {
  let broken = false;
  return (after, events) => {
    const fail = (): void => {
      broken = true;
      events.end();
    };
    const port = broken ? null : connect(fail);
    return port === null ? poll(events) : follow(port, after, events, fail);
  };
}

function follow(port: Port, after: Place, events: StreamEvents, fail: () => void): () => void {
  const unanswered = setTimeout(fail, ATTACHED_WITHIN_MS);
  port.onmessage = ({ data }) => {
    clearTimeout(unanswered);
    switch (data.kind) {
      case "attached":
        return;
      case "open":
        return events.open();
      case "message":
        return events.message(data.message);
      case "reset":
        return events.reset();
      case "end":
        return events.end();
    }
  };
  const leave = (): void => port.postMessage({ kind: "leave" });
  // A page restored from the browser's back-forward cache has missed updates.
  const shown = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) events.end();
  };
  globalThis.addEventListener?.("pagehide", leave);
  globalThis.addEventListener?.("pageshow", shown);
  port.postMessage({ kind: "follow", after });
  return () => {
    clearTimeout(unanswered);
    globalThis.removeEventListener?.("pagehide", leave);
    globalThis.removeEventListener?.("pageshow", shown);
    leave();
    port.onmessage = null;
    port.close();
  };
}

function poll(events: StreamEvents): () => void {
  const opened = setTimeout(events.open, 0);
  const again = setTimeout(events.reset, POLL_MS);
  return () => {
    clearTimeout(opened);
    clearTimeout(again);
  };
}
