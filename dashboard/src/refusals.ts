// A strategy that knocks at the same limit fills the list in a second; equal neighbours become one row.

import type { RefusalView } from "./generated/RefusalView";

/** Refusals that differ only in time and value. */
export interface Repeated {
  /** The newest of them. */
  refusal: RefusalView;
  times: number;
  /** Stays the same while more of them come. */
  key: string;
}

/** Returns runs of equal refusals as one each; `refusals` is newest first. */
export function collapse(refusals: RefusalView[]): Repeated[] {
  const runs: Repeated[] = [];
  for (const refusal of refusals) {
    const run = runs.at(-1);
    if (run !== undefined && same(run.refusal, refusal)) run.times += refusal.count;
    else runs.push({ refusal, times: refusal.count, key: "" });
  }
  // The place from the oldest end is what a new refusal at the front leaves alone.
  return runs.map((run, place) => ({ ...run, key: `${runs.length - place} ${run.refusal.rule} ${run.refusal.market}` }));
}

function same(a: RefusalView, b: RefusalView): boolean {
  return a.strategy === b.strategy && a.rule === b.rule && a.market === b.market && a.outcome === b.outcome && a.limit === b.limit;
}
