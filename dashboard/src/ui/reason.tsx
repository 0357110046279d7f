// A form that requires a reason before an action. It is part of the page and not a dialog, so that the emergency stop stays reachable.

import { useEffect, useId, useRef, useState } from "preact/hooks";

const REASON_MAX = 500;

interface ReasonFormProps {
  explanation: string;
  action: string;
  /** Returns true if the action was accepted; the form then closes. */
  onReason: (reason: string) => Promise<boolean>;
  onClose: () => void;
}

export function ReasonForm({ explanation, action, onReason, onClose }: ReasonFormProps) {
  const input = useRef<HTMLInputElement>(null);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const id = useId();
  useEffect(() => input.current?.focus(), []);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const accepted = await onReason(reason.trim());
    setBusy(false);
    if (accepted) onClose();
  };
  const escape = (event: KeyboardEvent): void => {
    if (event.key === "Escape") onClose();
  };
  return (
    <form class="reason" onSubmit={(event) => void submit(event)} onKeyDown={escape}>
      <label for={id}>Reason</label>
      <input
        id={id}
        ref={input}
        value={reason}
        maxLength={REASON_MAX}
        placeholder={explanation}
        autocomplete="off"
        required
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={busy || reason.trim() === ""}>
        {action}
      </button>
      <button type="button" onClick={onClose}>
        Back
      </button>
    </form>
  );
}
