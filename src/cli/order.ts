import { appError, type AppError } from "../base/errors.ts";
import { isEnded, isStuck, reachOf, type Order, type Rollout } from "../model/rollout.ts";
import type { Status } from "../ports/control.ts";
import { answer, fail, tell, withOpened, type Context } from "./context.ts";
import type { Opened } from "./deps.ts";
import { followRollout } from "./follow.ts";
import { stepWords } from "./render/live.ts";
import { clean, good, line, strong, warn, type Line } from "./render/text.ts";
import { afterStuck, share } from "./render/words.ts";
import { orderJson } from "./wire.ts";

export const WAIT_OPTION = { flags: "--wait", help: "follow the rollout to its end" };

const TAKEN: Readonly<Record<Exclude<Order["kind"], "promote">, string>> = {
  pause: "is being paused",
  resume: "goes on",
  abort: "is going back",
  supersede: "gives way",
};

function takenWords(order: Order): string {
  if (order.kind !== "promote") return TAKEN[order.kind];
  if (order.to === "next") return "goes on to its next step";
  return order.to === "full" ? "goes to 100 %" : `goes to ${share(order.to.share)}`;
}

function takenLines(order: Order, rollout: Rollout): readonly Line[] {
  const where = [rollout.phase.name, stepWords(rollout), share(reachOf(rollout))].filter(
    (text) => text !== "",
  );
  return [
    line(good("✓ "), strong(rollout.release), ` ${takenWords(order)}: ${where.join(", ")}`),
    line("  ", clean(rollout.because)),
  ];
}

const standsStill = (rollout: Rollout): AppError =>
  isStuck(rollout)
    ? appError("rollout.refused", `the rollout of ${rollout.release} is stuck: ${rollout.because}`, {
        hint: afterStuck(rollout.from),
      })
    : appError("rollout.refused", `no process carries the rollout of ${rollout.release}: it stands still`, {
        hint: "`glidepath resume` goes on with it, `glidepath abort` goes back",
      });

/** The rollout, if nobody moves it: its process is gone, or it gave up and needs an operator. */
function orphanOf({ rollout, holder }: Status): Rollout | null {
  if (rollout === null || holder?.alive === true) return null;
  return !isEnded(rollout) || isStuck(rollout) ? rollout : null;
}

async function give(context: Context, opened: Opened, order: Order): Promise<number> {
  const taken = await opened.control.order(order, context.deps.by);
  if (!taken.ok) return fail(context, taken.error);
  if (context.options["wait"] === true) return followRollout(context, opened, { way: "watch" });
  answer(
    context,
    () => takenLines(order, taken.value),
    () => orderJson(taken.value),
  );
  return 0;
}

/** Takes the rollout over, gives the order where there is one to give, and carries it to its end. */
async function takeOver(context: Context, opened: Opened, order: Order): Promise<number> {
  const { control } = opened;
  const left = order.kind === "resume" ? await control.status() : null;
  const taken = await control.takeOver(context.deps.by);
  if (!taken.ok) return fail(context, taken.error);
  const { release, paused, phase } = taken.value;
  tell(context, [
    line(warn("! "), `nobody carried the rollout of ${release}: this process does from now on`),
    // What it waits for, a person perhaps, is not told anew while it waits.
    ...(left?.ok === true && left.value.rollout !== null
      ? [line("  it was left at: ", clean(left.value.rollout.because))]
      : []),
  ]);
  const word = order.kind === "resume" ? order.hook : undefined;
  const needed = order.kind !== "resume" || word !== undefined || paused !== null || phase.name === "stuck";
  const given = needed ? await control.order(order, context.deps.by) : taken;
  if (!given.ok) return fail(context, given.error);
  return followRollout(context, opened, { way: "carry" });
}

/** An order to the current rollout, whoever carries it; `resume` and `abort` carry it when nobody does. */
export function orderRollout(context: Context, order: Order): Promise<number> {
  const work = async (opened: Opened): Promise<number> => {
    // An order needs no host: one that does not answer would hold it up for as long as it is asked.
    const status = await opened.control.status({ look: false });
    if (!status.ok) return fail(context, status.error);
    const left = orphanOf(status.value);
    if (left === null) return give(context, opened, order);
    if (order.kind !== "resume" && order.kind !== "abort") return fail(context, standsStill(left));
    return opened.fault === null ? takeOver(context, opened, order) : fail(context, needsLists(opened.fault));
  };
  return withOpened(context, work, { anyway: true });
}

const needsLists = ({ code }: AppError): AppError =>
  appError(code, "no process carries the rollout, and whoever takes it over routes by the file's lists", {
    hint: "put right what is named above, or take its rule out of the file; then give the order again",
  });
