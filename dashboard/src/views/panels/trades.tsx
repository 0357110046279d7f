import type { SettlementView } from "../../generated/SettlementView";
import type { TradeView } from "../../generated/TradeView";
import { useSnapshot } from "../../live";
import { price, shares } from "../../money";
import { MarketOutcome, Money, Panel, Pill, Side, Time, type Tone } from "../../ui/basics";
import { Table, type Column } from "../../ui/table";

const TONES: Record<SettlementView, Tone> = { matched: "idle", mined: "info", confirmed: "good", retrying: "warn", failed: "bad" };

const COMMON: Column<TradeView>[] = [
  { head: "Time", cell: (it) => <Time ms={it.at_ms} /> },
  { head: "Market", wide: true, cell: (it) => <MarketOutcome slug={it.market} outcome={it.outcome} /> },
  { head: "Side", cell: (it) => <Side side={it.side} /> },
  { head: "Price", right: true, cell: (it) => price(it.price_micro_usd) },
  { head: "Shares", right: true, cell: (it) => shares(it.size_micros) },
];

const BRIEF: Column<TradeView>[] = [
  ...COMMON,
  { head: "", minor: true, cell: (it) => <SettlementDot trade={it} /> },
];

const FULL: Column<TradeView>[] = [
  ...COMMON,
  { head: "Settlement", cell: (it) => <Settlement trade={it} /> },
  { head: "Cost", right: true, cell: (it) => <Money micros={it.cost_micro_usd} /> },
  { head: "Fee", right: true, minor: true, cell: (it) => <Money micros={it.fee_micro_usd} /> },
  { head: "Role", minor: true, cell: (it) => (it.maker ? "maker" : "taker") },
  { head: "Strategy", minor: true, cell: (it) => it.strategy },
  { head: "Order", right: true, minor: true, cell: (it) => it.order },
];

function Settlement({ trade }: { trade: TradeView }) {
  return (
    <Pill tone={TONES[trade.settlement] ?? "idle"} title={trade.id}>
      {trade.settlement}
    </Pill>
  );
}

function SettlementDot({ trade: { settlement } }: { trade: TradeView }) {
  return <i class={`dot ${TONES[settlement] ?? "idle"}`} role="img" aria-label={settlement} title={settlement} />;
}

export function TradesPanel({ class: extra = "", brief = false }: { class?: string; brief?: boolean }) {
  const trades = useSnapshot((it) => it.trades);
  return (
    <Panel title="Latest trades" total={trades.length} class={`trades ${extra}`}>
      <Table
        label="Latest trades"
        columns={brief ? BRIEF : FULL}
        rows={trades}
        rowKey={(it) => it.id}
        empty="Nothing has traded yet."
      />
    </Panel>
  );
}
