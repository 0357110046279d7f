import type { StrategyView } from "../../generated/StrategyView";
import { useSnapshot } from "../../live";
import { count, exactUsd } from "../../money";
import { PageLink } from "../../router";
import { isWrong, says, toneOf } from "../../strategies";
import { Money, Panel, Pill } from "../../ui/basics";
import { type Column, Table } from "../../ui/table";

export const NO_STRATEGIES = "None is loaded. Drop a .wasm file into the strategies folder.";

const COLUMNS: Column<StrategyView>[] = [
  {
    head: "Name",
    cell: (it) => (
      <PageLink to={`/strategies#${it.name}`} current={false}>
        {it.name}
      </PageLink>
    ),
  },
  { head: "State", cell: (it) => <StrategyState strategy={it} /> },
  { head: "Profit", right: true, cell: (it) => <Profit strategy={it} /> },
  { head: "Today", right: true, cell: (it) => <Money micros={it.today_micro_usd} signed /> },
  { head: "Fills", right: true, cell: (it) => count(it.fills) },
  { head: "Says", wide: true, minor: true, cell: (it) => <Says strategy={it} /> },
];

export function StrategyState({ strategy }: { strategy: StrategyView }) {
  return (
    <Pill tone={toneOf(strategy.state)} title={strategy.error || strategy.description}>
      {strategy.state}
    </Pill>
  );
}

/** A strategy's total profit; hovering shows its parts. */
export function Profit({ strategy }: { strategy: StrategyView }) {
  const parts = [
    `realised ${exactUsd(strategy.realised_micro_usd)}`,
    `unrealised ${exactUsd(strategy.unrealised_micro_usd)}`,
    `fees ${exactUsd(strategy.fees_micro_usd)}`,
  ];
  return (
    <span title={parts.join("\n")}>
      <Money micros={strategy.profit_micro_usd} signed />
    </span>
  );
}

export function Says({ strategy }: { strategy: StrategyView }) {
  return (
    <span class={isWrong(strategy) ? "failure" : "dim"} title={says(strategy)}>
      {says(strategy)}
    </span>
  );
}

export function StrategiesPanel({ class: extra = "" }: { class?: string }) {
  const strategies = useSnapshot((it) => it.strategies);
  return (
    <Panel title="Strategies" total={strategies.length} class={`strategies ${extra}`}>
      <Table label="Strategies" columns={COLUMNS} rows={strategies} rowKey={(it) => it.name} empty={NO_STRATEGIES} />
    </Panel>
  );
}
