// One cell: load, a gray release, the fault in its phase, the cure, and what became of it all.
import { setTimeout as wait } from "node:timers/promises";
import type { Running } from "../../support/command.ts";
import type { LabHost } from "../../support/lab/host.ts";
import { type Load, type LoadReport, startLoad } from "../../support/load.ts";
import { until } from "../../support/until.ts";
import { type Cell, type Fault, GATEWAYS, SECOND_BAKE, signOf } from "./cells.ts";
import { type Losses, lossesOf, readLog } from "./losses.ts";
import { LOG, type World } from "./world.ts";

export interface Row extends Losses {
  readonly cell: Cell;
  /** The phase that the command showed last when the fault struck. */
  readonly struckIn: string;
  readonly outcome: string;
  readonly exit: number | null;
  readonly reason: string;
  readonly requests: number;
  /** Gateways whose nginx lived through it and had other workers afterwards. */
  readonly reloaded: readonly string[];
  /** From the fault to the command's end. */
  readonly tookMs: number;
  /** Slots that can be asked, by what they run at the end: `8 × r2`. */
  readonly slots: string;
  /** One release in every slot that can be asked, and through every gateway that can be asked. */
  readonly coherent: boolean;
  /** What an operator had to do afterwards, and what came of it. */
  readonly afterwards: string;
  readonly date: string;
  /** What the command said, one event a line. */
  readonly story: readonly string[];
}

/** The fault lasts so long, unless the host stays dead. */
const LASTS_MS = 5000;
const RATE = 10;
const LONGEST_S = 300;

/** Has it as it was before. */
type Cure = () => Promise<void>;

const STRIKE: Readonly<Record<Fault, (host: LabHost) => Promise<Cure>>> = {
  network: async (host) => {
    host.cutNetwork();
    return lasting(async () => host.restoreNetwork());
  },
  power: async (host) => {
    await host.powerCut();
    return lasting(host.boot);
  },
  // Takes its time by itself.
  reboot: async (host) => {
    const rebooted = host.reboot();
    rebooted.catch(() => undefined);
    return () => rebooted;
  },
  nginx: async (host) => {
    await host.killNginx();
    return lasting(() => host.must("systemctl reset-failed nginx; systemctl start nginx"));
  },
  disk: async (host) => {
    await host.fillDisk();
    return lasting(host.emptyDisk);
  },
};

const lasting =
  (cure: () => Promise<unknown>): Cure =>
  async () => {
    await wait(LASTS_MS);
    await cure();
  };

const KILLS_HOST: ReadonlySet<Fault> = new Set(["network", "power", "reboot"]);
const KILLS_NGINX: ReadonlySet<Fault> = new Set(["power", "reboot", "nginx"]);

/** Also used to show that the account can fail. */
export type Sabotage = (world: World) => Promise<void>;

export async function runCell(world: World, cell: Cell, sabotage?: Sabotage): Promise<Row> {
  world.configure(cell);
  const release = await world.pack();
  const host = world.lab.host(cell.host);
  const logs = await Promise.all(GATEWAYS.map((name) => sizeOfLog(world.lab.host(name))));
  const loads = await Promise.all(GATEWAYS.map((name) => loadOn(world, name)));
  const lived = GATEWAYS.filter((name) => name !== host.name || !KILLS_NGINX.has(cell.fault));
  const workers = await Promise.all(lived.map((name) => workersOf(world, name)));
  const running = world.start("release", release, "--json");
  const strike = await strikeIn(world, cell, running);
  await sabotage?.(world);
  const backAt = cell.policy === null ? await cured(strike.cure, host) : Number.MAX_SAFE_INTEGER;
  const ran = await running.done;
  const result = ran.events.find(({ event }) => event === "result") ?? ran.events.at(-1) ?? {};
  const end = await endOf(world, cell);
  const since = await Promise.all(lived.map((name) => workersOf(world, name)));
  const afterwards = await mend(world, cell, text(result["outcome"]));
  // What hangs on a dead connection ends with its timeout, and a log is written to after 100 ms.
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const texts = await Promise.all(GATEWAYS.map((name, i) => readFrom(world.lab.host(name), logs[i] ?? 0)));
  const losses = lossesOf(
    GATEWAYS.map((gateway, i) => ({
      gateway,
      failures: reports[i]?.failures ?? [],
      log: readLog(texts[i] ?? ""),
    })),
    {
      address: KILLS_HOST.has(cell.fault) ? host.address : null,
      gateway: cell.fault === "nginx" || KILLS_HOST.has(cell.fault) ? cell.host : null,
      at: strike.at,
      backAt,
    },
  );
  return {
    cell,
    ...losses,
    ...end,
    struckIn: strike.phase,
    outcome: text(result["outcome"]) ?? "none",
    exit: ran.code,
    reason: reasonOf(result, ran.stderr),
    reloaded: lived.filter((_, i) => since[i] !== workers[i]),
    requests: sum(reports, ({ requests }) => requests),
    tookMs: Math.round(ran.endedAt - strike.at),
    afterwards,
    date: new Date(strike.at).toISOString(),
    story: ran.stdout.split("\n").filter((line) => !line.includes('"event":"traffic"')),
  };
}

