import { useMemo } from "preact/hooks";
import { exposures, type Exposure } from "../exposure";
import { useSnapshot } from "../live";
import { percent } from "../money";
import { MarketName, Money, Panel } from "../ui/basics";
import { Table, type Column } from "../ui/table";
import { ClaimsPanel } from "./panels/claims";
import { PositionsPanel } from "./panels/positions";

export function ExposurePage() {
  const positions = useSnapshot((it) => it.positions);
  const orders = useSnapshot((it) => it.orders);
  const portfolio = useSnapshot((it) => it.pnl.portfolio_micro_usd);
  const rows = useMemo(() => exposures(positions, orders), [positions, orders]);
  const total = rows.reduce((sum, it) => sum + it.total_micro_usd, 0);
  const columns: Column<Exposure>[] = [
    { head: "Market", wide: true, cell: (it) => <MarketName slug={it.market} /> },
    { head: "Shares at cost", right: true, minor: true, cell: (it) => <Money micros={it.held_micro_usd} /> },
    { head: "Open BUY orders", right: true, minor: true, cell: (it) => <Money micros={it.bids_micro_usd} /> },
    { head: "Orders", right: true, minor: true, cell: (it) => it.orders },
    { head: "Total", right: true, cell: (it) => <Money micros={it.total_micro_usd} /> },
    { head: "Of portfolio", right: true, cell: (it) => <Share part={it.total_micro_usd} whole={portfolio} /> },
  ];
  const aside = (
    <span class="dim">
      <Money micros={total} /> at risk, {percent(total, portfolio)} of <Money micros={portfolio} />
    </span>
  );
  return (
    <>
      <h1 class="unseen">Exposure</h1>
      <div class="grid">
        <Panel title="Exposure by market" total={rows.length} class="w12" aside={aside}>
          <Table
            label="Exposure by market"
            columns={columns}
            rows={rows}
            rowKey={(it) => it.market}
            empty="There are no positions and no open BUY orders."
          />
        </Panel>
        <PositionsPanel class="w12" />
        <ClaimsPanel class="w12" />
      </div>
    </>
  );
}

function Share({ part, whole }: { part: number; whole: number }) {
  return (
    <span class="share">
      <meter min={0} max={Math.max(whole, 1)} value={Math.min(part, Math.max(whole, 1))} aria-hidden="true" />
      {percent(part, whole)}
    </span>
  );
}
