import { err, ok, type Result } from "../../base/result.ts";

const MOST = 1024 * 1024;

/** The number in an answer of Prometheus' `/api/v1/query`; else why there is none. Pure. */
export function valueIn(text: string): Result<number | null, string> {
  const body = text.length > MOST ? null : parsed(text);
  if (!isRecord(body)) return err("no JSON");
  if (body["status"] !== "success")
    return err(typeof body["error"] === "string" ? body["error"] : "no success");
  const { data } = body;
  if (!isRecord(data)) return err("no data");
  const { resultType, result } = data;
  if (resultType === "scalar") return ok(numberIn(result));
  if (resultType !== "vector" || !Array.isArray(result)) return err(`a ${String(resultType)}, not a number`);
  if (result.length > 1) return err(`${result.length} series, not one: sum them up in the query`);
  const [sample] = result as unknown[];
  return ok(isRecord(sample) ? numberIn(sample["value"]) : null);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `[time, "text"]` */
function numberIn(sample: unknown): number | null {
  const value = Array.isArray(sample) ? Number(sample[1]) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}
