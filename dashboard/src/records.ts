// Messages about the account activity that the venue's Data API reports.

import type { RecordsView } from "./generated/RecordsView";
import { unforeseen } from "./unforeseen";

/** Returns the problems that an operator should look at; none if the records agree with the ledger and were read completely. */
export function complaints(records: RecordsView): string[] {
  const said: string[] = [];
  if (records.error !== "") said.push(`They cannot be read: ${records.error}`);
  said.push(...records.differences.map((it) => `They show another position than the ledger: ${it}`));
  if (records.elsewhere > 0) said.push(`${records.elsewhere} movements in markets that are not watched: nothing was booked for them.`);
  if (records.unknown_kinds.length > 0) said.push(`Unknown kinds of activity, nothing was booked for them: ${records.unknown_kinds.join(", ")}.`);
  if (records.unreadable > 0) said.push(`${records.unreadable} rows of the last responses could not be parsed.`);
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
