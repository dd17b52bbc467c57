// The judge, live: how soon a bad release is gone, what it cost, whether one that is as good is ever left,
// and what reading its log costs a gateway.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { FOLD } from "../../src/drivers/accesslog/fold-script.ts";
import { PIECE_BYTES } from "../../src/drivers/accesslog/accesslog.ts";
import { ROOM } from "../../src/drivers/accesslog/scripts.ts";
import { emptyFold, foldText } from "../../src/drivers/accesslog/fold.ts";
import { seconds } from "../../src/base/time.ts";
import type { Behaviour } from "../../src/demo/app.ts";
import { table } from "../../src/demo/table.ts";
import type { LoadReport } from "../support/load.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const LOAD = { rate: 200, users: 2000, post: 0, slow: 0 };
const GRAY = [{ share: "5%", bake: "30m" }, { share: "100%" }];
const SHORT = [{ share: "5%", bake: "3s" }, { share: "50%", bake: "2s" }, { share: "100%" }];

interface Case {
  readonly name: string;
  readonly behaviour: Behaviour;
}

const CASES: readonly Case[] = [
  { name: "fails every request", behaviour: { errorShare: 1 } },
  { name: "fails 5 % of its requests", behaviour: { errorShare: 0.05 } },
  { name: "is 60 ms slower", behaviour: { delayMs: 60 } },
];

export interface Judged {
  readonly name: string;
  /** From the first to the last request that was sent to the new release, ms. */
  readonly gone: number;
  readonly requests: number;
  readonly failed: number;
}

function judgedOf(name: string, report: LoadReport): Judged {
  const ours = report.answers.filter(({ answeredBy }) => answeredBy.startsWith("v2"));
  const bad = report.failures.filter((one) => one.answeredBy?.startsWith("v2") === true);
  const sent = [...ours.flatMap((one) => [one.firstSentAt, one.lastSentAt]), ...bad.map((one) => one.sentAt)];
  const from = Math.min(...sent);
  const until = Math.max(...sent);
  const requests = ours.reduce((sum, one) => sum + one.requests, bad.length);
  return { name, gone: Math.round(until - from), requests, failed: report.failed };
}

const open = (behaviour: Behaviour, steps: readonly unknown[]): Promise<Workspace> =>
  openWorkspace({
    releases: { v1: {}, v2: behaviour, v3: {} },
    edit: (sections) => ({
      ...sections,
      rollout: { steps, key: "cookie:uid", drain: "10s" },
      analysis: { warmup: "1s", minRequests: 20 },
    }),
  });

async function benchCase({ name, behaviour }: Case): Promise<Judged> {
  process.stderr.write(`bench: judge: ${name}\n`);
  const workspace = await open(behaviour, GRAY);
  try {
    await workspace.bringUp("v1");
    const load = await workspace.load(LOAD);
    await workspace.glidepath("release", "v2");
    return judgedOf(name, await load.stop());
  } finally {
    await workspace.close();
  }
}

/** How many of so many releases that are as good as the one before were left. */
async function benchIdentical(runs: number): Promise<{ readonly runs: number; readonly left: number }> {
  const workspace = await open({}, SHORT);
  let left = 0;
  try {
    await workspace.bringUp("v1");
    const load = await workspace.load(LOAD);
    for (let run = 0; run < runs; run++) {
      process.stderr.write(`bench: judge: as good as the one before, ${run + 1} of ${runs}\n`);
      const ran = await workspace.glidepath("release", run % 2 === 0 ? "v2" : "v3");
      if (ran.code !== 0) left += 1;
    }
    await load.stop();
  } finally {
    await workspace.close();
  }
  return { runs, left };
}

/** About what is read at a time; many times over. */
const LINES = 3000;
const TIMES = 30;
const RATE = 10_000;

function someLog(count = LINES): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const took = 20 + ((i * 7919) % 60);
    const bucket = String((i * 4657) % 10_000).padStart(4, "0");
    const role = Number(bucket) < 500 ? "canary" : "stable";
    const end = ((1_790_000_000_000 + i / 10 + took) / 1000).toFixed(3);
    const status = i % 200 === 0 ? "500" : "200";
    const fields = ["g1", end, (took / 1000).toFixed(3), status, role, "p1"];
    return [...fields, `${bucket.slice(0, 2)}/${bucket.slice(2)}`, "GET", "127.0.0.1:8001", status, "0.000"]
      .concat([(took / 1000).toFixed(3), "512", "OK", "", "1234", "1234"])
      .join("\t");
  });
  return `${lines.join("\n")}\n`;
}

export interface Folded {
  readonly how: string;
  readonly linesPerSecond: number;
  /** Of one core, at RATE requests/s. */
  readonly part: number;
}

function folded(how: string, milliseconds: number): Folded {
  const linesPerSecond = Math.round((LINES * TIMES * 1000) / milliseconds);
  return { how, linesPerSecond, part: RATE / linesPerSecond };
}

