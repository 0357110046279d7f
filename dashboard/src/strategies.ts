// What the page says of a strategy beyond its bare numbers.

import type { BudgetBody } from "./generated/BudgetBody";
import type { BudgetView } from "./generated/BudgetView";
import type { StrategyStateView } from "./generated/StrategyStateView";
import type { StrategyView } from "./generated/StrategyView";
import { exactUsd, usd } from "./money";
import type { Tone } from "./ui/basics";

const TONES: Record<StrategyStateView, Tone> = {
  loaded: "idle",
  starting: "info",
  running: "good",
  replacing: "info",
  restarting: "warn",
  unarmed: "warn",
  disabled: "idle",
  failed: "bad",
  quarantined: "bad",
  removed: "idle",
};
/** Whether nothing of it runs in a state, and nothing will by itself. */
const DOWN: Record<StrategyStateView, boolean> = {
  loaded: false,
  starting: false,
  running: false,
  replacing: false,
  restarting: false,
  unarmed: true,
  disabled: true,
  failed: true,
  quarantined: true,
  removed: true,
};

/** Returns the colour of a state; a host newer than this page may send one that has none. */
export function toneOf(state: StrategyStateView): Tone {
  return TONES[state] ?? "idle";
}

/** What operators can say about a strategy as it is. */
export interface Sayable {
  disable: boolean;
  enable: boolean;
  arm: boolean;
}

export function sayable(strategy: StrategyView): Sayable {
  const { state, error } = strategy;
  const arm = state === "unarmed" || error.includes("waits to be armed");
  return {
    // What waits to be armed can be kept from ever running.
    disable: !DOWN[state] || state === "unarmed",
    // A file that cannot be loaded has to change first; one without a module has no hash either.
    enable: state === "disabled" || state === "quarantined" || (state === "failed" && strategy.hash !== ""),
    arm,
  };
}

/** Whether something is not as it should be. Why somebody ended it is no failure. */
export function isWrong(strategy: StrategyView): boolean {
  return strategy.error !== "" && strategy.state !== "disabled" && strategy.state !== "removed";
}

/** Returns what it says: why it does not run as it should, which of its budget it does not get, or its last line. */
export function says(strategy: StrategyView): string {
  return strategy.error || strategy.bounded || strategy.log;
}

/** Returns what a strategy may use, in words. */
export function budgetWords({ capital_micro_usd: capital, daily_loss_micro_usd: loss, orders_per_minute: orders }: BudgetView): string {
  const parts = [
    capital === null ? "" : `${usd(capital)} of capital`,
    loss === null ? "" : `${usd(loss)} of loss a day`,
    orders === null ? "" : `${orders} orders a minute`,
  ];
  return parts.filter((it) => it !== "").join(", ") || "the session's limits";
}

/** A budget as it is typed; empty is the session's limit. */
export interface TypedBudget {
  capital: string;
  loss: string;
  orders: string;
}

/** Returns a budget as fields to be typed into. */
export function budgetFields({ capital_micro_usd: capital, daily_loss_micro_usd: loss, orders_per_minute: orders }: BudgetView): TypedBudget {
  const plain = (micros: number | null) => (micros === null ? "" : exactUsd(micros).replace(/[$,]/g, ""));
  return { capital: plain(capital), loss: plain(loss), orders: orders === null ? "" : String(orders) };
}

/** Returns what was typed as the host takes it; what is empty is left out. The host judges whether it fits. */
export function typedBudget({ capital, loss, orders }: TypedBudget): BudgetBody {
  return {
    ...(capital.trim() === "" ? {} : { capital_usd: capital.trim() }),
    ...(loss.trim() === "" ? {} : { daily_loss_usd: loss.trim() }),
    ...(orders.trim() === "" ? {} : { orders_per_minute: Number(orders) }),
  };
}
