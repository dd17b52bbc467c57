// One real host: a Debian with systemd as PID 1, nginx and sshd, in a container with a network of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { openSync, closeSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { until } from "../until.ts";
import { ENTER, killGroup, removeGroup } from "./cgroup.ts";
import { ip, type LabNetwork } from "./network.ts";
import { type Said, ssh } from "./ssh.ts";

export interface LabHost {
  /** `web1`: its name there, in the ssh_config, and in messages. */
  readonly name: string;
  readonly address: string;
  /** Runs the script there by ssh, as root. */
  readonly sh: (script: string, ...args: readonly string[]) => Promise<Said>;
  /** The same; its output, trimmed. Throws when it fails. */
  readonly must: (script: string, ...args: readonly string[]) => Promise<string>;
  readonly cutNetwork: () => void;
  readonly restoreNetwork: () => void;
  /** Everything on it dies at once. */
  readonly powerCut: () => Promise<void>;
  /** Resolves when it can be reached and has started all it starts. */
  readonly boot: () => Promise<void>;
  /** As an administrator does it. */
  readonly reboot: () => Promise<void>;
  readonly killNginx: () => Promise<void>;
  /** Leaves no byte on the disk at /srv. */
  readonly fillDisk: () => Promise<void>;
  readonly emptyDisk: () => Promise<void>;
  readonly isUp: () => boolean;
}

export interface HostPlan {
  readonly network: LabNetwork;
  /** 1, 2, … */
  readonly number: number;
  readonly name: string;
  /** Of the lab: trees, keys, ssh_config. */
  readonly directory: string;
  /** Paths of this machine that the host sees, read-only: `/here` or `/here:/there`. */
  readonly binds: readonly string[];
}

const BOOT_MS = 60_000;

export const addressOf = ({ network, number }: HostPlan): string => `${network.prefix}.${10 + number}`;
/** Of its container and its group; the name of its link, vb-…, may have 15 letters. */
export const machineOf = ({ network, number }: Pick<HostPlan, "network" | "number">): string =>
  `${network.name}-${number}`;
export const diskOf = ({ directory, name }: HostPlan): string => join(directory, `${name}.srv`);
const treeOf = ({ directory, name }: HostPlan): string => join(directory, name);

const NETWORK_UNIT = `[Unit]
Before=ssh.service nginx.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip addr add ADDRESS/24 dev host0
ExecStart=/sbin/ip link set host0 up
[Install]
WantedBy=multi-user.target
`;

/** The tree on disk, before the first boot. */
export function layOut(plan: HostPlan, { base, key }: { base: string; key: string }): void {
  const tree = treeOf(plan);
  copyTree(base, tree);
  const units = join(tree, "etc/systemd/system");
  writeFileSync(join(tree, "etc/hostname"), `${plan.name}\n`);
  writeFileSync(join(tree, "etc/machine-id"), `${randomUUID().replaceAll("-", "")}\n`);
  mkdirSync(join(tree, "root/.ssh"), { mode: 0o700, recursive: true });
  writeFileSync(join(tree, "root/.ssh/authorized_keys"), key, { mode: 0o600 });
  writeFileSync(join(units, "lab-network.service"), NETWORK_UNIT.replace("ADDRESS", addressOf(plan)));
  symlinkSync("../lab-network.service", join(units, "multi-user.target.wants/lab-network.service"));
  mkdirSync(diskOf(plan));
}

/** Laid over the base tree, which costs nothing; copied where that cannot be. */
function copyTree(base: string, tree: string): void {
  const [upper, work] = [`${tree}.upper`, `${tree}.work`];
  for (const path of [tree, upper, work]) mkdirSync(path);
  const layers = `lowerdir=${base},upperdir=${upper},workdir=${work}`;
  try {
    execFileSync("mount", ["-t", "overlay", "-o", layers, "none", tree], { stdio: "ignore" });
  } catch {
    execFileSync("cp", ["-a", "--reflink=auto", `${base}/.`, tree]);
  }
}

export function labHost(plan: HostPlan): LabHost {
  const { name } = plan;
  const machine = machineOf(plan);
  let container: ChildProcess | null = null;
  const sh: LabHost["sh"] = (script, ...args) =>
    ssh({ config: join(plan.directory, "ssh_config"), host: name, script, args });
  const must: LabHost["must"] = async (script, ...args) => {
    const { code, stdout, stderr } = await sh(script, ...args);
    if (code !== 0) throw new Error(`${name}: exit code ${code}: ${script}\n${stdout}${stderr}`);
    return stdout.trim();
  };
  const link = (state: "up" | "down"): void => ip("link", "set", `vb-${machine}`, state);
  const boot = async (): Promise<void> => {
    container = start(plan);
    await until(
      () => answers(sh),
      (up) => up,
      BOOT_MS,
    );
  };
  const gone = async (): Promise<void> => {
    if (container !== null && container.exitCode === null && container.signalCode === null) {
      await once(container, "exit");
    }
    container = null;
    await killGroup(machine);
    await endLink(machine);
    removeGroup(machine);
  };
  return {
    name,
    address: addressOf(plan),
    sh,
    must,
    boot,
    cutNetwork: () => link("down"),
    restoreNetwork: () => link("up"),
    powerCut: async () => {
      // What dies says no word of it any more: no connection is seen to end.
      link("down");
      await killGroup(machine);
      await gone();
    },
    reboot: async () => {
      await sh("systemctl reboot");
      await gone();
      await boot();
    },
    killNginx: async () => void (await must("systemctl kill --kill-whom=all --signal=KILL nginx")),
    fillDisk: async () => void (await sh("cat /dev/zero >/srv/.lab-full")),
    emptyDisk: async () => void (await must("rm -f /srv/.lab-full")),
    isUp: () => container !== null,
  };
}

function start(plan: HostPlan): ChildProcess {
  const machine = machineOf(plan);
  // Our own end is its orderly one, should we be killed.
  const nspawn = [
    "setpriv",
    "--pdeathsig=TERM",
    "systemd-nspawn",
    "--quiet",
    `--directory=${treeOf(plan)}`,
    `--machine=${machine}`,
    `--hostname=${plan.name}`,
    "--register=no",
    "--keep-unit",
    "--link-journal=no",
    "--console=pipe",
    `--network-bridge=${plan.network.name}`,
    `--bind=${diskOf(plan)}:/srv`,
    ...plan.binds.map((bind) => `--bind-ro=${bind}`),
    "--boot",
  ];
  const log = openSync(`${treeOf(plan)}.console`, "a");
  const child = spawn("/bin/sh", ["-c", ENTER, "lab", machine, ...nspawn], { stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
}

/** Its units that failed are the test's business. */
async function answers(sh: LabHost["sh"]): Promise<boolean> {
  const { stdout } = await sh("systemctl is-system-running --wait");
  return /^(running|degraded)/.test(stdout);
}

/** It would live as long as connections that nobody answers any more. */
async function endLink(machine: string): Promise<void> {
  const name = `vb-${machine}`;
  while (existsSync(`/sys/class/net/${name}`)) {
    try {
      ip("link", "del", name);
    } catch {
      await wait(10);
    }
  }
}
