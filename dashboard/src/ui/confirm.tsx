// A button that acts on the second click, so that nothing forced happens by a slip.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

/** The second click must come within this time. */
const ARMED_MS = 5_000;
/** The second click of a double click is not a second thought. */
const SETTLE_MS = 300;

type Phase = "idle" | "settling" | "armed" | "busy";

interface ConfirmButtonProps {
  /** What the button does, for those who cannot see where it stands. */
  label: string;
  children: ComponentChildren;
  /** What it says between the clicks. */
  confirm: string;
  disabled?: boolean;
  class?: string;
  /** Why it is disabled, or more words about it. */
  title?: string;
  onConfirm: () => Promise<unknown>;
}

export function ConfirmButton(props: ConfirmButtonProps) {
  const { label, children, confirm, disabled = false, class: extra = "", title, onConfirm } = props;
  const [phase, setPhase] = useState<Phase>("idle");
  useEffect(() => {
    if (phase === "idle" || phase === "busy") return;
    const timer = setTimeout(
      () => setPhase(phase === "settling" ? "armed" : "idle"),
      phase === "settling" ? SETTLE_MS : ARMED_MS,
    );
    return () => clearTimeout(timer);
  }, [phase]);

  const press = (): void => {
    if (phase === "idle") setPhase("settling");
    if (phase !== "armed") return;
    setPhase("busy");
    void onConfirm().finally(() => setPhase("idle"));
  };
  const asking = phase === "settling" || phase === "armed";
  return (
    <button
      type="button"
      class={`${extra} ${asking ? "asking" : ""}`}
      disabled={disabled && phase === "idle"}
      aria-disabled={phase === "settling" || phase === "busy"}
      aria-label={asking ? `${label}: click again to confirm` : label}
      title={title}
      onClick={press}
      onBlur={() => setPhase((now) => (now === "busy" ? now : "idle"))}
    >
      {/* Both texts take part in the width, so that the button does not move under the pointer. */}
      <span class={asking ? "ghost" : ""}>{children}</span>
      <span class={asking ? "" : "ghost"}>{confirm}</span>
    </button>
  );
}
