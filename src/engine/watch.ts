import { after, instant, millis, seconds, type Instant } from "../base/time.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import type { Application } from "../model/application.ts";
import type { Outcome } from "../model/outcome.ts";
import type { Receipt } from "../model/receipt.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Glance, Verdict } from "../model/verdict.ts";
import type { RolloutEvent } from "../ports/control.ts";
import type { Fence, JournalEntry } from "../ports/journal.ts";
import type { Roles } from "../ports/telemetry.ts";
import type { Action } from "../rollout/actions.ts";
import { goingBack } from "./going-back.ts";
import { createGauge, type Gauge, type Places, type Read } from "./gauge.ts";
import { createJudging, LEARNED, type JudgeMemory, type Judging } from "./judging.ts";
import { createMeter, type Counted, type Meter } from "./meter.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createNews, type News } from "./news.ts";
import { createTeller, type Teller } from "./teller.ts";
import { createWitness, type Testimony, type Witness } from "./witness.ts";
import type { EnginePorts } from "./ports.ts";

/** What is kept of a rollout besides its state, so that whoever goes on counts and judges on. Plain JSON. */
export interface WatchMemory {
  readonly places: Places;
  readonly counted: Counted;
  readonly judge: JudgeMemory | null;
  readonly verdict: Verdict | null;
  /** Absent: nobody kept it. */
  readonly testimony?: Testimony;
}

/**
 * Reads the gateways' logs for as long as a rollout is carried, for its receipt and for its judge, and probes
 * them, for its receipt alone.
 */
export interface Watch {
  /** Told of every state of the rollout, before its actions begin. */
  follow(rollout: Rollout): void;
  began(action: Action): void;
  ended(action: Action, outcome: Outcome): void;
  /** undefined: it is not judged, or nothing is known yet. */
  verdict(now: Instant): Verdict | undefined;
  /** undefined: no look is going on, neither the first nor the last. */
  glance(now: Instant): Glance | undefined;
  /** Reads until the signal; ends when the last reading has. */
  run(signal: AbortSignal): Promise<void>;
  /** Everything that is there now. */
  readAll(): Promise<void>;
  receipt(rollout: Rollout, entries: readonly JournalEntry[]): Receipt;
}

/** How often the logs are read while there is something to judge. */
const EVERY = millis(300);
/** How soon after the last they are read at the soonest, while the first users are waited for. */
const LEAST = millis(100);
/** How often for the count alone, and for what is learned of the stable release. */
const CALM = seconds(1);
/** How often what is known is kept. */
const KEEP = seconds(2);

export interface WatchOptions {
  readonly application: Application;
  readonly ports: EnginePorts;
  readonly rollout: Rollout;
  readonly fence: Fence;
  readonly onEvent: (event: RolloutEvent) => void;
  /** Called whenever the judge has been told of more requests: its verdict may be another. */
  readonly onJudged: () => void;
}

interface Parts extends WatchOptions {
  readonly gauge: Gauge;
  readonly meter: Meter;
  readonly judging: Judging | null;
  readonly teller: Teller;
  readonly metrics: Metrics | null;
  readonly witness: Witness;
  /** That there is something to read for now, whatever the beat. */
  readonly haste: News;
}

export async function createWatch(options: WatchOptions): Promise<Watch> {
  const { application, ports, rollout } = options;
  const memory = (await ports.journal.kept(rollout.id)) as WatchMemory | null;
  const settings = rollout.plan.analysis === null ? null : application.analysis;
  const judge = memory?.judge ?? null;
  const judging = settings === null ? null : createJudging({ application, settings, rollout, memory: judge });
  const parts: Parts = {
    ...options,
    gauge: createGauge({
      application,
      ports,
      back: instant(rollout.startedAt - LEARNED),
      places: memory?.places ?? {},
      cutOffs: rollout.cutOffs ?? [],
    }),
    meter: createMeter(application, rollout, memory?.counted ?? null),
    judging,
    teller: createTeller(options),
    metrics: settings === null || judging === null ? null : metricsOf(options, settings, judging),
    witness: createWitness({ application, ports, rollout, before: memory?.testimony ?? null }),
    haste: createNews(ports.clock),
  };
  return watchOf(parts);
}

