import type { Clock } from "../../ports/clock.ts";
import { instant } from "../../base/time.ts";

/** Looked at again this often, so that a changed wall clock is noticed; also below setTimeout's limit. */
const LONGEST_TIMER = 30_000;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** The machine's clock. A sleep that is aborted leaves no timer behind that would keep the process. */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  sleep: async (until, signal) => {
    while (!signal.aborted) {
      const left = until - Date.now();
      if (left <= 0) return;
      await pause(Math.min(left, LONGEST_TIMER), signal);
    }
  },
};
