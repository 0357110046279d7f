import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Place, StreamEvents } from "./api";
import type { StreamMessage } from "./generated/StreamMessage";
import { Hub, KEPT_MAX, SILENCE_MAX_MS, type HubEvent } from "./hub";
import { bot } from "./testing";

/** The streams that the hub opened, under the test's control. */
class World {
  streams: { after: Place; events: StreamEvents; closed: boolean }[] = [];
  hub = new Hub((after, events) => {
    const stream = { after, events, closed: false };
    this.streams.push(stream);
    return () => {
      stream.closed = true;
    };
  });

  stream(index: number): StreamEvents {
    const stream = this.streams[index];
    if (stream === undefined) throw new Error(`stream ${index} was not opened`);
    return stream.events;
  }

  say(index: number, ...seqs: number[]): void {
    for (const seq of seqs) this.stream(index).message(message(seq));
  }
}

function at(seq: number, session = 1): Place {
  return { session, seq };
}

function message(seq: number): StreamMessage {
  return { seq, update: { kind: "bot", data: bot({ events: seq }) } };
}

/** A tab that records its messages: the numbers of updates, and the kinds of the rest. */
class Listener {
  received: (number | string)[] = [];
  send = (received: HubEvent): void => {
    this.received.push(received.kind === "message" ? received.message.seq : received.kind);
  };
}

let world: World;
beforeEach(() => {
  vi.useFakeTimers();
  world = new World();
});
afterEach(() => vi.useRealTimers());

describe("the hub", () => {
  it("opens one stream, however many tabs there are", () => {
    const tabs = Array.from({ length: 10 }, () => new Listener());
    for (const tab of tabs) world.hub.follow(tab, at(5));
    world.stream(0).open();
    world.say(0, 6, 7);
    expect(world.streams.length).toBe(1);
    for (const tab of tabs) expect(tab.received).toEqual(["attached", "open", 6, 7]);
  });

  it("sends a tab that comes later the updates after its own snapshot", () => {
    const [first, later] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.stream(0).open();
    world.say(0, 6, 7, 8);
    world.hub.follow(later, at(7));
    world.say(0, 9);
    expect(later.received).toEqual(["attached", "open", 8, 9]);
  });

  it("makes a tab fetch a new snapshot when its own is older than the kept updates", () => {
    const [first, later] = [new Listener(), new Listener()];
    world.hub.follow(first, at(0));
    world.say(0, ...Array.from({ length: KEPT_MAX + 1 }, (_, index) => index + 1));
    world.hub.follow(later, at(0));
    expect(later.received).toEqual(["attached", "reset"]);
    world.hub.follow(later, at(1));
    expect(later.received.at(-1)).toBe(KEPT_MAX + 1);
  });

  it("makes a tab fetch a new snapshot when its own is of another session of the host", () => {
    const [first, later] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.say(0, 6);
    world.hub.follow(later, at(5, 2));
    expect(later.received).toEqual(["attached", "reset"]);
    world.stream(0).end();
    world.hub.follow(later, at(5, 2));
    expect(world.streams[1]?.after).toEqual(at(5, 2));
  });

  it("goes on for the others when the tab that opened the stream is closed, and ends with the last", () => {
    const [first, second] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.hub.follow(second, at(5));
    world.hub.leave(first);
    world.say(0, 6);
    expect([first.received, second.received]).toEqual([["attached"], ["attached", 6]]);
    expect(world.streams[0]?.closed).toBe(false);
    world.hub.leave(second);
    expect(world.streams[0]?.closed).toBe(true);
    world.hub.follow(first, at(9));
    expect(world.streams[1]?.after).toEqual(at(9));
  });

  it.each(["reset", "end"] as const)("notifies every tab of a stream's %s, and starts again", (over) => {
    const [first, second] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.hub.follow(second, at(5));
    world.stream(0)[over]();
    expect([first.received, second.received]).toEqual([["attached", over], ["attached", over]]);
    expect(world.streams[0]?.closed).toBe(true);
    world.hub.follow(second, at(2));
    expect(world.streams[1]?.after).toEqual(at(2));
  });

  it("ends a silent stream, so that no tab waits for a dead host", () => {
    const tab = new Listener();
    world.hub.follow(tab, at(5));
    vi.advanceTimersByTime(SILENCE_MAX_MS - 1);
    world.say(0, 6);
    vi.advanceTimersByTime(SILENCE_MAX_MS - 1);
    expect(tab.received).toEqual(["attached", 6]);
    vi.advanceTimersByTime(1);
    expect(tab.received).toEqual(["attached", 6, "end"]);
    expect(world.streams[0]?.closed).toBe(true);
  });
});
