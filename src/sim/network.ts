import { appError, type AppError } from "../base/errors.ts";
import { unknown, type Outcome } from "../model/outcome.ts";
import type { Instant } from "../base/time.ts";
import type { Observed } from "../model/observation.ts";
import { faultsNow, tell, type Context, type Line } from "./context.ts";
import { drawFate, type Fate } from "./faults.ts";
import { isReachable, type SimHost } from "./fleet.ts";

/** What a write does when it arrives; it calls `finish` once it is over, perhaps later. */
export type Effect = (finish: (outcome: Outcome) => void) => void;

export interface Write {
  /** For the trace: `stop web1:8001 @7`. */
  readonly name: string;
  readonly host: SimHost;
  readonly effect: Effect;
}

/** How long a write waits for its answer before it gives up. */
const TIMEOUT = 2000;

/** How much later a late or a repeated write arrives, at most. */
const MOST_LATE = 20_000;

const gone = (name: string): AppError =>
  appError("host.timeout", `${name}: no answer within ${TIMEOUT / 1000}s`, { hint: "look again" });

const nothing = (): void => undefined;

/** Answers a controller, if it still lives. */
export function answer<T>({ context, life }: Line, ms: number, value: () => T): Promise<T> {
  const { timeline } = context;
  return new Promise((resolve) => {
    if (!life.alive) return;
    timeline.in(ms, () => whenAwake({ context, life }, () => resolve(value())));
  });
}

/** A controller that stands still hears of everything later. */
export function whenAwake(line: Line, run: () => void): void {
  const { context, life } = line;
  const { timeline } = context;
  if (!life.alive) return;
  if (life.stalledUntil > timeline.now()) {
    timeline.at(life.stalledUntil, () => whenAwake(line, run));
    return;
  }
  timeline.wake();
  run();
}

/** Carries one write to its host, through whatever the seed has for it, also if its sender dies. */
export function deliver({ context, life }: Line, write: Write): Promise<Outcome> {
  return new Promise((resolve) => {
    if (!life.alive) return;
    const { timeline, dice } = context;
    const fate = drawFate(faultsNow(context), dice.fate);
    let isSettled = false;
    const settle = (outcome: Outcome): void => {
      if (isSettled || !life.alive) return;
      isSettled = true;
      tell(context, () => `  ${write.name}: ${outcome.kind}${why(outcome)}`);
      whenAwake({ context, life }, () => resolve(outcome));
    };
    tell(context, () => `> ${write.name}${fate === "happens" ? "" : ` (${fate})`}`);
    const send = { write, settle, delay: dice.delay.int(5, 40) };
    SEND[fate](context, send);
    if (GIVES_UP.has(fate)) timeline.in(TIMEOUT, () => settle(unknown(gone(write.name))));
  });
}

interface Send {
  readonly write: Write;
  readonly settle: (outcome: Outcome) => void;
  readonly delay: number;
}

const GIVES_UP: ReadonlySet<Fate> = new Set(["lost", "unanswered", "late"]);

const SEND: Readonly<Record<Fate, (context: Context, send: Send) => void>> = {
  happens: (context, { write, settle, delay }) => land(context, write, { delay, settle }),
  slow: (context, { write, settle, delay }) => land(context, write, { delay: delay * 60, settle }),
  lost: nothing,
  unanswered: (context, { write, delay }) => land(context, write, { delay, settle: nothing }),
  late: (context, { write }) =>
    land(context, write, { delay: TIMEOUT + context.dice.delay.int(0, MOST_LATE), settle: nothing }),
  repeated: (context, { write, settle, delay }) => {
    land(context, write, { delay, settle });
    land(context, write, { delay: delay + context.dice.delay.int(0, MOST_LATE), settle: nothing });
  },
};

interface Landing {
  readonly delay: number;
  readonly settle: (outcome: Outcome) => void;
}

/** A host that cannot be reached swallows the write, and nobody knows. */
function land(context: Context, write: Write, { delay, settle }: Landing): void {
  const { timeline } = context;
  timeline.in(delay, () => {
    if (isReachable(write.host, timeline.now())) {
      tell(context, () => `. ${write.name} arrives`);
      write.effect(settle);
    } else {
      timeline.in(TIMEOUT - delay, () => settle(unknown(gone(write.name))));
    }
  });
}

const why = (outcome: Outcome): string => (outcome.kind === "done" ? "" : ` ${outcome.error.message}`);

export interface Look<T> {
  readonly name: string;
  readonly host: SimHost;
  /** What is there now. */
  readonly see: () => T;
  /** Earlier looks at the same, newest last. */
  readonly memory: Observed<T>[];
}

/** Looks older than this many are forgotten. */
const MEMORY = 3;

/** One look: it may fail, come late, or show what was there before, with the time at which that was true. */
export async function look<T>(line: Line, asked: Look<T>): Promise<Observed<T>> {
  const { context } = line;
  const { timeline, dice } = context;
  const faults = faultsNow(context);
  const roll = dice.look.next();
  const isBlind = roll < faults.lookUnknown;
  const isStale = !isBlind && roll < faults.lookUnknown + faults.lookStale;
  const isSlow = dice.look.chance(faults.lookSlow);
  const began = timeline.now();
  const seen = await answer(line, isBlind ? 1000 : 2, () => {
    if (isBlind || !isReachable(asked.host, timeline.now())) {
      return { known: false, at: began, why: `${asked.name}: no answer` } satisfies Observed<T>;
    }
    return isStale && asked.memory[0] !== undefined ? asked.memory[0] : remember(asked, began);
  });
  const told = isSlow ? await answer(line, dice.look.int(100, 3000), () => seen) : seen;
  if (!told.known) asked.host.unheardAt = timeline.now();
  return told;
}

function remember<T>(asked: Look<T>, at: Instant): Observed<T> {
  const fresh: Observed<T> = { known: true, at, value: asked.see() };
  asked.memory.push(fresh);
  if (asked.memory.length > MEMORY) asked.memory.shift();
  return fresh;
}
