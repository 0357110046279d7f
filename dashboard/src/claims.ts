// Claims: shares that can be turned into dollars, and the state of each.

import type { ClaimView } from "./generated/ClaimView";
import { unforeseen } from "./unforeseen";

/** The state of a claim as it is displayed. */
export interface Standing {
  tone: "good" | "bad" | "warn" | "info" | "idle";
  word: string;
  about: string;
}

/** Returns the displayed state of a claim; null if it was never executed here. */
export function standing(claim: ClaimView): Standing | null {
  const about = [claim.state_reason, claim.transaction].filter((it) => it !== "").join("\n");
  switch (claim.state) {
    case "":
      return null;
    case "signed":
    case "sent":
      return { tone: "info", word: "in progress", about };
    case "unknown":
      return { tone: "warn", word: "unknown", about };
    case "confirmed":
    case "used":
      // The pairs shown now are new ones, or ones that the merge left.
      if (claim.kind === "merge") return { tone: "idle", word: "merged before", about };
      return { tone: "good", word: "done", about: about || "The account does not show it yet." };
    case "failed":
      return { tone: "bad", word: "failed", about };
    default:
      return unforeseen("claim state", claim.state, { tone: "idle", word: claim.state, about });
  }
}

/** Returns the reason that a claim cannot be executed now; empty if it can. The host decides; the page only disables the button. */
export function whyNot(claim: ClaimView, may: boolean): string {
  if (!claim.executable) return claim.how;
  if (!may) return "Only traders can execute claims.";
  switch (claim.state) {
    case "signed":
    case "sent":
      return "It is in progress.";
    case "unknown":
      return "Its outcome is unknown until its nonce is used or its deadline has passed.";
    case "confirmed":
    case "used":
      // New pairs of the same market may exist, and merging them does not repeat the first merge.
      return claim.kind === "merge" ? "" : "It is done; the account does not show it yet.";
    case "":
    case "failed":
      return "";
    default:
      return unforeseen("claim state", claim.state, "");
  }
}

/** Returns the claims with one row for each call: a redemption takes all shares of its market. */
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
