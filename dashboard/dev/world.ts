// The state of the simulated host: random-walk prices, and a quoter that is filled now and then.

import type { MarketView } from "../src/generated/MarketView";
import type { ModeView } from "../src/generated/ModeView";
import type { OrderStateView } from "../src/generated/OrderStateView";
import type { OrderView } from "../src/generated/OrderView";
import type { SideView } from "../src/generated/SideView";
import type { Snapshot } from "../src/generated/Snapshot";
import type { TokenView } from "../src/generated/TokenView";
import type { TradeView } from "../src/generated/TradeView";
import type { Update } from "../src/generated/Update";

const QUESTIONS: [string, string, string, string][] = [
  ["fed-cut-december", "Will the Fed cut rates by 25 bps or more at its December meeting?", "Yes", "No"],
  ["rain-in-oslo", "Rain in Oslo on Friday?", "Yes", "No"],
  ["rovers-v-united", "Rovers vs. United: who wins the match?", "Rovers", "United"],
  ["btc-above-150k", "Bitcoin above $150,000 on 31 December?", "Yes", "No"],
  ["launch-before-june", "Will the heavy rocket launch before June?", "Yes", "No"],
  ["best-picture-drama", "Will a drama take Best Picture?", "Yes", "No"],
];

const TICK = 10_000;
const CASH = 10_000_000_000;

const NO_BUDGET = { capital_micro_usd: null, daily_loss_micro_usd: null, orders_per_minute: null };
const STRATEGIES = [
  ["quoter", "running", ""],
  ["template", "running", "the version 5b17c0de9a42 waits to be armed"],
  ["newcomer", "unarmed", "the version 9f2c41d07be3 waits to be armed"],
  ["momentum", "quarantined", "failed 3 times within a minute: it used up its fuel of 50000000 for one call: an endless loop?"],
  ["bundle", "disabled", "it was disabled"],
] as const;

export class World {
  readonly snapshot: Snapshot;
  private orderId = 100;
  private tradeId = 0;
  private steps = 0;

  private readonly tell: (seq: number, update: Update) => void;

  constructor(mode: ModeView, tell: (seq: number, update: Update) => void) {
    this.tell = tell;
    const now = Date.now();
    this.snapshot = {
      seq: 1,
      bot: { state: "RUNNING", restriction: "none", reason: "", mode, session: 3, started_at_ms: now - 754_000, market_channel_up: true, user_channel_up: true, events: 48_211, restrictions: [], unstored: [] },
      pnl: { at_ms: now, cash_micro_usd: CASH, reserved_micro_usd: 0, positions_micro_usd: 0, portfolio_micro_usd: CASH, realised_micro_usd: 0, unrealised_micro_usd: 0, fees_micro_usd: 0, profit_micro_usd: 0, today_micro_usd: 0 },
      history: walk(now),
      positions: [],
      orders: [],
      trades: [],
      refusals: [],
      strategies: STRATEGIES.map(([name, state, error], place) => ({
        name, state, error, hash: "9f2c41d07be3a1557c1e0f8b6a24d9e3c05b7718a6f4d2290be1c7730d5a4e61", file_hash: "9f2c41d07be3a1557c1e0f8b6a24d9e3c05b7718a6f4d2290be1c7730d5a4e61", version: "0.1.0", description: "An example", instance: 1, markets: 6 - place, events: 40_000, intents: 900, orders: 410, fills: 37, refusals: 3, realised_micro_usd: 4_210_000, unrealised_micro_usd: -312_000, fees_micro_usd: 41_250, profit_micro_usd: 3_856_750, today_micro_usd: 3_856_750, fuel: 18_442, fuel_limit: 50_000_000, intents_a_second_limit: 525, log_lines_lost: 0, log: "", loaded_at_ms: now - 700_000, armed_hash: "", armed_budget: NO_BUDGET, budget: NO_BUDGET, bounded: "",
      })),
      skipped_files: [],
      breakers: ["stale_data", "websocket_disconnect", "high_error_rate", "reconciliation_mismatch", "daily_loss_limit"].map((name) => ({ name, tripped: false, reason: "", markets: [], strategies: [], since_ms: null })),
      markets: QUESTIONS.map(([slug, question, yes, no], place) => market(slug, question, [yes, no], place)),
    };
    for (let step = 0; step < 60; step += 1) this.step();
  }

