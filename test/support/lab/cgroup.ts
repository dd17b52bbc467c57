// Each host in a control group of its own: without it, hosts that are booted from the same session share one,
// and the systemd of one cannot tell its processes from another's. It also names every process of a host.
import { existsSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { signal } from "../../../src/demo/processes.ts";

/** Version 2 alone, or what systemd uses of version 1 and of both. */
const HIERARCHIES = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];

/** Becomes the command that follows NAME, in the group NAME. */
export const ENTER = `name=$1
shift
for tree in ${HIERARCHIES.join(" ")}; do
  [ -f "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/$name" && echo $$ >"$tree/$name/cgroup.procs" || exit 1
done
exec "$@"`;

const topsOf = (name: string): readonly string[] =>
  HIERARCHIES.map((tree) => join(tree, name)).filter((path) => existsSync(path));

/** The group and all below it, the deepest first. */
function groupsIn(top: string): readonly string[] {
  try {
    const below = readdirSync(top, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...below.flatMap(({ name }) => groupsIn(join(top, name))), top];
  } catch {
    return [];
  }
}

function processesOf(group: string): readonly number[] {
  try {
    const lines = readFileSync(join(group, "cgroup.procs"), "utf8").split("\n");
    return lines.map(Number).filter((pid) => pid > 1);
  } catch {
    return [];
  }
}

/** Kills everything in the group at once and waits until it is empty. */
export async function killGroup(name: string): Promise<void> {
  for (;;) {
    const pids = topsOf(name).flatMap(groupsIn).flatMap(processesOf);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, "SIGKILL");
    await wait(10);
  }
}

export function removeGroup(name: string): void {
  for (const group of topsOf(name).flatMap(groupsIn)) {
    try {
      rmdirSync(group);
    } catch {
      // Somebody is still in it; the next lab takes it away.
    }
  }
}
