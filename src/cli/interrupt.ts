import type { Rollout } from "../model/rollout.ts";
import type { ControlPlane } from "../ports/control.ts";
import { fail, type Context } from "./context.ts";
import type { Viewer } from "./viewer.ts";

const QUESTION = "Stop? [k]eep going  [p]ause and leave  [a]bort and go back  (Ctrl-C leaves at once)";

export interface InterruptParts {
  readonly context: Context;
  readonly control: ControlPlane;
  readonly viewer: Viewer;
  /** Ends the run of this process, wherever the rollout stands. */
  readonly leave: () => void;
}

/** Paused, and no hook runs of which nobody would hear. */
const isAtRest = ({ paused, hook }: Rollout): boolean => paused !== null && hook?.state !== "running";

/** What a signal does to a rollout that this process carries. */
export interface Interrupt {
  signal(somebody?: boolean): void;
  /** Must see every state of the rollout: a pause is waited for. */
  saw(rollout: Rollout): void;
  end(): void;
}

/**
 * On a terminal Ctrl-C asks; elsewhere, and when the terminal is closed, the first signal pauses the rollout
 * and leaves. A second one leaves at once.
 *
 *   idle ─signal─► asking ─k─► idle      asking ─p─► pausing ─rollout is paused─► left
 *   idle, asking ─signal, nobody is there──────────► pausing       any other ─signal─► left
 */
export function interruptOf({ context, control, viewer, leave }: InterruptParts): Interrupt {
  const { io, deps, flags } = context;
  let state: "idle" | "asking" | "pausing" | "left" = "idle";
  let last: Rollout | null = null;
  const over = new AbortController();

  const leaveNow = (): void => {
    state = "left";
    over.abort();
    leave();
  };
  const pause = async (): Promise<void> => {
    state = "pausing";
    viewer.question("pausing, then leaving; Ctrl-C leaves at once");
    if (last !== null && isAtRest(last)) return leaveNow();
    const taken = await control.order({ kind: "pause" }, deps.by);
    // One that has ended meanwhile tells how by itself.
    if (taken.ok || taken.error.code === "rollout.absent") return;
    fail(context, taken.error);
    leaveNow();
  };
  const abort = async (): Promise<void> => {
    state = "idle";
    const taken = await control.order({ kind: "abort", reason: `${deps.by} pressed Ctrl-C` }, deps.by);
    if (!taken.ok) fail(context, taken.error);
  };
  const ask = async (): Promise<void> => {
    state = "asking";
    viewer.question(QUESTION);
    const key = await io.askKey("kpa", over.signal);
    viewer.question(null);
    if (state !== "asking") return;
    if (key === "p") return pause();
    if (key === "a") return abort();
    if (key === "k") state = "idle";
    else leaveNow();
  };

  return {
    signal: (somebody = true) => {
      const asks = somebody && io.interactive && !flags.json;
      if (state === "idle" && asks) void ask();
      else if (state === "idle" || (state === "asking" && !somebody)) void pause();
      else leaveNow();
    },
    saw: (rollout) => {
      last = rollout;
      if (state === "pausing" && isAtRest(rollout)) leaveNow();
    },
    end: () => over.abort(),
  };
}
