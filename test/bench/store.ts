// What keeping a rollout costs: real decisions about fleets of several sizes, saved in the real store.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { table } from "../../src/demo/table.ts";
import { openStore } from "../../src/drivers/store/store.ts";
import { entryOf } from "../../src/engine/entries.ts";
import { instant } from "../../src/base/time.ts";
import type { Rollout } from "../../src/model/rollout.ts";
import { createRollout } from "../../src/rollout/create.ts";
import { BEGINNING, largeApplication } from "../support/large-application.ts";
import { runLarge } from "../support/large-world.ts";

interface Kept {
  readonly hosts: number;
  readonly slots: number;
  readonly saves: number;
  /** Of one save, the first and the mean of the others: kilobytes written, milliseconds of processor time. */
  readonly firstKb: number;
  readonly firstMs: number;
  readonly kb: number;
  readonly ms: number;
  /** Milliseconds to read it all back. */
  readonly loadMs: number;
}

const SAVES = 60;
const CLOCK = { now: () => instant(Date.now()), sleep: async () => undefined };

/** Bytes that this process has handed to the kernel. */
const written = (): number => Number(/wchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
const round = (value: number): number => Number(value.toFixed(2));

/** States in a row of the second quarter of a rollout. */
function statesOf(hosts: number, gateways: number): readonly Rollout[] {
  const created = createRollout(largeApplication({ hosts, gateways }), BEGINNING);
  if (!created.ok) throw new Error(created.error.message);
  const states: Rollout[] = [];
  runLarge(created.value, ({ before, after }) => {
    if (after !== before) states.push(after);
  });
  const from = Math.floor(states.length / 4);
  return states.slice(from, from + SAVES + 1);
}

async function one(hosts: number, gateways: number): Promise<Kept> {
  const directory = mkdtempSync(join(tmpdir(), "glidepath-bench-store-"));
  try {
    const opened = await openStore(directory, { clock: CLOCK });
    if (!opened.ok) throw new Error(opened.error.message);
    const { journal, lease } = opened.value;
    const [first, ...rest] = statesOf(hosts, gateways);
    if (first === undefined) throw new Error("nothing was decided");
    const fence = await lease.acquire(first.app, "bench");
    if (!fence.ok) throw new Error(fence.error.message);
    let revision = 0;
    const save = async (rollout: Rollout): Promise<void> => {
      const entry = entryOf(rollout, CLOCK.now());
      const saved = await journal.save({ revision, fence: fence.value, rollout, stable: null, entry });
      if (!saved.ok) throw new Error(saved.error.message);
      revision = saved.value;
    };
    const measured = async (work: () => Promise<unknown>): Promise<readonly [number, number]> => {
      const [bytes, time] = [written(), processorTime()];
      await work();
      return [(written() - bytes) / 1000, processorTime() - time];
    };
    const [firstKb, firstMs] = await measured(() => save(first));
    const [kb, ms] = await measured(async () => {
      for (const rollout of rest) await save(rollout);
    });
    const [, loadMs] = await measured(() => journal.load(first.app));
    opened.value.close();
    return {
      hosts,
      slots: hosts * 3,
      saves: rest.length,
      firstKb: round(firstKb),
      firstMs: round(firstMs),
      kb: round(kb / rest.length),
      ms: round(ms / rest.length),
      loadMs: round(loadMs),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const FLEETS = [
  [10, 1],
  [100, 4],
  [1000, 10],
  [10_000, 100],
] as const;

export async function benchStore(): Promise<readonly Kept[]> {
  const all: Kept[] = [];
  for (const [hosts, gateways] of FLEETS) {
    process.stderr.write(`bench: store, ${hosts} hosts\n`);
    all.push(await one(hosts, gateways));
  }
  return all;
}

export function storeLines(results: readonly Kept[]): string {
  const rows = results.map((one) => Object.values(one).map(String));
  return table(
    ["hosts", "slots", "saves", "first kB", "first ms", "a save kB", "a save ms", "load ms"],
    rows,
  );
}
