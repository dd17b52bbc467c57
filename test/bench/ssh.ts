// A release to many machines over SSH: each target is an sshd of its own on this machine, with a slot.
import { table } from "../../src/demo/table.ts";
import { mustExit } from "../support/exit.ts";
import { openFar, tracesOf } from "../support/far.ts";
import { canSsh } from "../support/sshd.ts";

const TARGETS = 100;
const MAX_UNAVAILABLE = 25;
const PATIENCE = { timeoutMs: 1_800_000 };

export interface OverSsh {
  readonly targets: number;
  readonly maxUnavailable: number;
  readonly requests: number;
  readonly failed: number;
  readonly firstTookMs: number;
  readonly tookMs: number;
  readonly phases: readonly { readonly name: string; readonly took: number }[];
  readonly connections: number;
  readonly mostConnections: number;
  readonly mostSessions: number;
  readonly refusedSessions: number;
  /** Sessions and TCP connections of both releases, first and second. */
  readonly sessions: number;
  readonly cpuMs: number;
  readonly maxRssMb: number;
}

interface Receipt {
  readonly phases: OverSsh["phases"];
}

export async function benchSsh(): Promise<OverSsh | null> {
  if (!canSsh("bench ssh")) return null;
  const { workspace, fleet, close } = await openFar({ count: TARGETS, maxUnavailable: MAX_UNAVAILABLE });
  try {
    const first = await workspace.start(["release", "v1", "--json"], PATIENCE).done;
    mustExit(first, 0);
    const load = await workspace.load({ rate: 50, slowMs: 1500 });
    const ran = await workspace.start(["release", "v2", "--json"], PATIENCE).done;
    const report = await load.stop();
    mustExit(ran, 0);
    const traces = tracesOf(fleet);
    const last = ran.events.at(-1);
    return {
      targets: TARGETS,
      maxUnavailable: MAX_UNAVAILABLE,
      requests: report.requests,
      failed: report.failures.length,
      firstTookMs: Math.round(first.took),
      tookMs: Math.round(ran.took),
      phases: (last?.["receipt"] as Receipt | undefined)?.phases ?? [],
      connections: traces.connections.reduce((sum, one) => sum + one, 0),
      mostConnections: Math.max(...traces.connections),
      mostSessions: Math.max(...traces.sessions),
      refusedSessions: traces.refused,
      sessions: traces.total,
      cpuMs: ran.cost.cpu,
      maxRssMb: ran.cost.maxRss,
    };
  } finally {
    await close();
  }
}

export function printSsh(one: OverSsh): void {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const phases = one.phases.map(({ name, took }) => [name, seconds(took)]);
  console.log(
    table(
      ["over SSH", `${one.targets} targets, ${one.maxUnavailable} at a time`],
      [
        ["requests, failed", `${one.requests}, ${one.failed}`],
        ["the first release", seconds(one.firstTookMs)],
        ...phases,
        ["the command", seconds(one.tookMs)],
        ["connections in all, most to one target", `${one.connections}, ${one.mostConnections}`],
        ["most sessions on one target at a time", String(one.mostSessions)],
        ["sessions that a target refused", String(one.refusedSessions)],
        ["sessions in all, of two releases", String(one.sessions)],
        ["processor time, memory of glidepath", `${seconds(one.cpuMs)}, ${one.maxRssMb} MB`],
      ],
    ),
  );
}
