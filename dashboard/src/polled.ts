// Polling of data that is not part of the stream, while it is displayed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** The last value, null before the first one, and the error of the last request, empty if it succeeded. */
export interface Polled<T> {
  value: T | null;
  failure: string;
}

export interface Polling {
  /** Sends a request at once. */
  again: () => void;
  /** Stops polling; no callback is called after that. */
  end: () => void;
}

/** Sends a request now, and again `every_ms` after each response. A response that was overtaken by a later request is ignored. */
export function poll<T>(ask: () => Promise<T>, every_ms: number, notify: (polled: Polled<T>) => void): Polling {
  let polled: Polled<T> = { value: null, failure: "" };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let round = 0;
  let ended = false;
  const again = (): void => {
    if (ended) return;
    clearTimeout(timer);
    round += 1;
    const mine = round;
    const take = (answer: Polled<T>): void => {
      if (ended || mine !== round) return;
      polled = answer;
      notify(polled);
      timer = setTimeout(again, every_ms);
    };
    ask().then(
      (value) => take({ value, failure: "" }),
      (error: unknown) => take({ value: polled.value, failure: error instanceof Error ? error.message : String(error) }),
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
export function usePolled<T>(ask: () => Promise<T>, every_ms: number): Polled<T> & { again: () => void } {
  const [polled, setPolled] = useState<Polled<T>>({ value: null, failure: "" });
  const polling = useRef<Polling | null>(null);
  useEffect(() => {
    const begun = poll(ask, every_ms, setPolled);
    polling.current = begun;
    return begun.end;
  }, [ask, every_ms]);
  return { ...polled, again: useCallback(() => polling.current?.again(), []) };
}
