// The table component of all panels.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Empty } from "./basics";

export interface Column<T> {
  head: string;
  cell: (row: T) => ComponentChildren;
  /** Aligned to the right, for numbers. */
  right?: boolean;
  /** Takes the remaining width; longer text is cut with an ellipsis. */
  wide?: boolean;
  /** Wraps over as many lines as the text needs. */
  prose?: boolean;
  /** Hidden on narrow screens, for instance on a phone. */
  minor?: boolean;
}

interface TableProps<T> {
  /** The accessible name of the table. */
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string | number;
  rowClass?: (row: T) => string;
  /** The text shown if there are no rows. */
  empty: string;
}

/** Rows added within this time after the first drawing are not highlighted. */
const SETTLED_MS = 1_000;

export function Table<T>({ label, columns, rows, rowKey, rowClass, empty }: TableProps<T>) {
  const settled = useRef(false);
  useEffect(() => {
    const timer = setTimeout(() => {
      settled.current = true;
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, []);
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" class={classOf(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={rowKey(row)} columns={columns} row={row} fresh={settled.current} extra={rowClass?.(row) ?? ""} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row<T>({ columns, row, fresh, extra }: { columns: Column<T>[]; row: T; fresh: boolean; extra: string }) {
  const [lit] = useState(fresh);
  return (
    <tr class={`${lit ? "lit" : ""} ${extra}`}>
      {columns.map((column) => (
        <td key={column.head} class={classOf(column)}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

function classOf<T>({ right, wide, prose, minor }: Column<T>): string {
  return `${right ? "right" : ""} ${wide ? "wide" : ""} ${prose ? "prose" : ""} ${minor ? "minor" : ""}`;
}
