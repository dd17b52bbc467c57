import { appError } from "../../base/errors.ts";
import { minutes } from "../../base/time.ts";
import type { Application } from "../../model/application.ts";
import { expandPlaceholders } from "../../model/command.ts";
import { DONE, refused } from "../../model/outcome.ts";
import type { RunCommand } from "../../ports/command.ts";
import type { HookContext, HookPort } from "../../ports/probe.ts";

/** A migration may take its time, but nothing may take for ever. */
const LONGEST = minutes(60);
const LINES_SHOWN = 20;

export interface HooksOptions {
  readonly application: Application;
  readonly runCommand: RunCommand;
}

export function hooks({ application, runCommand }: HooksOptions): HookPort {
  return {
    async run(hook, context) {
      const command = application.hooks[hook];
      if (command === null) return DONE;
      const { trouble, output } = await runCommand({
        command: expandPlaceholders(command),
        directory: application.directory,
        env: environmentOf(application, hook, context),
        timeout: LONGEST,
      });
      const note = output.trimEnd().split("\n").slice(-LINES_SHOWN).join("\n");
      if (trouble === null) return note === "" ? DONE : { kind: "done", note };
      return refused(
        appError("hook.failed", `hooks.${hook}: \`${command}\` failed: ${trouble}`, { details: note }),
      );
    },
  };
}

function environmentOf(
  application: Application,
  hook: string,
  { rollout, release, from, reason }: HookContext,
): Readonly<Record<string, string>> {
  return {
    GLIDEPATH_APP: application.name,
    GLIDEPATH_HOOK: hook,
    GLIDEPATH_ROLLOUT: rollout,
    GLIDEPATH_RELEASE: release,
    GLIDEPATH_FROM: from ?? "",
    GLIDEPATH_REASON: reason ?? "",
  };
}
