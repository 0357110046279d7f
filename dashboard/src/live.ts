// The page's store and the hooks by which views read it.

import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { SessionView } from "./generated/SessionView";
import type { Snapshot } from "./generated/Snapshot";
import { Store, type View } from "./store";

export const store = new Store();

/** Returns a part of the view; the component is redrawn when that part is replaced. */
export function useView<T>(select: (view: View) => T): T {
  const [value, setValue] = useState(() => select(store.get()));
  const latest = useRef(select);
  latest.current = select;
  useEffect(() => {
    const update = (): void => setValue(() => latest.current(store.get()));
    update();
    return store.subscribe(update);
  }, []);
  return value;
}

/** Returns a part of the snapshot. Only for components inside the shell, which is drawn once a snapshot is loaded. */
export function useSnapshot<T>(select: (snapshot: Snapshot) => T): T {
  return useView(({ snapshot }) => {
    if (snapshot === null) throw new Error("drawn before the first snapshot");
    return select(snapshot);
  });
}

/** Returns a market's question, or its slug while the question is unknown. */
export function questionOf(slug: string): string {
  return store.get().snapshot?.markets.find((market) => market.slug === slug)?.question || slug;
}

/** The login of the current user. */
export const Session = createContext<SessionView>({ name: "", role: "viewer" });

/** Returns whether the role may trade: start, stop, cancel. The host decides; the page only disables controls. */
export function useMayTrade(): boolean {
  const { role } = useContext(Session);
  return role === "trader" || role === "admin";
}

/** Returns whether the role may change limits. */
export function useMayConfigure(): boolean {
  return useContext(Session).role === "admin";
}

/** Returns whether the role may release an emergency stop. */
export function useMayRelease(): boolean {
  return useContext(Session).role === "admin";
}