  step(): void {
    this.steps += 1;
    for (const it of this.snapshot.markets) if (Math.random() < 0.25) this.move(it);
    if (this.snapshot.bot.state === "RUNNING") this.quote();
    if (this.snapshot.bot.state === "RUNNING" && Math.random() < 0.35) this.fill();
    if (this.steps % 4 === 0) this.value();
    if (this.steps % 40 === 0) this.refuse();
    if (this.steps % 200 === 150) this.breaker("stale_data", true);
    if (this.steps % 200 === 199) this.breaker("stale_data", false);
  }

  private emit(update: Update): void {
    this.snapshot.seq += 1;
    this.tell(this.snapshot.seq, update);
  }

  /** Applies a command and returns the reason of a refusal; empty if it is accepted. */
  command(route: string): string {
    const { bot } = this.snapshot;
    const order = /^DELETE \/v1\/trading\/orders\/(\d+)$/.exec(route);
    if (route.endsWith("/bot/start")) {
      if (bot.restriction === "halted") return "the bot is halted: release the emergency stop first";
      this.bot({ state: "RUNNING" });
    } else if (route.endsWith("/bot/pause")) this.bot({ state: "PAUSED" });
    else if (route.endsWith("/bot/resume")) this.bot({ state: "RUNNING" });
    else if (route.endsWith("/bot/stop")) this.bot({ state: "STOPPED" });
    else if (route.endsWith("/emergency-stop")) this.bot({ state: "STOPPED", restriction: "halted", reason: "emergency stop by admin: pressed on the dashboard" });
    else if (route.endsWith("/release")) this.bot({ restriction: "none", reason: "" });
    else if (route.endsWith("/cancel-all")) this.cancelAll();
    else if (route.endsWith("/stale_data/reset")) this.breaker("stale_data", false);
    else if (order !== null) this.cancel(Number(order[1]));
    else if (route !== "DELETE /v1/session" && route !== "POST /v1/session") return `no such route: ${route}`;
    if (this.snapshot.bot.state === "STOPPED") this.cancelAll();
    return "";
  }

  private bot(change: Partial<Snapshot["bot"]>): void {
    this.snapshot.bot = { ...this.snapshot.bot, ...change };
    this.emit({ kind: "bot", data: this.snapshot.bot });
  }

  private move(it: MarketView): void {
    const [yes, no] = it.tokens;
    if (yes === undefined || no === undefined) return;
    const bid = clamp((yes.bid_micro_usd ?? 500_000) + TICK * pick([-1, 0, 1]), 2 * TICK, 1_000_000 - 4 * TICK);
    const ask = bid + TICK * pick([1, 1, 2]);
    it.tokens = [
      { ...yes, bid_micro_usd: bid, ask_micro_usd: ask, last_micro_usd: pick([bid, ask]) },
      { ...no, bid_micro_usd: 1_000_000 - ask, ask_micro_usd: 1_000_000 - bid, last_micro_usd: 1_000_000 - bid },
    ];
    this.bot({ events: this.snapshot.bot.events + 7 });
    this.emit({ kind: "market", data: it });
  }

