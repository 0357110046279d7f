// Handling of states of the host that this page does not know.

const logged = new Set<string>();

/**
 * Returns the fallback for a state that no case handles. The parameter is `never`, so a call compiles only if every state of the
 * generated type has its case. At run time a host newer than this page may still send another state, which is logged once.
 */
export function unforeseen<T>(what: string, value: never, fallback: T): T {
  const text = `${what} ${(value as { kind?: string }).kind ?? String(value)}`;
  if (!logged.has(text)) {
    logged.add(text);
    console.warn(`unknown ${text}; reload the page`);
  }
  return fallback;
}
