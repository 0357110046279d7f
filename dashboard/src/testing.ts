// Test values for the unit tests.

import type { BotView } from "./generated/BotView";
import type { ClaimView } from "./generated/ClaimView";
import type { OrderView } from "./generated/OrderView";
import type { PnlView } from "./generated/PnlView";
import type { PositionView } from "./generated/PositionView";
import type { RecordsView } from "./generated/RecordsView";
import type { RefusalView } from "./generated/RefusalView";
import type { Snapshot } from "./generated/Snapshot";
import type { StrategyView } from "./generated/StrategyView";
import type { TradeView } from "./generated/TradeView";

export function bot(change: Partial<BotView> = {}): BotView {
  return {
    state: "RUNNING",
    restriction: "none",
    reason: "",
    mode: "demo",
    session: 1,
    started_at_ms: 1_000,
    market_channel_up: true,
    user_channel_up: true,
    events: 0,
    restrictions: [],
    unstored: [],
    ...change,
  };
}

export function pnl(change: Partial<PnlView> = {}): PnlView {
  return {
    at_ms: 2_000,
    cash_micro_usd: 0,
    reserved_micro_usd: 0,
    positions_micro_usd: 0,
    portfolio_micro_usd: 0,
    realised_micro_usd: 0,
    unrealised_micro_usd: 0,
    fees_micro_usd: 0,
    profit_micro_usd: 0,
    today_micro_usd: 0,
    ...change,
  };
}

export function order(id: number, change: Partial<OrderView> = {}): OrderView {
  return {
    id,
    venue_id: `0x${id}`,
    strategy: "quoter",
    token: "1",
    market: "m",
    outcome: "Yes",
    side: "BUY",
    kind: "GTC",
    price_micro_usd: 500_000,
    size_micros: 10_000_000,
    filled_micros: 0,
    state: "live",
    is_over: false,
    reason: "",
    created_at_ms: 1_500,
    updated_at_ms: 1_500,
    ...change,
  };
}

export function position(token: string, change: Partial<PositionView> = {}): PositionView {
  return {
    token,
    market: "m",
    question: "Does it?",
    outcome: "Yes",
    size_micros: 10_000_000,
    cost_micro_usd: 5_000_000,
    bid_micro_usd: 500_000,
    pays_micro_usd: null,
    value_micro_usd: 5_000_000,
    realised_micro_usd: 0,
    unrealised_micro_usd: 0,
    owners: [],
    ...change,
  };
}

export function trade(id: string, change: Partial<TradeView> = {}): TradeView {
  return {
    id,
    order: 1,
    at_ms: 1_800,
    strategy: "quoter",
    token: "1",
    market: "m",
    outcome: "Yes",
    side: "BUY",
    price_micro_usd: 500_000,
    size_micros: 10_000_000,
    cost_micro_usd: 5_000_000,
    fee_micro_usd: 0,
    maker: true,
    settlement: "matched",
    ...change,
  };
}

export function refusal(at_ms: number, change: Partial<RefusalView> = {}): RefusalView {
  return {
    at_ms,
    last_at_ms: at_ms,
    count: 1,
    strategy: "quoter",
    rule: "max_order_usd",
    market: "m",
    outcome: "Yes",
    value: 120_000_000,
    limit: 100_000_000,
    text: "max_order_usd: 120000000 is over the limit 100000000",
    ...change,
  };
}

export function claim(change: Partial<ClaimView> = {}): ClaimView {
  return {
    kind: "redeem",
    market: "m",
    outcome: "Yes",
    size_micros: 10_000_000,
    worth_micro_usd: 10_000_000,
    to: "0xada2",
    data: "0x01b7037c",
    state: "",
    state_reason: "",
    transaction: "",
    how: "here",
    executable: true,
    ...change,
  };
}

export function records(change: Partial<RecordsView> = {}): RecordsView {
  return {
    status: "ok",
    read_at_ms: 1_000,
    error: "",
    differences: [],
    waiting: 0,
    elsewhere: 0,
    unknown_kinds: [],
    unknown_fields: 0,
    unreadable: 0,
    ...change,
  };
}

const NO_BUDGET = { capital_micro_usd: null, daily_loss_micro_usd: null, orders_per_minute: null };

export function strategy(change: Partial<StrategyView> = {}): StrategyView {
  return {
    name: "quoter",
    state: "running",
    error: "",
    hash: "0a1b",
    file_hash: "0a1b",
    version: "1.0.0",
    description: "",
    instance: 1,
    markets: 1,
    events: 0,
    intents: 0,
    orders: 0,
    fills: 0,
    refusals: 0,
    realised_micro_usd: 0,
    unrealised_micro_usd: 0,
    fees_micro_usd: 0,
    profit_micro_usd: 0,
    today_micro_usd: 0,
    fuel: 0,
    fuel_limit: 50_000_000,
    intents_a_second_limit: 525,
    log_lines_lost: 0,
    log: "",
    loaded_at_ms: 1_000,
    armed_hash: "",
    armed_budget: NO_BUDGET,
    budget: NO_BUDGET,
    bounded: "",
    ...change,
  };
}

export function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    seq: 10,
    bot: bot(),
    pnl: pnl(),
    history: [],
    positions: [],
    orders: [],
    trades: [],
    refusals: [],
    strategies: [],
    breakers: [],
    skipped_files: [],
    markets: [],
    ...change,
  };
}
