import type { AnalysisSettings, Metric, StatusRange } from "../model/analysis.ts";
import { EVERYTHING } from "../model/share.ts";
import type { FileValue } from "./schema.ts";

type Settings = Exclude<FileValue["analysis"], "off">;

export function analysis({ analysis: value, rollout }: FileValue): AnalysisSettings | null {
  if (value === "off") return null;
  const { errors, bad, unit, metrics, ...rest } = value;
  return {
    ...rest,
    errors: { ratio: errors.ratio, margin: errors.margin / EVERYTHING },
    bad: bad.map(statusRange),
    unit: unit === "auto" ? perUnit(rollout.split) : unit,
    metrics: metrics.map(metric),
  };
}

const perUnit = (split: FileValue["rollout"]["split"]): "user" | "request" =>
  split === "users" ? "user" : "request";

/** `503` or `5xx`; checked before. */
function statusRange(value: number | string): StatusRange {
  const text = String(value);
  if (!text.endsWith("xx")) return { from: Number(text), to: Number(text) };
  const hundred = Number(text[0]) * 100;
  return { from: hundred, to: hundred + 99 };
}

const metric = (value: Settings["metrics"][number]): Metric => ({
  name: value.name,
  prometheus: value.prometheus,
  query: value.query,
  grows: value.grows,
  lower: value.lower ?? null,
  upper: value.upper ?? null,
});
