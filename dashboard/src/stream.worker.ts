// The shared worker: one for all tabs of a browser, with the only stream.

import { openStream } from "./api";
import { Hub, type Tab, type Wish } from "./hub";

const hub = new Hub(openStream);

(self as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = ({ ports }) => {
  const port = ports[0];
  if (port === undefined) return;
  const tab: Tab = { tell: (told) => port.postMessage(told) };
  port.onmessage = ({ data }: MessageEvent<Wish>) => {
    if (data.kind === "follow") hub.follow(tab, data.after);
    else hub.leave(tab);
  };
  // Newer browsers tell of a tab that crashed; with others its port stays until the worker ends.
  port.addEventListener("close", () => hub.leave(tab));
};
