// Watches the one link that nginx follows, from outside, to know when which slots could be asked.
import {
  type FSWatcher,
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  watch,
} from "node:fs";
import { basename, join } from "node:path";
import type { Workspace } from "./workspace.ts";

export interface Switch {
  /** The link's target. */
  readonly generation: string;
  /** The link was made then, before it was put in place; nothing can have used it earlier. */
  readonly madeAt: number;
  /** It was in place then; nothing sent later can have used the one before. */
  readonly seenAt: number;
  /** Slots that some request could reach. */
  readonly slots: readonly number[];
}

export interface SwitchWatch {
  readonly switches: readonly Switch[];
  readonly close: () => void;
}

const BUCKETS = /^\d$/;

/** Every group that a bucket of this generation leads to. `canary` and `stable` beside them are for rules. */
function groupsOf(table: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (path: string): void => {
    for (const name of readdirSync(path).filter((one) => BUCKETS.test(one))) {
      const target = realpathSync(join(path, name));
      // With the release behind it where the gateway tells it.
      if (basename(join(target, "..")) === "as") found.add(basename(target).replace(/@.*$/, ""));
      else visit(target);
    }
  };
  visit(table);
  return found;
}

/** Ports of each upstream of the config, without those that are only asked when the others fail. */
function upstreamsOf(config: string): ReadonlyMap<string, readonly number[]> {
  const blocks = config.matchAll(/^\s*upstream\s+(\S+)\s*\{([^}]*)\}/gm);
  return new Map(
    [...blocks].map(([, name = "", body = ""]) => {
      const servers = [...body.matchAll(/server\s+\S+:(\d+)([^;]*);/g)];
      return [
        name,
        servers.filter((one) => !/\b(backup|down)\b/.test(one[2] ?? "")).map((one) => Number(one[1])),
      ];
    }),
  );
}

function slotsOf(workspace: Workspace, table: string): readonly number[] {
  const file = join(workspace.nginx.confd, "shop.conf");
  const upstreams = [...upstreamsOf(readFileSync(file, "utf8"))];
  const ports = [...groupsOf(table)].flatMap((group) => {
    const found = upstreams.find(([name]) => name.endsWith(`_${group}`));
    if (found === undefined) throw new Error(`no upstream of ${file} belongs to the group ${group}`);
    return found[1];
  });
  return [...new Set(ports)].toSorted((a, b) => a - b);
}

/** The switch must be there: after the first release. */
export function watchSwitches(workspace: Workspace): SwitchWatch {
  const home = join(workspace.directory, "switch", "shop");
  const pool = readdirSync(home).find((name) => existsSync(join(home, name, "cur")));
  if (pool === undefined) throw new Error(`there is no switch below ${home}`);
  const folder = join(home, pool);
  const link = join(folder, "cur");
  const switches: Switch[] = [];
  const look = (): void => {
    if (!existsSync(link)) return;
    const generation = readlinkSync(link);
    const seenAt = performance.timeOrigin + performance.now();
    if (generation === switches.at(-1)?.generation) return;
    const madeAt = lstatSync(link).mtimeMs;
    switches.push({ generation, madeAt, seenAt, slots: slotsOf(workspace, realpathSync(link)) });
  };
  look();
  const watcher: FSWatcher = watch(folder, look);
  return { switches, close: () => watcher.close() };
}
