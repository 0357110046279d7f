import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type Place, type StreamEvents } from "./api";
import type { Snapshot } from "./generated/Snapshot";
import { SILENCE_MAX_MS } from "./hub";
import { Connection, RETRY_MAX_MS, RETRY_MIN_MS } from "./link";
import { Store } from "./store";
import { bot, snapshot } from "./testing";

/** A host under the test's control: it returns snapshots from a list and keeps the opened streams. */
class Host {
  answers: (Snapshot | Error)[] = [];
  asked = 0;
  streams: { after: Place; events: StreamEvents; closed: boolean }[] = [];
  loggedOut = vi.fn();
  store = new Store();
  connection = new Connection(this.store, this.loggedOut, {
    snapshot: async () => {
      this.asked += 1;
      const answer = this.answers.shift() ?? new ApiError(0, "the host did not answer");
      if (answer instanceof Error) throw answer;
      return answer;
    },
    stream: (after, events) => {
      const stream = { after, events, closed: false };
      this.streams.push(stream);
      return () => {
        stream.closed = true;
      };
    },
    now: () => 77,
  });

  async start(...answers: (Snapshot | Error)[]): Promise<void> {
    this.answers = answers;
    this.connection.start();
    await vi.advanceTimersByTimeAsync(0);
  }

  stream(index: number): StreamEvents {
    const stream = this.streams[index];
    if (stream === undefined) throw new Error(`stream ${index} was not opened`);
    return stream.events;
  }

  say(index: number, seq: number): void {
    this.stream(index).message({ seq, update: { kind: "bot", data: bot({ events: seq }) } });
  }
}

let host: Host;
beforeEach(() => {
  vi.useFakeTimers();
  host = new Host();
});
afterEach(() => vi.useRealTimers());

describe("the link", () => {
  it("loads the snapshot and follows the stream from there", async () => {
    await host.start(snapshot({ seq: 10 }));
    expect(host.streams[0]?.after.seq).toBe(10);
    host.stream(0).open();
    expect(host.store.get().link.state).toBe("live");
    host.say(0, 11);
    expect(host.store.get().snapshot?.bot.events).toBe(11);
  });

  it("fetches the snapshot again after a gap, without calling the connection lost", async () => {
    await host.start(snapshot({ seq: 10 }), snapshot({ seq: 20 }));
    host.stream(0).open();
    host.say(0, 13);
    expect(host.streams[0]?.closed).toBe(true);
    expect(host.store.get().link.state).toBe("live");
    await vi.advanceTimersByTimeAsync(RETRY_MIN_MS);
    expect(host.streams[1]?.after.seq).toBe(20);
    host.say(1, 21);
    expect(host.store.get().snapshot?.seq).toBe(21);
  });

  it("fetches the snapshot again when the host no longer has the updates", async () => {
    await host.start(snapshot(), snapshot({ seq: 99 }));
    host.stream(0).reset();
    await vi.advanceTimersByTimeAsync(RETRY_MIN_MS);
    expect(host.streams[1]?.after.seq).toBe(99);
  });

  it("reports a lost connection, keeps its time, and recovers by itself", async () => {
    await host.start(snapshot(), new ApiError(0, "the host did not answer"), snapshot({ seq: 3 }));
    host.stream(0).open();
    host.stream(0).end();
    expect(host.store.get().link).toEqual({ state: "lost", since_ms: 77, reason: "the stream ended" });
    expect(host.store.get().snapshot).not.toBeNull();
    await vi.advanceTimersByTimeAsync(RETRY_MIN_MS + 2 * RETRY_MIN_MS);
    host.stream(1).open();
    expect(host.store.get().link.state).toBe("live");
  });

  it("treats a silent stream as lost", async () => {
    await host.start(snapshot());
    host.stream(0).open();
    await vi.advanceTimersByTimeAsync(SILENCE_MAX_MS - 1);
    expect(host.store.get().link.state).toBe("live");
    await vi.advanceTimersByTimeAsync(1);
    expect(host.store.get().link.state).toBe("lost");
    expect(host.streams[0]?.closed).toBe(true);
  });

  it("retries a dead host less and less often, but never stops", async () => {
    await host.start();
    await vi.advanceTimersByTimeAsync(60_000);
    const asked = host.asked;
    expect(asked).toBeLessThan(20);
    await vi.advanceTimersByTimeAsync(RETRY_MAX_MS);
    expect(host.asked).toBe(asked + 1);
  });

  it("gives up when the login is missing, and asks for one", async () => {
    await host.start(new ApiError(401, "log in first"));
    expect(host.loggedOut).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(host.asked).toBe(1);
  });

  it("ignores messages of a stream after it was closed", async () => {
    await host.start(snapshot({ seq: 10 }));
    host.connection.stop();
    host.say(0, 11);
    host.stream(0).end();
    expect(host.store.get().snapshot?.seq).toBe(10);
    expect(host.store.get().link.state).toBe("connecting");
  });
});
