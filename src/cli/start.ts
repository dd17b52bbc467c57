import { appError, type AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import { between, formatDuration } from "../base/time.ts";
import type { ReleaseId } from "../model/ids.ts";
import { isEnded, type Rollout } from "../model/rollout.ts";
import type { ControlPlane, StartOptions } from "../ports/control.ts";
import { fail, sha256Of, tell, withOpened, type Context } from "./context.ts";
import { clean, line, warn } from "./render/text.ts";
import { supersede, whenFree } from "./supersede.ts";
import { earlySignals, followRollout } from "./follow.ts";

type Begin = (control: ControlPlane, options: StartOptions) => Promise<Result<Rollout, AppError>>;

/** Why no rollout can start now; null if none is under way. What cannot be read is for `start` to report. */
async function underWay(control: ControlPlane): Promise<AppError | null> {
  const status = await control.status({ look: false });
  if (!status.ok) return null;
  const { rollout, holder, at } = status.value;
  if (rollout === null || isEnded(rollout)) return null;
  const what = `a rollout of ${rollout.release} is under way (${rollout.phase.name})`;
  if (holder?.alive === true) {
    const since = formatDuration(between(holder.since, at));
    return appError("rollout.active", `${what}, carried by ${holder.who}, for ${since} now`, {
      hint:
        "wait for it, watch it with `glidepath status --watch`, end it with `glidepath abort`, or take its " +
        "place with `glidepath release RELEASE --supersede`. To take it over, end that process, then " +
        "`glidepath resume`",
    });
  }
  return appError("rollout.active", `${what}, and the process that carried it is gone`, {
    hint: "`glidepath resume` goes on with it, `glidepath abort` goes back; then try again",
  });
}

export interface StartAndFollow {
  readonly begin: Begin;
  /** This one takes the place of whatever is under way. */
  readonly supersedes?: ReleaseId | null;
}

/** Begins a rollout and follows it to its end: `release` and `rollback`. */
export function startAndFollow(
  context: Context,
  { begin, supersedes = null }: StartAndFollow,
): Promise<number> {
  const sha256 = sha256Of(context.options["sha256"]);
  if (!sha256.ok) return Promise.resolve(fail(context, sha256.error));
  return withOpened(context, async (opened) => {
    const { control, warnings } = opened;
    tell(
      context,
      warnings.map((warning) => line(warn("! "), clean(warning))),
    );
    const left =
      supersedes === null
        ? null
        : await supersede(context, opened, { release: supersedes, sha256: sha256.value });
    if (left !== null) return left;
    const busy = await underWay(control);
    if (busy !== null) return fail(context, busy);
    const early = earlySignals(context);
    const observe = context.options["observe"] === true;
    const probe = context.options["probe"] === true;
    const given = { sha256: sha256.value, by: context.deps.by, observe, probe };
    const start = () => begin(control, given);
    const started = await (supersedes === null ? start() : whenFree(context, start));
    early.off();
    if (!started.ok) return fail(context, started.error);
    return followRollout(context, opened, { way: "carry", interrupted: early.came() });
  });
}

export const SHA256_OPTION = { flags: "--sha256 <hex>", help: "the digest that the artifact must have" };

export const PROBE_OPTION = {
  flags: "--probe",
  help: "send a small stream of requests through every gateway meanwhile, for the receipt",
};

const NO_SERVICE = appError(
  "usage",
  "--detach hands the rollout to a controller service, and none runs here",
  {
    hint: "leave it out; in tmux or under `systemd-run` the command outlives this terminal",
  },
);

/** `--detach` where nothing could take the rollout over. */
export function refuseDetach(context: Context): number | null {
  return context.options["detach"] === true ? fail(context, NO_SERVICE) : null;
}
