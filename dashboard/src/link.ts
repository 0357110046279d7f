// Keeps the store in step with the host: snapshot, stream, and a new snapshot after a gap, a reset or a lost connection.
// It never resumes an old stream: a restarted host counts from the beginning, and a snapshot is cheap.

import { ApiError, fetchSnapshot, type Place, type StreamEvents } from "./api";
import type { Snapshot } from "./generated/Snapshot";
import { SILENCE_MAX_MS } from "./hub";
import { sharedUpdates } from "./shared";
import type { Store } from "./store";

/** The external functions of the link; tests replace them. */
export interface Door {
  snapshot: () => Promise<Snapshot>;
  stream: (after: Place, events: StreamEvents) => () => void;
  now: () => number;
}

const REAL: Door = { snapshot: fetchSnapshot, stream: sharedUpdates(), now: () => Date.now() };

export const RETRY_MIN_MS = 500;
export const RETRY_MAX_MS = 5_000;

/** One connection to the host, kept until [`Connection.stop`]. */
export class Connection {
  private closeStream: (() => void) | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private silence: ReturnType<typeof setTimeout> | null = null;
  private retryMs = RETRY_MIN_MS;
  /** Incremented with each attempt, so that messages of an earlier attempt are ignored. */
  private attempt = 0;

  constructor(
    private readonly store: Store,
    /** Called once when the login is missing or has expired. */
    private readonly onLoggedOut: () => void,
    private readonly door: Door = REAL,
  ) {}

  start(): void {
    this.stop();
    void this.connect();
  }

  stop(): void {
    this.attempt += 1;
    this.closeStream?.();
    this.closeStream = null;
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.silence !== null) clearTimeout(this.silence);
    this.retry = null;
    this.silence = null;
  }

  private async connect(): Promise<void> {
    const attempt = this.attempt;
    let snapshot: Snapshot;
    try {
      snapshot = await this.door.snapshot();
    } catch (error) {
      if (attempt === this.attempt) this.failed(error);
      return;
    }
    if (attempt !== this.attempt) return;
    this.store.load(snapshot);
    this.listen({ session: snapshot.bot.session, seq: snapshot.seq }, attempt);
  }

  private listen(after: Place, attempt: number): void {
    const current = (then: () => void) => () => {
      if (attempt === this.attempt) then();
    };
    this.watch();
    this.closeStream = this.door.stream(after, {
      open: current(() => this.alive()),
      message: (message) => {
        if (attempt !== this.attempt) return;
        this.alive();
        if (this.store.apply(message) === "gap") this.again();
      },
      reset: current(() => this.again()),
      end: current(() => this.lost("the stream ended")),
    });
  }

  private alive(): void {
    this.retryMs = RETRY_MIN_MS;
    if (this.store.get().link.state !== "live") this.store.setLink({ state: "live" });
    this.watch();
  }

  private watch(): void {
    if (this.silence !== null) clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost("no message from the host"), SILENCE_MAX_MS);
  }

  /** Schedules a new snapshot: the host responds, but the replica is out of step. */
  private again(): void {
    this.stop();
    this.schedule();
  }

  private failed(error: unknown): void {
    if (error instanceof ApiError && error.status === 401) {
      this.stop();
      this.onLoggedOut();
      return;
    }
    this.lost(error instanceof Error ? error.message : "the host did not answer");
  }

  private lost(reason: string): void {
    this.stop();
    const { link } = this.store.get();
    const since_ms = link.state === "lost" ? link.since_ms : this.door.now();
    this.store.setLink({ state: "lost", since_ms, reason });
    this.schedule();
  }

  private schedule(): void {
    this.retry = setTimeout(() => void this.connect(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
  }
}
