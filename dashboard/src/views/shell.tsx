// The frame around every page: mode and state of the bot, controls, and the emergency stop.

import type { ComponentChildren } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { logout } from "../api";
import type { BotStateView } from "../generated/BotStateView";
import type { BotView } from "../generated/BotView";
import type { ModeView } from "../generated/ModeView";
import type { RestrictionLevelView } from "../generated/RestrictionLevelView";
import { Session, useMayRelease, useMayTrade, useSnapshot, useView } from "../live";
import { count } from "../money";
import { dismiss, perform, useNotices } from "../notices";
import { PageLink } from "../router";
import { clock, span } from "../time";
import { Pill, type Tone } from "../ui/basics";
import { ConfirmButton } from "../ui/confirm";
import { ReasonForm } from "../ui/reason";

const PAGES = [
  ["/", "Overview"],
  ["/trades", "Trades"],
  ["/exposure", "Exposure"],
  ["/strategies", "Strategies"],
  ["/markets", "Markets"],
  ["/health", "Health"],
  ["/config", "Config"],
] as const;

export function Shell({ path, children }: { path: string; children: ComponentChildren }) {
  const bot = useSnapshot((it) => it.bot);
  const lost = useView((view) => view.link.state === "lost");
  return (
    <div class={`shell mode-${bot.mode} ${lost ? "lost" : ""}`}>
      <div class="bar">
        <span class="brand">PolyTrader</span>
        <ModeBadge mode={bot.mode} />
        <BotState bot={bot} />
        <Controls bot={bot} />
        <EmergencyStop />
      </div>
      <nav aria-label="Pages">
        {PAGES.map(([to, name]) => (
          <PageLink key={to} to={to} current={path === to}>
            {name}
          </PageLink>
        ))}
        <Vitals bot={bot} />
      </nav>
      <LinkBanner />
      <RestrictionBanner bot={bot} />
      <UnstoredBanner bot={bot} />
      <Notices />
      <main>{children}</main>
    </div>
  );
}

const MODES: Record<ModeView, string> = {
  demo: "Play money on a local exchange",
  paper: "Real markets, simulated orders",
  live: "Real money",
};

function ModeBadge({ mode }: { mode: ModeView }) {
  return (
    <strong class="mode" title={MODES[mode] ?? mode} aria-label={`Mode: ${mode}. ${MODES[mode] ?? ""}`}>
      {mode.toUpperCase()}
    </strong>
  );
}

const STATE_TONES: Record<BotStateView, Tone> = { RUNNING: "good", PAUSED: "warn", STOPPED: "idle" };

function BotState({ bot }: { bot: BotView }) {
  return (
    <span class="state" role="status" aria-label={`Bot state: ${bot.state}`}>
      <Pill tone={STATE_TONES[bot.state] ?? "idle"}>{bot.state}</Pill>
      {bot.restriction === "none" ? null : <Pill tone={restrictionTone(bot)}>{words(bot.restriction)}</Pill>}
    </span>
  );
}

const RESTRICTION_TONES: Record<RestrictionLevelView, Tone> = { none: "idle", reduce_only: "warn", cancel_only: "bad", halted: "bad" };

function words(restriction: RestrictionLevelView): string {
  return restriction.replaceAll("_", "-").toUpperCase();
}

function restrictionTone({ restriction }: BotView): Tone {
  return RESTRICTION_TONES[restriction] ?? "bad";
}

function Controls({ bot }: { bot: BotView }) {
  const may = useMayTrade();
  const title = may ? undefined : "Your token has read access only.";
  const control = (kind: "start" | "stop" | "pause" | "resume", name: string, possible: boolean, explain: string) => (
    <ConfirmButton
      label={name}
      confirm="Sure?"
      disabled={!may || !possible}
      title={title ?? explain}
      onConfirm={() => perform({ kind })}
    >
      {name}
    </ConfirmButton>
  );
  return (
    <div class="controls" role="group" aria-label="Bot">
      {control("start", "Start", bot.state === "STOPPED", "Strategies may place orders.")}
      {control("pause", "Pause", bot.state === "RUNNING", "No new orders; guards go on.")}
      {control("resume", "Resume", bot.state === "PAUSED", "Strategies may place orders again.")}
      {control("stop", "Stop", bot.state !== "STOPPED", "Cancels all open orders of the bot.")}
    </div>
  );
}

