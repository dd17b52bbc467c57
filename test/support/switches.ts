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

/** Every group that the table of a generation leads to. */
function groupsOf(table: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (path: string, depth: number): void => {
    for (const name of readdirSync(path)) {
      const target = realpathSync(join(path, name));
      if (basename(join(target, "..")) === "groups") found.add(basename(target));
      else if (depth < 4) visit(target, depth + 1);
    }
  };
  visit(table, 0);
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
  const folder = join(workspace.directory, "switch", "shop");
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
