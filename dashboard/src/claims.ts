// What can be turned into dollars, and how far that is.

import type { ClaimView } from "./generated/ClaimView";
import { unforeseen } from "./unforeseen";

/** How a claim stands. */
export interface Standing {
  tone: "good" | "bad" | "warn" | "info" | "idle";
  word: string;
  about: string;
}

/** Returns how a claim stands; none if it was never executed here. */
export function standing(claim: ClaimView): Standing | null {
  const about = [claim.state_reason, claim.transaction].filter((it) => it !== "").join("\n");
  switch (claim.state) {
    case "":
      return null;
    case "signed":
    case "sent":
      return { tone: "info", word: "under way", about };
    case "unknown":
      return { tone: "warn", word: "unknown", about };
    case "confirmed":
    case "used":
      // These pairs are others, or some that were left.
      if (claim.kind === "merge") return { tone: "idle", word: "merged before", about };
      return { tone: "good", word: "done", about: about || "The account does not show it yet." };
    case "failed":
      return { tone: "bad", word: "failed", about };
    default:
      return unforeseen("claim state", claim.state, { tone: "idle", word: claim.state, about });
  }
}

/** Returns why a claim cannot be executed from here now; nothing if it can. The host decides; the page only greys out. */
export function whyNot(claim: ClaimView, may: boolean): string {
  if (!claim.executable) return claim.how;
  if (!may) return "Only traders execute claims.";
  switch (claim.state) {
    case "signed":
    case "sent":
      return "It is under way.";
    case "unknown":
      return "Nobody knows yet whether it arrived. Its number in the wallet or its deadline will tell.";
    case "confirmed":
    case "used":
      // Pairs of the same market may have come since, and merging them takes nothing twice.
      return claim.kind === "merge" ? "" : "It is done; the account does not show it yet.";
    case "":
    case "failed":
      return "";
    default:
      return unforeseen("claim state", claim.state, "");
  }
}

/** Returns claims with one row for each that is executed as one: a redemption takes all shares of its market. */
export function together(claims: ClaimView[]): ClaimView[] {
  const rows = new Map<string, ClaimView>();
  for (const it of claims) {
    const key = keyOf(it);
    const known = rows.get(key);
    if (known === undefined) {
      rows.set(key, it);
      continue;
    }
    rows.set(key, {
      ...known,
      outcome: `${known.outcome}, ${it.outcome}`,
      size_micros: known.size_micros + it.size_micros,
      worth_micro_usd: known.worth_micro_usd + it.worth_micro_usd,
    });
  }
  return [...rows.values()];
}

export function keyOf(claim: ClaimView): string {
  return `${claim.kind} ${claim.market}`;
}
