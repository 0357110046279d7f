// A strategy that hits the same limit repeatedly fills the list in a second, so equal neighbours become one row.

import type { RefusalView } from "./generated/RefusalView";

/** Refusals that differ only in time and value. */
export interface Repeated {
  /** The newest of the run. */
  refusal: RefusalView;
  times: number;
  /** Unchanged while the run grows. */
  key: string;
}

/** Returns one row for each run of equal refusals; `refusals` is newest first. */
export function collapse(refusals: RefusalView[]): Repeated[] {
  const runs: Repeated[] = [];
  for (const refusal of refusals) {
    const run = runs.at(-1);
    if (run !== undefined && same(run.refusal, refusal)) run.times += refusal.count;
    else runs.push({ refusal, times: refusal.count, key: "" });
  }
  // The position counted from the oldest end does not change when a new refusal is added at the front.
  return runs.map((run, place) => ({ ...run, key: `${runs.length - place} ${run.refusal.rule} ${run.refusal.market}` }));
}

function same(a: RefusalView, b: RefusalView): boolean {
  return a.strategy === b.strategy && a.rule === b.rule && a.market === b.market && a.outcome === b.outcome && a.limit === b.limit;
}
