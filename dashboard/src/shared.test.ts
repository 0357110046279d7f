import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StreamEvents } from "./api";
import type { HubEvent, Wish } from "./hub";
import { ATTACHED_WITHIN_MS, POLL_MS, sharedUpdates } from "./shared";

class FakePort {
  onmessage: ((event: MessageEvent<HubEvent>) => void) | null = null;
  wishes: Wish[] = [];
  closed = false;
  postMessage = (wish: Wish): void => {
    this.wishes.push(wish);
  };
  close = (): void => {
    this.closed = true;
  };
  say(event: HubEvent): void {
    this.onmessage?.({ data: event } as MessageEvent<HubEvent>);
  }
}

function listener(): StreamEvents & { heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    open: () => heard.push("open"),
    message: (message) => heard.push(`update ${message.seq}`),
    reset: () => heard.push("reset"),
    end: () => heard.push("end"),
  };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("a tab's updates", () => {
  it("come from the shared worker, which the tab leaves when it closes them", () => {
    const port = new FakePort();
    const events = listener();
    const close = sharedUpdates(() => port)({ session: 1, seq: 7 }, events);
    expect(port.wishes).toEqual([{ kind: "follow", after: { session: 1, seq: 7 } }]);
    for (const kind of ["attached", "open", "reset", "end"] as const) port.say({ kind });
    expect(events.heard).toEqual(["open", "reset", "end"]);
    close();
    expect([port.wishes.at(-1), port.closed, port.onmessage]).toEqual([{ kind: "leave" }, true, null]);
    vi.advanceTimersByTime(ATTACHED_WITHIN_MS);
    expect(events.heard.length).toBe(3);
  });

  it("are repeated snapshots where there is no shared worker", () => {
    const events = listener();
    const open = sharedUpdates(() => null);
    open({ session: 1, seq: 7 }, events);
    vi.advanceTimersByTime(POLL_MS);
    expect(events.heard).toEqual(["open", "reset"]);
    const close = open({ session: 1, seq: 8 }, events);
    close();
    vi.advanceTimersByTime(POLL_MS);
    expect(events.heard).toEqual(["open", "reset"]);
  });

  it("do without a worker that cannot be loaded or does not respond", () => {
    for (const breaks of [(fail: () => void) => fail(), () => void vi.advanceTimersByTime(ATTACHED_WITHIN_MS)]) {
      const events = listener();
      let connected = 0;
      let failed = (): void => {};
      const open = sharedUpdates((fail) => {
        connected += 1;
        failed = fail;
        return new FakePort();
      });
      open({ session: 1, seq: 1 }, events);
      breaks(() => failed());
      expect(events.heard).toEqual(["end"]);
      open({ session: 1, seq: 1 }, events);
      vi.advanceTimersByTime(POLL_MS);
      expect([connected, events.heard]).toEqual([1, ["end", "open", "reset"]]);
    }
  });
});
