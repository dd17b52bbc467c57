/**
 * Simulations from the command line:
 *
 *   node test/simulation/run.ts [--seed N] [--runs N] [--seconds N] [--verbose]
 *
 * Without --seed the first seed is one that the sources give; every run prints what it was.
 */
import { parseArgs } from "node:util";
import { seedOfSources } from "../support/sources.ts";
import { simulate, type Report } from "./harness.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    runs: { type: "string", default: "1" },
    seconds: { type: "string" },
    verbose: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

/** Those before it are the suite's. */
const BEYOND = 1000;
/** Lines of the story that are shown of a failure. */
const TAIL = 60;

async function main(): Promise<number> {
  const first = values.seed === undefined ? seedOfSources() + BEYOND : Number(values.seed);
  const until = values.seconds === undefined ? Infinity : performance.now() + Number(values.seconds) * 1000;
  const runs = values.seconds === undefined ? Number(values.runs) : Infinity;
  const ends = new Map<string, number>();
  const failed: number[] = [];
  const began = performance.now();
  let count = 0;
  let events = 0;
  console.log(`first seed ${first}`);
  while (count < runs && performance.now() < until) {
    const seed = first + count;
    const report = await simulate(seed, { trace: values.verbose });
    count += 1;
    events += report.events;
    ends.set(report.end, (ends.get(report.end) ?? 0) + 1);
    if (runs === 1) console.log(`${report.description}\n${values.verbose ? report.trace.join("\n") : ""}`);
    if (report.broken.length === 0) continue;
    failed.push(seed);
    await explain(report);
    if (!values.keep) break;
  }
  const took = (performance.now() - began) / 1000;
  const each = `${((1000 * took) / count).toFixed(2)} ms and ${Math.round(events / count)} events each`;
  const how = [...ends].map(([end, times]) => `${end} ${times}`).join(", ");
  console.log(`${count} runs in ${took.toFixed(1)} s (${each}): ${how}; broken: ${failed.length}`);
  return failed.length === 0 ? 0 : 1;
}

/** The same seed once more, with its story written down. */
async function explain({ seed, description }: Report): Promise<void> {
  const { trace, broken } = await simulate(seed, { trace: true });
  console.log(`\nseed ${seed}: ${description}`);
  if (!values.keep) console.log(trace.slice(-TAIL).join("\n"));
  for (const { law, what, at } of broken) console.log(`law ${law} broken at ${at % 10_000_000}: ${what}`);
  console.log(`again: node test/simulation/run.ts --seed ${seed} --verbose`);
}

process.exitCode = await main();
