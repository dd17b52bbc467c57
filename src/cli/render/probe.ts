import { between, millis, type Duration } from "../../base/time.ts";
import {
  PROBE_KINDS,
  type ProbeCount,
  type ProbeKind,
  type ProbeLoss,
  type ProbeReport,
  usualGap,
} from "../../model/probing.ts";
import type { Commits, GoingBack } from "../../model/receipt.ts";
import { addHistogram, quantile } from "../../model/traffic.ts";
import { bad, clean, dim, line, plain, table, warn, type Line } from "./text.ts";
import { clock, count, counted, time } from "./words.ts";

export const KIND_WORDS: Readonly<Record<ProbeKind, string>> = {
  get: "GET",
  post: "POST",
  slow: "slow GET",
  upload: "upload",
  websocket: "WebSocket",
  events: "event stream",
  http2: "HTTP/2",
};

/** The switches of single gateways; nothing where none was measured. */
export function commitWords({ times, longest }: Commits): string | null {
  const usual = quantile(times, 0.5);
  if (usual === null) return null;
  return `a gateway switches in ${time(millis(usual))}, in ${time(longest)} at most, from call to answer`;
}

export function backWords({ how, users, whole, waiting }: GoingBack): string {
  if (how === "measured") {
    const who = users === 0 ? "nobody had gone over" : `users in ${time(users)}`;
    return `going back: ${who}, everything in ${time(whole)}`;
  }
  if (waiting === 0) {
    const all = `${time(users)} for all users, ${time(whole)} for everything`;
    return `going back would have taken ${all} (estimated)`;
  }
  const rest = `at the worst moment ${Math.round(waiting * 100)} % of the traffic had waited for slots`;
  return `going back would have taken ${time(users)}; ${rest}, up to ${time(whole)} (estimated)`;
}

const add = (a: ProbeCount, b: ProbeCount): ProbeCount => ({
  ...a,
  sent: a.sent + b.sent,
  declined: a.declined + b.declined,
  failed: a.failed + b.failed,
  cut: a.cut + b.cut,
  gaps: addHistogram(a.gaps, b.gaps),
  longestGap: millis(Math.max(a.longestGap, b.longestGap)),
  latency: addHistogram(a.latency, b.latency),
});

/** One row a kind, over all gateways. */
export function byKind({ counts }: ProbeReport): readonly ProbeCount[] {
  return PROBE_KINDS.flatMap((kind) => {
    const [first, ...rest] = counts.filter((one) => one.kind === kind);
    return first === undefined ? [] : [rest.reduce(add, first)];
  });
}

const number = (value: number): Line => [value > 0 ? bad(count(value)) : plain("0")];

export const gapWords = (given: ProbeCount): string => {
  const usual = usualGap(given);
  return usual === null ? "–" : `${time(given.longestGap)} (usually ${time(usual)})`;
};

const row = (label: string, given: ProbeCount): readonly Line[] => [
  line(`  ${label}`),
  line(count(given.sent)),
  number(given.failed),
  number(given.cut),
  line(gapWords(given)),
  line(given.declined === 0 ? "" : warn(`${count(given.declined)} prove nothing: not what was asked for`)),
];

const HEAD = ["sent", "failed", "cut", "longest gap", ""];

/** `in full`: every gateway by itself, and every loss that is known. */
export function probeLines(report: ProbeReport, inFull: boolean): readonly Line[] {
  const rows = inFull
    ? report.counts.map((one) => row(`${one.gateway} ${KIND_WORDS[one.kind]}`, one))
    : byKind(report).map((one) => row(KIND_WORDS[one.kind], one));
  const head = [line(dim("probe")), ...HEAD.map((text) => line(dim(text)))];
  const losses = inFull ? report.losses : report.losses.slice(0, 3);
  const more = report.losses.length - losses.length + report.untold;
  return [
    ...(rows.length === 0 ? [] : table([head, ...rows])),
    ...(rows.length === 0 ? [] : [line(oldWords(report))]),
    ...losses.map(lossLine),
    ...(more === 0 ? [] : [line(bad(`and ${counted(more, "more loss", "more losses")}`))]),
    ...report.blind.map((why) => line(warn(`not probed: ${clean(why)}`))),
  ];
}

const UNTOLD =
  "which slot answered was not told (`probe` in the file makes the gateways tell): switches are not seen";

export function oldWords({ late, lastOld, slots }: ProbeReport): string {
  if (Object.keys(slots).length === 0) return UNTOLD;
  if (late > 0) return `${counted(late, "request")} came to a slot after it had left by a finished switch`;
  return lastOld === 0
    ? "no request came to a slot that had left by a switch"
    : `the last request to a slot that was leaving began ${time(lastOld)} after the switch was called`;
}

const day = (text: string): string => text.slice(text.indexOf(" ") + 1);

/** `web1: POST failed at 12:00:01.2 after 31ms: 502, by web1:8002, while web1:8002 was stopping`. */
export function lossWords(loss: ProbeLoss): string {
  const { gateway, kind, end, said, begun, ended, slot, during, action } = loss;
  const took: Duration = between(begun, ended);
  const at = `${day(clock(begun))}.${Math.floor((begun % 1000) / 100)}`;
  const by = slot === null ? "" : `, from ${slot}`;
  const why = action === null ? `, ${during}` : `, while ${during} (${action})`;
  const what = `${KIND_WORDS[kind]} ${end === "cut" ? "was cut" : "failed"}`;
  return `${gateway}: ${what} at ${at} after ${time(took)}: ${clean(said)}${by}${why}`;
}

const lossLine = (loss: ProbeLoss): Line => line(bad("✗ "), lossWords(loss));
