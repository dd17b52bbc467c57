import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { seconds } from "../../base/time.ts";
import type { Metric } from "../../model/analysis.ts";
import type { ReleaseId } from "../../model/ids.ts";
import type { MetricPort } from "../../ports/metric.ts";
import { valueIn } from "./answer.ts";

const PATIENCE = seconds(10);

export const prometheus: MetricPort = { read: ask };

async function ask(metric: Metric, release: ReleaseId): Promise<Result<number | null, AppError>> {
  const query = metric.query.replaceAll("{release}", release);
  const asked = new URLSearchParams({ query }).toString();
  const url = `${metric.prometheus.replace(/\/$/, "")}/api/v1/query?${asked}`;
  const failed = (why: string): Result<never, AppError> =>
    err(appError("metric.unknown", `metric ${metric.name}: ${metric.prometheus} ${why}`, { details: query }));
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), redirect: "error" });
    const value = valueIn(await answer.text());
    return value.ok ? ok(value.value) : failed(`answers ${answer.status}: ${value.error}`);
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    return failed(`cannot be asked: ${why}`);
  }
}
