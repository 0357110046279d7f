import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { poll, type Told } from "./polled";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Answers that come when the test says so. */
function asked() {
  const answers: { give: (value: string) => void; fail: (error: Error) => void }[] = [];
  const ask = () => new Promise<string>((give, fail) => void answers.push({ give, fail }));
  const told: Told<string>[] = [];
  return { answers, told, polling: poll(ask, 1_000, (it) => void told.push(it)) };
}

describe("polling", () => {
  it("asks again only when it was answered, and keeps the last answer when that fails", async () => {
    const { answers, told } = asked();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(answers.length).toBe(1);
    answers[0]?.give("a");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(answers.length).toBe(2);
    answers[1]?.fail(new Error("no answer"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([{ value: "a", failure: "" }, { value: "a", failure: "no answer" }]);
    expect(answers.length).toBe(3);
  });

  it("forgets an answer that was overtaken by a later question", async () => {
    const { answers, told, polling } = asked();
    polling.again();
    answers[1]?.give("new");
    await vi.advanceTimersByTimeAsync(0);
    answers[0]?.give("old");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told.map((it) => it.value)).toEqual(["new"]);
    expect(answers.length).toBe(3);
  });

  it("is over when it is ended, whoever asks", async () => {
    const { answers, told, polling } = asked();
    polling.end();
    polling.again();
    answers[0]?.give("late");
    await vi.advanceTimersByTimeAsync(5_000);
    expect([told.length, answers.length]).toEqual([0, 1]);
  });
});
