// The root component: login state, current page, and the connection to the host.

import { useEffect, useState } from "preact/hooks";
import { ApiError, fetchSession } from "./api";
import type { SessionView } from "./generated/SessionView";
import { Connection } from "./link";
import { Session, store, useView } from "./live";
import { signedUsd } from "./money";
import { usePath } from "./router";
import { ConfigPage } from "./views/config";
import { ExposurePage } from "./views/exposure";
import { HealthPage } from "./views/health";
import { Login } from "./views/login";
import { MarketsPage } from "./views/markets";
import { OverviewPage } from "./views/overview";
import { Shell } from "./views/shell";
import { StrategiesPage } from "./views/strategies";
import { TradesPage } from "./views/trades";

/** Delay before a host that did not respond is queried again. */
const ASK_AGAIN_MS = 2_000;

type Who = { state: "asking"; failure: string } | { state: "out" } | { state: "in"; session: SessionView };

export function App() {
  const [who, setWho] = useState<Who>({ state: "asking", failure: "" });

  useEffect(() => {
    if (who.state !== "asking") return;
    let gone = false;
    const ask = async (): Promise<void> => {
      try {
        const session = await fetchSession();
        if (!gone) setWho({ state: "in", session });
      } catch (error) {
        if (gone) return;
        if (error instanceof ApiError && error.status === 401) setWho({ state: "out" });
        else setWho({ state: "asking", failure: error instanceof Error ? error.message : String(error) });
      }
    };
    const timer = setTimeout(() => void ask(), who.failure === "" ? 0 : ASK_AGAIN_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [who]);

  if (who.state === "out") return <Login onLogin={() => setWho({ state: "asking", failure: "" })} />;
  if (who.state === "asking") return <Waiting text={who.failure === "" ? "Connecting…" : `Waiting for the host: ${who.failure}.`} />;
  return (
    <Session.Provider value={who.session}>
      <Connected onLoggedOut={() => setWho({ state: "out" })} />
    </Session.Provider>
  );
}

function Connected({ onLoggedOut }: { onLoggedOut: () => void }) {
  useEffect(() => {
    const connection = new Connection(store, onLoggedOut);
    connection.start();
    return () => connection.stop();
  }, []);
  const ready = useView((view) => view.snapshot !== null);
  const lost = useView((view) => (view.link.state === "lost" ? view.link.reason : ""));
  useTitle();
  const path = usePath();
  if (!ready) return <Waiting text={lost === "" ? "Loading the snapshot…" : `Waiting for the host: ${lost}.`} />;
  return <Shell path={path}>{page(path)}</Shell>;
}

function page(path: string) {
  switch (path) {
    case "/":
      return <OverviewPage />;
    case "/trades":
      return <TradesPage />;
    case "/exposure":
      return <ExposurePage />;
    case "/markets":
      return <MarketsPage />;
    case "/strategies":
      return <StrategiesPage />;
    case "/health":
      return <HealthPage />;
    case "/config":
      return <ConfigPage />;
    default:
      return <p class="empty">There is no page {path}.</p>;
  }
}

/** Shows the mode and today's result in the title of the browser tab, where they are visible from other tabs. */
function useTitle(): void {
  const title = useView(({ snapshot }) => {
    if (snapshot === null) return "PolyTrader";
    return `${snapshot.bot.mode.toUpperCase()} ${signedUsd(snapshot.pnl.today_micro_usd)} · PolyTrader`;
  });
  useEffect(() => {
    document.title = title;
  }, [title]);
}

function Waiting({ text }: { text: string }) {
  return (
    <main class="waiting">
      <span class="spinner" aria-hidden="true" />
      <p role="status">{text}</p>
    </main>
  );
}
