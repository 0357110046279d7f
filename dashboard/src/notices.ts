// Results of the operator's actions. Failures stay until they are dismissed.

import { useEffect, useState } from "preact/hooks";
import { act, ApiError, type Action } from "./api";

export interface Notice {
  id: number;
  failed: boolean;
  text: string;
}

const NOTICES_MAX = 4;
const DONE_SHOWN_MS = 6_000;

let notices: Notice[] = [];
let next = 1;
const listeners = new Set<(notices: Notice[]) => void>();

function set(changed: Notice[]): void {
  notices = changed;
  for (const listener of listeners) listener(notices);
}

function add(failed: boolean, text: string): void {
  const notice = { id: next, failed, text };
  next += 1;
  set([...notices, notice].slice(-NOTICES_MAX));
  if (!failed) setTimeout(() => dismiss(notice.id), DONE_SHOWN_MS);
}

export function dismiss(id: number): void {
  set(notices.filter((notice) => notice.id !== id));
}

export function useNotices(): Notice[] {
  const [shown, setShown] = useState(notices);
  useEffect(() => {
    listeners.add(setShown);
    return () => void listeners.delete(setShown);
  }, []);
  return shown;
}

/** Sends an action to the host and shows its result. Returns true if the host accepted it. */
export async function perform(action: Action): Promise<boolean> {
  try {
    const stored = await act(action);
    add(false, stored ? done(action) : `${done(action)} It is in force but not stored yet.`);
    return true;
  } catch (error) {
    const unanswered = error instanceof ApiError && error.status === 0;
    const detail = error instanceof Error ? error.message : String(error);
    add(true, `${name(action)}: ${detail}.${unanswered ? unknown(action) : ""}`);
    return false;
  }
}

function name(action: Action): string {
  switch (action.kind) {
    case "emergency_stop":
      return "EMERGENCY STOP not confirmed";
    case "release_emergency_stop":
      return "Not released";
    case "reset_breaker":
      return `Breaker ${action.name} not reset`;
    case "cancel_order":
      return `Order ${action.id} not cancelled`;
    case "cancel_all":
      return "Cancel all not confirmed";
    case "set_limit":
      return `${action.key} not changed`;
    case "strategy":
      return `${action.name}: could not ${action.what}`;
    case "arm":
      return `${action.name}: could not arm`;
    case "set_parameters":
      return `${action.name}: parameters not changed`;
    case "execute_claim":
      return `The ${action.claim} of ${action.market} not confirmed`;
    default:
      return `Could not ${action.kind}`;
  }
}

// Without a response the outcome is unknown, and the notice says so.
function unknown(action: Action): string {
  return action.kind === "emergency_stop"
    ? " It may not have arrived: press again, or end the host on its machine (Ctrl-C cancels all orders)."
    : " It may or may not have arrived: check the state before you try again.";
}

function done(action: Action): string {
  switch (action.kind) {
    case "start":
      return "Start accepted.";
    case "stop":
      return "Stop accepted: open orders are being cancelled.";
    case "pause":
      return "Pause accepted.";
    case "resume":
      return "Resume accepted.";
    case "emergency_stop":
      return "Emergency stop accepted: everything on the account is being cancelled.";
    case "release_emergency_stop":
      return "Emergency stop released.";
    case "reset_breaker":
      return `Breaker ${action.name} reset.`;
    case "cancel_order":
      return `Order ${action.id} is being cancelled.`;
    case "cancel_all":
      return "All open orders are being cancelled.";
    case "set_limit":
      return `${action.key} is ${action.value} now.`;
    case "strategy":
      return `${action.name}: ${action.what} accepted.`;
    case "arm":
      return `${action.name}: armed.`;
    case "set_parameters":
      return `${action.name}: parameters are being applied.`;
    case "execute_claim":
      return `The ${action.claim} of ${action.market} is queued; the list of claims shows its state.`;
  }
}
