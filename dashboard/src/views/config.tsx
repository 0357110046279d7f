import { useEffect, useState } from "preact/hooks";
import { fetchConfig } from "../api";
import type { ConfigView } from "../generated/ConfigView";
import { useMayConfigure } from "../live";
import { perform } from "../notices";
import { Empty, Panel, Pill } from "../ui/basics";
import { Table, type Column } from "../ui/table";

type Row = ConfigView & { key: string; changed: () => void };

const COLUMNS: Column<Row>[] = [
  { head: "Key", cell: (it) => <code class="key" title={it.description}>{it.key}</code> },
  { head: "Value", cell: (it) => (it.live ? <Limit row={it} /> : <strong class="given">{text(it.value)}</strong>) },
  { head: "Default", minor: true, cell: (it) => <span class="dim">{text(it.default)}</span> },
  { head: "Source", minor: true, cell: (it) => <Pill tone={it.source === "default" ? "idle" : "info"}>{it.source}</Pill> },
  { head: "Description", prose: true, minor: true, cell: (it) => it.description },
];

/** Returns the text of a value. */
function text(value: string): string {
  return value === "" ? "not set" : value;
}

/** A limit that an admin can change while the host runs. The host validates the value. */
function Limit({ row }: { row: Row }) {
  const may = useMayConfigure();
  const [typed, setTyped] = useState(row.value);
  useEffect(() => setTyped(row.value), [row.value]);
  if (!may) return <strong>{row.value}</strong>;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (await perform({ kind: "set_limit", key: row.key, value: typed.trim() })) row.changed();
  };
  return (
    <form class="limit" onSubmit={submit}>
      <input aria-label={row.key} value={typed} size={8} inputMode="decimal" onInput={(event) => setTyped(event.currentTarget.value)} />
      <button type="submit" class="small" disabled={typed.trim() === row.value}>
        Set
      </button>
    </form>
  );
}

export function ConfigPage() {
  const [rows, setRows] = useState<Row[] | null>(null);
  const [failure, setFailure] = useState("");
  const read = () => {
    fetchConfig().then(
      (config) => setRows(Object.entries(config).map(([key, entry]) => ({ ...entry, key, changed: read }))),
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  };
  useEffect(read, []);
  return (
    <>
      <h1 class="unseen">Config</h1>
      <div class="grid">
        <Panel title="Configuration" class="w12" {...(rows === null ? {} : { total: rows.length })} aside={<span class="dim">limits change at once; the rest needs a restart</span>}>
          {failure !== "" ? (
            <p class="failure" role="alert">
              Could not read the configuration: {failure}.
            </p>
          ) : rows === null ? (
            <Empty>Loading…</Empty>
          ) : (
            <Table label="Configuration" columns={COLUMNS} rows={rows} rowKey={(it) => it.key} empty="The host reports no keys." />
          )}
        </Panel>
      </div>
    </>
  );
}