const sum = (reports: readonly LoadReport[], of: (report: LoadReport) => number): number =>
  reports.reduce((total, report) => total + of(report), 0);

function reasonOf(result: Readonly<Record<string, unknown>>, stderr: string): string {
  const error = result["error"] as { readonly message?: string } | undefined;
  return text(result["reason"]) ?? error?.message ?? stderr.trim().split("\n").at(-1) ?? "";
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

async function loadOn(world: World, name: string): Promise<Load> {
  const url = `http://${world.lab.host(name).address}/`;
  const mix = { post: 0.2, slow: 0.05, slowMs: 500, timeoutMs: 9000 };
  const load = startLoad({ url, rate: RATE, users: 30, seconds: LONGEST_S, ...mix });
  await load.warm;
  return load;
}

interface Strike {
  readonly at: number;
  readonly cure: Cure;
  readonly phase: string;
}

const phaseShown = (running: Running): string =>
  [...running.said().stdout.matchAll(/"phase":"([a-z-]+)"/g)].at(-1)?.[1] ?? "none";

async function strikeIn(world: World, cell: Cell, running: Running): Promise<Strike> {
  if (cell.phase === "aborting") {
    await running.says(SECOND_BAKE);
    await world.glidepath("abort");
  }
  await running.says(signOf(cell.phase));
  const phase = phaseShown(running);
  const at = Date.now();
  return { at, phase, cure: await STRIKE[cell.fault](world.lab.host(cell.host)) };
}

/** From when on it is as before. */
async function cured(cure: Cure, host: LabHost): Promise<number> {
  await cure();
  const isGateway = GATEWAYS.some((name) => name === host.name);
  if (isGateway) await until(() => answers(host), Boolean);
  return Date.now();
}

const workersOf = (world: World, name: string): Promise<string> =>
  world.lab.host(name).must("cat /proc/$(cat /run/nginx.pid)/task/*/children");

async function answers({ address }: LabHost): Promise<boolean> {
  const answer = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000) }).catch(() => null);
  return answer?.status === 200;
}

/** Everything that can be asked, asked directly. */
async function endOf(world: World, { policy, host }: Cell): Promise<Pick<Row, "slots" | "coherent">> {
  const isDead = (name: string): boolean => policy !== null && name === host;
  const inSlots = (await world.inSlots()).filter((one) => !isDead(one.split(":")[0] ?? ""));
  const releases = inSlots.map((one) => one.split(" ")[1] ?? "");
  const living = GATEWAYS.filter((name) => !isDead(name));
  const seen = await Promise.all(
    living.flatMap((name) => Array.from({ length: 8 }, () => through(world, name))),
  );
  const counts = [...new Set(releases)].map((release) => {
    const count = releases.filter((one) => one === release).length;
    return `${count} × ${release}`;
  });
  return { slots: counts.join(", "), coherent: new Set([...releases, ...seen]).size === 1 };
}

async function through(world: World, name: string): Promise<string> {
  const { address } = world.lab.host(name);
  const answer = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(9000) }).catch(() => null);
  return answer?.headers.get("x-release") ?? "nothing";
}

/** What the operator does: has the host back, goes back where it is stuck, and releases again. */
async function mend(world: World, cell: Cell, outcome: string | null): Promise<string> {
  const { policy, fault, host } = cell;
  const done: string[] = [];
  if (policy !== null) {
    const struck = world.lab.host(host);
    await (fault === "disk" ? struck.emptyDisk() : struck.boot());
    done.push(`${host} ${fault === "disk" ? "has room" : "booted"}`);
  }
  if (outcome !== "completed" && outcome !== "rolled-back") {
    const ran = await world.glidepath("abort", "--json");
    done.push(`\`abort\`: ${outcomeIn(ran.events)} (exit ${ran.code})`);
  }
  if (policy !== null) {
    const ran = await world.glidepath("release", await world.pack(), "--json");
    done.push(`next release: ${outcomeIn(ran.events)} (exit ${ran.code})`);
  }
  return done.join("; ");
}

const outcomeIn = (events: readonly Readonly<Record<string, unknown>>[]): string =>
  events.map(({ outcome }) => text(outcome)).findLast((one) => one !== null) ?? "no outcome";

const sizeOfLog = async ({ must }: LabHost): Promise<number> => Number(await must(`wc -c <${LOG}`));

const readFrom = ({ must }: LabHost, size: number): Promise<string> =>
  must(`sleep 0.3; tail -c +$(($1 + 1)) ${LOG} | awk -F '\\t' '$4 >= 499'`, String(size));
