// Real hosts for a test: several of them, on a network of their own, reached by ssh.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isAlive } from "../../../src/demo/processes.ts";
import { isRoot, mountSmall, needs, unmount } from "../skip.ts";
import { ENTER, killGroup, removeGroup } from "./cgroup.ts";
import { type HostPlan, type LabHost, addressOf, diskOf, labHost, layOut, machineOf } from "./host.ts";
import { type LabNetwork, makeNetwork, networkOf, removeNetwork } from "./network.ts";
import { sshConfig } from "./ssh.ts";

export interface LabOptions {
  readonly hosts: readonly string[];
  /** Size of each host's disk at /srv, as mount takes it. */
  readonly disk?: string;
  /** Paths of this machine that every host sees, read-only: `/here` or `/here:/there`. */
  readonly binds?: readonly string[];
}

export interface Lab {
  readonly hosts: readonly LabHost[];
  readonly host: (name: string) => LabHost;
  /** Names and addresses of the hosts, the key, and the keys by which the hosts are known. */
  readonly sshConfig: string;
  /** This machine, as the hosts see it. */
  readonly controller: string;
  readonly close: () => Promise<void>;
}

const BASE_SCRIPT = fileURLToPath(new URL("../../../script/lab-base", import.meta.url));
const TOOLS = ["systemd-nspawn", "debootstrap", "ssh", "ssh-keygen", "ip"];
const PROBE = `gplab-probe-${process.pid}`;
/** The application under test is a program for Node. */
const NODE_THERE = "/usr/local/bin/node";

const baseTree = (): string => execFileSync(BASE_SCRIPT, ["--print"], { encoding: "utf8" }).trim();

/** Why hosts cannot be booted here, or null. */
function obstacle(): string | null {
  if (!isRoot()) return "only root can boot hosts";
  const path = `${process.env["PATH"]}:/usr/sbin:/sbin`.split(":");
  const missing = TOOLS.filter((tool) => !path.some((directory) => existsSync(join(directory, tool))));
  if (missing.length > 0) return `${missing.join(", ")} missing; script/setup --lab installs them`;
  try {
    execFileSync(BASE_SCRIPT, { stdio: ["ignore", "ignore", "inherit"] });
    const probe = ["--quiet", "--register=no", "--keep-unit", "--private-network", "--read-only"];
    const words = ["systemd-nspawn", ...probe, `--directory=${baseTree()}`, "/bin/true"];
    execFileSync("/bin/sh", ["-c", ENTER, "lab", PROBE, ...words], { stdio: "pipe" });
    removeNetwork(makeNetwork());
    return null;
  } catch (error) {
    const [first, ...more] = String(error).trim().split("\n");
    return `hosts cannot be booted here: ${more[0] ?? first}`;
  } finally {
    removeGroup(PROBE);
  }
}

/** False where hosts cannot be booted; then says so, loudly, for the tests that are skipped. */
export function canLab(what: string): boolean {
  const why = obstacle();
  return needs(why === null, what, why ?? "");
}

/** Boots the hosts, `web1`, `web2`, … or as they are named, and waits until all can be reached. */
export async function openLab(options: LabOptions): Promise<Lab> {
  await sweep();
  const network = makeNetwork();
  const directory = join(runs(), network.name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "owner"), String(process.pid));
  const binds = [`${process.execPath}:${NODE_THERE}`, ...(options.binds ?? [])];
  const plans = options.hosts.map((name, i) => ({ network, number: i + 1, name, directory, binds }));
  prepare(plans, options.disk ?? "256m");
  const hosts = plans.map(labHost);
  const close = (): Promise<void> => remove(network, plans.length);
  try {
    await Promise.all(hosts.map((host) => host.boot()));
  } catch (error) {
    await close();
    throw error;
  }
  const host = (name: string): LabHost => {
    const found = hosts.find((one) => one.name === name);
    if (found === undefined) throw new Error(`the lab has no host ${name}`);
    return found;
  };
  return { hosts, host, sshConfig: join(directory, "ssh_config"), controller: network.controller, close };
}

const runs = (): string => join(dirname(baseTree()), "runs");

/** Everything on disk; nothing runs yet. */
function prepare(plans: readonly HostPlan[], disk: string): void {
  const directory = plans[0]?.directory ?? "";
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, "key")]);
  const key = readFileSync(join(directory, "key.pub"), "utf8");
  const base = baseTree();
  const hostKey = readFileSync(join(base, "etc/ssh/ssh_host_ed25519_key.pub"), "utf8").trim();
  const hosts = plans.map((plan) => ({ name: plan.name, address: addressOf(plan) }));
  writeFileSync(
    join(directory, "known_hosts"),
    hosts.map(({ address }) => `${address} ${hostKey}\n`).join(""),
  );
  writeFileSync(join(directory, "ssh_config"), sshConfig(directory, hosts));
  for (const plan of plans) {
    layOut(plan, { base, key });
    mountSmall(diskOf(plan), disk);
  }
}

async function remove(network: LabNetwork, hosts: number): Promise<void> {
  const machines = Array.from({ length: hosts }, (_, i) => machineOf({ network, number: i + 1 }));
  await Promise.all(machines.map(killGroup));
  for (const machine of machines) removeGroup(machine);
  const directory = join(runs(), network.name);
  for (const mounted of mountsIn(directory)) unmount(mounted);
  rmSync(directory, { recursive: true, force: true });
  removeNetwork(network);
}

const mountsIn = (directory: string): readonly string[] =>
  readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${directory}/`));

/** What a lab left behind whose process was killed. */
async function sweep(): Promise<void> {
  if (!existsSync(runs())) return;
  for (const name of readdirSync(runs())) {
    const range = Number(/^gplab(\d+)$/.exec(name)?.[1]);
    const owner = ownerOf(join(runs(), name));
    if (!Number.isInteger(range) || owner === null || isAlive(owner)) continue;
    const hosts = readdirSync(join(runs(), name)).filter((file) => file.endsWith(".srv")).length;
    await remove(networkOf(range), hosts);
  }
}

/** Null while the lab is made or removed. */
function ownerOf(directory: string): number | null {
  try {
    return Number(readFileSync(join(directory, "owner"), "utf8"));
  } catch {
    return null;
  }
}
