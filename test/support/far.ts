// An application over many machines: each an sshd of its own, with a root and a slot; nginx is here.
import type { Behaviour } from "../../src/demo/app.ts";
import type { Sections } from "../../src/demo/scene.ts";
import { mostSessions, startFleet, type Fleet } from "./sshd.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

export interface Far {
  readonly fleet: Fleet;
  readonly workspace: Workspace;
  readonly close: () => Promise<void>;
}

export interface FarOptions {
  readonly count: number;
  readonly maxUnavailable: number;
  readonly releases?: Readonly<Record<string, Behaviour>>;
}

/** What each sshd allows: one session more would be refused, and seen in its log. */
const SERVER = ["LogLevel DEBUG1", "MaxSessions 8"];

export async function openFar({ count, maxUnavailable, releases }: FarOptions): Promise<Far> {
  const fleet = await startFleet(count, { server: SERVER });
  const workspace = await openWorkspace({
    slots: count,
    ...(releases === undefined ? {} : { releases }),
    edit: (sections, { root, slots }) => ({
      ...sections,
      ssh: { config: fleet.config },
      hosts: [
        { name: "gate", address: "local", slots: [] },
        ...fleet.targets.map(({ address }, i) => ({
          address,
          root: `${root}/${address}`,
          slots: slots.slice(i, i + 1),
        })),
      ],
      // All targets share one machine: patience, and no more questions than it can answer.
      health: {
        ...(sections["health"] as Sections),
        every: `${count * 50}ms`,
        within: "120s",
        timeout: "5s",
      },
      gateway: { ...(sections["gateway"] as Sections), hosts: ["gate"] },
      rollout: { ...(sections["rollout"] as Sections), maxUnavailable },
    }),
  });
  const close = async (): Promise<void> => {
    await workspace.close();
    await fleet.close();
  };
  return { fleet, workspace, close };
}

export interface Traces {
  /** Connections that each target accepted. */
  readonly connections: readonly number[];
  /** The most sessions that each target had at a time. */
  readonly sessions: readonly number[];
  /** Sessions that a target refused. */
  readonly refused: number;
  /** Sessions and TCP connections in all. */
  readonly total: number;
}

/** What the targets' own logs say. */
export function tracesOf({ targets }: Fleet): Traces {
  const logs = targets.map((target) => target.log());
  const count = (log: string, what: RegExp): number => log.match(what)?.length ?? 0;
  return {
    connections: logs.map((log) => count(log, /Accepted publickey/g)),
    sessions: logs.map(mostSessions),
    refused: logs.reduce((sum, log) => sum + count(log, /no more sessions/g), 0),
    total: logs.reduce((sum, log) => sum + count(log, /channel \d+: new /g), 0),
  };
}
