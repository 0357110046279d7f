// What no stream brings is asked for again and again while it is looked at.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** The last answer, none before the first; and why the last question had none, empty if it had. */
export interface Told<T> {
  value: T | null;
  failure: string;
}

export interface Polling {
  /** Asks at once. */
  again: () => void;
  /** Asks and tells no more. */
  end: () => void;
}

/** Asks now and then `every_ms` after each answer. A question that has a later one is forgotten. */
export function poll<T>(ask: () => Promise<T>, every_ms: number, tell: (told: Told<T>) => void): Polling {
  let told: Told<T> = { value: null, failure: "" };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let round = 0;
  let ended = false;
  const again = (): void => {
    if (ended) return;
    clearTimeout(timer);
    round += 1;
    const mine = round;
    const take = (answer: Told<T>): void => {
      if (ended || mine !== round) return;
      told = answer;
      tell(told);
      timer = setTimeout(again, every_ms);
    };
    ask().then(
      (value) => take({ value, failure: "" }),
      (error: unknown) => take({ value: told.value, failure: error instanceof Error ? error.message : String(error) }),
    );
  };
  again();
  const end = (): void => {
    ended = true;
    clearTimeout(timer);
  };
  return { again, end };
}

/** Polls while the component is drawn. `ask` must stay the same function. */
export function usePolled<T>(ask: () => Promise<T>, every_ms: number): Told<T> & { again: () => void } {
  const [told, setTold] = useState<Told<T>>({ value: null, failure: "" });
  const polling = useRef<Polling | null>(null);
  useEffect(() => {
    const begun = poll(ask, every_ms, setTold);
    polling.current = begun;
    return begun.end;
  }, [ask, every_ms]);
  return { ...told, again: useCallback(() => polling.current?.again(), []) };
}
