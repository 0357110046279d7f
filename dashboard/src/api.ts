// The only connection to the host: every request of the page is sent from this file.

import type { ArmBody } from "./generated/ArmBody";
import type { BudgetBody } from "./generated/BudgetBody";
import type { ClaimBody } from "./generated/ClaimBody";
import type { ClaimKindView } from "./generated/ClaimKindView";
import type { ClaimView } from "./generated/ClaimView";
import type { ConfigView } from "./generated/ConfigView";
import type { DurableView } from "./generated/DurableView";
import type { HealthView } from "./generated/HealthView";
import type { Login } from "./generated/Login";
import type { ParametersView } from "./generated/ParametersView";
import type { Problem } from "./generated/Problem";
import type { SessionView } from "./generated/SessionView";
import type { Snapshot } from "./generated/Snapshot";
import type { StrategyVersionView } from "./generated/StrategyVersionView";
import type { StreamMessage } from "./generated/StreamMessage";

/** The commands that the page can send to the host. */
export type Action =
  | { kind: "start" }
  | { kind: "stop" }
  | { kind: "pause" }
  | { kind: "resume" }
  | { kind: "emergency_stop"; reason: string }
  | { kind: "release_emergency_stop"; reason: string }
  | { kind: "reset_breaker"; name: string }
  | { kind: "cancel_order"; id: number }
  | { kind: "cancel_all" }
  | { kind: "set_limit"; key: string; value: string }
  | { kind: "execute_claim"; claim: ClaimKindView; market: string }
  | { kind: "strategy"; name: string; what: StrategyWord; hash?: string }
  | { kind: "arm"; name: string; hash: string; budget: BudgetBody }
  | { kind: "set_parameters"; name: string; parameters: Record<string, unknown> };

/** The commands for a strategy. */
export type StrategyWord = "enable" | "disable" | "arm" | "rollback";

/** A failed request, with a message for the operator. */
export class ApiError extends Error {
  /** The HTTP status; 0 if no response came, so that the outcome is unknown. */
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
  }
}

const TIMEOUT_MS = 8_000;

type Method = "GET" | "POST" | "PUT" | "DELETE";

interface Route {
  method: Method;
  path: string;
  body?: unknown;
}

/** Returns the request for an action. */
export function route(action: Action): Route {
  switch (action.kind) {
    case "start":
    case "stop":
    case "pause":
    case "resume":
      return { method: "POST", path: `/v1/admin/bot/${action.kind}` };
    case "emergency_stop":
      return { method: "POST", path: "/v1/admin/emergency-stop", body: { reason: action.reason } };
    case "release_emergency_stop":
      return { method: "POST", path: "/v1/admin/emergency-stop/release", body: { reason: action.reason } };
    case "reset_breaker":
      return { method: "POST", path: `/v1/admin/circuit-breakers/${encodeURIComponent(action.name)}/reset` };
    case "cancel_order":
      return { method: "DELETE", path: `/v1/trading/orders/${encodeURIComponent(action.id)}` };
    case "cancel_all":
      return { method: "POST", path: "/v1/trading/orders/cancel-all" };
    case "set_limit":
      return { method: "PUT", path: `/v1/config/${encodeURIComponent(action.key)}`, body: { value: action.value } };
    case "strategy":
      return {
        method: "POST",
        path: `/v1/strategies/${encodeURIComponent(action.name)}/${action.what}`,
        ...(action.hash === undefined ? {} : { body: { hash: action.hash } }),
      };
    case "arm": {
      const body: ArmBody = { hash: action.hash, budget: action.budget, reason: "", user: "" };
      return { method: "POST", path: `/v1/strategies/${encodeURIComponent(action.name)}/arm`, body };
    }
    case "set_parameters":
      return { method: "PUT", path: `/v1/strategies/${encodeURIComponent(action.name)}/parameters`, body: { parameters: action.parameters } };
    case "execute_claim": {
      // Without a number of shares: all shares of the market, or all pairs that are not in open orders.
      const body: ClaimBody = { kind: action.claim, market: action.market, shares: "", reason: "" };
      return { method: "POST", path: "/v1/positions/claims/execute", body };
    }
  }
}

