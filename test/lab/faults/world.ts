// Six real hosts, two of them with a gateway as well, and a pool of six slots over all of them.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { APP_FILE, packRelease } from "../../../src/demo/artifacts.ts";
import { type Ran, type Running, runCommand, startCommand } from "../../support/command.ts";
import type { StatusJson } from "../../support/contract.ts";
import { mustExit } from "../../support/exit.ts";
import { type Lab, openLab } from "../../support/lab/lab.ts";
import { until } from "../../support/until.ts";
import { GATEWAYS, HOSTS, type Policy } from "./cells.ts";

export interface World {
  readonly lab: Lab;
  readonly glidepath: (...args: readonly string[]) => Promise<Ran>;
  readonly start: (...args: readonly string[]) => Running;
  readonly configure: (setting?: Setting) => void;
  /** Packs another release and names it. */
  readonly pack: () => Promise<string>;
  readonly status: () => Promise<StatusJson>;
  /** What each slot answers when it is asked directly, `gate1:8051 r3`; `nothing` where it does not. */
  readonly inSlots: () => Promise<readonly string[]>;
  /** Of what the hosts run. */
  readonly versions: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** What the file says besides. */
interface Setting {
  /** For a host that stays away. */
  readonly policy?: Policy | null;
  readonly listen?: readonly number[];
}

interface Place {
  readonly host: string;
  readonly port: number;
}

const SLOTS: readonly Place[] = HOSTS.map((host, i) => ({ host, port: 8001 + i }));

export const LOG = "/var/log/nginx/glidepath-shop.log";
const VERSIONS = `nginx -v 2>&1 | sed 's|.*/|nginx |; s| (.*||'
systemctl --version | sed -n '1s/ (.*//p'
ssh -V 2>&1 | sed 's/_/ /; s/ .*p1 .*/&/; s/,.*//'
echo "Node $(node --version)"`;
const COMMAND_MS = 200_000;
const WAIT_MS = 20_000;
/** The releases have some weight, so that they are on their way for a moment. */
const BALLAST = 2_000_000;

export async function openWorld(): Promise<World> {
  const lab = await openLab({ hosts: HOSTS, disk: "96m" });
  const directory = mkdtempSync(join(tmpdir(), "glidepath-faults-"));
  const close = async (): Promise<void> => {
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const world = { ...worldIn(lab, directory), close };
  try {
    await furnish(world);
    return world;
  } catch (error) {
    await close();
    throw error;
  }
}

function worldIn(lab: Lab, directory: string): Omit<World, "close"> {
  const made = { releases: 0 };
  const options = { cwd: directory, timeoutMs: COMMAND_MS };
  const glidepath: World["glidepath"] = (...args) => runCommand(args, options);
  const askSlot = async ({ host, port }: Place): Promise<string> => {
    const url = `http://${lab.host(host).address}:${port}/`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    return `${host}:${port} ${answer?.headers.get("x-release") ?? "nothing"}`;
  };
  return {
    lab,
    glidepath,
    start: (...args) => startCommand(args, options),
    configure: (setting = {}) =>
      writeFileSync(join(directory, "glidepath.yaml"), stringify(fileOf(lab, setting))),
    pack: async () => {
      made.releases += 1;
      const release = `r${made.releases}`;
      const files = { "ballast.txt": randomBytes(BALLAST).toString("base64") };
      await packRelease(directory, { release, behaviour: { address: "0.0.0.0" }, files });
      return release;
    },
    status: async () => {
      const ran = await glidepath("status", "--json");
      const [status] = ran.events;
      if (status === undefined) throw new Error(`status says nothing: ${ran.stdout}${ran.stderr}`);
      return status as unknown as StatusJson;
    },
    inSlots: () => Promise.all(SLOTS.map(askSlot)),
    versions: async () => (await lab.host("gate1").must(VERSIONS)).split("\n").join(", "),
  };
}

async function furnish(world: Omit<World, "close">): Promise<void> {
  await Promise.all(world.lab.hosts.map(({ must }) => must("rm /etc/nginx/sites-enabled/default")));
  world.configure();
  mustExit(await world.glidepath("release", await world.pack()), 0);
}

/** Every host is up, every slot runs the same release, and no rollout is open: null, or what is wrong. */
export async function unrest(world: World): Promise<string | null> {
  const isSame = (all: readonly string[]): boolean =>
    new Set(all.map((one) => one.split(" ")[1])).size === 1 && !all.some((one) => one.endsWith(" nothing"));
  try {
    await until(world.inSlots, isSame, WAIT_MS);
    const { rollout } = await until(
      world.status,
      (seen) => seen.gateways.every((one) => one.confirmed),
      WAIT_MS,
    );
    return rollout === null ? null : `a rollout is open: ${rollout.phase}, ${rollout.because}`;
  } catch (error) {
    return String(error);
  }
}

function fileOf(lab: Lab, { policy = null, listen = [80] }: Setting): Readonly<Record<string, unknown>> {
  const rollout = {
    steps: [{ share: "25%", bake: "2s" }, { share: "50%", bake: "2s" }, { share: "100%" }],
    maxUnavailable: 2,
    drain: "10s",
    ...(policy === null
      ? { progressDeadline: "90s" }
      : { onHostLost: policy, hostLostAfter: "5s", progressDeadline: "20s" }),
  };
  return {
    app: "shop",
    artifact: { url: "shop-{release}.tar.gz", keep: 2 },
    ssh: { config: lab.sshConfig },
    hosts: HOSTS.map((name) => ({
      name,
      address: name,
      root: "/srv/shop",
      slots: SLOTS.filter(({ host }) => host === name).map(({ port }) => port),
    })),
    run: { command: `/usr/local/bin/node ${APP_FILE}`, unit: "generate" },
    health: { http: "/healthz", every: "200ms", timeout: "1s", within: "30s" },
    gateway: {
      hosts: GATEWAYS,
      config: "/etc/nginx/conf.d/shop.conf",
      listen,
      readTimeout: "5s",
      state: "/srv/gateway",
      log: LOG,
    },
    rollout,
    analysis: "off",
    state: "state",
  };
}
