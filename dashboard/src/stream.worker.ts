// The shared worker, which holds the only stream for all tabs of a browser.

import { openStream } from "./api";
import { Hub, type Tab, type Wish } from "./hub";

const hub = new Hub(openStream);

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = ({ ports }) => {
  const port = ports[0];
  if (port === undefined) return;
  const tab: Tab = { send: (event) => port.postMessage(event) };
  port.onmessage = ({ data }: MessageEvent<Wish>) => {
    if (data.kind === "follow") hub.follow(tab, data.after);
    else hub.leave(tab);
  };
  // Newer browsers close the port of a crashed tab; in others it stays until the worker ends.
  port.addEventListener("close", () => hub.leave(tab));
};
