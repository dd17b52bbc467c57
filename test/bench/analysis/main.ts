// npm run bench -- analysis [alarms users detection rollouts peeking] [--runs N] [--seed N]: how often, and
// how soon, our judge gives a canary up, beside other ways to judge on the same traces. Prints tables;
// returns everything in full.
import { table } from "../../../src/demo/table.ts";
import { intervalOf } from "./chance.ts";
import { cellOf, detected, median, withRuns, type Asked, type Cell, type Seen } from "./detect.ts";
import { PEEKED, peeksOf } from "./peeking.ts";
import { POLICIES, rolloutsOf, type Ended } from "./rollouts.ts";
import { STICKY, stickyOf } from "./sticky.ts";
import { FAULTS, NULLS } from "./traces.ts";

export interface Effort {
  /** Runs of a cell of the tables; half an hour of traffic each. */
  readonly runs: number;
  readonly seed: number;
  readonly rates: readonly number[];
  /** Basis points. */
  readonly shares: readonly number[];
}

export const FULL: Effort = { runs: 60, seed: 20_260, rates: [200, 2000], shares: [100, 500, 1000, 5000] };

const percent = (part: number): string => `${Number((part * 100).toFixed(2))} %`;
const seconds = (at: number | null): string => (at === null ? "-" : `${at}s`);
const shareOf = (share: number): string => `${share / 100} %`;

/** `0.2 % (0–0.56)`: the part of the runs, and where 95 of 100 times the truth lies. */
function alarmed(seen: Seen): string {
  const { low, high } = intervalOf(seen.filter((at) => at !== null).length, seen.length);
  const bound = (part: number): string => String(Number((part * 100).toFixed(2)));
  return `${percent(detected(seen))} (${bound(low)}–${bound(high)})`;
}

/** `32s`, with the part of the runs in which it was found unless that is all. */
function found(seen: Seen): string {
  const part = detected(seen);
  if (part === 0) return "0 %";
  return part === 1 ? seconds(median(seen)) : `${seconds(median(seen))} (${percent(part)})`;
}

function detection({ rates, shares, runs, seed }: Effort): readonly Cell[] {
  return rates.flatMap((rate) =>
    shares.flatMap((share) =>
      Object.entries(FAULTS).map(([name, scenario]) => cellOf({ name, scenario, rate, share, runs, seed })),
    ),
  );
}

/** Once a second is often enough to be continuous, and half of the work. */
const LOOK = 1000;

function alarmsAsked({ rates, shares, runs, seed }: Effort): readonly Asked[] {
  return rates.flatMap((rate) =>
    // At many requests a second the smallest share is where least is known.
    shares
      .filter((share) => share !== 500 && (rate <= 200 || share === 100))
      .flatMap((share) =>
        Object.entries(NULLS).map(([name, scenario]) => ({
          name,
          scenario,
          rate,
          share,
          runs,
          seed,
          tick: LOOK,
        })),
      ),
  );
}

/** A part of the runs of every cell after the other: whoever ends it early has as much of each. */
const ROUND = 25;

function falseAlarms(effort: Effort, onRound: (cells: readonly Cell[]) => void): readonly Cell[] {
  const asked = alarmsAsked(effort);
  let cells: readonly Cell[] = [];
  for (let from = 0; from < effort.runs; from += ROUND) {
    const runs = Math.min(ROUND, effort.runs - from);
    cells = asked.map((one, i) => {
      const more = cellOf({ ...one, from, runs });
      const known = cells[i];
      return known === undefined ? more : withRuns(known, more);
    });
    onRound(cells);
  }
  return cells;
}

function cellTable(cells: readonly Cell[], show: (seen: Seen) => string): string {
  const names = Object.keys(cells[0]?.judges ?? {});
  const rows = cells.map(({ scenario, rate, share, judges, requests }) => [
    scenario,
    String(rate),
    shareOf(share),
    ...names.map((name) => show(judges[name] ?? [])),
    String(median(requests) ?? "-"),
  ]);
  return table(["scenario", "req/s", "share", ...names, "canary requests"], rows);
}

function peeking({ runs, seed }: Effort) {
  return [0.01, 0.05, 0.1, 0.5].flatMap((share) =>
    Object.entries(PEEKED).map(([name, what]) => {
      const { at05, at01, naive } = peeksOf(what, share, { runs, seed });
      return { name, share, at05, at01, naive };
    }),
  );
}

