// Small components without their own state.

import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import type { SideView } from "../generated/SideView";
import { exactUsd, price, signedUsd, trend, usd } from "../money";
import { questionOf } from "../live";
import { clock, utc } from "../time";

export type Tone = "good" | "bad" | "warn" | "info" | "idle";

/** A word in a coloured box. The word has the meaning; the colour only repeats it. */
export function Pill({ tone, title, children }: { tone: Tone; title?: string; children: ComponentChildren }) {
  return (
    <span class={`pill ${tone}`} title={title}>
      {children}
    </span>
  );
}

interface PanelProps {
  title: string;
  /** A number beside the title. */
  total?: number;
  /** At the right of the title: controls or a note. */
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Panel({ title, total, aside, class: extra = "", children }: PanelProps) {
  const id = useId();
  return (
    <section class={`panel ${extra}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>
          {title}
          {total === undefined ? null : <span class="total">{total}</span>}
        </h2>
        <div class="aside">{aside}</div>
      </header>
      {children}
    </section>
  );
}

/** One line of a list of facts. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** Dollars; hovering shows the micro-dollars. */
export function Money({ micros, signed = false }: { micros: number; signed?: boolean }) {
  return (
    <span class={signed ? `money ${trend(micros)}` : "money"} title={exactUsd(micros)}>
      {signed ? signedUsd(micros) : usd(micros)}
    </span>
  );
}

export function Time({ ms }: { ms: number }) {
  return (
    <time dateTime={utc(ms)} title={utc(ms)}>
      {clock(ms)}
    </time>
  );
}

/** A price that is highlighted for a moment when it moves. */
export function MovingPrice({ micros }: { micros: number | null }) {
  const last = useRef({ micros, direction: "", moves: 0 });
  const before = last.current;
  if (micros !== before.micros) {
    const direction = micros === null || before.micros === null ? "" : micros > before.micros ? "up" : "down";
    last.current = { micros, direction, moves: before.moves + 1 };
  }
  // A new key restarts the animation; redraws in between leave it alone.
  return (
    <span key={last.current.moves} class={`moved ${last.current.direction}`}>
      {price(micros)}
    </span>
  );
}

const SIDES: Record<SideView, string> = { BUY: "side buy", SELL: "side sell" };

export function Side({ side }: { side: SideView }) {
  return <span class={SIDES[side] ?? "side"}>{side}</span>;
}

/** A market by its question; hovering shows the slug. */
export function MarketName({ slug }: { slug: string }) {
  const question = questionOf(slug);
  return (
    <span class="market" title={question === slug ? slug : `${question}\n${slug}`}>
      {question}
    </span>
  );
}

export function MarketOutcome({ slug, outcome }: { slug: string; outcome: string }) {
  return (
    <span class="pair">
      <MarketName slug={slug} />
      <span class="outcome" title={outcome}>
        {outcome}
      </span>
    </span>
  );
}
