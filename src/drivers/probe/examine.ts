import { formatDuration, millis, type Duration } from "../../base/time.ts";
import { keepaliveOf, poolOf, type Application, type Slot } from "../../model/application.ts";
import type { Examiner, Finding } from "../../ports/examine.ts";
import type { Hosts } from "../../ports/host.ts";
import type { IdlePort } from "../../ports/idle.ts";
import { hostHeader } from "./http.ts";

export interface IdleExaminerOptions {
  readonly application: Application;
  readonly hosts: Hosts;
}

/** All slots of an application are alike: the first that answers is enough, of so many that are asked. */
const MOST_ASKED = 4;
/** A connection that is kept hardly longer than the gateways keep it can still be closed under a request. */
const enough = (keepalive: Duration): Duration => millis(keepalive + Math.min(500, keepalive / 2));

/**
 * An application that closes an idle connection sooner than the gateways do, closes it in the very moment in
 * which a gateway sends a request on it, sooner or later. nginx asks another slot then, but not for a POST.
 */
export function idleExaminer({ application, hosts }: IdleExaminerOptions): Examiner {
  const never = new AbortController().signal;
  return {
    examine: async () => {
      for (const slot of poolOf(application.hosts).slice(0, MOST_ASKED)) {
        const finding = await measure({ application, hosts }, slot, never);
        if (finding !== null) return [finding];
      }
      return [];
    },
  };
}

/** It occupies one all the while: a host that allows fewer has none to spare for it in a release. */
const SESSIONS_TO_SPARE = 4;

/** The same in passing, of one slot. */
export const idlePort = ({ application, hosts }: IdleExaminerOptions): IdlePort => ({
  measure: async (slot, signal) => {
    const sessions = hosts(slot.host).sessions?.() ?? SESSIONS_TO_SPARE;
    return sessions < SESSIONS_TO_SPARE ? null : measure({ application, hosts }, slot, signal);
  },
});

async function measure(
  { application, hosts }: IdleExaminerOptions,
  slot: Slot,
  signal: AbortSignal,
): Promise<Finding | null> {
  const { gateway, health } = application;
  const keepalive = keepaliveOf(gateway);
  const { probe } = health;
  const isLooked = probe.kind === "http" && keepalive > 0 && !gateway.passive && gateway.protocol !== "grpc";
  if (!isLooked) return null;
  const host = hostHeader(application);
  const asked = {
    to: { port: slot.port, address: slot.address },
    path: probe.path,
    timeout: health.timeout,
    headers: { "User-Agent": "glidepath", ...(host === null ? {} : { Host: host }) },
  };
  const machine = hosts(slot.host);
  const answer = await machine.get({ ...asked, idle: enough(keepalive), signal });
  if (answer.kind !== "answered") return null;
  const { closedAfter = null } = answer;
  // Who died closed it too.
  if (closedAfter !== null && (await machine.get(asked)).kind !== "answered") return null;
  return findingOf(slot, keepalive, closedAfter);
}

function findingOf(slot: Slot, keepalive: Duration, closedAfter: Duration | null): Finding {
  const subject = `slot ${slot.key}: idle connections`;
  const kept = formatDuration(keepalive);
  if (closedAfter === null) {
    return { severity: "fine", subject, found: `kept for longer than the gateways' ${kept}`, todo: null };
  }
  if (closedAfter === 0) {
    return {
      severity: "fine",
      subject,
      found: "none: the application ends each with its answer",
      todo: null,
    };
  }
  const closed = roughly(closedAfter);
  const later = closed > keepalive ? ", and a busy machine may be late" : "";
  return {
    severity: "warning",
    subject,
    found:
      `the application closes them after ${formatDuration(closed)}, the gateways keep ` +
      `them for ${kept}${later}: a POST that meets the closing fails, in a release or not`,
    todo:
      `write gateway.keepalive: ${advised(closed)}, or let the application keep them for longer than ` +
      formatDuration(enough(keepalive)),
  };
}

const STEP = 100;
const roughly = (time: number): Duration => millis(Math.max(STEP, Math.round(time / STEP) * STEP));

/** Half of it: both sides may be late. */
function advised(closedAfter: Duration): string {
  const half = Math.floor(closedAfter / 2 / STEP) * STEP;
  return half < STEP ? "off" : formatDuration(millis(half));
}