/** Never disabled and never asks for confirmation: each press sends the emergency stop again. */
function EmergencyStop() {
  const [sending, setSending] = useState(0);
  const press = (): void => {
    setSending((now) => now + 1);
    void perform({ kind: "emergency_stop", reason: "pressed on the dashboard" }).finally(() => setSending((now) => now - 1));
  };
  return (
    <button type="button" class="emergency" title="Cancels everything on the account and halts, at once." onClick={press}>
      {sending > 0 ? "STOPPING…" : "EMERGENCY STOP"}
    </button>
  );
}

function Vitals({ bot }: { bot: BotView }) {
  const now_ms = useSnapshot((it) => it.pnl.at_ms);
  const session = useContext(Session);
  const leave = (): void => {
    // A reload drops the replica.
    void logout().finally(() => location.assign("/"));
  };
  return (
    <div class="vitals">
      <Channel name="Market channel" up={bot.market_channel_up} />
      <Channel name="User channel" up={bot.user_channel_up} />
      <span title="Market events since the start">{count(bot.events)} events</span>
      <span title={`Session ${bot.session}`}>up {span(now_ms - bot.started_at_ms)}</span>
      <button type="button" class="link" title={`Logged in as ${session.name} (${session.role})`} onClick={leave}>
        Log out
      </button>
    </div>
  );
}

function Channel({ name, up }: { name: string; up: boolean }) {
  return (
    <span class={up ? "channel" : "channel down"} title={`${name} is ${up ? "up" : "down"}`}>
      <i aria-hidden="true" />
      {name}
      {up ? "" : " down"}
    </span>
  );
}

/** Shown while the connection is lost, when everything on the page may be out of date. */
function LinkBanner() {
  const link = useView((view) => view.link);
  const [, tick] = useState(0);
  const lost = link.state === "lost";
  useEffect(() => {
    if (!lost) return;
    const timer = setInterval(() => tick((now) => now + 1), 1_000);
    return () => clearInterval(timer);
  }, [lost]);
  if (link.state !== "lost") return null;
  return (
    <div class="banner bad" role="alert">
      <strong>Connection lost</strong>
      <span>
        {link.reason}. The data is as of {clock(link.since_ms)}, {span(Date.now() - link.since_ms)} ago. Trying again…
      </span>
    </div>
  );
}

function RestrictionBanner({ bot }: { bot: BotView }) {
  const mayRelease = useMayRelease();
  const [asking, setAsking] = useState(false);
  if (bot.restriction === "none") return null;
  const halted = bot.restriction === "halted";
  return (
    <div class={`banner ${restrictionTone(bot)}`} role="alert">
      <strong>{words(bot.restriction)}</strong>
      <span>{bot.reason || "No reason was given."}</span>
      {halted && !asking ? (
        <button
          type="button"
          disabled={!mayRelease}
          title={mayRelease ? "The bot may trade again after this, once it is started." : "Only an admin may release it."}
          onClick={() => setAsking(true)}
        >
          Release…
        </button>
      ) : null}
      {halted && asking ? (
        <ReasonForm
          explanation="What was wrong, and why is it safe now?"
          action="Release"
          onReason={(reason) => perform({ kind: "release_emergency_stop", reason })}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </div>
  );
}

/** Shown while decisions are in force but not stored, so that a restart would lose them. */
function UnstoredBanner({ bot }: { bot: BotView }) {
  if (bot.unstored.length === 0) return null;
  return (
    <div class="banner warn" role="alert">
      <strong>Not stored yet</strong>
      <span>{bot.unstored.join(", ")}. In force; the host retries the database write. Do not restart the host until it is stored.</span>
    </div>
  );
}

function Notices() {
  const notices = useNotices();
  return (
    <div class="notices" role="log" aria-live="assertive" aria-label="Results of your actions">
      {notices.map((notice) => (
        <div key={notice.id} class={`notice ${notice.failed ? "bad" : "good"}`}>
          <span>{notice.text}</span>
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(notice.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
