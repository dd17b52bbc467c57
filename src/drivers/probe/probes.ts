import { present, unreachable } from "../../base/assert.ts";
import { appError } from "../../base/errors.ts";
import { formatDuration, millis } from "../../base/time.ts";
import type { Application, SmokeCheck, Slot, WarmUp } from "../../model/application.ts";
import { expandPlaceholders } from "../../model/command.ts";
import type { ReleaseId } from "../../model/ids.ts";
import type { Health } from "../../model/observation.ts";
import { DONE, refused, unknown, type Outcome } from "../../model/outcome.ts";
import { expand } from "../../model/placeholders.ts";
import type { RunCommand } from "../../ports/command.ts";
import type { Hosts } from "../../ports/host.ts";
import type { ProbePort } from "../../ports/probe.ts";
import { execCall, TIMED_OUT, type ExecQuestion } from "./exec.ts";
import { ask, hostHeader } from "./http.ts";
import { lastLines, place, quoted } from "./text.ts";

const LINES_SHOWN = 20;

export interface ProbesOptions {
  readonly application: Application;
  readonly hosts: Hosts;
  /** For smoke checks and warm-ups that are commands on the controller. */
  readonly runCommand: RunCommand;
}

export function probes(options: ProbesOptions): ProbePort {
  return {
    health: (slot, release) => health(options, slot, release),
    async warm(slot, release, index) {
      const part = present(options.application.warm?.[index], `part ${index} of the warm-up`);
      return part.kind === "http"
        ? warmHttp(options, slot, part)
        : runCheck(options, { slot, release, check: part, code: "slot.warm" });
    },
    async smoke(slot, release, index) {
      const check = present(options.application.smoke[index], `smoke check ${index}`);
      return check.kind === "http"
        ? smokeHttp(options, slot, check)
        : runCheck(options, { slot, release, check, code: "slot.smoke" });
    },
  };
}

async function health(
  { application, hosts }: ProbesOptions,
  slot: Slot,
  release: ReleaseId,
): Promise<Health | null> {
  const { probe, timeout } = application.health;
  const host = hosts(slot.host);
  switch (probe.kind) {
    case "http": {
      const seen = await ask(host, slot, { ...probe, host: hostHeader(application), timeout });
      return "lost" in seen ? null : seen;
    }
    case "tcp": {
      const contact = await host.connect({ port: slot.port, address: slot.address }, timeout);
      const asked = `connection to ${place(slot.address, slot.port)}`;
      if (contact.kind === "lost") return null;
      if (contact.kind === "connected") return { healthy: true, answer: `${asked} accepted` };
      return { healthy: false, answer: `${asked}: ${contact.why}` };
    }
    case "exec":
      return healthExec({ application, hosts }, slot, { command: probe.command, release, timeout });
    default:
      return unreachable(probe);
  }
}

async function healthExec(
  { application, hosts }: Pick<ProbesOptions, "application" | "hosts">,
  slot: Slot,
  question: ExecQuestion,
): Promise<Health | null> {
  const { port, dir, host } = slot;
  const asked = `\`${expand(question.command, { port, dir, host, release: question.release })}\` on ${host}`;
  const reply = await hosts(host).run(execCall(application, slot, question));
  if (reply.kind === "lost") return null;
  if (TIMED_OUT.has(reply.code)) {
    return { healthy: false, answer: `${asked}: no answer within ${formatDuration(question.timeout)}` };
  }
  return { healthy: reply.code === 0, answer: `${asked} → exit code ${reply.code}${quoted(reply.stdout)}` };
}

type HttpCheck = Extract<SmokeCheck, { kind: "http" }>;
type RunCheck = Extract<SmokeCheck, { kind: "run" }>;
type HttpWarmUp = Extract<WarmUp, { kind: "http" }>;

/**
 * A slot that answers badly while it is cold is what this is for: only how many did is told. What is left
 * when its time is over is not asked.
 */
async function warmHttp(
  { application, hosts }: ProbesOptions,
  slot: Slot,
  part: HttpWarmUp,
): Promise<Outcome> {
  const { path, times, timeout } = part;
  const until = performance.now() + timeout;
  const question = { path, status: null, contains: null, host: hostHeader(application) };
  let asked = 0;
  let well = 0;
  let last = "";
  for (; asked < times; asked += 1) {
    const left = until - performance.now();
    if (left < 1) break;
    const seen = await ask(hosts(slot.host), slot, { ...question, timeout: millis(Math.ceil(left)) });
    if ("lost" in seen) return unknown(appError("host.unreachable", seen.lost));
    if (seen.healthy) well += 1;
    else last = `; the last that failed: ${seen.answer}`;
  }
  const late = asked < times ? `; ${times - asked} not asked within ${formatDuration(timeout)}` : "";
  return { kind: "done", note: `GET ${path}: ${well} of ${asked} answered well${late}${last}` };
}

async function smokeHttp(
  { application, hosts }: ProbesOptions,
  slot: Slot,
  check: HttpCheck,
): Promise<Outcome> {
  const question = { ...check, host: hostHeader(application) };
  const seen = await ask(hosts(slot.host), slot, question);
  if ("lost" in seen) return unknown(appError("host.unreachable", seen.lost));
  const { healthy, answer } = seen;
  if (healthy) return { kind: "done", note: answer };
  const wanted = check.contains === null ? "" : ` with "${check.contains}"`;
  const status = check.status ?? "2xx or 3xx";
  const message = `slot ${slot.key}: expected ${status}${wanted}, got ${answer}`;
  return refused(appError("slot.smoke", message));
}

interface CommandCheck {
  readonly slot: Slot;
  readonly release: ReleaseId;
  readonly check: RunCheck;
  readonly code: "slot.smoke" | "slot.warm";
}

async function runCheck(options: ProbesOptions, asked: CommandCheck): Promise<Outcome> {
  const { slot, release, check, code } = asked;
  const { application, runCommand } = options;
  const { trouble, output } = await runCommand({
    command: expandPlaceholders(check.command),
    directory: application.directory,
    timeout: check.timeout,
    env: {
      GLIDEPATH_APP: application.name,
      GLIDEPATH_URL: `http://${place(slot.address, slot.port)}`,
      GLIDEPATH_RELEASE: release,
      GLIDEPATH_HOST: slot.host,
      GLIDEPATH_PORT: String(slot.port),
      GLIDEPATH_DIR: slot.dir,
    },
  });
  if (trouble === null) return DONE;
  const message = `slot ${slot.key}: \`${check.command}\` expected exit code 0, got ${trouble}`;
  return refused(appError(code, message, { details: lastLines(output, LINES_SHOWN) }));
}
