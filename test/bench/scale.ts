// A rollout over many simulated hosts: planned, then decided turn by turn to its end, in a world in which
// everything works. What grows with the fleet is shown beside it.
import process from "node:process";
import { table } from "../../src/demo/table.ts";
import { BEGINNING, largeApplication } from "../support/large-application.ts";
import { runLarge } from "../support/large-world.ts";
import { createRollout } from "../../src/rollout/create.ts";
import { arithmeticOf } from "../../src/rollout/story.ts";

const PLANNED_MS = 5000;
const TURN_MS = 50;

interface Scale {
  readonly hosts: number;
  readonly slots: number;
  readonly gateways: number;
  readonly outcome: string;
  readonly turns: number;
  readonly actions: number;
  /** Milliseconds. */
  readonly planned: number;
  readonly meanTurn: number;
  readonly p99Turn: number;
  readonly longestTurn: number;
  readonly memoryMb: number;
}

const round = (value: number): number => Number(value.toFixed(2));

function collect(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

function one(hosts: number, gateways: number): Scale {
  collect();
  const application = largeApplication({ hosts, gateways });
  const began = performance.now();
  const arithmetic = arithmeticOf(application, BEGINNING.release, BEGINNING.from);
  const created = createRollout(application, BEGINNING);
  const planned = performance.now() - began;
  if ("code" in arithmetic || !created.ok) throw new Error("it cannot be planned");
  const times: number[] = [];
  let actions = 0;
  let memory = 0;
  const end = runLarge(created.value, (turn) => {
    times.push(turn.decided);
    actions += turn.actions.length;
    if (times.length % 50 === 0) memory = Math.max(memory, process.memoryUsage().rss);
  });
  const sorted = times.toSorted((a, b) => a - b);
  return {
    hosts,
    slots: hosts * 3,
    gateways,
    outcome: end.phase.name,
    turns: times.length,
    actions,
    planned: round(planned),
    meanTurn: round(times.reduce((sum, each) => sum + each, 0) / times.length),
    p99Turn: round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
    longestTurn: round(sorted.at(-1) ?? 0),
    memoryMb: Math.round(Math.max(memory, process.memoryUsage().rss) / 1024 / 1024),
  };
}

const FLEETS = [
  [10, 1],
  [100, 4],
  [1000, 10],
  [10_000, 100],
] as const;

export const benchScale = (): readonly Scale[] =>
  FLEETS.map(([hosts, gateways]) => {
    process.stderr.write(`bench: scale, ${hosts} hosts\n`);
    return one(hosts, gateways);
  });

export function scaleLines(results: readonly Scale[]): string {
  const rows = results.map((one) => Object.values(one).map(String));
  const header = ["hosts", "slots", "gateways", "outcome", "turns", "actions", "planned ms"];
  const [first, last] = [results[0], results.at(-1)];
  const times = (part: (one: Scale) => number): string =>
    first && last ? `× ${Number((part(last) / part(first)).toFixed(1))}` : "";
  return [
    table([...header, "mean turn ms", "p99 ms", "longest ms", "memory MB"], rows),
    `from the first to the last: slots ${times((one) => one.slots)}, ` +
      `actions ${times((one) => one.actions)}, mean turn ${times((one) => one.meanTurn)}; ` +
      `limits: planned ${PLANNED_MS} ms, a turn ${TURN_MS} ms of processor time`,
  ].join("\n");
}
