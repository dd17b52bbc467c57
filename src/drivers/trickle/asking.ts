import type { Duration } from "../../base/time.ts";
import type { ProbeEnd } from "../../model/probing.ts";
import type { Place } from "./place.ts";

/** One request of the probe's. */
export interface Asking {
  readonly place: Place;
  readonly path: string;
  /** Those that tell the user and the probe, and the Host. */
  readonly headers: Readonly<Record<string, string>>;
  /** For TLS; null: none. */
  readonly serverName: string | null;
  readonly timeout: Duration;
  /** How long it is kept open; zero for what is over with its answer. */
  readonly hold: Duration;
  readonly signal: AbortSignal;
}

/** How it ended; `told` is the gateway's word of who answered. */
export interface Answer {
  readonly end: ProbeEnd;
  readonly said: string;
  readonly told: string | null;
}

/** One kind of request, over a connection of its own that it keeps and never tries again on. */
export interface Asker {
  /** null: the signal came first. */
  ask(asking: Asking): Promise<Answer | null>;
  close(): void;
}

export const TOLD = "x-glidepath-slot";

/** An answer that is there in whole. */
export function whole(status: number, told: string | null, isFit = status < 400): Answer {
  const end = status >= 500 ? "failed" : isFit ? "answered" : "declined";
  return { end, said: String(status), told };
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  ETIMEDOUT: "no connection in time",
  EHOSTUNREACH: "no way to the host",
  ENETUNREACH: "no way to the host",
};

export function wordsOf(error: unknown): string {
  // A stream of HTTP/2 tells what became of its connection in this way.
  if (error instanceof Error && error.cause instanceof Error) return wordsOf(error.cause);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return WORDS[code] ?? (error instanceof Error ? error.message : String(error));
}

/**
 * A promise that is settled once: by its work, by the signal (null), or when the time is over. `end` is
 * called then, whoever came first.
 */
export function bounded(
  { timeout, hold, signal }: Pick<Asking, "timeout" | "hold" | "signal">,
  work: (settle: (answer: Answer) => void) => { late(): Answer; end(): void },
): Promise<Answer | null> {
  return new Promise((resolve) => {
    let isOver = false;
    const over = (answer: Answer | null): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      running.end();
      resolve(answer);
    };
    const onAbort = (): void => over(null);
    const timer = setTimeout(() => over(running.late()), timeout + hold);
    const running = work((answer) => queueMicrotask(() => over(answer)));
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
}
