import { afterEach, describe, expect, it, vi } from "vitest";
import { act, ApiError, fetchClaims, fetchHealth, fetchSession, route } from "./api";

function answer(response: Response | Error) {
  const fetched = vi.fn(async (_path: string, _init: RequestInit) => {
    if (response instanceof Error) throw response;
    return response;
  });
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

afterEach(() => vi.unstubAllGlobals());

describe("requests", () => {
  it("turns every action into the runbook's route", () => {
    expect(route({ kind: "stop" })).toEqual({ method: "POST", path: "/v1/admin/bot/stop" });
    expect(route({ kind: "cancel_order", id: 7 })).toEqual({ method: "DELETE", path: "/v1/trading/orders/7" });
    expect(route({ kind: "cancel_all" }).path).toBe("/v1/trading/orders/cancel-all");
    expect(route({ kind: "set_limit", key: "max_order_usd", value: "20" })).toEqual({ method: "PUT", path: "/v1/config/max_order_usd", body: { value: "20" } });
    expect(route({ kind: "strategy", name: "quoter", what: "disable" })).toEqual({ method: "POST", path: "/v1/strategies/quoter/disable" });
    expect(route({ kind: "strategy", name: "quoter", what: "rollback", hash: "ab" })).toEqual({ method: "POST", path: "/v1/strategies/quoter/rollback", body: { hash: "ab" } });
    const budget = { capital_usd: "12.5" };
    expect(route({ kind: "arm", name: "quoter", hash: "ab", budget })).toEqual({ method: "POST", path: "/v1/strategies/quoter/arm", body: { hash: "ab", budget, reason: "", user: "" } });
    expect(route({ kind: "set_parameters", name: "quoter", parameters: { a: 1 } }).body).toEqual({ parameters: { a: 1 } });
    expect(route({ kind: "emergency_stop", reason: "x" }).path).toBe("/v1/admin/emergency-stop");
    expect(route({ kind: "reset_breaker", name: "a/b" }).path).toBe("/v1/admin/circuit-breakers/a%2Fb/reset");
  });

  it("requests a claim as a whole", () => {
    const body = { kind: "redeem", market: "rain", shares: "", reason: "" };
    const asked = route({ kind: "execute_claim", claim: "redeem", market: "rain" });
    expect(asked).toEqual({ method: "POST", path: "/v1/positions/claims/execute", body });
  });

  it("accepts a 503 as a response only for the health document", async () => {
    answer(Response.json({ status: "degraded" }, { status: 503 }));
    expect(await fetchHealth()).toEqual({ status: "degraded" });
    answer(Response.json({ detail: "the database fails" }, { status: 503 }));
    expect((await failure(fetchClaims())).message).toBe("the database fails");
    answer(Response.json({ detail: "log in" }, { status: 401 }));
    expect((await failure(fetchHealth())).status).toBe(401);
  });

  it("marks requests that change something, so that a page of another origin cannot send them", async () => {
    const fetched = answer(new Response(null, { status: 202 }));
    await act({ kind: "release_emergency_stop", reason: "checked" });
    const init = fetched.mock.calls[0]?.[1];
    expect(init?.headers).toMatchObject({ "x-polytrader": "1", "content-type": "application/json" });
    expect(init?.body).toBe('{"reason":"checked"}');
  });

  it("reads without the mark", async () => {
    const fetched = answer(Response.json({ name: "admin", role: "admin" }));
    expect(await fetchSession()).toEqual({ name: "admin", role: "admin" });
    expect(fetched.mock.calls[0]?.[1].headers).not.toHaveProperty("x-polytrader");
  });
});

describe("failures", () => {
  it("shows the detail of a problem document", async () => {
    answer(Response.json({ type: "about:blank", title: "Conflict", status: 409, detail: "the bot is halted" }, { status: 409 }));
    const error = await failure(act({ kind: "start" }));
    expect([error.status, error.message]).toEqual([409, "the bot is halted"]);
  });

  it("gives a plain message when the response is not a problem document", async () => {
    answer(new Response("<html>", { status: 502 }));
    expect((await failure(act({ kind: "start" }))).message).toBe("the host answered 502");
  });

  it("has status 0 when no response came, because the outcome is unknown", async () => {
    answer(new TypeError("failed to fetch"));
    expect((await failure(act({ kind: "stop" }))).status).toBe(0);
  });
});
