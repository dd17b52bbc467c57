import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { Order } from "../../model/rollout.ts";
import { parseShare } from "../../model/share.ts";
import type { CommandRow } from "../command.ts";
import { fail, type Context } from "../context.ts";
import { orderRollout, WAIT_OPTION } from "../order.ts";

function promotion({ options }: Context): Result<Order, AppError> {
  const { to, full } = options;
  if (to === undefined) return ok({ kind: "promote", to: full === true ? "full" : "next" });
  if (full === true)
    return err(appError("usage", "--to and --full say two different things: give one of them"));
  const share = parseShare(String(to));
  if (share !== null) return ok({ kind: "promote", to: { share } });
  return err(
    appError(
      "usage",
      `--to takes a share from 0% to 100% with at most two decimals, not ${JSON.stringify(to)}`,
      {
        hint: "for example `glidepath promote --to 50%`",
      },
    ),
  );
}

function resumption({ options }: Context): Result<Order, AppError> {
  const word = options["hook"];
  if (word === undefined) return ok({ kind: "resume" });
  if (word === "done" || word === "again") return ok({ kind: "resume", hook: word });
  return err(
    appError("usage", `--hook takes done or again, not ${JSON.stringify(word)}`, {
      hint: "done: it did its work. again: it is run once more",
    }),
  );
}

export const promote: CommandRow = {
  name: "promote",
  summary: "pass the gate or the rest of the bake, to the next step",
  options: [
    { flags: "--to <share>", help: "jump to this share, for example 50%" },
    { flags: "--full", help: "jump to 100 %" },
    WAIT_OPTION,
  ],
  run: async (context) => {
    const order = promotion(context);
    return order.ok ? orderRollout(context, order.value) : fail(context, order.error);
  },
};

export const pause: CommandRow = {
  name: "pause",
  summary: "hold the rollout where it is; traffic stays as it is",
  options: [WAIT_OPTION],
  run: (context) => orderRollout(context, { kind: "pause" }),
};

export const resume: CommandRow = {
  name: "resume",
  summary: "go on with a paused rollout, or take over one whose process is gone",
  options: [
    { flags: "--hook <word>", help: "of a hook whose end nobody knows: done, or again to run it once more" },
    WAIT_OPTION,
  ],
  run: (context) => {
    const order = resumption(context);
    return order.ok ? orderRollout(context, order.value) : Promise.resolve(fail(context, order.error));
  },
};

export const abort: CommandRow = {
  name: "abort",
  summary: "go back to the stable release, users first",
  options: [WAIT_OPTION, { flags: "--reason <text>", help: "why, for the history" }],
  run: (context) => {
    // One line, wherever it is shown.
    const given = String(context.options["reason"] ?? "")
      .replaceAll(/\s+/g, " ")
      .trim();
    const reason = given === "" ? `${context.deps.by} asked for it` : given;
    return orderRollout(context, { kind: "abort", reason });
  },
};
