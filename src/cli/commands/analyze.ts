import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { parseShare } from "../../model/share.ts";
import type { CommandRow } from "../command.ts";
import { answer, fail, withOpened, type Context } from "../context.ts";
import type { AnalyzeRequest } from "../deps.ts";
import { DONE } from "../exit.ts";
import { analyzeLines } from "../render/analyze.ts";
import { analyzeJson } from "../wire.ts";

function requestOf({ args, options }: Context): Result<AnalyzeRequest, AppError> {
  const text = (name: string): string | null => (options[name] === undefined ? null : String(options[name]));
  const [format, canary, share] = [text("format"), text("canary"), text("share")];
  if ((format === null) !== (canary === null)) {
    return err(
      appError("usage", "--format and --canary go together: our own log needs neither", {
        hint: "for example --format '$msec $status $request_time $upstream_addr' --canary 10.0.0.2:8001",
      }),
    );
  }
  const points = share === null ? null : parseShare(share);
  if (share !== null && points === null) {
    return err(appError("usage", `--share takes a share such as 5%, not ${JSON.stringify(share)}`));
  }
  return ok({ logs: args, format, canary, share: points });
}

export const analyze: CommandRow = {
  name: "analyze",
  args: { "<logs...>": "recorded logs of the gateways, all of one rollout" },
  summary: "what the judge would have done by recorded logs, and when; changes nothing",
  options: [
    { flags: "--format <log_format>", help: "the logs' format, as in nginx's log_format, if it is not ours" },
    {
      flags: "--canary <who>",
      help: "with --format: the canary's addresses (10.0.0.2:8001,10.0.0.3:8001), or $variable=value",
    },
    { flags: "--share <share>", help: "the canary's share, if it was another than the logs show" },
  ],
  run: async (context) => {
    const request = requestOf(context);
    if (!request.ok) return fail(context, request.error);
    return withOpened(context, async (opened) => {
      const analyzed = await opened.analyze(request.value);
      if (!analyzed.ok) return fail(context, analyzed.error);
      answer(
        context,
        () => analyzeLines(analyzed.value),
        () => analyzeJson(analyzed.value),
      );
      return DONE;
    });
  },
};
