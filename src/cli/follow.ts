import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Receipt } from "../model/receipt.ts";
import type { Rollout } from "../model/rollout.ts";
import { isEnded } from "../model/rollout.ts";
import type { RolloutEvent } from "../ports/control.ts";
import { fail, answer, type Context } from "./context.ts";
import type { Opened } from "./deps.ts";
import { exitOfPhase } from "./exit.ts";
import { interruptOf, type Interrupt, type InterruptParts } from "./interrupt.ts";
import { endLines } from "./render/receipt.ts";
import { viewerFor } from "./viewer.ts";
import { resultJson } from "./wire.ts";

/** `carry`: this process moves the rollout. `watch`: another one does, and goes on when we leave. */
export type Way = "carry" | "watch";

const watchInterrupt = ({ leave }: InterruptParts): Interrupt => ({
  signal: leave,
  saw: () => {},
  end: () => {},
});

async function receiptOf({ control }: Opened, rollout: Rollout): Promise<Receipt | null> {
  return (await control.record(rollout.id))?.record.receipt ?? null;
}

async function conclude(
  context: Context,
  opened: Opened,
  { rollout, receipt, way }: Ending,
): Promise<number> {
  const exit = exitOfPhase(rollout.phase.name);
  const known = receipt ?? (isEnded(rollout) ? await receiptOf(opened, rollout) : null);
  answer(
    context,
    () => endLines(rollout, known, way === "watch"),
    () => resultJson(rollout, { receipt: known, exit }),
  );
  return exit;
}
interface Ending {
  readonly rollout: Rollout;
  readonly receipt: Receipt | null;
  readonly way: Way;
}

export interface FollowOptions {
  readonly way: Way;
  /** A signal came already. */
  readonly interrupted?: boolean;
}

/** Signals that come before there is a rollout to interrupt are kept for it. */
export function earlySignals({ io }: Context): { came(): boolean; off(): void } {
  let came = false;
  const off = io.onSignal(() => {
    came = true;
  });
  return { came: () => came, off };
}

/** Shows a rollout to its end, or until the person leaves; the value is the exit code. */
export async function followRollout(
  context: Context,
  opened: Opened,
  { way, interrupted = false }: FollowOptions,
): Promise<number> {
  const { control } = opened;
  const viewer = viewerFor(context);
  const stop = new AbortController();
  const parts = { context, control, viewer, leave: () => stop.abort() };
  const interrupt = way === "carry" ? interruptOf(parts) : watchInterrupt(parts);
  const off = context.io.onSignal(() => interrupt.signal());
  if (interrupted) interrupt.signal();
  let receipt: Receipt | null = null;
  const onEvent = (event: RolloutEvent): void => {
    if (event.kind === "ended") receipt = event.receipt;
    if (event.kind === "decided") interrupt.saw(event.rollout);
    viewer.event(event);
  };
  let result: Result<Rollout, AppError>;
  try {
    result = await (way === "carry"
      ? control.run(stop.signal, onEvent)
      : control.follow(stop.signal, onEvent));
  } finally {
    interrupt.end();
    viewer.end();
    off();
  }
  if (!result.ok) return fail(context, result.error);
  return conclude(context, opened, { rollout: result.value, receipt, way });
}
