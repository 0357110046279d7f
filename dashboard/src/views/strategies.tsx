import { useEffect, useState } from "preact/hooks";
import { fetchParameters, fetchVersions, type StrategyWord } from "../api";
import type { StrategyVersionView } from "../generated/StrategyVersionView";
import type { StrategyView } from "../generated/StrategyView";
import { useMayConfigure, useMayTrade, useSnapshot } from "../live";
import { count } from "../money";
import { perform } from "../notices";
import { type Field, fields, typed } from "../parameters";
import { Empty, Panel, Pill, Time } from "../ui/basics";
import { ConfirmButton } from "../ui/confirm";
import { type Column, Table } from "../ui/table";
import { TONES } from "./panels/strategies";

export function StrategiesPage() {
  const strategies = useSnapshot((it) => it.strategies);
  const [chosen, setChosen] = useState("");
  const shown = strategies.find((it) => it.name === chosen) ?? strategies[0];
  const columns: Column<StrategyView>[] = [
    {
      head: "Name",
      cell: (it) => (
        <button type="button" class="small" aria-pressed={it.name === shown?.name} title={it.description} onClick={() => setChosen(it.name)}>
          {it.name}
        </button>
      ),
    },
    { head: "State", cell: (it) => <Pill tone={TONES[it.state] ?? "idle"}>{it.state}</Pill> },
    { head: "Version", cell: (it) => <span title={`SHA-256 ${it.hash}`}>{`${it.version} · ${it.hash.slice(0, 8)}`}</span> },
    { head: "Instance", right: true, minor: true, cell: (it) => it.instance },
    { head: "Markets", right: true, cell: (it) => count(it.markets) },
    { head: "Orders", right: true, cell: (it) => count(it.orders) },
    { head: "Fills", right: true, cell: (it) => count(it.fills) },
    { head: "Refused", right: true, minor: true, cell: (it) => count(it.refusals) },
    { head: "Fuel", right: true, minor: true, cell: (it) => count(it.fuel) },
    { head: "Says", wide: true, cell: (it) => <span class={it.error === "" && it.bounded === "" ? "dim" : "failure"} title={it.error || it.bounded || it.log}>{it.error || it.bounded || it.log}</span> },
    { head: "", cell: (it) => <Words strategy={it} /> },
  ];
  return (
    <>
      <h1 class="unseen">Strategies</h1>
      <div class="grid">
        <Panel title="Strategies" class="w12" total={strategies.length}>
          <Table label="Strategies" columns={columns} rows={strategies} rowKey={(it) => it.name} empty="None is loaded. Drop a .wasm file into the strategies folder." />
        </Panel>
        {shown === undefined ? null : (
          <>
            <Versions key={`versions ${shown.name}`} strategy={shown} />
            <Parameters key={`parameters ${shown.name}`} strategy={shown} />
          </>
        )}
      </div>
    </>
  );
}

/** What can be said about a strategy in its state. */
function Words({ strategy }: { strategy: StrategyView }) {
  const [mayTrade, mayArm] = [useMayTrade(), useMayConfigure()];
  const { name, state, file_hash } = strategy;
  const say = (what: StrategyWord, hash?: string) => perform({ kind: "strategy", name, what, ...(hash === undefined ? {} : { hash }) });
  const up = !["disabled", "quarantined", "failed", "removed"].includes(state);
  return (
    <span class="line">
      {up ? (
        <ConfirmButton class="small" label={`Disable ${name}`} confirm="Disable?" disabled={!mayTrade} onConfirm={() => say("disable")}>
          Disable
        </ConfirmButton>
      ) : (
        <ConfirmButton class="small" label={`Enable ${name}`} confirm="Enable?" disabled={!mayTrade || state === "removed"} onConfirm={() => say("enable")}>
          Enable
        </ConfirmButton>
      )}
      {strategy.error.includes("waits to be armed") ? (
        <ConfirmButton class="small" label={`Arm ${name}`} confirm={`Arm ${file_hash.slice(0, 8)}?`} disabled={!mayArm} onConfirm={() => say("arm")}>
          Arm
        </ConfirmButton>
      ) : null}
    </span>
  );
}

function Versions({ strategy }: { strategy: StrategyView }) {
  const may = useMayTrade();
  const [versions, setVersions] = useState<StrategyVersionView[]>([]);
  const { name, hash, file_hash } = strategy;
  useEffect(() => {
    fetchVersions(name).then(setVersions, () => setVersions([]));
  }, [name, hash, file_hash]);
  const columns: Column<StrategyVersionView>[] = [
    { head: "Version", cell: (it) => it.version },
    { head: "Hash", cell: (it) => <code title={it.hash}>{it.hash.slice(0, 12)}</code> },
    { head: "File", minor: true, cell: (it) => it.source },
    { head: "Bytes", right: true, minor: true, cell: (it) => count(it.bytes) },
    { head: "First seen", cell: (it) => <Time ms={it.first_seen_ms} /> },
    { head: "Loaded", cell: (it) => <Time ms={it.loaded_at_ms} /> },
    {
      head: "",
      cell: (it) =>
        it.hash === hash ? (
          <Pill tone="good">runs</Pill>
        ) : (
          <ConfirmButton class="small" label={`Go back to ${it.hash.slice(0, 12)}`} confirm="Run this?" disabled={!may} onConfirm={() => perform({ kind: "strategy", name, what: "rollback", hash: it.hash })}>
            Go back
          </ConfirmButton>
        ),
    },
  ];
  return (
    <Panel title={`Versions of ${name}`} class="w7" total={versions.length}>
      <Table label="Versions" columns={columns} rows={versions} rowKey={(it) => it.hash} empty="None was loaded here." />
    </Panel>
  );
}

function Parameters({ strategy }: { strategy: StrategyView }) {
  const may = useMayTrade();
  const [all, setAll] = useState<Field[]>([]);
  const { name, hash, instance } = strategy;
  useEffect(() => {
    fetchParameters(name).then(
      (view) => setAll(fields(view)),
      () => setAll([]),
    );
  }, [name, hash, instance]);
  const set = (field: string, value: string) => setAll(all.map((it) => (it.name === field ? { ...it, value } : it)));
  const submit = async (event: Event) => {
    event.preventDefault();
    await perform({ kind: "set_parameters", name, parameters: typed(all) });
  };
  return (
    <Panel title={`Parameters of ${name}`} class="w5" total={all.length} aside={<code>{`${name}.toml`}</code>}>
      {all.length === 0 ? (
        <Empty>It has none.</Empty>
      ) : (
        <form onSubmit={submit}>
          {all.map((it) => (
            <label key={it.name} class="line" title={it.description}>
              <span>{it.name}</span>
              <input value={it.value} placeholder={it.fallback} disabled={!may} list={`choices-${it.name}`} onInput={(event) => set(it.name, event.currentTarget.value)} />
              <datalist id={`choices-${it.name}`}>
                {it.choices.map((choice) => (
                  <option key={choice} value={choice} />
                ))}
              </datalist>
            </label>
          ))}
          <button type="submit" class="small" disabled={!may}>
            Apply
          </button>
        </form>
      )}
    </Panel>
  );
}
