// Time until each judge gives a canary up, and false alarms, on the same traces.
import { MinuteMaker, argo, flagger, kayenta } from "./rivals.ts";
import { begin, hasFailed, watch } from "./ours.ts";
import { LENGTH, START, TICK, randomOf, tickOf, type Scenario } from "./traces.ts";

export interface Cell {
  readonly scenario: string;
  readonly rate: number;
  /** Basis points. */
  readonly share: number;
  readonly judges: Readonly<Record<string, Seen>>;
  /** Requests of the canary until ours gives it up. */
  readonly requests: Seen;
}
/** Seconds until it gave up in each run, ascending; null: it did not. */
export type Seen = readonly (number | null)[];

export interface Asked {
  readonly name: string;
  readonly scenario: Scenario;
  readonly rate: number;
  readonly share: number;
  readonly runs: number;
  readonly seed: number;
  /** The runs before this one are left to somebody else. */
  readonly from?: number;
  /** Milliseconds from look to look. */
  readonly tick?: number;
}

interface Run {
  readonly at: Readonly<Record<string, number | null>>;
  readonly requests: number | null;
}

export function cellOf(asked: Asked): Cell {
  const { name: scenario, rate, share, from = 0 } = asked;
  const runs = Array.from({ length: asked.runs }, (_, run) => oneRun(asked, from + run));
  const names = Object.keys(runs[0]?.at ?? {});
  const judges = Object.fromEntries(
    names.map((name) => [name, ascending(runs.map(({ at }) => at[name] ?? null))]),
  );
  return { scenario, rate, share, judges, requests: ascending(runs.map((run) => run.requests)) };
}

/** More runs of the same cell. */
export const withRuns = (a: Cell, b: Cell): Cell => ({
  ...a,
  judges: Object.fromEntries(
    Object.entries(a.judges).map(([name, seen]) => [name, ascending([...seen, ...(b.judges[name] ?? [])])]),
  ),
  requests: ascending([...a.requests, ...b.requests]),
});

export const ascending = (values: readonly (number | null)[]): Seen =>
  values.toSorted((a, b) => (a ?? Infinity) - (b ?? Infinity));

export const median = (seen: Seen): number | null => seen[Math.floor(seen.length / 2)] ?? null;
export const detected = (seen: Seen): number => seen.filter((at) => at !== null).length / seen.length;

/** One trace of half an hour. Ours looks until it has given up at the stricter α, too. */
function oneRun({ scenario, rate, share, seed, tick: length = TICK }: Asked, run: number): Run {
  const random = randomOf(seed, run);
  const watched = begin({ random, share, rate, stable: scenario(0).stable });
  const minutes = new MinuteMaker(length);
  let at05: number | null = null;
  let at01: number | null = null;
  let requests = 0;
  let requestsThen: number | null = null;
  for (let passed = 0; passed < LENGTH; passed += length) {
    const tick = tickOf(random, scenario(passed / 1000), { rate, part: share / 10_000, tick: length });
    minutes.add(tick);
    if (at01 !== null) continue;
    const now = passed + length;
    watch(watched, tick, START + now);
    requests += tick.canary.n;
    if (at05 === null && hasFailed(watched, 0.05)) [at05, requestsThen] = [now / 1000, requests];
    if (hasFailed(watched, 0.01)) at01 = now / 1000;
  }
  const at = { "ours α=.05": at05, "ours α=.01": at01, ...rivalsOf(minutes, randomOf(seed + 1, run)) };
  return { at, requests: requestsThen };
}

function rivalsOf(minutes: MinuteMaker, random: ReturnType<typeof randomOf>) {
  const judged = (after: number): number | null => (kayenta(random, minutes, after) ? after * 60 : null);
  const again = [5, 10, 15, 20, 25, 30].map((after) => judged(after));
  return {
    "Argo ≥.99": argo(minutes.canary, 0.99),
    "Argo ≥.95": argo(minutes.canary, 0.95),
    "Flagger p99": flagger(minutes.canary, "p99"),
    "Flagger nginx": flagger(minutes.canary, "mean"),
    "Kayenta 5": again[0] ?? null,
    "Kayenta 10": again[1] ?? null,
    "Kayenta 30": again[5] ?? null,
    "Kayenta re-judged": again.find((second) => second !== null) ?? null,
  };
}
