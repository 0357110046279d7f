import { useEffect, useState } from "preact/hooks";
import { fetchConfig, type ConfigEntry } from "../api";
import { Empty, Panel, Pill } from "../ui/basics";
import { Table, type Column } from "../ui/table";

type Row = ConfigEntry & { key: string };

const COLUMNS: Column<Row>[] = [
  { head: "Key", cell: (it) => <code>{it.key}</code> },
  { head: "Value", cell: (it) => <strong>{text(it.value)}</strong> },
  { head: "Default", minor: true, cell: (it) => <span class="dim">{text(it.default)}</span> },
  { head: "Source", cell: (it) => <Pill tone={it.source === "default" ? "idle" : "info"}>{it.source}</Pill> },
  { head: "Description", wide: true, minor: true, cell: (it) => <span title={it.description}>{it.description}</span> },
];

/** Returns a value as it would be typed. */
function text(value: unknown): string {
  if (value === null || value === undefined || value === "") return "not set";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function ConfigPage() {
  const [rows, setRows] = useState<Row[] | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    fetchConfig().then(
      (config) => setRows(Object.entries(config).map(([key, entry]) => ({ ...entry, key }))),
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  }, []);
  return (
    <>
      <h1 class="unseen">Config</h1>
      <div class="grid">
        <Panel title="Configuration" class="w12" {...(rows === null ? {} : { total: rows.length })} aside={<span class="dim">as the host was started</span>}>
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
