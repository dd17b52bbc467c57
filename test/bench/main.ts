// npm run bench [-- NAME...]: the hand procedure and Glidepath on the same application under the same load,
// and the throughput of the nginx config. Prints tables; everything in full goes to bench-results/.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { hasOpenssl } from "../support/certificate.ts";
import { benchNginx, printNginx } from "./nginx/main.ts";
import { hasNginx } from "../support/nginx.ts";
import { needs } from "../support/skip.ts";
import { FULL, TABLE_NAMES, benchAnalysis } from "./analysis/main.ts";
import { type Aborted, benchAbort } from "./abort.ts";
import { benchGlidepath } from "./glidepath.ts";
import { benchJudge, printJudge } from "./judge.ts";
import type { Measured } from "./measure.ts";
import { PEERS, benchPeer } from "./peers.ts";
import { type Panel, draw } from "./picture.ts";
import { panelsOf, printProcedures } from "./procedures.ts";
import { RIVALS, isThere } from "./rivals.ts";
import { benchScale, scaleLines } from "./scale.ts";
import { benchRamp, printRamp } from "./ramp.ts";
import { benchSoak, printSoak } from "./soak/soak.ts";
import { benchSsh, printSsh } from "./ssh.ts";
import { benchStore, storeLines } from "./store.ts";
import { table } from "../../src/demo/table.ts";
import { benchThroughput, printThroughput } from "./throughput.ts";

const RESULTS = fileURLToPath(new URL("../../bench-results", import.meta.url));

const procedures = new Map<string, () => Promise<Measured>>([
  ...PEERS.map((peer) => [peer.name, () => benchPeer(peer)] as const),
  ...RIVALS.map((rival) => [rival.name, rival.run] as const),
  ["glidepath", benchGlidepath],
]);
const MEASURED = [...procedures.keys(), "throughput"];
const NAMES = [...MEASURED, "abort", "scale", "store", "analysis", "judge", "ssh", "ramp", "soak", "nginx"];
/** What takes long, or is computed, is asked for by its name. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  procedures: [...procedures.keys()],
  all: MEASURED,
};

function write(name: string, content: string): void {
  mkdirSync(RESULTS, { recursive: true });
  // The folder ignores itself: results are of one machine.
  writeFileSync(join(RESULTS, ".gitignore"), "*\n");
  const file = join(RESULTS, name);
  writeFileSync(file, content);
  process.stderr.write(`bench: in full: ${file}\n`);
}

const stamp = (at: string): string => at.replaceAll(/[:.]/g, "-");
const machineOf = () => ({
  cpus: cpus().length,
  model: cpus()[0]?.model ?? "unknown",
  kernel: release(),
  node: process.version,
});

function save(name: string, content: unknown): void {
  const at = new Date().toISOString();
  write(`${name}-${stamp(at)}.json`, `${JSON.stringify({ at, machine: machineOf(), content }, null, 2)}\n`);
}

function savePicture(asked: readonly string[], panels: readonly Panel[]): void {
  const at = new Date().toISOString();
  const { cpus: count, model, node } = machineOf();
  const command = ["npm run bench", ...(asked.length === 0 ? [] : ["--", ...asked])].join(" ");
  const lines = [
    `${command} · ${at.slice(0, 16).replace("T", " ")} UTC`,
    `${count} × ${model}, Node ${node}; the same application and load for all; short bars are good`,
  ];
  write(`bench-${stamp(at)}.svg`, draw({ title: "What a release costs", lines, panels }));
}

/** `--runs 200` → 200. */
function numberAfter(option: string, args: readonly string[], otherwise: number): number {
  const at = args.indexOf(option);
  return at === -1 ? otherwise : Number(args[at + 1]);
}