function benchFold(): readonly Folded[] {
  const log = someLog();
  const here = (users: boolean) => (): void => {
    foldText(emptyFold({ joined: new Map(), warmup: seconds(0), users, pool: [] }), log);
  };
  const file = join(mkdtempSync(join(tmpdir(), "glidepath-bench-")), "log");
  writeFileSync(file, log);
  const values = ["most=1e9", "room=1e9", "since=0", "early=0", "joined=", "warm=0", "users=1", "pool="];
  const args = values.flatMap((value) => ["-v", value]);
  const results = [
    folded("awk, on the gateway's host, with users", inAwk(file, [...args, FOLD])),
    folded("awk, taking lines apart and nothing else", inAwk(file, ["-F", "\t", "{ n += NF }"])),
    folded("awk, reading lines and nothing else", inAwk(file, ["{ n++ }"])),
    folded("TypeScript, here, with users", took(here(true))),
    folded("TypeScript, here, without", took(here(false))),
    folded(
      "TypeScript, looking at each character once",
      took(() => void charactersOf(log)),
    ),
  ];
  rmSync(dirname(file), { recursive: true });
  return results;
}

export interface Remembered {
  readonly lines: number;
  /** The most that awk had of memory, kB: without users, and with them. */
  readonly without: number;
  readonly withUsers: number;
}

/** awk is asked at its end what it had; one run reads and prints no more than a reading lets it. */
const ASKED = 'END { while ((getline < "/proc/self/status") > 0) if (/VmHWM/) print $2 > "/dev/stderr" }';

function benchMemory(): readonly Remembered[] {
  const file = join(mkdtempSync(join(tmpdir(), "glidepath-bench-")), "log");
  const peak = (users: number): number => {
    const bounds = [`most=${PIECE_BYTES}`, `room=${ROOM}`, `users=${users}`];
    const values = [...bounds, "since=0", "early=0", "joined=", "warm=0", "pool="];
    const args = [...values.flatMap((value) => ["-v", value]), `${FOLD}\n${ASKED}`];
    const told = ["-c", 'LC_ALL=C awk "$@" <"$LOG" >/dev/null', "sh", ...args];
    const ran = spawnSync("sh", told, { env: { ...process.env, LOG: file } });
    return Number(/\d+/.exec(ran.stderr.toString())?.[0] ?? Number.NaN);
  };
  const all = [10_000, 100_000, 1_000_000].map((lines) => {
    writeFileSync(file, someLog(lines));
    return { lines, without: peak(0), withUsers: peak(1) };
  });
  rmSync(dirname(file), { recursive: true });
  return all;
}

/** Milliseconds of this process's processor time for all times together. */
function took(work: () => void): number {
  const cpu = (): number => process.resourceUsage().userCPUTime / 1000;
  work();
  const began = cpu();
  for (let time = 0; time < TIMES; time++) work();
  return cpu() - began;
}

function inAwk(file: string, args: readonly string[]): number {
  const loop = `for i in $(seq ${TIMES}); do LC_ALL=C awk "$@" <"$LOG" >/dev/null; done; times`;
  const ran = spawnSync("sh", ["-c", loop, "sh", ...args], { env: { ...process.env, LOG: file } });
  const children = ran.stdout.toString().trim().split("\n").at(-1) ?? "";
  const [, minutes = "0", rest = "0"] = /^(\d+)m([\d.]+)s/.exec(children) ?? [];
  return (Number(minutes) * 60 + Number(rest)) * 1000;
}

function charactersOf(text: string): number {
  let tabs = 0;
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) === 9) tabs += 1;
  return tabs;
}

export interface JudgeBench {
  readonly judged: readonly Judged[];
  readonly identical: { readonly runs: number; readonly left: number };
  readonly folded: readonly Folded[];
  readonly remembered: readonly Remembered[];
}

export async function benchJudge(): Promise<JudgeBench> {
  const runs = Number(process.env["GLIDEPATH_IDENTICAL"] ?? "50");
  const fold = benchFold();
  const remembered = benchMemory();
  const judged: Judged[] = [];
  for (const one of CASES) judged.push(await benchCase(one));
  return { judged, identical: await benchIdentical(runs), folded: fold, remembered };
}

export function printJudge({ judged, identical, folded: folds, remembered }: JudgeBench): void {
  const rows = judged.map(({ name, gone, requests, failed }) => [
    name,
    ...[gone, requests, failed].map(String),
  ]);
  console.log(
    `\n${table(["a release that, at 5 % and 200 requests/s,", "gone after ms", "requests", "failed"], rows)}`,
  );
  console.log(`\nas good as the one before: ${identical.left} of ${identical.runs} left`);
  const costs = folds.map(({ how, linesPerSecond, part }) => [
    how,
    String(linesPerSecond),
    `${(part * 100).toFixed(1)} %`,
  ]);
  console.log(`\n${table(["fold", "lines/s and core", `of a core at ${RATE} requests/s`], costs)}`);
  const most = remembered.map(({ lines, without, withUsers }) => [lines, without, withUsers].map(String));
  console.log(`\n${table(["awk, on a log of so many lines", "kB at most", "kB with users"], most)}`);
}
