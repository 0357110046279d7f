import { useEffect, useState } from "preact/hooks";
import type { StrategyWord } from "../api";
import type { SkippedFileView } from "../generated/SkippedFileView";
import type { StrategyView } from "../generated/StrategyView";
import { useMayConfigure, useMayTrade, useSnapshot } from "../live";
import { count } from "../money";
import { perform } from "../notices";
import { budgetWords, isWrong, sayable } from "../strategies";
import { Fact, Money, Panel } from "../ui/basics";
import { ConfirmButton } from "../ui/confirm";
import { type Column, Table } from "../ui/table";
import { BudgetPanel } from "./panels/budget";
import { ParametersPanel } from "./panels/parameters";
import { NO_STRATEGIES, Profit, Says, StrategyState } from "./panels/strategies";
import { VersionsPanel } from "./panels/versions";

export function StrategiesPage() {
  const strategies = useSnapshot((it) => it.strategies);
  const [chosen, choose] = useChosen();
  const shown = strategies.find((it) => it.name === chosen) ?? strategies[0];
  const columns: Column<StrategyView>[] = [
    {
      head: "Name",
      cell: (it) => (
        <button type="button" class="small choice" aria-pressed={it.name === shown?.name} title={it.description} onClick={() => choose(it.name)}>
          {it.name}
        </button>
      ),
    },
    { head: "State", cell: (it) => <StrategyState strategy={it} /> },
    { head: "Profit", right: true, cell: (it) => <Profit strategy={it} /> },
    { head: "Today", right: true, minor: true, cell: (it) => <Money micros={it.today_micro_usd} signed /> },
    { head: "Realised", right: true, minor: true, cell: (it) => <Money micros={it.realised_micro_usd} signed /> },
    { head: "Unrealised", right: true, minor: true, cell: (it) => <Money micros={it.unrealised_micro_usd} signed /> },
    { head: "Fees", right: true, minor: true, cell: (it) => <Money micros={it.fees_micro_usd} /> },
    { head: "Markets", right: true, minor: true, cell: (it) => count(it.markets) },
    { head: "Orders", right: true, minor: true, cell: (it) => count(it.orders) },
    { head: "Fills", right: true, minor: true, cell: (it) => count(it.fills) },
    { head: "Refused", right: true, minor: true, cell: (it) => count(it.refusals) },
    { head: "Version", minor: true, cell: (it) => <span title={`SHA-256 ${it.hash}`}>{it.version}</span> },
    { head: "Says", wide: true, minor: true, cell: (it) => <Says strategy={it} /> },
    { head: "", right: true, cell: (it) => <Words strategy={it} /> },
  ];
  return (
    <>
      <h1 class="unseen">Strategies</h1>
      <div class="grid">
        <Panel title="Strategies" class="w12" total={strategies.length} aside={<span class="dim">counts are of this session</span>}>
          <Table label="Strategies" columns={columns} rows={strategies} rowKey={(it) => it.name} rowClass={(it) => (it.name === shown?.name ? "chosen" : "")} empty={NO_STRATEGIES} />
        </Panel>
        <SkippedFilesPanel />
        {shown === undefined ? null : (
          <>
            <div class="pile w7">
              <About strategy={shown} />
              {/* The key includes the budget, so that a budget armed by another operator is shown and not overwritten by old fields. */}
              {sayable(shown).arm || shown.armed_hash !== "" ? <BudgetPanel key={`budget ${shown.name} ${JSON.stringify(shown.armed_budget)}`} strategy={shown} /> : null}
              <VersionsPanel key={`versions ${shown.name}`} strategy={shown} />
            </div>
            <ParametersPanel key={`parameters ${shown.name}`} strategy={shown} class="w5" />
          </>
        )}
      </div>
    </>
  );
}

/** The files in the strategies folder that are not loaded. */
function SkippedFilesPanel() {
  const files = useSnapshot((it) => it.skipped_files);
  if (files.length === 0) return null;
  const columns: Column<SkippedFileView>[] = [
    { head: "File", cell: (it) => it.file },
    { head: "Why", wide: true, cell: (it) => <span class="failure">{it.reason}</span> },
  ];
  return (
    <Panel title="Not loaded" class="w12" total={files.length} aside={<span class="dim">files in the strategies folder</span>}>
      <Table label="Files that are not loaded" columns={columns} rows={files} rowKey={(it) => it.file} empty="" />
    </Panel>
  );
}

