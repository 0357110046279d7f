// Venue data that the host left out.

import type { LeftOutView } from "./generated/LeftOutView";

/** Returns the lists with entries left out, those with the most first. */
export function ranked(lists: LeftOutView[]): LeftOutView[] {
  return lists.filter((it) => it.count > 0).sort((a, b) => b.count - a.count || (a.list < b.list ? -1 : 1));
}

/** Returns the last entry that was left out of a list, with the reason. */
export function lastEntry(it: LeftOutView): string {
  return it.reason === "" ? it.name : `${it.name}: ${it.reason}`;
}