/**
 * Sends a command to the host, once. Throws [`ApiError`] unless the host accepts it. Returns false if the command is in force but not
 * stored yet.
 */
export async function act(action: Action): Promise<boolean> {
  const response = await send(route(action));
  try {
    return ((await response.json()) as Partial<DurableView>).durable !== false;
  } catch {
    // The response to a command that loosens a restriction has no `durable`: it is stored before it takes effect.
    return true;
  }
}

export async function fetchSnapshot(): Promise<Snapshot> {
  return (await (await send({ method: "GET", path: "/v1/snapshot" })).json()) as Snapshot;
}

export async function fetchSession(): Promise<SessionView> {
  return (await (await send({ method: "GET", path: "/v1/session" })).json()) as SessionView;
}

export async function fetchConfig(): Promise<Record<string, ConfigView>> {
  return (await (await send({ method: "GET", path: "/v1/config/" })).json()) as Record<string, ConfigView>;
}

export async function fetchVersions(name: string): Promise<StrategyVersionView[]> {
  return (await (await send({ method: "GET", path: `/v1/strategies/${encodeURIComponent(name)}/versions` })).json()) as StrategyVersionView[];
}

export async function fetchParameters(name: string): Promise<ParametersView> {
  return (await (await send({ method: "GET", path: `/v1/strategies/${encodeURIComponent(name)}/parameters` })).json()) as ParametersView;
}

export async function fetchClaims(): Promise<ClaimView[]> {
  return (await (await send({ method: "GET", path: "/v1/positions/claims" })).json()) as ClaimView[];
}

/** Fetches the health document. While a channel is down the host responds with 503 and the same document. */
export async function fetchHealth(): Promise<HealthView> {
  return (await (await send({ method: "GET", path: "/health/detailed" }, 503)).json()) as HealthView;
}

export async function login(token: string): Promise<void> {
  const body: Login = { token };
  await send({ method: "POST", path: "/v1/session", body });
}

export async function logout(): Promise<void> {
  await send({ method: "DELETE", path: "/v1/session" });
}

/** The position of an update in the stream. The numbers start again with each session of the host. */
export interface Place {
  session: number;
  seq: number;
}

/** The callbacks of a stream. */
export interface StreamEvents {
  open: () => void;
  message: (message: StreamMessage) => void;
  /** The requested updates are no longer available, or a message could not be parsed. */
  reset: () => void;
  /** The connection has ended. */
  end: () => void;
}

/**
 * Opens a stream of the updates after `after`. Only the hub calls it, because a stream uses one of the few connections that a browser
 * has. Returns a function that closes the stream; no callback is called after that.
 */
export function openStream(after: Place, events: StreamEvents): () => void {
  const source = new EventSource(`/v1/stream?after=${after.session}-${after.seq}`);
  source.onopen = events.open;
  source.addEventListener("update", (event) => {
    const message = parseMessage((event as MessageEvent<string>).data);
    if (message === null) events.reset();
    else events.message(message);
  });
  source.addEventListener("reset", events.reset);
  source.onerror = () => {
    // The browser would reconnect with the old `after`; the link starts from a new snapshot instead.
    source.close();
    events.end();
  };
  return () => source.close();
}

function parseMessage(text: string): StreamMessage | null {
  try {
    return JSON.parse(text) as StreamMessage;
  } catch {
    return null;
  }
}

/** Sends a request. Throws [`ApiError`] unless it succeeds or has the status `also`. */
async function send({ method, path, body }: Route, also = 0): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  // A page of another origin cannot send this header without a preflight request, so the cookie alone authorizes no command.
  if (method !== "GET") headers["x-polytrader"] = "1";
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      // Commands go before reads when the browser runs out of connections.
      priority: method === "GET" ? "auto" : "high",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "the host did not answer");
  }
  if (!response.ok && response.status !== also) throw new ApiError(response.status, await problemDetail(response));
  return response;
}

async function problemDetail(response: Response): Promise<string> {
  const plain = `the host answered ${response.status}`;
  try {
    const problem = (await response.json()) as Partial<Problem>;
    return problem.detail || problem.title || plain;
  } catch {
    return plain;
  }
}
