// What is worth saying of the venue's public records of the account.

import type { RecordsView } from "./generated/RecordsView";
import { unforeseen } from "./unforeseen";

/** Returns what a person should look at, as sentences; none if the records agree with the books and all of them was read. */
export function complaints(records: RecordsView): string[] {
  const said: string[] = [];
  if (records.error !== "") said.push(`They cannot be read: ${records.error}`);
  said.push(...records.differences.map((it) => `They show another position than the books: ${it}`));
  if (records.elsewhere > 0) said.push(`${records.elsewhere} moved in markets that are not watched: nothing was booked for them.`);
  if (records.unknown_kinds.length > 0) said.push(`Nobody here knows these kinds, nothing was booked for them: ${records.unknown_kinds.join(", ")}.`);
  if (records.unreadable > 0) said.push(`${records.unreadable} rows of the last answers could not be read.`);
  return said;
}

/** Returns the colour of the status. */
export function tone(records: RecordsView): "good" | "warn" | "bad" | "idle" {
  switch (records.status) {
    case "ok":
      return complaints(records).length === 0 ? "good" : "warn";
    case "unread":
      return "warn";
    case "differs":
      return "bad";
    default:
      return unforeseen("status of the records", records.status, "idle");
  }
}
