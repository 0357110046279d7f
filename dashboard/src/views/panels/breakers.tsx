import type { BreakerView } from "../../generated/BreakerView";
import { questionOf, useMayTrade, useSnapshot } from "../../live";
import { perform } from "../../notices";
import { Empty, Panel, Pill, Time } from "../../ui/basics";
import { ConfirmButton } from "../../ui/confirm";

export function BreakersPanel({ class: extra = "" }: { class?: string }) {
  const breakers = useSnapshot((it) => it.breakers);
  const tripped = breakers.filter((it) => it.tripped).length;
  const aside = tripped > 0 ? <Pill tone="bad">{tripped} TRIPPED</Pill> : <Pill tone="good">all closed</Pill>;
  return (
    <Panel title="Circuit breakers" class={`breakers ${extra}`} aside={breakers.length === 0 ? null : aside}>
      {breakers.length === 0 ? (
        <Empty>The host reports no breakers.</Empty>
      ) : (
        <ul>
          {breakers.map((it) => (
            <Breaker key={it.name} breaker={it} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Breaker({ breaker }: { breaker: BreakerView }) {
  const may = useMayTrade();
  if (!breaker.tripped) {
    return (
      <li class="closed">
        <i aria-hidden="true" />
        <span>{breaker.name}</span>
        <span class="unseen">closed</span>
      </li>
    );
  }
  const markets = breaker.markets.map(questionOf);
  return (
    <li class="tripped">
      <i aria-hidden="true" />
      <div>
        <strong>{breaker.name}</strong> tripped
        {breaker.since_ms === null ? null : (
          <>
            {" "}
            at <Time ms={breaker.since_ms} />
          </>
        )}
        <p>{breaker.reason}</p>
        {markets.length === 0 ? null : (
          <p class="dim" title={markets.join("\n")}>
            {markets.length === 1 ? markets[0] : `${markets.length} markets`}
          </p>
        )}
        {breaker.strategies.length === 0 ? null : <p class="dim">{breaker.strategies.join(", ")}</p>}
      </div>
      <ConfirmButton
        label={`Reset ${breaker.name}`}
        confirm="Sure?"
        class="small"
        disabled={!may}
        onConfirm={() => perform({ kind: "reset_breaker", name: breaker.name })}
      >
        Reset
      </ConfirmButton>
    </li>
  );
}
