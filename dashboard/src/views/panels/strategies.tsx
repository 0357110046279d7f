import type { StrategyView } from "../../generated/StrategyView";
import { useSnapshot } from "../../live";
import { count } from "../../money";
import { Empty, Panel, Pill, type Tone } from "../../ui/basics";

/** What each state of a strategy looks like. */
export const TONES: Record<string, Tone> = { running: "good", failed: "bad", quarantined: "bad", restarting: "warn", unarmed: "warn", replacing: "info", removed: "idle" };

export function StrategiesPanel({ class: extra = "" }: { class?: string }) {
  const strategies = useSnapshot((it) => it.strategies);
  return (
    <Panel title="Strategies" total={strategies.length} class={`strategies ${extra}`}>
      {strategies.length === 0 ? (
        <Empty>None is loaded. Drop a .wasm file into the strategies folder.</Empty>
      ) : (
        <ul class="cards">
          {strategies.map((it) => (
            <Strategy key={it.name} strategy={it} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Strategy({ strategy }: { strategy: StrategyView }) {
  return (
    <li>
      <div class="line">
        <strong title={strategy.description}>{strategy.name}</strong>
        <span class="dim" title={`SHA-256 ${strategy.hash}, instance ${strategy.instance}`}>
          {strategy.version} · {strategy.hash.slice(0, 8)}
        </span>
        <Pill tone={TONES[strategy.state] ?? "idle"}>{strategy.state}</Pill>
      </div>
      <dl class="counts">
        <Count name="markets" value={strategy.markets} />
        <Count name="events" value={strategy.events} />
        <Count name="intents" value={strategy.intents} />
        <Count name="orders" value={strategy.orders} />
        <Count name="fills" value={strategy.fills} />
        <Count name="refused" value={strategy.refusals} />
        <Count name="fuel" value={strategy.fuel} title="Fuel of the last call" />
      </dl>
      {strategy.error === "" ? null : <p class="failure">{strategy.error}</p>}
      {strategy.log === "" ? null : (
        <p class="log" title={strategy.log}>
          {strategy.log}
        </p>
      )}
    </li>
  );
}

function Count({ name, value, title }: { name: string; value: number; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{count(value)}</dd>
    </div>
  );
}
