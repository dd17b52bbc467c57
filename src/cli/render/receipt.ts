import { between } from "../../base/time.ts";
import { TRAFFIC_KINDS, type ByKind, type TrafficKind } from "../../model/drain.ts";
import type { Receipt } from "../../model/receipt.ts";
import { reachOf, type Rollout } from "../../model/rollout.ts";
import { quantile, type Traffic } from "../../model/traffic.ts";
import { detailLines, errorLines } from "./error.ts";
import { stepWords } from "./live.ts";
import { backWords, commitWords, probeLines } from "./probe.ts";
import {
  bad,
  canary,
  clean,
  dim,
  EMPTY,
  good,
  indent,
  line,
  plain,
  strong,
  table,
  warn,
  type Line,
} from "./text.ts";
import { afterStuck, count, counted, ms, share, time } from "./words.ts";

function requestsLine({ during, cut, uncounted, missing }: Receipt): Line {
  if (uncounted) return line(warn("requests were not counted"));
  const isWhole = missing.length === 0;
  const none = isWhole ? good("0 failed") : plain("0 of them failed");
  const spans = [
    plain(`${count(during.requests)} requests ${isWhole ? "" : "seen "}· `),
    during.failed > 0 ? bad(`${count(during.failed)} failed`) : none,
    plain(" · "),
    during.cut + cut > 0 ? bad(`${count(during.cut + cut)} cut`) : plain("0 cut"),
  ];
  if (during.retried === 0) return spans;
  const other = during.fellBack === 0 ? "" : `, ${count(during.fellBack)} of them of the other release`;
  return [...spans, dim(` · ${count(during.retried)} answered by a second slot${other}`)];
}

function mirroredLine({ mirrored }: Receipt): readonly Line[] {
  if (mirrored === undefined) return [];
  const { requests, failed } = mirrored;
  const failures = failed > 0 ? warn(`${count(failed)} failed`) : plain("0 failed");
  return [line(`${count(requests)} requests mirrored · `, failures, dim(" · seen by nobody"))];
}

const latencyRow = (label: string, times: readonly Traffic[], q: number): readonly Line[] => [
  line(label),
  ...times.map((traffic) => line(ms(quantile(traffic.latency, q)))),
];

function latencyLines({ before, during, after }: Receipt): readonly Line[] {
  const times = [before, during, after];
  if (times.every((traffic) => traffic.requests === 0)) return [];
  return table([
    [line(dim("latency")), line(dim("before")), line(dim("during")), line(dim("after"))],
    latencyRow("  p50", times, 0.5),
    latencyRow("  p99", times, 0.99),
  ]);
}

const KIND_NAMES: Readonly<Record<TrafficKind, string>> = {
  requests: "request",
  uploads: "upload",
  events: "event stream",
  grpc: "gRPC call",
  websockets: "WebSocket",
};

export const cutWords = (kinds: ByKind<number>): string =>
  `at the end of their drain were cut: ${TRAFFIC_KINDS.filter((kind) => (kinds[kind] ?? 0) > 0)
    .map((kind) => counted(kinds[kind] ?? 0, KIND_NAMES[kind]))
    .join(", ")}`;

/** Null in the passive form, where nginx is led by nobody. */
function switchWords({ uncounted, switches, longestSwitch, skew }: Receipt): string | null {
  if (uncounted && switches === 0) return null;
  if (switches === 0) return "no switch of traffic";
  const apart = skew === null ? "" : `; the gateways were at most ${time(skew)} apart`;
  const told = `${counted(switches, "switch", "switches")} of traffic`;
  return `${told}, the longest took ${time(longestSwitch)}${apart}`;
}

function measuredLines(receipt: Receipt): readonly Line[] {
  const { commits, back } = receipt;
  const words = [switchWords(receipt), commits && commitWords(commits), back && backWords(back)];
  return words.flatMap((text) => (typeof text === "string" ? [line(text)] : []));
}

/**
 * What the rollout did to the people who used the application meanwhile. In full: every gateway and every
 * loss of the probe's by itself.
 */
