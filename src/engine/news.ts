import type { Instant } from "../base/time.ts";
import type { Clock } from "../ports/clock.ts";

/** Lets the loop sleep until something happens or it is time. What happens while it works is not missed. */
export interface News {
  tell(): void;
  wait(until: Instant, signal: AbortSignal): Promise<void>;
}

export function createNews(clock: Clock): News {
  let told = false;
  let wake: (() => void) | null = null;
  return {
    tell: () => {
      told = true;
      wake?.();
    },
    wait: async (until, signal) => {
      if (!told && !signal.aborted) {
        const waking = new AbortController();
        wake = () => waking.abort(null);
        signal.addEventListener("abort", wake, { once: true });
        await clock.sleep(until, waking.signal);
        signal.removeEventListener("abort", wake);
        wake = null;
      }
      told = false;
    },
  };
}
