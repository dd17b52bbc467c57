// Every kind of traffic through many releases, smooth and gray in turns, some of them aborted: what was lost.
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { defaultSections, writeSections, type Sections } from "../../../src/demo/scene.ts";
import { masterPid, readErrorLog, reloadsOf, workerPids } from "../../../src/demo/nginx.ts";
import { freePort } from "../../../src/demo/ports.ts";
import type { LoadFailure } from "../../../src/demo/load/report.ts";
import { table } from "../../../src/demo/table.ts";
import { certify, type Pair } from "../../support/certificate.ts";
import type { Ran, Running } from "../../support/command.ts";
import { openWorkspace, type Workspace } from "../../support/workspace.ts";
import { startAll, type Clients, type Front, type Tally } from "./clients.ts";
import { planned, sortOf, type Planned } from "./plan.ts";

export interface SoakOptions {
  readonly releases: number;
  readonly requests: number;
  /** How long what is in flight may take; shorter than it lasts is the control: then the clients see it. */
  readonly drain: string;
}

/** One that a client saw, and what was being done then. */
export interface Loss extends LoadFailure {
  readonly client: string;
  readonly release: string;
  /** Said by the command until the request was sent, and from then until it had failed. */
  readonly before: string;
  readonly meanwhile: readonly string[];
}

export interface Released extends Planned {
  readonly took: number;
  readonly code: number | null;
  /** As the receipt says. */
  readonly cut: number | null;
  readonly failed: number | null;
}

export interface Soaked {
  readonly began: string;
  readonly hours: number;
  readonly tallies: readonly Tally[];
  readonly releases: readonly Released[];
  readonly reloads: number;
  readonly sameWorkers: boolean;
  readonly losses: readonly Loss[];
  /** What ended otherwise than it should. */
  readonly surprises: readonly string[];
}

const MOST_LOSSES = 300;
const SMOOTH = [{ share: "100%" }];
const GRAY = [{ share: "5%", bake: "2s" }, { share: "50%", bake: "2s" }, { share: "100%" }];
const LONGEST_MS = 600_000;

interface Settings {
  readonly front: Front;
  readonly pair: Pair;
  readonly drain: string;
}

function sectionsOf(sections: Sections, { front, pair, drain }: Settings, gray: boolean): Sections {
  // Told apart by kind, as whoever has such traffic would.
  const kinds = { requests: drain, uploads: drain, events: drain, websockets: drain };
  const listen = [`127.0.0.1:${front.port}`, `127.0.0.1:${front.tlsPort} ssl http2`];
  const gateway = { ...(sections["gateway"] as object), listen, tls: pair, maxBody: "25MB" };
  // The judge acts as in the demo, but for latency: how fast a slot is, other work of the machine decides.
  const judged = { ...(sections["analysis"] as object), latency: { ratio: 3, margin: "100ms" } };
  return { ...sections, analysis: judged, gateway, rollout: { steps: gray ? GRAY : SMOOTH, drain: kinds } };
}

const now = (): number => performance.timeOrigin + performance.now();
const timeOf = (at: number): string => new Date(at).toISOString().slice(11, 23);

/** Said all the time, and nothing is done by it. */
const TALK: ReadonlySet<string> = new Set(["traffic", "verdict", "progress"]);

/** What the command has said, as `12:05:33.120 draining ...`. */
function storyOf(running: Running | null): readonly { readonly at: number; readonly text: string }[] {
  const lines = running?.said().stdout.split("\n") ?? [];
  return lines.flatMap((line) => {
    if (!line.startsWith("{")) return [];
    const { at, ...event } = JSON.parse(line) as { at?: string; event?: string };
    return at === undefined || TALK.has(event.event ?? "")
      ? []
      : [{ at: Date.parse(at), text: JSON.stringify(event).slice(0, 300) }];
  });
}

class Soak {
  readonly #workspace: Workspace;
  readonly #write: (gray: boolean) => void;
  readonly losses: Loss[] = [];
  readonly surprises: string[] = [];
  readonly releases: Released[] = [];
  #running: Running | null = null;
  #release = "v0";

  constructor(workspace: Workspace, write: (gray: boolean) => void) {
    this.#workspace = workspace;
    this.#write = write;
  }

