import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Metric } from "../model/analysis.ts";
import type { ReleaseId } from "../model/ids.ts";

/** Numbers that others keep of a release. */
export interface MetricPort {
  /** null: there is no value, or none that is a number. */
  read(metric: Metric, release: ReleaseId): Promise<Result<number | null, AppError>>;
}