const metricsOf = (
  { ports, rollout, onEvent }: WatchOptions,
  { metrics }: AnalysisSettings,
  judging: Judging,
): Metrics =>
  createMetrics({
    metrics,
    ports,
    rollout,
    onPoint: (point) => judging.takeMetric(point),
    onTrouble: (error) => onEvent({ kind: "trouble", at: ports.clock.now(), error }),
  });

function watchOf(parts: Parts): Watch {
  const { application, gauge, meter, judging, ports, witness } = parts;
  let usersSince: Instant | undefined;
  return {
    follow: (rollout) => {
      gauge.follow(rollout);
      witness.follow(rollout);
      judging?.follow(rollout, ports.clock.now());
      if (usersSince === undefined && rollout.usersSince !== undefined) parts.haste.tell();
      ({ usersSince } = rollout);
    },
    began: (action) => witness.began(action),
    ended: (action, outcome) => witness.ended(action, outcome),
    verdict: (now) => judging?.verdict(now),
    glance: (now) => judging?.glance(now),
    run: async (signal) => void (await Promise.all([witness.run(signal), watch(parts, signal)])),
    readAll: async () => void (await Promise.all(begin(parts))),
    receipt: (rollout, entries) => ({
      ...meter.receipt(rollout, entries),
      ...witness.testimony(),
      back: goingBack(application, rollout, entries),
    }),
  };
}

const UNJUDGED: Roles = { joined: {}, warmup: millis(0) };

const begin = (parts: Parts): readonly Promise<void>[] =>
  parts.gauge.begin(parts.judging?.roles(parts.ports.clock.now()) ?? UNJUDGED, (read) => take(parts, read));

function take({ meter, judging, teller, onJudged }: Parts, read: Read): void {
  meter.add(read);
  judging?.take(read);
  teller.heard(read);
  if (judging?.isComparing() === true) onJudged();
}

async function watch(parts: Parts, signal: AbortSignal): Promise<void> {
  const { meter, judging, teller, ports, haste } = parts;
  const reading = new Set<Promise<void>>();
  let keepAt = ports.clock.now();
  let readAt = keepAt;
  while (!signal.aborted) {
    const now = ports.clock.now();
    if (now >= readAt || judging?.isComparing() === true) {
      for (const each of begin(parts)) {
        reading.add(each);
        void each.finally(() => reading.delete(each));
      }
      readAt = after(now, CALM);
    }
    parts.metrics?.ask(now);
    await teller.tell(now, { during: meter.during(), verdict: judging?.verdict(now) ?? null });
    if (now >= keepAt) {
      await keep(parts, now);
      keepAt = after(now, KEEP);
    }
    await haste.wait(nextReading(parts, now), signal);
  }
  await Promise.all(reading);
  await keep(parts, ports.clock.now());
}

/** What waits for a number of requests need not wait for a beat as well. */
function nextReading({ judging }: Parts, now: Instant): Instant {
  const beat = after(now, EVERY);
  const enough = judging?.isComparing() === true ? judging.lookMayEnd(now) : null;
  return enough === null ? beat : instant(Math.max(now + LEAST, Math.min(enough, beat)));
}

/** All of one moment: what was read is in the sums, and what is in the sums is not read again. */
async function keep(
  { ports, rollout, fence, gauge, meter, judging, witness }: Parts,
  now: Instant,
): Promise<void> {
  const memory: WatchMemory = {
    places: gauge.places(),
    counted: meter.counted(),
    judge: judging?.memory() ?? null,
    verdict: judging?.verdict(now) ?? null,
    testimony: witness.testimony(),
  };
  await ports.journal.keep(rollout.id, fence, memory);
}

export const verdictIn = (memory: unknown): Verdict | null => (memory as WatchMemory | null)?.verdict ?? null;
