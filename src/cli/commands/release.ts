import type { CommandRow } from "../command.ts";
import { fail, releaseOf } from "../context.ts";
import { RECEIPT_OPTION } from "../receipt-file.ts";
import { PROBE_OPTION, refuseDetach, SHA256_OPTION, startAndFollow } from "../start.ts";

export const release: CommandRow = {
  name: "release",
  args: { "<release>": "what the artifact is named by, for example v3.2.32" },
  summary: "start a rollout and follow it to its end; Ctrl-C asks: keep going, pause, abort",
  options: [
    SHA256_OPTION,
    { flags: "--supersede", help: "take the place of the rollout that is under way, which goes back first" },
    { flags: "--observe", help: "judge the release and tell, but never act on it" },
    PROBE_OPTION,
    RECEIPT_OPTION,
    { flags: "--detach", help: "let a controller service carry it" },
  ],
  run: async (context) => {
    const wanted = releaseOf(context.args[0] ?? "");
    if (!wanted.ok) return fail(context, wanted.error);
    const refused = refuseDetach(context);
    if (refused !== null) return refused;
    return startAndFollow(context, {
      begin: (control, options) => control.start(wanted.value, options),
      supersedes: context.options["supersede"] === true ? wanted.value : null,
    });
  },
};
