// A simulated host for development of the page's appearance, with invented numbers. It is not part of the tests or the build;
// the browser tests use the real host.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import type { ConfigView } from "../src/generated/ConfigView";
import type { ModeView } from "../src/generated/ModeView";
import type { StreamMessage } from "../src/generated/StreamMessage";
import type { Update } from "../src/generated/Update";
import { World } from "./world.ts";

const STEP_MS = 250;

/** Serves `/v1` from a simulated host. `POLYTRADER_DEV_MODE` sets the mode that it reports, for instance `live`. */
export function devDouble(): Plugin {
  return {
    name: "polytrader-dev-double",
    apply: "serve",
    configureServer(server) {
      const listeners = new Set<ServerResponse>();
      const tell = (seq: number, update: Update): void => {
        const message: StreamMessage = { seq, update };
        for (const it of listeners) it.write(`event: update\nid: ${message.seq}\ndata: ${JSON.stringify(message)}\n\n`);
      };
      const world = new World((process.env["POLYTRADER_DEV_MODE"] ?? "demo") as ModeView, tell);
      const timer = setInterval(() => world.step(), STEP_MS);
      timer.unref();
      server.middlewares.use(handler(world, listeners));
    },
  };
}

function handler(world: World, listeners: Set<ServerResponse>): Connect.NextHandleFunction {
  return (request, response, next) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path === "/login") return redirect(response);
    if (!path.startsWith("/v1/")) return next();
    if (path === "/v1/stream") return stream(request, response, listeners);
    const route = `${request.method} ${path}`;
    if (route === "GET /v1/snapshot") return json(response, world.snapshot);
    if (route === "GET /v1/session") return json(response, { name: "admin", role: "admin" });
    if (route === "GET /v1/config/") return json(response, CONFIG);
    if (route === "GET /v1/trading/orders" || route === "GET /v1/trading/venue-orders") return json(response, world.snapshot.orders);
    const refused = world.command(route);
    if (refused === "") return json(response, {});
    return problem(response, refused);
  };
}

function stream(request: IncomingMessage, response: ServerResponse, listeners: Set<ServerResponse>): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": hello\n\n");
  listeners.add(response);
  request.on("close", () => listeners.delete(response));
}

function redirect(response: ServerResponse): void {
  response.writeHead(303, { location: "/" });
  response.end();
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function problem(response: ServerResponse, detail: string): void {
  response.writeHead(409, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ type: "about:blank", title: "Conflict", status: 409, detail }));
}

const CONFIG: Record<string, ConfigView> = {
  portfolio_trade_pct: { value: "5", default: "5", description: "Cap on the cost of one risk-increasing order, in percent of the portfolio.", source: "default", live: true, group: "risk" },
  max_market_usd: { value: "100", default: "100", description: "Worst-case loss over the outcomes of one condition.", source: "default", live: true, group: "risk" },
  daily_loss_limit_usd: { value: "250", default: "25", description: "Loss since 00:00 UTC that halts trading.", source: "demo profile", live: true, group: "risk" },
  take_profit_pct: { value: "50", default: "8", description: "Gain at which the guard sells.", source: "demo profile", live: true, group: "risk" },
  stop_loss_pct: { value: "50", default: "5", description: "Loss at which the guard sells.", source: "demo profile", live: true, group: "risk" },
  max_open_positions: { value: "20", default: "5", description: "Conditions held or bid for.", source: "demo profile", live: true, group: "risk" },
  "account.funder": { value: "", default: "", description: "Address that holds the funds, if it is not the signer's.", source: "default", live: false, group: "account" },
  "api.listen": { value: "127.0.0.1:0", default: "127.0.0.1:8000", description: "Address of the API.", source: "flag", live: false, group: "api" },
};
