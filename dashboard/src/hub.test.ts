import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Place, StreamEvents } from "./api";
import type { StreamMessage } from "./generated/StreamMessage";
import { Hub, KEPT_MAX, SILENCE_MAX_MS, type Told } from "./hub";
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

/** A tab that notes what it is told: the numbers of updates, and words for the rest. */
class Listener {
  told: (number | string)[] = [];
  tell = (told: Told): void => {
    this.told.push(told.kind === "message" ? told.message.seq : told.kind);
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
    for (const tab of tabs) expect(tab.told).toEqual(["attached", "open", 6, 7]);
  });

  it("gives a tab that comes later the updates after its own snapshot", () => {
    const [first, later] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.stream(0).open();
    world.say(0, 6, 7, 8);
    world.hub.follow(later, at(7));
    world.say(0, 9);
    expect(later.told).toEqual(["attached", "open", 8, 9]);
  });

  it("sends a tab for a new snapshot when its own is older than what is kept", () => {
    const [first, later] = [new Listener(), new Listener()];
    world.hub.follow(first, at(0));
    world.say(0, ...Array.from({ length: KEPT_MAX + 1 }, (_, index) => index + 1));
    world.hub.follow(later, at(0));
    expect(later.told).toEqual(["attached", "reset"]);
    world.hub.follow(later, at(1));
    expect(later.told.at(-1)).toBe(KEPT_MAX + 1);
  });

  it("sends a tab for a new snapshot when its own is of another session of the host", () => {
    const [first, later] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.say(0, 6);
    world.hub.follow(later, at(5, 2));
    expect(later.told).toEqual(["attached", "reset"]);
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
    expect([first.told, second.told]).toEqual([["attached"], ["attached", 6]]);
    expect(world.streams[0]?.closed).toBe(false);
    world.hub.leave(second);
    expect(world.streams[0]?.closed).toBe(true);
    world.hub.follow(first, at(9));
    expect(world.streams[1]?.after).toEqual(at(9));
  });

  it.each(["reset", "end"] as const)("tells every tab of a stream's %s, and begins anew", (over) => {
    const [first, second] = [new Listener(), new Listener()];
    world.hub.follow(first, at(5));
    world.hub.follow(second, at(5));
    world.stream(0)[over]();
    expect([first.told, second.told]).toEqual([["attached", over], ["attached", over]]);
    expect(world.streams[0]?.closed).toBe(true);
    world.hub.follow(second, at(2));
    expect(world.streams[1]?.after).toEqual(at(2));
  });

  it("ends a stream that is silent, so that no tab is tied to a dead host", () => {
    const tab = new Listener();
    world.hub.follow(tab, at(5));
    vi.advanceTimersByTime(SILENCE_MAX_MS - 1);
    world.say(0, 6);
    vi.advanceTimersByTime(SILENCE_MAX_MS - 1);
    expect(tab.told).toEqual(["attached", 6]);
    vi.advanceTimersByTime(1);
    expect(tab.told).toEqual(["attached", 6, "end"]);
    expect(world.streams[0]?.closed).toBe(true);
  });
});