/** Returns the selected strategy and its setter. The selection is in the URL fragment, so that it can be linked to. */
function useChosen(): [string, (name: string) => void] {
  // A name is the stem of a file name: only letters, digits, - and _.
  const here = () => location.hash.slice(1);
  const [chosen, setChosen] = useState(here);
  useEffect(() => {
    const follow = () => setChosen(here());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const choose = (name: string) => {
    history.replaceState(null, "", `#${name}`);
    setChosen(name);
  };
  return [chosen, choose];
}

/** The command buttons that a strategy's state allows. */
function Words({ strategy }: { strategy: StrategyView }) {
  const [mayTrade, mayArm] = [useMayTrade(), useMayConfigure()];
  const { name, file_hash } = strategy;
  const { disable, enable, arm } = sayable(strategy);
  const say = (what: StrategyWord, hash?: string) => perform({ kind: "strategy", name, what, ...(hash === undefined ? {} : { hash }) });
  return (
    <span class="words">
      {arm ? (
        <ConfirmButton class="small" label={`Arm ${name}`} confirm={`Arm ${file_hash.slice(0, 8)}?`} disabled={!mayArm} onConfirm={() => say("arm")}>
          Arm
        </ConfirmButton>
      ) : null}
      {disable ? (
        <ConfirmButton class="small" label={`Disable ${name}`} confirm="Disable?" disabled={!mayTrade} onConfirm={() => say("disable")}>
          Disable
        </ConfirmButton>
      ) : null}
      {enable ? (
        <ConfirmButton class="small" label={`Enable ${name}`} confirm="Enable?" disabled={!mayTrade} onConfirm={() => say("enable")}>
          Enable
        </ConfirmButton>
      ) : null}
    </span>
  );
}

/** The details that do not fit into the table. */
function About({ strategy: it }: { strategy: StrategyView }) {
  const another = it.file_hash !== "" && it.file_hash !== it.hash;
  return (
    <Panel title={it.name}>
      <dl class="facts">
        {it.description === "" ? null : <Fact name="Description">{it.description}</Fact>}
        <Fact name="State">
          <StrategyState strategy={it} />
        </Fact>
        {it.error === "" ? null : (
          <Fact name={isWrong(it) ? "What is wrong" : "Why"}>
            <span class={isWrong(it) ? "failure" : ""}>{it.error}</span>
          </Fact>
        )}
        <Fact name="Profit">
          <Profit strategy={it} />, of that today <Money micros={it.today_micro_usd} signed />
        </Fact>
        <Fact name="Composed of">
          <Money micros={it.realised_micro_usd} signed /> realised, <Money micros={it.unrealised_micro_usd} signed /> unrealised, <Money micros={it.fees_micro_usd} /> fees
        </Fact>
        {it.hash === "" ? null : (
          <Fact name="Version">
            {it.version} · <code title={it.hash}>{it.hash.slice(0, 12)}</code> · instance {count(it.instance)}
          </Fact>
        )}
        {another ? (
          <Fact name="In the folder">
            <code title={it.file_hash}>{it.file_hash.slice(0, 12)}</code>, which is another version
          </Fact>
        ) : null}
        <Fact name="This session">
          {count(it.events)} events received, {count(it.intents)} intents (at most {count(it.intents_a_second_limit)} a second), {count(it.orders)} orders, {count(it.fills)} fills, {count(it.refusals)} refused
        </Fact>
        <Fact name="Budget">
          {budgetWords(it.budget)}
          {it.bounded === "" ? null : <span class="failure">{` (${it.bounded})`}</span>}
        </Fact>
        <Fact name="Last call">{count(it.fuel)} of {count(it.fuel_limit)} units of fuel</Fact>
        {it.log === "" ? null : (
          <Fact name="Last log line">
            <span class="said">{it.log}</span>
            {it.log_lines_lost === 0 ? null : ` (${count(it.log_lines_lost)} more were not kept)`}
          </Fact>
        )}
      </dl>
    </Panel>
  );
}