export function receiptLines(receipt: Receipt, inFull = false): readonly Line[] {
  const phases = receipt.phases.map(({ name, took }) => `${name} ${time(took)}`).join(" · ");
  return [
    requestsLine(receipt),
    ...mirroredLine(receipt),
    ...latencyLines(receipt),
    ...measuredLines(receipt),
    ...(phases === "" ? [] : [line(phases)]),
    ...(receipt.probe ? probeLines(receipt.probe, inFull) : []),
    ...(receipt.cutKinds === undefined ? [] : [line(warn(cutWords(receipt.cutKinds)))]),
    ...receipt.missing.map((text) => line(warn(`not measured: ${clean(text)}`))),
  ].map((given) => indent(2, given));
}

function wentBack(rollout: Rollout): readonly Line[] {
  const { aborted, release, from, touched } = rollout;
  const took = time(between(rollout.startedAt, rollout.endedAt ?? rollout.progressAt));
  const back = from === null ? "nothing is served, as before" : `everybody gets ${from}, as before`;
  const untouched = aborted?.by === "operator" ? "was called off" : "was refused";
  const ranHooks = Object.keys(rollout.hooked).length > 0;
  const kept = ranHooks ? "no slot and no gateway was touched" : "nothing was touched";
  const end = touched ? `was rolled back after ${took}` : `${untouched}, and ${kept}`;
  const head = line(bad("✗ "), strong(release), ` ${end}: ${back}`);
  if (aborted === null) return [head];
  const { message, details, hint } = aborted.error;
  const why = line("  because ", aborted.by === "operator" ? clean(message) : bad(clean(message)));
  return [head, why, ...detailLines(details), ...(hint === undefined ? [] : [line("  → ", hint)])];
}

function whereItStands(rollout: Rollout): string {
  const step = stepWords(rollout);
  return `${rollout.phase.name} at ${share(reachOf(rollout))}${step === "" ? "" : `, ${step}`}`;
}

/** `carried`: another process goes on with it. */
function left(rollout: Rollout, carried: boolean): readonly Line[] {
  const state = whereItStands(rollout);
  const head = rollout.paused === null ? "left as it is" : "paused";
  if (carried) return [line(warn("… "), `${rollout.release}: ${state}; it goes on without this terminal`)];
  return [
    line(warn("… "), strong(rollout.release), ` is ${head}: ${state}. Traffic stays as it is now`),
    line("  → `glidepath resume` goes on from here, `glidepath abort` goes back"),
  ];
}

function done(rollout: Rollout): readonly Line[] {
  const took = time(between(rollout.startedAt, rollout.endedAt ?? rollout.progressAt));
  const from = rollout.from === null ? "" : `, in place of ${rollout.from}`;
  return [line(good("✓ "), canary(rollout.release), ` serves everybody${from}: done in ${took}`)];
}

export interface EndOptions {
  /** Another process goes on with it. */
  readonly carried?: boolean;
  /** Everything that the receipt knows. */
  readonly inFull?: boolean;
}

/** The last words of a rollout, or of this process about it. */
export function endLines(
  rollout: Rollout,
  receipt: Receipt | null,
  { carried = false, inFull = false }: EndOptions = {},
): readonly Line[] {
  const facts = receipt === null || !rollout.touched ? [] : [EMPTY, ...receiptLines(receipt, inFull)];
  switch (rollout.phase.name) {
    case "completed":
      return [...done(rollout), ...facts];
    case "rolled-back":
      return [...wentBack(rollout), ...facts];
    case "superseded":
      return [
        line(
          warn("… "),
          `${rollout.release} gave way: everybody gets ${rollout.from ?? "nothing"}, as before`,
        ),
        ...(rollout.aborted === null ? [] : [line("  because ", clean(rollout.aborted.error.message))]),
        ...facts,
      ];
    case "stuck":
      return [...errorLines(rollout.phase.error), line("  → ", afterStuck(rollout.from)), ...facts];
    default:
      return left(rollout, carried);
  }
}
