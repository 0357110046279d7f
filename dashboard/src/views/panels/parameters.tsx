import { useEffect, useId, useState } from "preact/hooks";
import { fetchParameters } from "../../api";
import type { StrategyView } from "../../generated/StrategyView";
import { useMayTrade } from "../../live";
import { perform } from "../../notices";
import { type Field, fields, options, typed } from "../../parameters";
import { Empty, Panel } from "../../ui/basics";

/** A strategy's parameters with their descriptions. The host validates the input. */
export function ParametersPanel({ strategy, class: extra }: { strategy: StrategyView; class: string }) {
  const may = useMayTrade();
  const [all, setAll] = useState<Field[]>([]);
  const [held, setHeld] = useState("");
  const [failure, setFailure] = useState("");
  const { name, hash, instance } = strategy;
  useEffect(() => {
    fetchParameters(name).then(
      (view) => {
        setAll(fields(view));
        setHeld(JSON.stringify(typed(fields(view))));
        setFailure("");
      },
      (error: unknown) => setFailure(error instanceof Error ? error.message : String(error)),
    );
  }, [name, hash, instance]);
  const set = (field: string, value: string) => setAll(all.map((it) => (it.name === field ? { ...it, value } : it)));
  const submit = async (event: Event) => {
    event.preventDefault();
    const given = typed(all);
    if (await perform({ kind: "set_parameters", name, parameters: given })) setHeld(JSON.stringify(given));
  };
  const same = JSON.stringify(typed(all)) === held;
  return (
    <Panel title={`Parameters of ${name}`} class={extra} total={all.length} aside={<code>{`${name}.toml`}</code>}>
      {failure !== "" ? (
        <Empty>Could not read the parameters: {failure}.</Empty>
      ) : all.length === 0 ? (
        <Empty>It has none.</Empty>
      ) : (
        <form class="parameters" onSubmit={(event) => void submit(event)}>
          {all.map((it) => (
            <Row key={it.name} field={it} disabled={!may} onValue={(value) => set(it.name, value)} />
          ))}
          <footer>
            <span class="note">Changes are delivered to the running instance. An empty field means the default.</span>
            <button type="submit" class="small" disabled={!may || same}>
              Apply
            </button>
          </footer>
        </form>
      )}
    </Panel>
  );
}

function Row({ field, disabled, onValue }: { field: Field; disabled: boolean; onValue: (value: string) => void }) {
  const id = useId();
  const { name, unit, value, fallback, description } = field;
  const allowed = options(field);
  return (
    <div>
      <label for={id}>{name}</label>
      {allowed.length > 0 ? (
        <select id={id} value={value} disabled={disabled} aria-describedby={`${id}-about`} onChange={(event) => onValue(event.currentTarget.value)}>
          <option value="">{fallback === "" ? "not set" : `default: ${fallback}`}</option>
          {allowed.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          value={value}
          placeholder={fallback}
          disabled={disabled}
          autocomplete="off"
          aria-describedby={`${id}-about`}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
      <span class="note">{unit}</span>
      <p id={`${id}-about`} class="note">
        {description}
      </p>
    </div>
  );
}
