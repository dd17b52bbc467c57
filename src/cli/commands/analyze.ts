import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { parseShare } from "../../model/share.ts";
import type { CommandRow } from "../command.ts";
import { answer, fail, withOpened, type Context } from "../context.ts";
import type { AnalyzeRequest, GivenShare } from "../deps.ts";
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
  const shares = (share ?? "").split(",").map(sharesIn);
  if (share === null) return ok({ logs: args, format, canary, shares: [] });
  const known = shares.filter((each) => each !== null);
  if (known.length < shares.length) {
    const hint =
      "for example --share 5%, or --share 5%@21:40:00,25%@21:50:00 with the times of the day in UTC";
    return err(appError("usage", `--share takes shares, not ${JSON.stringify(share)}`, { hint }));
  }
  return ok({ logs: args, format, canary, shares: known });
}

const TIME = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)$/;

/** `5%` or `5%@21:40:00`. */
function sharesIn(text: string): GivenShare | null {
  const [points, at, ...more] = text.trim().split("@");
  const share = parseShare(points ?? "");
  const [, hours, minutes, seconds] = TIME.exec(at ?? "") ?? [];
  if (share === null || more.length > 0 || (at !== undefined && hours === undefined)) return null;
  const time =
    at === undefined ? null : ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return { share, time };
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
    {
      flags: "--share <shares>",
      help: "the canary's share, if it was another than the logs show: 5%, or 5%@21:40:00,25%@21:50:00 (UTC)",
    },
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
