import type { Application, Slot } from "../model/application.ts";
import { poolOf } from "../model/application.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Finding } from "../ports/examine.ts";
import type { IdlePort } from "../ports/idle.ts";

/** What is worth a word while a release goes on. Nothing waits for it, and nothing is decided by it. */
export interface Advice {
  /** A state, before its actions begin. */
  follow(rollout: Rollout): void;
  /** Leaves what it is waiting for. */
  end(): void;
}

interface Look {
  readonly slot: Slot;
  readonly left: AbortController;
}

/** A release that comes to every slot so soon leaves no time for it. */
const MOST_LOOKS = 4;

/**
 * Once in a rollout: how long the application keeps idle connections, seen at a slot that is not being
 * touched. When the rollout comes to that slot the look is given up, its connection at once, and another slot
 * is asked.
 */
export function createAdvice(
  application: Application,
  port: IdlePort,
  tell: (finding: Finding) => void,
): Advice {
  const pool = poolOf(application.hosts);
  let looks = 0;
  let look: Look | null = null;
  let isOver = false;

  const isAtRest = ({ slots }: Rollout, { key }: Slot): boolean => {
    const course = slots[key];
    return course?.at === "settled" && course.release !== null;
  };

  const measure = async ({ slot, left }: Look): Promise<void> => {
    const finding = await port.measure(slot, left.signal).catch(() => null);
    if (left.signal.aborted || isOver) return;
    isOver = true;
    if (finding?.severity === "warning") tell(finding);
  };

  return {
    follow: (rollout) => {
      if (look !== null && !isAtRest(rollout, look.slot)) {
        look.left.abort();
        look = null;
      }
      if (isOver || look !== null || looks >= MOST_LOOKS) return;
      // The last one is updated last.
      const slot = pool.findLast((one) => isAtRest(rollout, one));
      if (slot === undefined) return;
      looks += 1;
      look = { slot, left: new AbortController() };
      void measure(look);
    },
    end: () => {
      isOver = true;
      look?.left.abort();
    },
  };
}
