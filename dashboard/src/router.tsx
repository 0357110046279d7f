// Paths of the dashboard. The host serves index.html for each of them, so they can be bookmarked.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

const CHANGED = "polytrader:path";

export function usePath(): string {
  const [path, setPath] = useState(() => location.pathname);
  useEffect(() => {
    const update = (): void => setPath(location.pathname);
    addEventListener("popstate", update);
    addEventListener(CHANGED, update);
    return () => {
      removeEventListener("popstate", update);
      removeEventListener(CHANGED, update);
    };
  }, []);
  return path;
}

/** A link within the dashboard: it keeps the connection, and opens a new tab or window where the browser's modifier keys say so. */
export function PageLink({ to, current, children }: { to: string; current: boolean; children: ComponentChildren }) {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState(null, "", to);
    dispatchEvent(new Event(CHANGED));
  };
  return (
    <a href={to} onClick={follow} {...(current ? { "aria-current": "page" as const } : {})}>
      {children}
    </a>
  );
}
