import { useMemo, useState } from "preact/hooks";
import type { PnlPoint } from "../../generated/PnlPoint";
import { useSnapshot } from "../../live";
import { Empty, Money, Panel, Time } from "../../ui/basics";
import { ProfitPlot } from "../../ui/plot";

const SPANS = [
  ["5 min", 5 * 60_000],
  ["1 h", 60 * 60_000],
  ["All", Number.POSITIVE_INFINITY],
] as const;

export function ProfitPanel({ class: extra }: { class: string }) {
  const history = useSnapshot((it) => it.history);
  const [length_ms, setLength] = useState<number>(Number.POSITIVE_INFINITY);
  const [pointed, setPointed] = useState<PnlPoint | null>(null);
  const points = useMemo(() => recent(history, length_ms), [history, length_ms]);
  const shown = pointed ?? points.at(-1);
  const aside = (
    <div class="choices" role="group" aria-label="Span of the plot">
      {SPANS.map(([name, ms]) => (
        <button key={name} type="button" aria-pressed={length_ms === ms} onClick={() => setLength(ms)}>
          {name}
        </button>
      ))}
    </div>
  );
  return (
    <Panel title="Profit" class={`profit ${extra}`} aside={aside}>
      {shown === undefined ? (
        <Empty>The first point appears within a second of the start.</Empty>
      ) : (
        <>
          <p class="headline">
            <Money micros={shown.profit_micro_usd} signed />
            <span class="note">
              realised and unrealised less fees, all sessions · <Time ms={shown.at_ms} />
            </span>
          </p>
          <ProfitPlot points={points} onPoint={setPointed} />
        </>
      )}
    </Panel>
  );
}

function recent(history: PnlPoint[], length_ms: number): PnlPoint[] {
  const last = history.at(-1);
  if (last === undefined || length_ms === Number.POSITIVE_INFINITY) return history;
  return history.filter((it) => it.at_ms >= last.at_ms - length_ms);
}
