// The loss in each market if every share became worthless: a simple sum for display. The limits use the risk gate's own figure,
// which nets YES against NO.

import type { OrderView } from "./generated/OrderView";
import type { PositionView } from "./generated/PositionView";
import { costCeil } from "./money";

export interface Exposure {
  market: string;
  /** Cost of the shares held. */
  held_micro_usd: number;
  /** Remaining cost of open BUY orders, without fees. */
  bids_micro_usd: number;
  total_micro_usd: number;
  orders: number;
}

/** Returns the exposure of each market with shares or open orders, the largest first. */
export function exposures(positions: PositionView[], orders: OrderView[]): Exposure[] {
  const markets = new Map<string, Exposure>();
  const of = (market: string): Exposure => {
    const known = markets.get(market) ?? { market, held_micro_usd: 0, bids_micro_usd: 0, total_micro_usd: 0, orders: 0 };
    markets.set(market, known);
    return known;
  };
  for (const it of positions) of(it.market).held_micro_usd += it.cost_micro_usd;
  for (const it of orders) {
    const exposure = of(it.market);
    exposure.orders += 1;
    const open = Math.max(0, it.size_micros - it.filled_micros);
    if (it.side === "BUY") exposure.bids_micro_usd += costCeil(it.price_micro_usd, open);
  }
  for (const it of markets.values()) it.total_micro_usd = it.held_micro_usd + it.bids_micro_usd;
  return [...markets.values()].toSorted((a, b) => b.total_micro_usd - a.total_micro_usd || a.market.localeCompare(b.market));
}
