import { useMemo } from "preact/hooks";
import type { OrderStateView } from "../../generated/OrderStateView";
import type { OrderView } from "../../generated/OrderView";
import { useMayTrade, useSnapshot } from "../../live";
import { price, shares } from "../../money";
import { perform } from "../../notices";
import { MarketOutcome, Panel, Pill, Side, Time, type Tone } from "../../ui/basics";
import { ConfirmButton } from "../../ui/confirm";
import { Table, type Column } from "../../ui/table";

const STATE_TONES: Record<OrderStateView, Tone> = {
  pending: "idle",
  live: "good",
  partly_filled: "info",
  filled: "idle",
  cancelled: "idle",
  refused: "idle",
  unknown: "bad",
};

const BRIEF: Column<OrderView>[] = [
  { head: "Market", wide: true, cell: (it) => <MarketOutcome slug={it.market} outcome={it.outcome} /> },
  { head: "Side", cell: (it) => <Side side={it.side} /> },
  { head: "Price", right: true, cell: (it) => price(it.price_micro_usd) },
  { head: "Size", right: true, cell: (it) => shares(it.size_micros) },
  { head: "Filled", right: true, minor: true, cell: (it) => shares(it.filled_micros) },
  { head: "State", minor: true, cell: (it) => <OrderState order={it} /> },
  { head: "Strategy", minor: true, cell: (it) => it.strategy },
];

const FULL: Column<OrderView>[] = [
  ...BRIEF,
  { head: "Kind", minor: true, cell: (it) => it.kind },
  { head: "Since", right: true, minor: true, cell: (it) => <Time ms={it.created_at_ms} /> },
];

function OrderState({ order }: { order: OrderView }) {
  const about = [`order ${order.id}, ${order.kind}`, order.venue_id, order.reason].filter((it) => it !== "").join("\n");
  return (
    <Pill tone={STATE_TONES[order.state] ?? "idle"} title={about}>
      {order.state.replaceAll("_", " ")}
    </Pill>
  );
}

export function OrdersPanel({ class: extra = "", brief = false }: { class?: string; brief?: boolean }) {
  const orders = useSnapshot((it) => it.orders);
  const may = useMayTrade();
  const rows = useMemo(() => orders.toSorted(byPlace), [orders]);
  const columns = useMemo(() => [...(brief ? BRIEF : FULL), cancelColumn(may)], [brief, may]);
  const aside = (
    <ConfirmButton
      label="Cancel all orders"
      confirm="Cancel all?"
      class="small"
      disabled={!may || orders.length === 0}
      onConfirm={() => perform({ kind: "cancel_all" })}
    >
      Cancel all
    </ConfirmButton>
  );
  return (
    <Panel title="Open orders" total={orders.length} class={`orders ${extra}`} aside={aside}>
      <Table label="Open orders" columns={columns} rows={rows} rowKey={(it) => it.id} rowClass={(it) => it.state} empty="No orders are open." />
    </Panel>
  );
}

function cancelColumn(may: boolean): Column<OrderView> {
  return {
    head: "",
    right: true,
    cell: (it) => (
      <ConfirmButton
        label={`Cancel order ${it.id}`}
        confirm="Sure?"
        class="small"
        disabled={!may}
        onConfirm={() => perform({ kind: "cancel_order", id: it.id })}
      >
        Cancel
      </ConfirmButton>
    ),
  };
}

/** Compares by market, outcome and price, as in an order book, so that a row moves only when its own order changes. */
function byPlace(a: OrderView, b: OrderView): number {
  return (
    a.market.localeCompare(b.market) ||
    a.outcome.localeCompare(b.outcome) ||
    b.price_micro_usd - a.price_micro_usd ||
    a.id - b.id
  );
}
