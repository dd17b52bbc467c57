import { appError, type AppError } from "../base/errors.ts";
import { ok, type Result } from "../base/result.ts";
import { after, millis, seconds } from "../base/time.ts";
import type { ReleaseId } from "../model/ids.ts";
import { isEnded, isStuck, type Rollout } from "../model/rollout.ts";
import { fail, tell, type Context } from "./context.ts";
import type { Opened } from "./deps.ts";
import { exitOfRollout } from "./exit.ts";
import { showRollout, type Way } from "./follow.ts";
import { endLines } from "./render/receipt.ts";
import { line, strong, warn } from "./render/text.ts";

/**
 * Lets the rollout that is under way go back to where it began, and follows it there; null: `release` can
 * start. The process that carries it obeys; where there is none, this one does.
 */
export async function supersede(
  context: Context,
  opened: Opened,
  { release, sha256 }: { readonly release: ReleaseId; readonly sha256: string | null },
): Promise<number | null> {
  const status = await opened.control.status({ look: false });
  if (!status.ok) return fail(context, status.error);
  const { rollout, holder } = status.value;
  if (rollout === null || isEnded(rollout)) return null;
  // Nobody goes back for a release that cannot begin.
  const obstacle = await opened.control.obstacle(release, sha256);
  if (obstacle !== null) return fail(context, remains(rollout, obstacle));
  const way: Way = holder?.alive === true ? "watch" : "carry";
  const given = await giveWay(context, opened, { rollout, release, way });
  // It ended by itself meanwhile.
  if (!given.ok && given.error.code === "rollout.absent") return null;
  if (!given.ok) return fail(context, given.error);
  tell(context, [
    line(
      warn("! "),
      strong(rollout.release),
      ` gives way to ${release}: it goes back to ${rollout.from ?? "nothing"} first`,
    ),
  ]);
  const { result } = await showRollout(context, opened, { way });
  if (!result.ok) return fail(context, result.error);
  const end = result.value;
  if (isEnded(end) && !isStuck(end)) return null;
  tell(context, endLines(end, null, { carried: way === "watch" }));
  return exitOfRollout(end);
}

const remains = ({ release, from, aborted }: Rollout, error: AppError): AppError =>
  aborted !== null
    ? error
    : appError(error.code, error.message, {
        ...(error.details === undefined ? {} : { details: error.details }),
        hint: `the rollout of ${release} is as it was; \`glidepath abort\` goes back to ${from ?? "nothing"}`,
      });

interface Giving {
  readonly rollout: Rollout;
  readonly release: ReleaseId;
  readonly way: Way;
}

async function giveWay(
  { deps }: Context,
  { control }: Opened,
  { rollout, release, way }: Giving,
): Promise<Result<unknown, AppError>> {
  const taken = way === "carry" ? await control.takeOver(deps.by) : ok(rollout);
  if (!taken.ok || taken.value.aborted !== null) return taken;
  return control.order({ kind: "supersede", release }, deps.by);
}

/** Whoever carried the other rollout measures a moment longer than it lasts. */
const FREE_WITHIN = seconds(20);
const LOOK_AGAIN = millis(200);

/** Begins as soon as the process that carried the other rollout is done with it. */
export async function whenFree<T>(
  { deps: { clock } }: Context,
  begin: () => Promise<Result<T, AppError>>,
): Promise<Result<T, AppError>> {
  const deadline = after(clock.now(), FREE_WITHIN);
  for (;;) {
    const begun = await begin();
    if (begun.ok || begun.error.code !== "lease.held" || clock.now() >= deadline) return begun;
    await clock.sleep(after(clock.now(), LOOK_AGAIN), new AbortController().signal);
  }
}
