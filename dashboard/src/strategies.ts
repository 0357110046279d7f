// Display of a strategy beyond its plain numbers: states, commands, messages and budgets.

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
/** True for the states in which no instance runs and none will start without a command. */
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

/** Returns the colour of a state; a host newer than this page may send an unknown one. */
export function toneOf(state: StrategyStateView): Tone {
  return TONES[state] ?? "idle";
}

/** The commands that a strategy's state allows. */
export interface Sayable {
  disable: boolean;
  enable: boolean;
  arm: boolean;
}

export function sayable(strategy: StrategyView): Sayable {
  const { state, error } = strategy;
  const arm = state === "unarmed" || error.includes("waits to be armed");
  return {
    // A version that waits to be armed can be disabled before it ever runs.
    disable: !DOWN[state] || state === "unarmed",
    // A file that cannot be loaded has to change first; it has no hash.
    enable: state === "disabled" || state === "quarantined" || (state === "failed" && strategy.hash !== ""),
    arm,
  };
}

/** Returns true if the strategy has an error. The reason that an operator ended it is not an error. */
export function isWrong(strategy: StrategyView): boolean {
  return strategy.error !== "" && strategy.state !== "disabled" && strategy.state !== "removed";
}

/** Returns the strategy's message: its error, the part of its budget that is not granted, or its last log line. */
export function says(strategy: StrategyView): string {
  return strategy.error || strategy.bounded || strategy.log;
}

/** Returns a strategy's budget as text. */
export function budgetWords({ capital_micro_usd: capital, daily_loss_micro_usd: loss, orders_per_minute: orders }: BudgetView): string {
  const parts = [
    capital === null ? "" : `${usd(capital)} of capital`,
    loss === null ? "" : `${usd(loss)} of loss a day`,
    orders === null ? "" : `${orders} orders a minute`,
  ];
  return parts.filter((it) => it !== "").join(", ") || "the session's limits";
}

/** A budget as entered in the form; an empty field is the session's limit. */
export interface TypedBudget {
  capital: string;
  loss: string;
  orders: string;
}

/** Returns the form fields of a budget. */
export function budgetFields({ capital_micro_usd: capital, daily_loss_micro_usd: loss, orders_per_minute: orders }: BudgetView): TypedBudget {
  const plain = (micros: number | null) => (micros === null ? "" : exactUsd(micros).replace(/[$,]/g, ""));
  return { capital: plain(capital), loss: plain(loss), orders: orders === null ? "" : String(orders) };
}

/** Returns the request body for the form fields; empty fields are left out. The host validates it. */
export function typedBudget({ capital, loss, orders }: TypedBudget): BudgetBody {
  return {
    ...(capital.trim() === "" ? {} : { capital_usd: capital.trim() }),
    ...(loss.trim() === "" ? {} : { daily_loss_usd: loss.trim() }),
    ...(orders.trim() === "" ? {} : { orders_per_minute: Number(orders) }),
  };
}
