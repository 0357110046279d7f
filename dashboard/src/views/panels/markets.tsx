import { useMemo } from "preact/hooks";
import type { MarketStateView } from "../../generated/MarketStateView";
import type { MarketView } from "../../generated/MarketView";
import type { TokenView } from "../../generated/TokenView";
import { useSnapshot } from "../../live";
import { NONE, price } from "../../money";
import { MovingPrice, Panel, Pill, type Tone } from "../../ui/basics";
import { Table, type Column } from "../../ui/table";

const TONES: Record<MarketStateView, Tone> = { open: "good", blind: "warn", paused: "warn", resolved: "idle" };

interface Line {
  market: MarketView;
  token: TokenView;
  first: boolean;
}

const COLUMNS: Column<Line>[] = [
  { head: "Market", wide: true, cell: ({ market, first }) => (first ? <Name market={market} /> : null) },
  { head: "State", minor: true, cell: ({ market, first }) => (first ? <Pill tone={TONES[market.state] ?? "idle"}>{market.state}</Pill> : null) },
  { head: "Outcome", cell: ({ token }) => <span class="outcome">{token.outcome}</span> },
  { head: "Bid", right: true, cell: ({ token }) => <MovingPrice micros={token.bid_micro_usd} /> },
  { head: "Ask", right: true, cell: ({ token }) => <MovingPrice micros={token.ask_micro_usd} /> },
  { head: "Spread", right: true, minor: true, cell: ({ token }) => spread(token) },
  { head: "Last", right: true, cell: ({ token }) => <MovingPrice micros={token.last_micro_usd} /> },
  { head: "Tick", right: true, minor: true, cell: ({ market, first }) => (first ? price(market.tick_micro_usd) : null) },
];

function Name({ market }: { market: MarketView }) {
  return (
    <span class="market" title={`${market.slug}\n${market.condition}`}>
      {market.question || market.slug}
    </span>
  );
}

function spread({ bid_micro_usd: bid, ask_micro_usd: ask }: TokenView): string {
  return bid === null || ask === null ? NONE : ask < bid ? "crossed" : price(ask - bid);
}

export function MarketsPanel({ class: extra = "" }: { class?: string }) {
  const markets = useSnapshot((it) => it.markets);
  const lines = useMemo(
    () => markets.flatMap((market) => market.tokens.map((token, place) => ({ market, token, first: place === 0 }))),
    [markets],
  );
  return (
    <Panel title="Markets" total={markets.length} class={`markets ${extra}`}>
      <Table
        label="Markets"
        columns={COLUMNS}
        rows={lines}
        rowKey={(it) => it.token.token}
        rowClass={(it) => (it.first ? "first" : "")}
        empty="No market is watched yet."
      />
    </Panel>
  );
}