function sticky({ runs, seed }: Effort) {
  return [500, 5000].flatMap((share) =>
    Object.keys(STICKY).map((scenario) => ({
      share,
      scenario,
      request: stickyOf({ scenario, share, unit: "request", runs, seed }),
      user: stickyOf({ scenario, share, unit: "user", runs, seed }),
    })),
  );
}

const ROLLED = { "healthy p=.1%": NULLS["identical p=0.1%"], ...FAULTS };

function rollouts({ runs, seed }: Effort) {
  return Object.entries(ROLLED).flatMap(([scenario, traffic]) =>
    Object.keys(POLICIES).map((policy) => ({
      scenario,
      policy,
      ended: traffic === undefined ? [] : rolloutsOf(policy, traffic, { runs, seed }),
    })),
  );
}

function endedRow({
  scenario,
  policy,
  ended,
}: {
  readonly scenario: string;
  readonly policy: string;
  readonly ended: readonly Ended[];
}): readonly string[] {
  const middle = (values: readonly number[]): string => {
    const sorted = values.toSorted((a, b) => a - b);
    return String(sorted[Math.floor(sorted.length / 2)] ?? "-");
  };
  const promoted = ended.filter((one) => one.promoted);
  const back = ended.filter((one) => !one.promoted);
  return [
    scenario,
    policy,
    percent(promoted.length / ended.length),
    percent(back.length / ended.length),
    middle(promoted.map(({ second }) => second)),
    middle(back.map(({ second }) => second)),
    middle(ended.map(({ requests }) => requests)),
    middle(ended.map(({ bad }) => bad)),
  ];
}

type Print = (text: string) => void;

function printPeeking(effort: Effort, print: Print) {
  const peeks = peeking(effort);
  const rows = peeks.map(({ name, share, at05, at01, naive }) =>
    [percent(share), name].concat([at05, at01, naive].map(percent)),
  );
  print(`\nFalse alarms of the error stream alone, looked at after every few requests\n`);
  print(table(["share", "null", "α=.05", "α=.01", "naive z-test α=.05"], rows));
  return peeks;
}

function printUsers(effort: Effort, print: Print) {
  const users = sticky(effort);
  const rows = users.map(({ share, scenario, request, user }) =>
    [shareOf(share), scenario].concat([request, user].map(scenario === "healthy" ? alarmed : found)),
  );
  print(`\nUsers that keep to their role, some failing again and again, 200 req/s\n`);
  print(table(["share", "scenario", "by request", "by user"], rows));
  return users;
}

function printRollouts(effort: Effort, print: Print) {
  const ended = rollouts(effort);
  const header = ["scenario", "policy", "promoted", "rolled back", "s to promote", "s to roll back"];
  print(`\nWhole rollouts, 200 req/s (ours 1, 5, 25, 50, 100 %)\n`);
  print(table([...header, "canary requests", "errors above"], ended.map(endedRow)));
  return ended;
}

function printAlarms(effort: Effort, print: Print) {
  const show = (cells: readonly Cell[]): void => {
    const runs = cells[0]?.requests.length ?? 0;
    print(`\nFalse alarms within 30 min, ${runs} runs of each\n`);
    print(cellTable(cells, alarmed));
  };
  return falseAlarms(effort, show);
}

function printDetection(effort: Effort, print: Print) {
  const cells = detection(effort);
  print(`\nTime to detect (and how often within 30 min)\n`);
  print(cellTable(cells, found));
  return cells;
}

const TABLES: Readonly<Record<string, (effort: Effort, print: Print) => unknown>> = {
  peeking: printPeeking,
  users: printUsers,
  rollouts: printRollouts,
  alarms: printAlarms,
  detection: printDetection,
};
export const TABLE_NAMES = Object.keys(TABLES);

/** The tables of these names, in full; the text of each goes to `print` as soon as it is there. */
export function benchAnalysis(
  effort: Effort,
  names: readonly string[],
  print: Print,
): Readonly<Record<string, unknown>> {
  const results = names.map((name) => [name, TABLES[name]?.(effort, print)] as const);
  return { effort, ...Object.fromEntries(results) };
}
