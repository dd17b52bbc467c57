import { millis, type Duration } from "../../base/time.ts";
import type { Application, Slot } from "../../model/application.ts";
import { expandPlaceholders } from "../../model/command.ts";
import type { ReleaseId } from "../../model/ids.ts";
import type { HostCommand } from "../../ports/host.ts";

/**
 * DIR COMMAND SECONDS USER NAME=VALUE...: the check runs in the slot, as the application's user where root
 * asks.
 */
export const EXEC = `set -u
cd -P "$1" || exit 127
command=$2 seconds=$3 user=$4
shift 4
set -- env -- "$@" GLIDEPATH_DIR="$(pwd -P)" /bin/sh -c "$command"
if [ -n "$user" ] && [ "$(id -u)" -eq 0 ] && [ "$user" != "$(id -un)" ]; then
  set -- setpriv --reuid "$(id -u "$user")" --regid "$(id -g "$user")" --init-groups -- "$@"
fi
exec timeout -k 1 "$seconds" "$@" </dev/null 2>&1
`;

/** What timeout gives when it had to end the command. */
export const TIMED_OUT: ReadonlySet<number> = new Set([124, 137]);

export interface ExecQuestion {
  readonly command: string;
  readonly release: ReleaseId;
  readonly timeout: Duration;
}

export function execCall({ name, run }: Application, slot: Slot, question: ExecQuestion): HostCommand {
  const variables = {
    ...run.env,
    PORT: slot.port,
    GLIDEPATH_APP: name,
    GLIDEPATH_HOST: slot.host,
    GLIDEPATH_PORT: slot.port,
    GLIDEPATH_RELEASE: question.release,
  };
  return {
    script: EXEC,
    args: [
      slot.dir,
      expandPlaceholders(question.command),
      String(question.timeout / 1000),
      run.user ?? "",
      ...Object.entries(variables).map(([variable, value]) => `${variable}=${value}`),
    ],
    // The script ends the command itself; this is for a host that does not answer.
    timeout: millis(question.timeout + 5000),
  };
}
