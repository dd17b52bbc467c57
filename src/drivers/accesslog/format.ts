import { err, ok, type Result } from "../../base/result.ts";
import type { Request } from "./fold.ts";

/** What tells the role in a log of somebody else's format: an address tried first, or a variable's value. */
export type CanaryMark =
  | { readonly by: "address"; readonly addresses: ReadonlySet<string> }
  | { readonly by: "variable"; readonly name: string; readonly value: string };

/** Reads one line of a log in a format of nginx's `log_format`; null: it is no such line. Pure. */
export type ReadLine = (line: string) => Request | null;

const VARIABLE = /\$(?:([a-z0-9_]+)|\{([a-z0-9_]+)\})/gi;
const TIMES = new Set(["msec", "time_iso8601", "time_local"]);
const DURATIONS = ["request_time", "upstream_response_time"];

/** The value is why the format does not do. */
export function compileFormat(format: string, canary: CanaryMark): Result<ReadLine, string> {
  const names = [...format.matchAll(VARIABLE)].map(([, plain, braced]) => plain ?? braced ?? "");
  const missing = missingIn(names, canary);
  if (missing !== null) return err(`the format lacks ${missing}`);
  const pattern = new RegExp(`^${patternOf(format)}$`);
  return ok((line) => {
    const match = pattern.exec(line);
    if (match === null) return null;
    const fields = new Map(names.map((name, i) => [name, match[i + 1] ?? ""] as const));
    return requestOf(fields, canary);
  });
}

function missingIn(names: readonly string[], canary: CanaryMark): string | null {
  if (!names.some((name) => TIMES.has(name))) return "a time: $msec, $time_iso8601 or $time_local";
  if (!names.some((name) => DURATIONS.includes(name))) return "a duration: $request_time";
  if (!names.includes("status")) return "$status";
  const mark = canary.by === "address" ? "upstream_addr" : canary.name;
  return names.includes(mark) ? null : `$${mark}, by which the canary is told`;
}

const escaped = (literal: string): string => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Of attempts: `502, 200`, `502 : 200`. */
const LIST = String.raw`((?:[^\s,]+, |\S+ : )*\S*?)`;

/** A value ends where the literal text after it begins. */
function patternOf(format: string): string {
  let pattern = "";
  let at = 0;
  for (const match of format.matchAll(VARIABLE)) {
    const name = match[1] ?? match[2] ?? "";
    pattern += escaped(format.slice(at, match.index)) + (name.startsWith("upstream_") ? LIST : "(.*?)");
    at = match.index + match[0].length;
  }
  return pattern + escaped(format.slice(at));
}

type Fields = ReadonlyMap<string, string>;

function requestOf(fields: Fields, canary: CanaryMark): Request | null {
  const end = endOf(fields);
  const duration = durationOf(fields);
  const status = Number(fields.get("status") ?? "");
  if (end === null || duration === null || !Number.isInteger(status)) return null;
  const addresses = listIn(fields.get("upstream_addr"));
  const statuses = listIn(fields.get("upstream_status"));
  const isCanary =
    canary.by === "address"
      ? canary.addresses.has(addresses[0] ?? "")
      : fields.get(canary.name) === canary.value;
  const isStable = canary.by === "variable" || (addresses[0] ?? "-") !== "-";
  if (!isCanary && !isStable) return null;
  return {
    end,
    duration,
    status,
    role: isCanary ? "canary" : "stable",
    address: addresses[0] ?? "",
    lastAddress: addresses.at(-1) ?? "",
    group: "",
    // Whoever the format does not name is nobody, but the share decided on him.
    bucket: 0,
    attempts: addresses.length,
    firstStatus: Number.parseInt(statuses[0] ?? "", 10) || 0,
    lasting: status === 101,
    unfinished: null,
    cut: false,
  };
}

const listIn = (text: string | undefined): readonly string[] =>
  (text ?? "").split(/[,:] /).flatMap((each) => (each.trim() === "" ? [] : [each.trim()]));

function durationOf(fields: Fields): number | null {
  for (const name of DURATIONS) {
    const all = listIn(fields.get(name)).map((each) => (each === "-" ? 0 : Number(each)));
    if (all.length > 0 && all.every((each) => each >= 0)) {
      return Math.round(all.reduce((sum, each) => sum + each, 0) * 1000);
    }
  }
  return null;
}

function endOf(fields: Fields): number | null {
  const msec = fields.get("msec");
  if (msec !== undefined) return /^\d+\.\d{3}$/.test(msec) ? Math.round(Number(msec) * 1000) : null;
  const text = fields.get("time_iso8601") ?? isoOf(fields.get("time_local") ?? "");
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LOCAL = /^(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/;

/** `25/Nov/2026:08:00:00 +0000` → ISO 8601. */
function isoOf(text: string): string {
  const [, day, month = "", year, time, hours, minutes] = LOCAL.exec(text) ?? [];
  const number = String(MONTHS.indexOf(month) + 1).padStart(2, "0");
  return `${year}-${number}-${day}T${time}${hours}:${minutes}`;
}
