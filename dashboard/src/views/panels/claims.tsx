import { useMemo } from "preact/hooks";
import { fetchClaims } from "../../api";
import { keyOf, standing, together, whyNot } from "../../claims";
import type { ClaimView } from "../../generated/ClaimView";
import { useMayTrade } from "../../live";
import { shares } from "../../money";
import { perform } from "../../notices";
import { usePolled } from "../../polled";
import { Empty, MarketName, MarketOutcome, Money, Panel, Pill } from "../../ui/basics";
import { ConfirmButton } from "../../ui/confirm";
import { Table, type Column } from "../../ui/table";

const EVERY_MS = 3_000;

const COLUMNS: Column<ClaimView>[] = [
  { head: "Claim", cell: (it) => it.kind },
  {
    head: "Market",
    wide: true,
    cell: (it) => (it.outcome === "" ? <MarketName slug={it.market} /> : <MarketOutcome slug={it.market} outcome={it.outcome} />),
  },
  { head: "Shares", right: true, minor: true, cell: (it) => shares(it.size_micros) },
  { head: "Pays", right: true, cell: (it) => <Money micros={it.worth_micro_usd} /> },
  { head: "State", cell: (it) => <ClaimState claim={it} /> },
];

function ClaimState({ claim }: { claim: ClaimView }) {
  const status = standing(claim);
  if (status === null) return null;
  return (
    <Pill tone={status.tone} title={status.about}>
      {status.word}
    </Pill>
  );
}

/** Claims: pairs to merge and shares to redeem through the venue's contracts. */
export function ClaimsPanel({ class: extra = "" }: { class?: string }) {
  const may = useMayTrade();
  const { value, failure, again } = usePolled(fetchClaims, EVERY_MS);
  const rows = useMemo(() => together(value ?? []), [value]);
  const columns = useMemo(() => [...COLUMNS, executeColumn(may, again)], [may, again]);
  const elsewhere = rows.find((it) => !it.executable);
  const aside = elsewhere === undefined ? null : <span class="dim">{elsewhere.how}</span>;
  return (
    <Panel title="Claims" class={extra} aside={aside} {...(value === null ? {} : { total: rows.length })}>
      {failure === "" ? null : (
        <p class="failure" role="alert">
          Could not read the claims: {failure}.
        </p>
      )}
      {value === null ? (
        failure === "" ? <Empty>Loading…</Empty> : null
      ) : (
        <Table label="Claims" columns={columns} rows={rows} rowKey={keyOf} empty="There is nothing to redeem or merge." />
      )}
    </Panel>
  );
}

function executeColumn(may: boolean, done: () => void): Column<ClaimView> {
  return {
    head: "",
    right: true,
    cell: (it) => {
      const why = whyNot(it, may);
      return (
        <ConfirmButton
          label={`${it.kind} ${it.market}`}
          confirm="Sure?"
          class="small"
          disabled={why !== ""}
          title={why === "" ? about(it) : why}
          onConfirm={() => perform({ kind: "execute_claim", claim: it.kind, market: it.market }).then(done)}
        >
          {it.kind === "merge" ? "Merge" : "Redeem"}
        </ConfirmButton>
      );
    },
  };
}

function about(claim: ClaimView): string {
  return claim.kind === "merge" ? "Merges the pairs that are not in open orders." : "Redeems all shares of the market.";
}
