import { useMemo } from "preact/hooks";
import { useSnapshot } from "../../live";
import { ruleAmount } from "../../money";
import { collapse, type Repeated } from "../../refusals";
import { MarketOutcome, Panel, Time } from "../../ui/basics";
import { Table, type Column } from "../../ui/table";

const BRIEF: Column<Repeated>[] = [
  { head: "Time", cell: ({ refusal }) => <Time ms={refusal.last_at_ms} /> },
  { head: "Rule", cell: (it) => <Rule repeated={it} /> },
  { head: "Value", right: true, cell: ({ refusal }) => ruleAmount(refusal.rule, refusal.value) },
  { head: "Limit", right: true, cell: ({ refusal }) => ruleAmount(refusal.rule, refusal.limit) },
  { head: "Market", wide: true, minor: true, cell: ({ refusal }) => <MarketOutcome slug={refusal.market} outcome={refusal.outcome} /> },
];

const FULL: Column<Repeated>[] = [
  ...BRIEF,
  { head: "Strategy", minor: true, cell: ({ refusal }) => refusal.strategy },
];

function Rule({ repeated: { refusal, times } }: { repeated: Repeated }) {
  return (
    <span class="rule" title={`${refusal.strategy}: ${refusal.text}`}>
      <code>{refusal.rule}</code>
      {times > 1 ? <span class="times">×{times}</span> : null}
    </span>
  );
}

export function RefusalsPanel({ class: extra = "", brief = false }: { class?: string; brief?: boolean }) {
  const refusals = useSnapshot((it) => it.refusals);
  const rows = useMemo(() => collapse(refusals), [refusals]);
  return (
    <Panel title="Refusals" total={refusals.length} class={`refusals ${extra}`}>
      <Table
        label="Refusals"
        columns={brief ? BRIEF : FULL}
        rows={rows}
        rowKey={(it) => it.key}
        empty="The risk gate has refused nothing."
      />
    </Panel>
  );
}
