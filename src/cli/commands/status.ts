import { after, millis } from "../../base/time.ts";
import type { Status } from "../../ports/control.ts";
import type { CommandRow } from "../command.ts";
import { answerTable, fail, pageOf, withOpened, type Context } from "../context.ts";
import type { Opened } from "../deps.ts";
import { DONE } from "../exit.ts";
import { statusLines } from "../render/status.ts";
import { trailWith, type Point } from "../render/verdict.ts";
import { dim, EMPTY, line, print } from "../render/text.ts";
import { gist } from "../render/words.ts";
import { statusJson } from "../wire.ts";

const EVERY = millis(1000);

async function once(context: Context, { control, application }: Opened): Promise<number> {
  const status = await control.status();
  if (!status.ok) return fail(context, status.error);
  answerTable(
    context,
    () => statusLines(status.value, application.name, { columns: context.io.columns() }),
    () => statusJson(status.value, application.name),
  );
  return DONE;
}

/** What must change for a new block. */
const newsOf = ({ stable, rollout, slots, gateways, verdict }: Status): string =>
  JSON.stringify([
    stable,
    rollout === null
      ? null
      : [rollout.id, rollout.phase.name, rollout.routing, rollout.paused, gist(rollout.because)],
    slots.map(({ slot, state, health, role, inRotation }) => [
      slot.key,
      state.known && [state.value.release, state.value.process, state.value.restarts],
      health.known && health.value.healthy,
      role,
      inRotation,
    ]),
    gateways.map(({ name, confirmed }) => [name, confirmed]),
    verdict?.kind ?? null,
  ]);

/** Live on a terminal; elsewhere a new block whenever something but a time changed. */
async function watch(context: Context, { control, application }: Opened): Promise<number> {
  const { io, flags, deps } = context;
  const live = io.interactive && !flags.json;
  const stop = new AbortController();
  const off = io.onSignal(() => stop.abort());
  let last = "";
  let trail: readonly Point[] = [];
  while (!stop.signal.aborted) {
    const status = await control.status();
    if (!status.ok) {
      io.screen.clear();
      off();
      return fail(context, status.error);
    }
    const { verdict } = status.value;
    if (verdict !== null) trail = trailWith(trail, verdict);
    const lines = statusLines(status.value, application.name, { columns: io.columns(), trail });
    const json = statusJson(status.value, application.name);
    const news = newsOf(status.value);
    if (live) {
      io.screen.show(print([...lines, EMPTY, line(dim("Ctrl-C ends this view"))], pageOf(context, "stderr")));
    } else if (news !== last) {
      answerTable(
        context,
        () => [...lines, EMPTY],
        () => json,
      );
      if ((await io.told()) !== "all") break;
    }
    last = news;
    await deps.clock.sleep(after(deps.clock.now(), EVERY), stop.signal);
  }
  io.screen.done();
  off();
  return DONE;
}

export const status: CommandRow = {
  name: "status",
  summary: "what runs where, in which rotation, the share, health, in-flight, and because of what",
  options: [{ flags: "--watch", help: "go on showing it" }],
  run: (context) =>
    withOpened(
      context,
      (opened) => (context.options["watch"] === true ? watch(context, opened) : once(context, opened)),
      { anyway: true },
    ),
};