function analyse(args: readonly string[]): number {
  const runs = numberAfter("--runs", args, FULL.runs);
  const seed = numberAfter("--seed", args, FULL.seed);
  if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed)) {
    console.error(`bench: analysis [${TABLE_NAMES.join(" ")}] [--runs N] [--seed N], whole numbers`);
    return 2;
  }
  const named = TABLE_NAMES.filter((name) => args.includes(name));
  const names = named.length === 0 ? TABLE_NAMES : named;
  const results = benchAnalysis({ ...FULL, runs, seed }, names, (text) => console.log(text));
  save("analysis", results);
  return 0;
}

async function soak(args: readonly string[]): Promise<number> {
  const releases = numberAfter("--releases", args, 100);
  const requests = numberAfter("--requests", args, 1_000_000);
  if (!(Number.isInteger(releases) && releases > 0 && Number.isInteger(requests) && requests >= 0)) {
    console.error("bench: soak [--releases N] [--requests N] [--drain 60s], whole numbers");
    return 2;
  }
  if (!hasNginx("bench: soak") || !needs(hasOpenssl(), "bench: soak", "there is no openssl here")) return 3;
  const at = args.indexOf("--drain");
  const drain = at === -1 ? "60s" : (args[at + 1] ?? "");
  const soaked = await benchSoak({ releases, requests, drain });
  printSoak(soaked);
  save("soak", soaked);
  const isClean = soaked.surprises.length === 0 && soaked.tallies.every(({ failed }) => failed === 0);
  return isClean ? 0 : 1;
}

function printAborts(results: readonly Aborted[]): void {
  const rows = results.map(({ gateways, maxLoad, during, ...numbers }) => [
    String(gateways),
    String(maxLoad),
    during,
    ...[numbers.requests, numbers.failed].map(String),
    ...[numbers.lastCanary ?? "-", numbers.afterOrder ?? "-", numbers.took].map(String),
  ]);
  const header = [
    "gateways",
    "maxLoad",
    "abort during",
    "requests",
    "failed",
    "last canary ms",
    "after the order ms",
    "took ms",
  ];
  console.log(`\n${table(header, rows)}`);
}

async function main(asked: readonly string[]): Promise<number> {
  if (asked[0] === "analysis") return analyse(asked.slice(1));
  if (asked[0] === "soak") return soak(asked.slice(1));
  const names = (asked.length === 0 ? ["all"] : asked).flatMap((name) => GROUPS[name] ?? [name]);
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`bench: there is no ${unknown.join(", ")}; there are ${NAMES.join(", ")}, procedures, all`);
    return 2;
  }
  if (names.includes("scale")) {
    const scale = benchScale();
    console.log(`\n${scaleLines(scale)}`);
    save("scale", scale);
  }
  if (names.includes("store")) {
    const kept = await benchStore();
    console.log(`\n${storeLines(kept)}`);
    save("store", kept);
  }
  if (names.every((name) => name === "scale" || name === "store")) return 0;
  if (!hasNginx("bench")) return 3;
  const results: Measured[] = [];
  for (const name of names) {
    const run = procedures.get(name);
    if (run !== undefined && (await isThere(name))) results.push(await run());
  }
  if (results.length > 0) {
    printProcedures(results);
    save("procedures", results);
  }
  const throughput = names.includes("throughput") ? await benchThroughput() : [];
  if (throughput.length > 0) {
    printThroughput(throughput);
    save("throughput", throughput);
  }
  if (results.length + throughput.length > 0) savePicture(asked, panelsOf(results, throughput));
  if (names.includes("abort")) {
    const aborts = await benchAbort();
    printAborts(aborts);
    save("abort", aborts);
  }
  const judge = names.includes("judge") ? await benchJudge() : null;
  if (judge !== null) {
    printJudge(judge);
    save("judge", judge);
  }
  const claims = names.includes("nginx") ? await benchNginx() : null;
  if (claims !== null) {
    printNginx(claims);
    save("nginx", claims);
  }
  const ramp = names.includes("ramp") ? await benchRamp() : null;
  if (ramp !== null) {
    printRamp(ramp);
    save("ramp", ramp);
  }
  const overSsh = names.includes("ssh") ? await benchSsh() : null;
  if (overSsh !== null) {
    printSsh(overSsh);
    save("ssh", overSsh);
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
