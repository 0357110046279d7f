import { fetchHealth } from "../../api";
import { lastEntry, ranked } from "../../left_out";
import { count } from "../../money";
import { usePolled } from "../../polled";
import { Empty, Fact, Panel, Pill } from "../../ui/basics";

const EVERY_MS = 5_000;

/** Venue data of this session that the host could not use, by list. */
export function LeftOutPanel() {
  const { value, failure } = usePolled(fetchHealth, EVERY_MS);
  const lists = value === null ? [] : ranked(value.left_out);
  return (
    <Panel title="Venue data left out">
      {failure === "" ? null : (
        <p class="failure" role="alert">
          Could not read the host's health: {failure}.
        </p>
      )}
      {lists.length === 0 ? (
        value === null ? failure === "" ? <Empty>Loading…</Empty> : null : <Empty>Nothing: all data of the venue was used.</Empty>
      ) : (
        <dl class="facts">
          {lists.map((it) => (
            <Fact key={it.list} name={it.list}>
              <Pill tone="warn">{count(it.count)}</Pill> last {lastEntry(it)}
            </Fact>
          ))}
        </dl>
      )}
    </Panel>
  );
}
