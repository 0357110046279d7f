import { useId, useRef, useState } from "preact/hooks";
import type { StrategyView } from "../../generated/StrategyView";
import { useMayConfigure } from "../../live";
import { perform } from "../../notices";
import { budgetFields, type TypedBudget, typedBudget } from "../../strategies";
import { Panel } from "../../ui/basics";
import { ConfirmButton } from "../../ui/confirm";

const DOLLARS = "[0-9]+([.][0-9]{1,6})?";

/** Arms the version in the folder with a budget. The settings file can lower the budget; only arming raises it. */
export function BudgetPanel({ strategy }: { strategy: StrategyView }) {
  const may = useMayConfigure();
  const { name, file_hash: hash, armed_budget: armed } = strategy;
  const [typed, setTyped] = useState(() => budgetFields(armed));
  const row = (field: keyof TypedBudget, label: string, unit: string, pattern: string) => (
    <Row label={label} unit={unit} pattern={pattern} value={typed[field]} disabled={!may} onValue={(value) => setTyped({ ...typed, [field]: value })} />
  );
  const form = useRef<HTMLFormElement>(null);
  // The browser reports an invalid field, and nothing is armed.
  const arm = async () => form.current?.reportValidity() && perform({ kind: "arm", name, hash, budget: typedBudget(typed) });
  return (
    <Panel title={`Arm ${name}`} aside={<code title={hash}>{hash.slice(0, 12)}</code>}>
      <form class="parameters" ref={form} onSubmit={(event) => event.preventDefault()}>
        {row("capital", "Capital", "dollars", DOLLARS)}
        {row("loss", "Daily loss", "dollars", DOLLARS)}
        {row("orders", "Orders a minute", "", "[0-9]+")}
        <footer>
          <span class="note">An empty field means the session's limit.</span>
          <ConfirmButton class="small" label={`Arm ${name} with this budget`} confirm="Arm it?" disabled={!may || hash === ""} onConfirm={arm}>
            Arm with this budget
          </ConfirmButton>
        </footer>
      </form>
    </Panel>
  );
}

interface RowProps {
  label: string;
  unit: string;
  pattern: string;
  value: string;
  disabled: boolean;
  onValue: (value: string) => void;
}

function Row({ label, unit, pattern, value, disabled, onValue }: RowProps) {
  const id = useId();
  return (
    <div>
      <label for={id}>{label}</label>
      <input id={id} value={value} pattern={pattern} inputMode="decimal" autocomplete="off" disabled={disabled} onInput={(event) => onValue(event.currentTarget.value)} />
      <span class="note">{unit}</span>
    </div>
  );
}
