import { fetchHealth } from "../../api";
import { usePolled } from "../../polled";
import { complaints, tone } from "../../records";
import { count } from "../../money";
import { Empty, Fact, Panel, Pill, Time } from "../../ui/basics";

const EVERY_MS = 5_000;

/** State of the account activity read from the venue's Data API: movements without a trade. */
export function RecordsPanel({ class: extra = "" }: { class?: string }) {
  const { value, failure } = usePolled(fetchHealth, EVERY_MS);
  const records = value?.records ?? null;
  return (
    <Panel title="Account activity" class={extra}>
      {failure === "" ? null : (
        <p class="failure" role="alert">
          Could not read the host's health: {failure}.
        </p>
      )}
      {records === null ? (
        value === null ? failure === "" ? <Empty>Loading…</Empty> : null : <Empty>Not read yet, or a paper session, which has none.</Empty>
      ) : (
        <dl class="facts">
          <Fact name="Status">
            <Pill tone={tone(records)}>{records.status}</Pill>
          </Fact>
          <Fact name="Last read">{records.read_at_ms === 0 ? "never" : <Time ms={records.read_at_ms} />}</Fact>
          <Fact name="Reported, not yet in the account">{count(records.waiting)}</Fact>
          <Fact name="Unknown fields">{count(records.unknown_fields)}</Fact>
          {complaints(records).map((it) => (
            <Fact key={it} name="Check">
              {it}
            </Fact>
          ))}
        </dl>
      )}
    </Panel>
  );
}