  private quote(): void {
    if (this.snapshot.orders.length > 22) this.cancel(pick(this.snapshot.orders).id);
    const it = pick(this.snapshot.markets);
    const token = pick(it.tokens);
    const side = pick<SideView>(["BUY", "SELL"]);
    const price = (side === "BUY" ? token.bid_micro_usd : token.ask_micro_usd) ?? 500_000;
    this.orderId += 1;
    const now = Date.now();
    const order: OrderView = {
      id: this.orderId, venue_id: `0x${this.orderId.toString(16).padStart(64, "7")}`, strategy: "quoter", token: token.token, market: it.slug, outcome: token.outcome, side, kind: "GTC", price_micro_usd: price, size_micros: pick([20, 50, 100]) * 1_000_000, filled_micros: 0, state: pick<OrderStateView>(["live", "live", "live", "live", "pending", "partly_filled"]), is_over: false, reason: "quote", created_at_ms: now, updated_at_ms: now,
    };
    if (order.state === "partly_filled") order.filled_micros = order.size_micros / 4;
    this.snapshot.orders.push(order);
    this.emit({ kind: "order", data: order });
  }

  private fill(): void {
    const order = pick(this.snapshot.orders);
    if (order === undefined) return;
    this.close(order, "filled");
    this.tradeId += 1;
    const cost = (order.price_micro_usd * order.size_micros) / 1_000_000;
    const trade: TradeView = { id: `${this.tradeId}/0`, order: order.id, at_ms: Date.now(), strategy: order.strategy, token: order.token, market: order.market, outcome: order.outcome, side: order.side, price_micro_usd: order.price_micro_usd, size_micros: order.size_micros, cost_micro_usd: cost, fee_micro_usd: 1_250, maker: true, settlement: "matched" };
    this.snapshot.trades = [trade, ...this.snapshot.trades].slice(0, 100);
    this.emit({ kind: "trade", data: trade });
    const settling = this.snapshot.trades[6];
    if (settling !== undefined) {
      settling.settlement = "confirmed";
      this.emit({ kind: "trade", data: settling });
    }
    this.hold(order, cost);
    const strategy = this.snapshot.strategies[0];
    if (strategy === undefined) return;
    Object.assign(strategy, { events: strategy.events + 61, intents: strategy.intents + 3, orders: strategy.orders + 2, fills: strategy.fills + 1, log: `info: filled ${order.side} ${order.outcome} at ${order.price_micro_usd}, inventory skew −0.004` });
    this.emit({ kind: "strategy", data: strategy });
  }

  private hold(order: OrderView, cost: number): void {
    const { snapshot } = this;
    const known = snapshot.positions.find((it) => it.token === order.token);
    const question = snapshot.markets.find((it) => it.slug === order.market)?.question ?? "";
    const next = known ?? { token: order.token, market: order.market, question, outcome: order.outcome, size_micros: 0, cost_micro_usd: 0, bid_micro_usd: null, pays_micro_usd: null, value_micro_usd: 0, realised_micro_usd: 0, unrealised_micro_usd: 0, owners: [] };
    if (order.side === "BUY") {
      next.size_micros += order.size_micros;
      next.cost_micro_usd += cost;
    } else {
      const sold = Math.min(order.size_micros, next.size_micros);
      next.realised_micro_usd += Math.round((Math.random() - 0.42) * 3_000_000);
      next.cost_micro_usd = next.size_micros === 0 ? 0 : Math.round((next.cost_micro_usd * (next.size_micros - sold)) / next.size_micros);
      next.size_micros -= sold;
    }
    next.bid_micro_usd = this.token(order.token)?.bid_micro_usd ?? null;
    next.value_micro_usd = Math.round((next.size_micros * (next.bid_micro_usd ?? 0)) / 1_000_000);
    next.unrealised_micro_usd = next.value_micro_usd - next.cost_micro_usd;
    snapshot.positions = [...snapshot.positions.filter((it) => it !== known), ...(next.size_micros > 0 ? [next] : [])];
    this.emit({ kind: "position", data: next });
  }

