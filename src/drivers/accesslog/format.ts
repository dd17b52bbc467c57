import { err, ok, type Result } from "../../base/result.ts";
import type { Request } from "./fold.ts";

/** What tells the role in a log of somebody else's format: an address tried first, or a variable's value. */
export type CanaryMark =
  | { readonly by: "address"; readonly addresses: ReadonlySet<string> }
  | { readonly by: "variable"; readonly name: string; readonly value: string };

/** Reads one line of a log in a format of nginx's `log_format`; null: it is no such line. Pure. */
export type ReadLine = (line: string) => Request | "unasked" | null;

const VARIABLE = /\$(?:([a-z0-9_]+)|\{([a-z0-9_]+)\})/gi;
const TIMES = new Set(["msec", "time_iso8601", "time_local"]);
const DURATIONS = ["request_time", "upstream_response_time"];

/** The value is why the format does not do. */
export function compileFormat(format: string, canary: CanaryMark): Result<ReadLine, string> {
  const names = [...format.matchAll(VARIABLE)].map(nameOf);
  const missing = missingIn(names, canary);
  if (missing !== null) return err(`the format lacks ${missing}`);
  const [head, pieces] = piecesOf(format);
  const glued = pieces.findIndex(({ after }, i) => after === "" && i < pieces.length - 1);
  if (glued !== -1) {
    return err(
      `nothing is between $${pieces[glued]?.name} and $${pieces[glued + 1]?.name}: they are one text`,
    );
  }
  return ok((line) => {
    const fields = fieldsIn(line, head, pieces);
    return fields === null ? null : requestOf(fields, canary);
  });
}

function missingIn(names: readonly string[], canary: CanaryMark): string | null {
  if (!names.some((name) => TIMES.has(name))) return "a time: $msec, $time_iso8601 or $time_local";
  if (!names.some((name) => DURATIONS.includes(name))) return "a duration: $request_time";
  if (!names.includes("status")) return "$status";
  const mark = canary.by === "address" ? "upstream_addr" : canary.name;
  return names.includes(mark) ? null : `$${mark}, by which the canary is told`;
}

const nameOf = ([, plain, braced]: RegExpExecArray | RegExpMatchArray): string => plain ?? braced ?? "";

/** A variable, and the text after it. */
interface Piece {
  readonly name: string;
  readonly after: string;
  /** What its value looks like; null: like anything. */
  readonly shape: RegExp | null;
}

/** The text before the first variable, and the rest. */
function piecesOf(format: string): readonly [string, readonly Piece[]] {
  const found = [...format.matchAll(VARIABLE)];
  const pieces = found.map((match, i) => {
    const name = nameOf(match);
    const after = format.slice(match.index + match[0].length, found[i + 1]?.index);
    return { name, after, shape: SHAPES[name] ?? null };
  });
  return [format.slice(0, found[0]?.index), pieces];
}

const TIME_LIST = /^(?:(?:-|\d+(?:\.\d+)?)(?:, | : |$))*$/;
const SHAPES: Readonly<Record<string, RegExp>> = {
  msec: /^\d{1,12}\.\d{3}$/,
  time_iso8601: /^\d{4}-\d\d-\d\dT[\d:]{8}[-+]\d\d:\d\d$/,
  time_local: /^\d\d\/\w{3}\/\d{4}:[\d:]{8} [-+]\d{4}$/,
  status: /^\d{3}$/,
  request_time: /^\d{1,9}\.\d{3}$/,
  upstream_response_time: TIME_LIST,
  upstream_status: TIME_LIST,
  upstream_addr: /^(?:[^\s,]+(?:, | : |$))*$/,
};

/** Longer is no value of a variable that has a shape. */
const LONGEST = 4000;
const isOf = ({ shape }: Piece, value: string): boolean =>
  shape === null || (value.length <= LONGEST && shape.test(value));

/** So often another place is tried for a line: a line that was made to be tried for ever is none of ours. */
const TRIES = 2000;

/** A value ends at the first place where the text after it begins that lets the rest of the line fit. */
function fieldsIn(line: string, head: string, pieces: readonly Piece[]): Fields | null {
  if (!line.startsWith(head)) return null;
  const starts = [head.length];
  const ends: number[] = [];
  // Where the end of the newest piece is looked for.
  let from = head.length;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const k = starts.length - 1;
    const piece = pieces[k];
    if (piece === undefined) return valuesOf(line, { pieces, starts, ends });
    const start = starts[k] ?? 0;
    const end = endOf(line, piece, { from, isLast: k === pieces.length - 1 });
    if (end >= from && isOf(piece, line.slice(start, end))) {
      ends.push(end);
      from = end + piece.after.length;
      starts.push(from);
    } else if (end >= from && k < pieces.length - 1) {
      from = end + 1;
    } else {
      // It ends nowhere: the piece before has to end elsewhere.
      if (k === 0) return null;
      starts.pop();
      from = (ends.pop() ?? 0) + 1;
    }
  }
  return null;
}

/** The text after the last piece is the end of the line. -1: nowhere. */
function endOf(
  line: string,
  { after }: Piece,
  { from, isLast }: { readonly from: number; readonly isLast: boolean },
): number {
  if (!isLast) return line.indexOf(after, from);
  return line.endsWith(after) ? line.length - after.length : -1;
}

interface Found {
  readonly pieces: readonly Piece[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

const valuesOf = (line: string, { pieces, starts, ends }: Found): Fields =>
  new Map(pieces.map(({ name }, i) => [name, line.slice(starts[i], ends[i])]));

type Fields = ReadonlyMap<string, string>;

function requestOf(fields: Fields, canary: CanaryMark): Request | "unasked" | null {
  const end = timeOf(fields);
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
  if (!isCanary && !isStable) return "unasked";
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

function timeOf(fields: Fields): number | null {
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
