import { between, millis, type Instant } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";
import type { ProbeCount, ProbeKind, ProbeLoss, ProbeReport, Shot } from "../model/probing.ts";
import { inRotation, type Routing } from "../model/routing.ts";
import { bucketOf } from "../model/traffic.ts";
import type { Blind } from "../ports/trickle.ts";
import { blame, type Deed } from "./chronicle.ts";

/** A switch of one gateway: when it was called for and when it was done. */
export interface Switched {
  readonly routing: Routing;
  readonly called: Instant;
  readonly done: Instant | null;
}

/** Sums up what the probe's requests came to. It looks on: nothing is decided by it. */
export interface Tally {
  take(shot: Shot, deeds: readonly Deed[]): void;
  readonly blind: (about: Blind, why: string | null) => void;
  switched(gateway: HostName, change: Switched): void;
  report(): ProbeReport;
}

/** Losses that are told one by one. */
const TOLD = 50;

/** Nobody asks while nobody carries the rollout; a gap over that time would say nothing of the gateways. */
const BETWEEN = "the time in which no process carried the rollout";

const NOTHING: ProbeReport = {
  counts: [],
  slots: {},
  losses: [],
  untold: 0,
  lastOld: millis(0),
  late: 0,
  blind: [],
};

/** `before`: what whoever carried the rollout until now had counted. */
export function createTally(before: ProbeReport | null): Tally {
  let report = before ?? NOTHING;
  const counts = new Map(report.counts.map((count) => [keyOf(count), count]));
  const blind = new Map<string, string>(before === null ? [] : [["", BETWEEN]]);
  const goodAt = new Map<string, Instant>();
  const switches = new Map<HostName, Switched>();
  return {
    take: (shot, deeds) => {
      const key = keyOf(shot);
      counts.set(key, counted(counts.get(key) ?? emptyCount(shot), shot, goodAt.get(key) ?? null));
      if (shot.end === "answered") goodAt.set(key, shot.ended);
      report = { ...report, ...withLoss(report, shot, deeds), ...withSlot(report, shot) };
      report = { ...report, ...withLag(report, shot, switches.get(shot.gateway)) };
    },
    blind: ({ gateway, kind }, why) => {
      const key = `${gateway} ${kind ?? ""}`;
      if (why === null) blind.delete(key);
      else blind.set(key, why);
    },
    switched: (gateway, change) => void switches.set(gateway, change),
    report: () => ({ ...report, counts: [...counts.values()], blind: [...blind.values()] }),
  };
}

const keyOf = ({ gateway, kind }: { readonly gateway: HostName; readonly kind: ProbeKind }): string =>
  `${gateway} ${kind}`;

const emptyCount = ({ gateway, kind }: Shot): ProbeCount => ({
  gateway,
  kind,
  sent: 0,
  declined: 0,
  failed: 0,
  cut: 0,
  gaps: {},
  longestGap: millis(0),
  latency: {},
});

function counted(count: ProbeCount, shot: Shot, goodAt: Instant | null): ProbeCount {
  const { end } = shot;
  const plus = { ...count, sent: count.sent + 1 };
  if (end !== "answered") return { ...plus, [end]: count[end] + 1 };
  const latency = added(count.latency, between(shot.begun, shot.ended));
  if (goodAt === null) return { ...plus, latency };
  const gap = between(goodAt, shot.ended);
  const longestGap = millis(Math.max(count.longestGap, gap));
  return { ...plus, latency, gaps: added(count.gaps, gap), longestGap };
}

function added(histogram: ProbeCount["gaps"], ms: number): ProbeCount["gaps"] {
  const bucket = bucketOf(ms);
  return { ...histogram, [bucket]: (histogram[bucket] ?? 0) + 1 };
}

function withLoss(
  { losses, untold }: ProbeReport,
  shot: Shot,
  deeds: readonly Deed[],
): Pick<ProbeReport, "losses" | "untold"> {
  const { end } = shot;
  if (end !== "failed" && end !== "cut") return { losses, untold };
  if (losses.length >= TOLD) return { losses, untold: untold + 1 };
  const deed = blame(shot, deeds);
  const loss: ProbeLoss = {
    ...shot,
    end,
    action: deed?.key ?? null,
    during: deed?.words ?? "nothing was under way",
  };
  return { losses: [...losses, loss], untold };
}

function withSlot({ slots }: ProbeReport, { end, slot }: Shot): Pick<ProbeReport, "slots"> {
  if (end !== "answered" || slot === null) return { slots };
  return { slots: { ...slots, [slot]: (slots[slot] ?? 0) + 1 } };
}

/** A slot that is out of the routing that its gateway was switched to has left. */
function withLag(
  { lastOld, late }: ProbeReport,
  { slot, begun }: Shot,
  change: Switched | undefined,
): Pick<ProbeReport, "lastOld" | "late"> {
  if (change === undefined || slot === null || begun < change.called || inRotation(change.routing, slot)) {
    return { lastOld, late };
  }
  const lag = between(change.called, begun);
  const isLate = change.done !== null && begun > change.done;
  return { lastOld: millis(Math.max(lastOld, lag)), late: late + (isLate ? 1 : 0) };
}
