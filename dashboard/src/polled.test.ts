import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { poll, type Polled } from "./polled";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Returns responses that the test releases. */
function asked() {
  const answers: { give: (value: string) => void; fail: (error: Error) => void }[] = [];
  const ask = () => new Promise<string>((give, fail) => void answers.push({ give, fail }));
  const polled: Polled<string>[] = [];
  return { answers, polled, polling: poll(ask, 1_000, (it) => void polled.push(it)) };
}

describe("polling", () => {
  it("sends the next request only after a response, and keeps the last value when a request fails", async () => {
    const { answers, polled } = asked();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(answers.length).toBe(1);
    answers[0]?.give("a");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(answers.length).toBe(2);
    answers[1]?.fail(new Error("no answer"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(polled).toEqual([{ value: "a", failure: "" }, { value: "a", failure: "no answer" }]);
    expect(answers.length).toBe(3);
  });

  it("ignores a response that was overtaken by a later request", async () => {
    const { answers, polled, polling } = asked();
    polling.again();
    answers[1]?.give("new");
    await vi.advanceTimersByTimeAsync(0);
    answers[0]?.give("old");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(polled.map((it) => it.value)).toEqual(["new"]);
    expect(answers.length).toBe(3);
  });

  it("stays ended, even if a request is made afterwards", async () => {
    const { answers, polled, polling } = asked();
    polling.end();
    polling.again();
    answers[0]?.give("late");
    await vi.advanceTimersByTimeAsync(5_000);
    expect([polled.length, answers.length]).toEqual([0, 1]);
  });
});
