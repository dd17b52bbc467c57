import type { AppError } from "../base/errors.ts";
import { err, type Result } from "../base/result.ts";
import { after, millis, seconds } from "../base/time.ts";
import type { Receipt } from "../model/receipt.ts";
import type { Rollout } from "../model/rollout.ts";
import { isEnded } from "../model/rollout.ts";
import type { RolloutEvent } from "../ports/control.ts";
import { answer, appErrorIn, fail, type Context } from "./context.ts";
import type { Opened } from "./deps.ts";
import { exitOfRollout, INTERRUPTED } from "./exit.ts";
import { interruptOf, type Interrupt, type InterruptParts } from "./interrupt.ts";
import { writeReceipt } from "./receipt-file.ts";
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

/** Whoever carried it measures a moment longer than it lasts. */
const RECEIPT_WITHIN = seconds(4);
const LOOK_AGAIN = millis(200);

async function receiptOf(
  { clock }: Context["deps"],
  { control }: Opened,
  rollout: Rollout,
): Promise<Receipt | null> {
  const never = new AbortController().signal;
  const looks = RECEIPT_WITHIN / LOOK_AGAIN;
  for (let look = 0; look < looks; look += 1) {
    const found = await control.record(rollout.id);
    if (found === null || found.record.receipt !== null) return found?.record.receipt ?? null;
    await clock.sleep(after(clock.now(), LOOK_AGAIN), never);
  }
  return null;
}

async function conclude(
  context: Context,
  opened: Opened,
  { rollout, receipt, way }: Ending,
): Promise<number> {
  const exit = exitOfRollout(rollout);
  const known = receipt ?? (isEnded(rollout) ? await receiptOf(context.deps, opened, rollout) : null);
  answer(
    context,
    () => endLines(rollout, known, { carried: way === "watch" }),
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

/** How it stood when it ended, or when the person left; and the receipt, if one was seen. */
interface Followed {
  readonly result: Result<Rollout, AppError>;
  readonly receipt: Receipt | null;
}

/** Shows a rollout to its end, or until the person leaves. */
export async function showRollout(
  context: Context,
  opened: Opened,
  { way, interrupted = false }: FollowOptions,
): Promise<Followed> {
  const { control } = opened;
  const viewer = viewerFor(context);
  const stop = new AbortController();
  const parts = { context, control, viewer, leave: () => stop.abort() };
  const interrupt = way === "carry" ? interruptOf(parts) : watchInterrupt(parts);
  const off = context.io.onSignal((somebody) => interrupt.signal(somebody));
  if (interrupted) interrupt.signal();
  let receipt: Receipt | null = null;
  const onEvent = (event: RolloutEvent): void => {
    if (event.kind === "ended") receipt = event.receipt;
    if (event.kind === "decided") interrupt.saw(event.rollout);
    viewer.event(event);
  };
  try {
    const result = await (way === "carry"
      ? control.run(stop.signal, onEvent)
      : control.follow(stop.signal, onEvent));
    return { result, receipt };
  } finally {
    interrupt.end();
    viewer.end();
    off();
  }
}

function withoutStore(thrown: unknown): Followed {
  const error = appErrorIn(thrown);
  if (error === null) throw thrown;
  return { result: err(error), receipt: null };
}

/** Nobody can carry a rollout that cannot be written down, but it was begun: that is no refusal. */
function leftBehind(context: Context, error: AppError): number {
  if (error.code !== "journal.unusable") return fail(context, error);
  const stands =
    "the rollout stands where it is: then `glidepath resume` goes on, `glidepath abort` goes back";
  fail(context, { ...error, hint: error.hint === undefined ? stands : `${error.hint}; ${stands}` });
  return INTERRUPTED;
}

/** The same, and says how it ended; the value is the exit code. */
export async function followRollout(
  context: Context,
  opened: Opened,
  options: FollowOptions,
): Promise<number> {
  const { result, receipt } = await showRollout(context, opened, options).catch(withoutStore);
  if (!result.ok)
    return options.way === "carry" ? leftBehind(context, result.error) : fail(context, result.error);
  const code = await conclude(context, opened, { rollout: result.value, receipt, way: options.way });
  if (isEnded(result.value)) await writeReceipt(context, opened, result.value.id);
  return code;
}
