import { millis, seconds } from "../../base/time.ts";
import { appError } from "../../base/errors.ts";
import type { Slot } from "../../model/application.ts";
import { expandPlaceholders } from "../../model/command.ts";
import type { Ask } from "../../model/drain.ts";
import { DONE, refused, unknown, type Outcome } from "../../model/outcome.ts";
import type { HostCommand, HostPort } from "../../ports/host.ts";
import { ASK_HINT } from "./answers.ts";
import { place, type SlotWrite } from "./calls.ts";
import { signalled, signalName } from "./command.ts";
import { environmentOf } from "./layout.ts";
import { ASK_RUN, ASK_SIGNAL } from "./script/ask.ts";
import { unitNameOf } from "./unit.ts";

/** It only has to hear it: its connections have the time of their own. */
const PATIENCE = seconds(10);

type OnHost = Exclude<Ask, { kind: "http" }>;

export function askCall(asked: SlotWrite, ask: OnHost): HostCommand {
  const { application, slot } = asked;
  const { run } = application;
  const timeout = millis(2 * PATIENCE + 10_000);
  if (ask.kind === "run") {
    const more = [String(PATIENCE / 1000), run.user ?? "", expandPlaceholders(ask.command)];
    const args = [...place(asked), ...more, ...environmentOf(application, slot)];
    return { script: ASK_RUN, args, timeout };
  }
  // What Glidepath supervises is found by itself, also where systemd runs the supervisor.
  const unit = run.kind === "command" ? "" : unitNameOf(application, slot);
  const whom = run.kind === "command" ? signalled(run.command) : "all";
  return { script: ASK_SIGNAL, args: [...place(asked), signalName(ask.signal), whom, unit], timeout };
}

interface HttpAsk {
  readonly ask: Extract<Ask, { kind: "http" }>;
  /** The name under which users know the application. */
  readonly hostHeader: string | null;
}

export async function askHttp(host: HostPort, slot: Slot, { ask, hostHeader }: HttpAsk): Promise<Outcome> {
  const { path, method } = ask;
  const answer = await host.get({
    to: { port: slot.port, address: slot.address },
    path,
    method,
    timeout: PATIENCE,
    headers: { "User-Agent": "glidepath", ...(hostHeader === null ? {} : { Host: hostHeader }) },
  });
  const what = `slot ${slot.key}: ${method} ${path}`;
  if (answer.kind === "lost") return unknown(appError("host.unreachable", `${slot.host}: ${answer.why}`));
  if (answer.kind === "answered" && answer.status < 400) return DONE;
  const found = answer.kind === "answered" ? `was answered with ${answer.status}` : answer.why;
  return refused(appError("slot.ask", `${what}: ${found}`, { hint: ASK_HINT }));
}