  private value(): void {
    const { snapshot } = this;
    const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
    const realised = snapshot.pnl.realised_micro_usd + Math.round((Math.random() - 0.45) * 300_000);
    const unrealised = sum(snapshot.positions.map((it) => it.unrealised_micro_usd));
    const positions = sum(snapshot.positions.map((it) => it.value_micro_usd));
    const cash = CASH + realised - sum(snapshot.positions.map((it) => it.cost_micro_usd));
    const fees = snapshot.trades.length * 1_250;
    const reserved = sum(snapshot.orders.filter((it) => it.side === "BUY").map((it) => (it.price_micro_usd * it.size_micros) / 1_000_000));
    snapshot.pnl = { at_ms: Date.now(), cash_micro_usd: cash, reserved_micro_usd: reserved, positions_micro_usd: positions, portfolio_micro_usd: cash + positions, realised_micro_usd: realised, unrealised_micro_usd: unrealised, fees_micro_usd: fees, profit_micro_usd: realised + unrealised - fees, today_micro_usd: realised + unrealised - fees };
    snapshot.history = [...snapshot.history, { at_ms: snapshot.pnl.at_ms, profit_micro_usd: snapshot.pnl.profit_micro_usd }].slice(-1_440);
    this.emit({ kind: "pnl", data: snapshot.pnl });
  }

  private refuse(): void {
    const it = pick(this.snapshot.markets);
    const [rule, value, limit] = pick<[string, number, number]>([["max_order_usd", 120_000_000, 100_000_000], ["max_open_orders", 201, 200], ["shares", 50_000_000, 20_000_000], ["tick", 532_500, 10_000]]);
    const data = { at_ms: Date.now(), last_at_ms: Date.now(), count: 1, strategy: "quoter", rule, market: it.slug, outcome: "Yes", value, limit, text: `${rule}: ${value} is over the limit ${limit}` };
    this.snapshot.refusals = [data, ...this.snapshot.refusals].slice(0, 50);
    this.emit({ kind: "refusal", data });
  }

  private breaker(name: string, tripped: boolean): void {
    const it = this.snapshot.breakers.find((other) => other.name === name);
    if (it === undefined) return;
    Object.assign(it, { tripped, reason: tripped ? "no proof of life for 61 s, the limit is 60 s" : "", markets: tripped ? ["rain-in-oslo"] : [], since_ms: tripped ? Date.now() : null });
    this.emit({ kind: "breaker", data: it });
  }

  private cancelAll(): void {
    for (const it of [...this.snapshot.orders]) this.close(it, "cancelled");
  }

  private cancel(id: number): void {
    const order = this.snapshot.orders.find((it) => it.id === id);
    if (order !== undefined) this.close(order, "cancelled");
  }

  private close(order: OrderView, state: "filled" | "cancelled"): void {
    this.snapshot.orders = this.snapshot.orders.filter((it) => it !== order);
    this.emit({ kind: "order", data: { ...order, state, is_over: true } });
  }

  private token(id: string): TokenView | undefined {
    return this.snapshot.markets.flatMap((it) => it.tokens).find((it) => it.token === id);
  }
}

function market(slug: string, question: string, outcomes: string[], place: number): MarketView {
  const bid = 300_000 + place * 70_000;
  const token = (outcome: string, at: number): TokenView => ({ token: `${place}${at}`, outcome, bid_micro_usd: bid, ask_micro_usd: bid + TICK, last_micro_usd: bid });
  return { slug, question, condition: `0x${place}`, state: place === 4 ? "blind" : "open", tick_micro_usd: TICK, tokens: outcomes.map(token) };
}

function walk(now: number): Snapshot["history"] {
  let profit = -1_500_000;
  const points = Array.from({ length: 750 }, (_, place) => {
    profit += Math.round((Math.random() - 0.49) * 260_000);
    return { at_ms: now - (750 - place) * 1_000, profit_micro_usd: profit };
  });
  // The history ends at zero, where the valuations begin.
  return points.map((it) => ({ ...it, profit_micro_usd: it.profit_micro_usd - profit }));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T;
}
