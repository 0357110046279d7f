import { fetchHealth } from "../../api";
import { usePolled } from "../../polled";
import { complaints, tone } from "../../records";
import { count } from "../../money";
import { Empty, Fact, Panel, Pill, Time } from "../../ui/basics";

const EVERY_MS = 5_000;

/** How the venue's public records of the account are read: what moves without a trade is in them. */
export function RecordsPanel({ class: extra = "" }: { class?: string }) {
  const { value, failure } = usePolled(fetchHealth, EVERY_MS);
  const records = value?.records ?? null;
  return (
    <Panel title="Records of the account" class={extra}>
      {failure === "" ? null : (
        <p class="failure" role="alert">
          Could not read how the host is: {failure}.
        </p>
      )}
      {records === null ? (
        value === null ? failure === "" ? <Empty>Loading…</Empty> : null : <Empty>There are none on paper, and none before they were read once.</Empty>
      ) : (
        <dl class="facts">
          <Fact name="Status">
            <Pill tone={tone(records)}>{records.status}</Pill>
          </Fact>
          <Fact name="Last read">{records.read_at_ms === 0 ? "never" : <Time ms={records.read_at_ms} />}</Fact>
          <Fact name="Told, not yet in the account">{count(records.waiting)}</Fact>
          <Fact name="Fields that nobody here knows">{count(records.unknown_fields)}</Fact>
          {complaints(records).map((it) => (
            <Fact key={it} name="Look at">
              {it}
            </Fact>
          ))}
        </dl>
      )}
    </Panel>
  );
}
