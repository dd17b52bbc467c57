import type { Clock } from "../../ports/clock.ts";
import { instant, type Instant } from "../../base/time.ts";

/** Looked at again this often, so that a clock that was set on is noticed; also below setTimeout's limit. */
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

/**
 * The wall clock, but that it never goes back: one that is set back is followed again when it has caught up,
 * and until then time goes on from where it was. Deadlines and the ages of looks are told by it: else all of
 * them would wait for as long as the clock was set back, an order to abort too. `wall` and `steady`: ms.
 */
export function onward(wall: () => number, steady: () => number): () => Instant {
  let ahead = Number.NEGATIVE_INFINITY;
  return () => {
    const since = steady();
    ahead = Math.max(ahead, wall() - since);
    return instant(Math.floor(since + ahead));
  };
}

const now = onward(
  () => Date.now(),
  () => performance.now(),
);

/** For all that compare times in this process. A sleep that is aborted leaves no timer behind. */
export const systemClock: Clock = {
  now,
  sleep: async (until, signal) => {
    while (!signal.aborted) {
      const left = until - now();
      if (left <= 0) return;
      await pause(Math.min(left, LONGEST_TIMER), signal);
    }
  },
};
