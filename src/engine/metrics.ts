import type { AppError } from "../base/errors.ts";
import { after, minutes, type Instant } from "../base/time.ts";
import type { Metric } from "../model/analysis.ts";
import type { MetricPoint } from "../model/evidence.ts";
import type { Rollout } from "../model/rollout.ts";
import type { EnginePorts } from "./ports.ts";

/** Asks for the metrics of both releases at the same moment, now and then, in the background. */
export interface Metrics {
  /** Asks when it is time; the points come when they come. */
  ask(now: Instant): void;
}

export interface MetricsOptions {
  readonly metrics: readonly Metric[];
  readonly ports: Pick<EnginePorts, "metrics">;
  readonly rollout: Rollout;
  readonly onPoint: (point: MetricPoint) => void;
  readonly onTrouble: (error: AppError) => void;
}

/** The judge bets on a pair a minute. */
const EVERY = minutes(1);

export function createMetrics({ metrics, ports, rollout, onPoint, onTrouble }: MetricsOptions): Metrics {
  const { release, from } = rollout;
  let askAt = rollout.startedAt;
  const silent = new Set<string>();
  const askOne = async (metric: Metric, at: Instant): Promise<void> => {
    if (from === null) return;
    const { metrics: port } = ports;
    const [canary, stable] = await Promise.all([port.read(metric, release), port.read(metric, from)]);
    if (canary.ok && stable.ok) {
      silent.delete(metric.name);
      onPoint({ metric: metric.name, at, canary: canary.value, stable: stable.value });
      return;
    }
    const failed = canary.ok ? stable : canary;
    if (!failed.ok && !silent.has(metric.name)) onTrouble(failed.error);
    silent.add(metric.name);
  };
  return {
    ask: (now) => {
      if (now < askAt) return;
      askAt = after(now, EVERY);
      for (const metric of metrics) void askOne(metric, now);
    },
  };
}
