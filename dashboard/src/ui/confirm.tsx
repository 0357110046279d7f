// A button that acts on the second click, which prevents accidental commands.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

/** The second click must come within this time. */
const ARMED_MS = 5_000;
/** Clicks within this time are ignored, so that a double click does not confirm. */
const SETTLE_MS = 300;

type Phase = "idle" | "settling" | "armed" | "busy";

interface ConfirmButtonProps {
  /** The accessible name: what the button does, without its context on the page. */
  label: string;
  children: ComponentChildren;
  /** The text between the two clicks. */
  confirm: string;
  disabled?: boolean;
  class?: string;
  /** The tooltip: the reason that the button is disabled, or details. */
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
      {/* Both texts count for the width, so that the button does not move under the pointer. */}
      <span class={asking ? "ghost" : ""}>{children}</span>
      <span class={asking ? "" : "ghost"}>{confirm}</span>
    </button>
  );
}