  lose(client: string, failure: LoadFailure): void {
    const story = storyOf(this.#running).map(({ at, text }) => ({ at, text: `${timeOf(at)} ${text}` }));
    const ended = failure.sentAt + failure.took;
    const before = story.findLast(({ at }) => at <= failure.sentAt)?.text ?? "";
    const meanwhile = story.filter(({ at }) => at > failure.sentAt && at <= ended).map(({ text }) => text);
    const loss = { client, ...failure, release: this.#release, before, meanwhile };
    console.log(`!! ${timeOf(failure.sentAt)} ${JSON.stringify(loss)}`);
    if (this.losses.length < MOST_LOSSES) this.losses.push(loss);
  }

  async release(number: number): Promise<Released> {
    const plan = planned(number);
    this.#release = `v${number}`;
    await this.#workspace.addRelease(this.#release);
    this.#write(plan.gray);
    const running = this.#workspace.start(["release", this.#release, "--json"], { timeoutMs: LONGEST_MS });
    this.#running = running;
    if (plan.aborted) await this.#abort(running, plan);
    const ran = await running.done;
    const wanted = plan.aborted ? 1 : 0;
    if (ran.code !== wanted) {
      const tail = `${whyOf(ran)}${ran.stderr}`;
      this.surprises.push(`${this.#release} (${sortOf(plan)}) ended with ${ran.code}: ${tail}`);
      console.log(`!! ${this.surprises.at(-1)}`);
    }
    const released = { ...plan, took: ran.took, code: ran.code, ...receiptOf(ran) };
    this.releases.push(released);
    return released;
  }

  /** In the middle: half of a gray one's users have it, or the first of a smooth one's slots. */
  async #abort(running: Running, { gray }: Planned): Promise<void> {
    await running.says(gray ? /"phase":"baking"[^\n]*"share":5000/ : /"phase":"updating"/);
    if (!gray) await wait(25_000);
    const ran = await this.#workspace.glidepath("abort");
    if (ran.code !== 0) this.surprises.push(`abort ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
  }
}

function whyOf({ events }: Ran): string {
  const { outcome, reason } = events.at(-1) ?? {};
  return `${String(outcome)}, ${String(reason)}\n`;
}

function receiptOf({ events }: Ran): { readonly cut: number | null; readonly failed: number | null } {
  const last = events.at(-1) as { receipt?: { cut?: number; during?: { failed?: number } } } | undefined;
  return { cut: last?.receipt?.cut ?? null, failed: last?.receipt?.during?.failed ?? null };
}

const sum = (tallies: readonly Tally[], key: "requests" | "failed"): number =>
  tallies.reduce((all, one) => all + one[key], 0);

function lineOf(soaked: Released, tallies: readonly Tally[], reloads: number): string {
  const bad = tallies.filter(({ failed }) => failed > 0).map(({ kind, failed }) => `${kind}: ${failed}`);
  const parts = [
    `${new Date().toISOString().slice(11, 19)} release ${soaked.number}`,
    `${sortOf(soaked)}, exit ${soaked.code}`,
    `${(soaked.took / 1000).toFixed(1)} s`,
    `${sum(tallies, "requests")} requests`,
    `${sum(tallies, "failed")} failed${bad.length === 0 ? "" : ` (${bad.join(", ")})`}`,
    `receipt: ${soaked.failed ?? "?"} failed, ${soaked.cut ?? "?"} cut`,
    `${reloads} reloads`,
  ];
  return parts.join(" · ");
}

interface Opened {
  readonly workspace: Workspace;
  readonly front: Front;
  readonly write: (gray: boolean) => void;
}

async function opened(drain: string): Promise<Opened> {
  const tlsPort = await freePort();
  const workspace = await openWorkspace({ releases: { v0: {} } });
  const front = { port: workspace.port, tlsPort };
  const pair = certify(workspace.directory);
  const write = (gray: boolean): void =>
    writeSections(workspace, sectionsOf(defaultSections(workspace), { front, pair, drain }, gray));
  write(false);
  return { workspace, front, write };
}

/** Goes on until there are as many releases and as many requests as asked, or somebody ends it. */
async function releaseAll(soak: Soak, options: SoakOptions, watch: Watch): Promise<void> {
  for (let number = 1; !watch.isOver(); number += 1) {
    const released = await soak.release(number);
    console.log(lineOf(released, watch.clients.tallies(), watch.reloads()));
    if (number >= options.releases) break;
  }
  while (!watch.isOver() && sum(watch.clients.tallies(), "requests") < options.requests) await wait(1000);
}

interface Watch {
  readonly clients: Clients;
  readonly reloads: () => number;
  readonly isOver: () => boolean;
}

export async function benchSoak(options: SoakOptions): Promise<Soaked> {
  const { workspace, front, write } = await opened(options.drain);
  const { nginx } = workspace;
  let isOver = false;
  const end = (): void => void (isOver = true);
  process.once("SIGTERM", end).once("SIGINT", end);
  try {
    await workspace.bringUp("v0");
    const soak = new Soak(workspace, write);
    const began = now();
    const [reloadsBefore, pids] = [reloadsOf(nginx), `${masterPid(nginx)} ${workerPids(nginx).join(" ")}`];
    const reloads = (): number => reloadsOf(nginx) - reloadsBefore;
    const clients = await startAll(front, (client, failure) => soak.lose(client, failure));
    await releaseAll(soak, options, { clients, reloads, isOver: () => isOver });
    const tallies = await clients.stop();
    const ending = readErrorLog(nginx)
      .split("\n")
      .filter((line) => / \[(?:error|crit|alert|emerg)\] /.test(line));
    for (const line of ending.slice(0, 20)) console.log(`nginx: ${line}`);
    const soaked = {
      began: new Date(began).toISOString(),
      hours: (now() - began) / 3_600_000,
      tallies,
      releases: soak.releases,
      reloads: reloads(),
      sameWorkers: `${masterPid(nginx)} ${workerPids(nginx).join(" ")}` === pids,
      losses: soak.losses,
      surprises: soak.surprises,
    };
    return soaked;
  } finally {
    await workspace.close();
  }
}

export function printSoak({ tallies, releases, reloads, sameWorkers, hours, surprises }: Soaked): void {
  const all = ["requests", "failed", "reset", "cut"] as const;
  const rows = tallies.map((one) => [one.kind, ...all.map((key) => String(one[key]))]);
  const total = all.map((key) => String(tallies.reduce((most, one) => most + one[key], 0)));
  console.log(`\n${table(["kind", ...all], [...rows, ["all", ...total]])}`);
  const count = (is: (one: Released) => boolean): number => releases.filter(is).length;
  console.log(
    `\n${releases.length} releases in ${hours.toFixed(2)} h: ${count(({ gray }) => !gray)} smooth, ` +
      `${count(({ gray }) => gray)} gray; ${count(({ aborted }) => aborted)} of them aborted. ` +
      `${reloads} reloads of nginx; ${sameWorkers ? "the same workers" : "OTHER WORKERS"} throughout.`,
  );
  for (const one of surprises) console.log(`!! ${one}`);
}
