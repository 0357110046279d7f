import type { PositionView } from "../../generated/PositionView";
import { useSnapshot } from "../../live";
import { shares } from "../../money";
import { MarketOutcome, Money, MovingPrice, Panel, Pill } from "../../ui/basics";
import { Table, type Column } from "../../ui/table";

const COLUMNS: Column<PositionView>[] = [
  { head: "Market", wide: true, cell: (it) => <MarketOutcome slug={it.market} outcome={it.outcome} /> },
  { head: "Owner", minor: true, cell: (it) => <Owners position={it} /> },
  { head: "Shares", right: true, cell: (it) => shares(it.size_micros) },
  {
    head: "Bid",
    right: true,
    cell: (it) =>
      it.pays_micro_usd === null ? (
        <MovingPrice micros={it.bid_micro_usd} />
      ) : (
        <Pill tone="good" title="The outcome is known: this is what a share pays.">
          pays <Money micros={it.pays_micro_usd} />
        </Pill>
      ),
  },
  { head: "Cost", right: true, minor: true, cell: (it) => <Money micros={it.cost_micro_usd} /> },
  { head: "Value", right: true, cell: (it) => <Money micros={it.value_micro_usd} /> },
  { head: "Realised", right: true, minor: true, cell: (it) => <Money micros={it.realised_micro_usd} signed /> },
  { head: "Unrealised", right: true, cell: (it) => <Money micros={it.unrealised_micro_usd} signed /> },
];

/** The owners of the shares; a strategy that does not run is highlighted. */
function Owners({ position }: { position: PositionView }) {
  return (
    <span class="line">
      {position.owners.map((it) =>
        it.orphaned ? (
          <Pill key={it.strategy} tone="warn" title={`${it.strategy} does not run: the guards watch its ${shares(it.size_micros)} shares until they are closed or reallocated (polytrader positions assign).`}>
            {it.strategy} orphaned
          </Pill>
        ) : (
          <span key={it.strategy} title={`${shares(it.size_micros)} shares`}>
            {it.strategy}
          </span>
        ),
      )}
    </span>
  );
}

export function PositionsPanel({ class: extra = "" }: { class?: string }) {
  const positions = useSnapshot((it) => it.positions);
  // Guards do not act in these states.
  const unguarded = useSnapshot((it) => it.bot.state === "STOPPED" || it.bot.restriction === "halted");
  const aside =
    unguarded && positions.length > 0 ? (
      <Pill tone="warn" title="Stop-loss and take-profit do not act while the bot is stopped or halted.">
        UNGUARDED
      </Pill>
    ) : null;
  return (
    <Panel title="Positions" total={positions.length} class={extra} aside={aside}>
      <Table
        label="Positions"
        columns={COLUMNS}
        rows={positions}
        rowKey={(it) => it.token}
        empty="No shares are held."
      />
    </Panel>
  );
}
