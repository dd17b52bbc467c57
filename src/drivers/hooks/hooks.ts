import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { appError } from "../../base/errors.ts";
import { formatShare } from "../../model/share.ts";
import type { Application } from "../../model/application.ts";
import { expandPlaceholders } from "../../model/command.ts";
import { DONE, refused, unknown, type Outcome } from "../../model/outcome.ts";
import type { HookContext, HookPort } from "../../ports/probe.ts";
import { beginRun, seekRun, type RunEnd } from "./run.ts";

export interface HooksOptions {
  readonly application: Application;
}

/** Each run leaves its marks beside the store, so that another process can tell what became of it. */
export function hooks({ application }: HooksOptions): HookPort {
  return { run: (context) => runHook(application, context) };
}

async function runHook(application: Application, context: HookContext): Promise<Outcome> {
  const { run } = context;
  const command = application.hooks[run.name];
  if (command === undefined) return DONE;
  const path = pathOf(application, context);
  // Marks that are there already are those of a run that was begun: it is never begun twice.
  if (run.state === "sought" || existsSync(`${path}.pid`))
    return outcomeOf(await seekRun(path, run.since), run.name, command);
  await forgetOthers(dirname(dirname(path)), context.rollout);
  await mkdir(dirname(path), { recursive: true });
  const env = environmentOf(context);
  const end = await beginRun({
    command: expandPlaceholders(command),
    directory: application.directory,
    env,
    path,
  });
  return outcomeOf(end, run.name, command);
}

function outcomeOf({ trouble, output }: RunEnd, hook: string, command: string): Outcome {
  if (trouble === null) return output === "" ? DONE : { kind: "done", note: output };
  const what = `hooks.${hook}: \`${command}\``;
  if (trouble === "lost") {
    const message = `${what} was begun, and nobody knows what became of it`;
    return unknown(appError("hook.unknown", message, { details: output }));
  }
  return refused(appError("hook.failed", `${what} failed: ${trouble}`, { details: output }));
}

function pathOf({ state }: Application, { rollout, run }: HookContext): string {
  const about = run.slot ?? (run.share === undefined ? [] : String(run.share));
  const name = [run.name, about, String(run.attempt)].flat().join("-");
  return join(state, "hooks", rollout, name.replaceAll(/[^A-Za-z0-9.-]/g, "_"));
}

/** What hooks of other rollouts said is in the journal. */
async function forgetOthers(directory: string, rollout: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const others = names.filter((name) => name !== rollout);
  await Promise.all(others.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

function environmentOf({
  app,
  rollout,
  release,
  from,
  run,
  reason,
}: HookContext): Readonly<Record<string, string>> {
  const [host = "", port = ""] = run.slot?.split(":") ?? [];
  return {
    GLIDEPATH_APP: app,
    GLIDEPATH_HOOK: run.name,
    GLIDEPATH_ROLLOUT: rollout,
    GLIDEPATH_RELEASE: release,
    GLIDEPATH_FROM: from ?? "",
    GLIDEPATH_HOST: host,
    GLIDEPATH_PORT: port,
    GLIDEPATH_SHARE: run.share === undefined ? "" : formatShare(run.share).replace(" ", ""),
    GLIDEPATH_ATTEMPT: String(run.attempt),
    GLIDEPATH_REASON: reason ?? "",
  };
}
