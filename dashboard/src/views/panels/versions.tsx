import { useEffect, useState } from "preact/hooks";
import { fetchVersions } from "../../api";
import type { StrategyVersionView } from "../../generated/StrategyVersionView";
import type { StrategyView } from "../../generated/StrategyView";
import { useMayTrade } from "../../live";
import { count } from "../../money";
import { perform } from "../../notices";
import { Panel, Pill, Time } from "../../ui/basics";
import { ConfirmButton } from "../../ui/confirm";
import { type Column, Table } from "../../ui/table";

/** The versions that ran under a strategy's name, with a button to go back to each. */
export function VersionsPanel({ strategy }: { strategy: StrategyView }) {
  const may = useMayTrade();
  const [versions, setVersions] = useState<StrategyVersionView[]>([]);
  const [failure, setFailure] = useState("");
  const { name, hash, file_hash, state } = strategy;
  useEffect(() => {
    fetchVersions(name).then(
      (all) => (setVersions(all), setFailure("")),
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  }, [name, hash, file_hash]);
  const columns: Column<StrategyVersionView>[] = [
    { head: "Version", cell: (it) => it.version },
    { head: "Hash", cell: (it) => <code title={it.hash}>{it.hash.slice(0, 12)}</code> },
    { head: "Bytes", right: true, minor: true, cell: (it) => count(it.bytes) },
    { head: "First seen", minor: true, cell: (it) => <Time ms={it.first_seen_ms} /> },
    { head: "Loaded", cell: (it) => <Time ms={it.loaded_at_ms} /> },
    {
      head: "",
      right: true,
      cell: (it) =>
        it.hash === hash ? (
          <Pill tone={state === "running" ? "good" : "idle"}>{state === "running" ? "runs" : "would run"}</Pill>
        ) : (
          <ConfirmButton class="small" label={`Go back to ${it.hash.slice(0, 12)}`} confirm="Run this?" disabled={!may || file_hash === ""} onConfirm={() => perform({ kind: "strategy", name, what: "rollback", hash: it.hash })}>
            Go back
          </ConfirmButton>
        ),
    },
  ];
  return (
    <Panel title={`Versions of ${name}`} total={versions.length}>
      {failure === "" ? (
        <Table label="Versions" columns={columns} rows={versions} rowKey={(it) => it.hash} empty="No version has been loaded." />
      ) : (
        <p class="failure empty" role="alert">
          Could not read the versions: {failure}.
        </p>
      )}
    </Panel>
  );
}
