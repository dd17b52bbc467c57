import type { CommandRow } from "../command.ts";
import { fail, releaseOf } from "../context.ts";
import { RECEIPT_OPTION } from "../receipt-file.ts";
import { PROBE_OPTION, SHA256_OPTION, startAndFollow } from "../start.ts";

export const rollback: CommandRow = {
  name: "rollback",
  args: { "[release]": "default: the release before the stable one" },
  summary: "a rollout to the previous or the named release, straight to 100 %",
  options: [SHA256_OPTION, PROBE_OPTION, RECEIPT_OPTION],
  run: async (context) => {
    const [named] = context.args;
    if (named === undefined) {
      return startAndFollow(context, { begin: (control, options) => control.rollback(null, options) });
    }
    const wanted = releaseOf(named);
    if (!wanted.ok) return fail(context, wanted.error);
    return startAndFollow(context, {
      begin: (control, options) => control.rollback(wanted.value, options),
    });
  },
};
