// Time until each judge gives a canary up, and false alarms, on the same traces.
import { MinuteMaker, argo, flagger, kayenta } from "./rivals.ts";
import { begin, hasFailed, watch } from "./ours.ts";
import { START, TICK, TICKS, draw, randomOf, type Scenario } from "./traces.ts";

export interface Cell {
  readonly scenario: string;
  readonly rate: number;
  /** Basis points. */
  readonly share: number;
  readonly runs: number;
  readonly judges: Readonly<Record<string, Seen>>;
  /** Requests of the canary until ours gives it up, in the middle run. */
  readonly requests: number | null;
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
}

interface Run {
  readonly at: Readonly<Record<string, number | null>>;
  readonly requests: number | null;
}

export function cellOf(asked: Asked): Cell {
  const runs = Array.from({ length: asked.runs }, (_, run) => oneRun(asked, run));
  const names = Object.keys(runs[0]?.at ?? {});
  const judges = Object.fromEntries(
    names.map((name) => [name, ascending(runs.map(({ at }) => at[name] ?? null))]),
  );
  const { name: scenario, rate, share } = asked;
  const requests = median(ascending(runs.map((run) => run.requests)));
  return { scenario, rate, share, runs: asked.runs, judges, requests };
}

const ascending = (values: readonly (number | null)[]): Seen =>
  values.toSorted((a, b) => (a ?? Infinity) - (b ?? Infinity));

export const median = (seen: Seen): number | null => seen[Math.floor(seen.length / 2)] ?? null;
export const detected = (seen: Seen): number => seen.filter((at) => at !== null).length / seen.length;

/** One trace of half an hour. Ours looks until it has given up at the stricter α, too. */
function oneRun({ scenario, rate, share, seed }: Asked, run: number): Run {
  const random = randomOf(seed, run);
  const watched = begin({ random, share, rate, stable: scenario(0).stable });
  const minutes = new MinuteMaker();
  const part = share / 10_000;
  let at05: number | null = null;
  let at01: number | null = null;
  let requests = 0;
  let requestsThen: number | null = null;
  for (let i = 0; i < TICKS; i += 1) {
    const { canary, stable } = scenario((i * TICK) / 1000);
    const tick = {
      canary: draw(random, rate * part, canary),
      stable: draw(random, rate * (1 - part), stable),
    };
    minutes.add(tick);
    if (at01 !== null) continue;
    watch(watched, tick, START + (i + 1) * TICK);
    requests += tick.canary.n;
    const second = ((i + 1) * TICK) / 1000;
    if (at05 === null && hasFailed(watched, 0.05)) [at05, requestsThen] = [second, requests];
    if (hasFailed(watched, 0.01)) at01 = second;
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
