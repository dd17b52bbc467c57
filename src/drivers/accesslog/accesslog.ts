import { appError } from "../../base/errors.ts";
import type { AppError } from "../../base/errors.ts";
import { err, ok } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";
import { instant, millis, seconds } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import { poolOf, type Application, type Gateway } from "../../model/application.ts";
import type { HostPort, Hosts } from "../../ports/host.ts";
import type { SlotKey } from "../../model/ids.ts";
import type { LogCursor, LogReading, LogSlice, Roles, TelemetryPort } from "../../ports/telemetry.ts";
import { slicesOf } from "./cell.ts";
import { formatCursor, NOWHERE, parseCursor, parsePiece } from "./cursor.ts";
import type { Piece, Place } from "./cursor.ts";
import { EXITS, READ } from "./scripts.ts";

/** What one run of the script reads. */
export const PIECE_BYTES = 8 * 1024 * 1024;
/** At most so many pieces in one reading; the next one goes on from there. */
const MOST_PIECES = 64;
/** How far back `open` looks. */
const BACK_BYTES = 32 * 1024 * 1024;
const PATIENCE = seconds(20);

export interface AccessLogOptions {
  readonly application: Application;
  readonly hosts: Hosts;
}

/** The gateways' access logs, as they are written. */
export function accessLog({ application, hosts }: AccessLogOptions): TelemetryPort {
  const addresses = addressesOf(application);
  const users = application.gateway.split === "users" && application.analysis?.unit === "user";
  const sourceOf = ({ name, log }: Gateway, roles: Roles): Source => {
    const joined = Object.entries(roles.joined)
      .map(([slot, since]) => `${addresses.get(slot as SlotKey) ?? slot}=${since / 1000}`)
      .join(" ");
    const stopped = (roles.cutOffs ?? []).map(
      ({ slot, at }) => `${addresses.get(slot) ?? slot}=${at / 1000}`,
    );
    const pool = [...addresses.values()].join(" ");
    const how = [
      joined,
      String(roles.warmup / 1000),
      users ? "1" : "0",
      pool,
      stopped.join(" "),
      since(roles),
    ];
    return { host: hosts(name), log, how };
  };
  const NOBODY: Roles = { joined: {}, warmup: millis(0) };
  return {
    open: (gateway, back) => openAt(sourceOf(gateway, NOBODY), back),
    read: (gateway, cursor, roles) => readOn(sourceOf(gateway, roles), cursor),
  };
}

/** Later than any request. */
const NEVER = "99999999999";

const since = ({ canarySince }: Roles): string =>
  canarySince === undefined ? "" : canarySince === null ? NEVER : String(canarySince / 1000);

/** As nginx logs them. */
const addressesOf = ({ hosts }: Application): ReadonlyMap<SlotKey, string> =>
  new Map(
    poolOf(hosts).map(({ key, address, port }) => [
      key,
      address.includes(":") && !address.startsWith("[") ? `[${address}]:${port}` : `${address}:${port}`,
    ]),
  );

interface Source {
  readonly host: HostPort;
  readonly log: string;
  /** The last arguments of the script. */
  readonly how: readonly string[];
}

async function readPiece(source: Source, place: Place, most: number): Promise<Result<Piece, AppError>> {
  const { host, log, how } = source;
  const numbers = [place.offset, most, place.since, place.until].map(String);
  const args = [log, place.inode, ...numbers, ...how];
  const reply = await host.run({ script: READ, args, timeout: PATIENCE });
  if (reply.kind === "lost") {
    return err(appError("host.unreachable", `${host.name}: ${log} could not be read: ${reply.why}`));
  }
  if (reply.code === EXITS.rights) {
    return err(
      appError("host.rights", `${host.name}: ${log} may not be read`, {
        details: reply.stderr.trim(),
        hint: "let the user that Glidepath is on this host read the log",
      }),
    );
  }
  if (reply.code === EXITS.noFile) {
    return err(
      appError("host.command", `${host.name}: ${log} is no file: requests cannot be counted`, {
        hint: "let gateway.log name a file, or leave it out",
      }),
    );
  }
  const piece = reply.code === EXITS.done ? parsePiece(reply.stdout) : null;
  if (piece !== null) return ok(piece);
  return err(
    appError("host.command", `${host.name}: reading ${log} ended with exit code ${reply.code}`, {
      details: reply.stderr.trim(),
    }),
  );
}

/** Where to go on after a piece; the same place as before: there is nothing more for now. */
function advance(piece: Piece, place: Place): Place {
  const { inode, from, read, offered } = piece;
  const until = inode === place.inode && piece.state !== "fresh" ? place.until : 0;
  return { ...place, inode, offset: from + (isHopeless(piece) ? offered : read), until };
}

/** A line without end is no line; nor is the last one of a file that nobody writes to any more. */
const isHopeless = (piece: Piece): boolean =>
  piece.read === 0 &&
  piece.offered > 0 &&
  !piece.full &&
  (piece.offered === PIECE_BYTES || isAbandoned(piece));

const isAbandoned = ({ state, current, from, offered, size }: Piece): boolean =>
  state === "old" && current > 0 && from + offered === size;

const isSame = (a: Place, b: Place): boolean => a.inode === b.inode && a.offset === b.offset;

/** Nothing follows but a line that is still being written. */
const isLast = ({ state, from, offered, size, full }: Piece): boolean =>
  state !== "old" && !full && from + offered >= size;

async function readOn(source: Source, cursor: LogCursor): Promise<Result<LogReading, AppError>> {
  const found: LogSlice[] = [];
  let place = parseCursor(cursor);
  let losses = 0;
  let lines = 0;
  let last: Piece | null = null;
  for (let count = 0; count < MOST_PIECES; count += 1) {
    const read = await readPiece(source, place, PIECE_BYTES);
    // What was read before this piece counts: the cursor is behind it.
    if (!read.ok) return last === null ? read : ok(readingOf({ found, place, losses, last }, null));
    last = read.value;
    if (last.state === "absent") break;
    losses += lossesIn(last);
    lines += last.read;
    found.push(...slicesOf(last.cells));
    const next = advance(last, place);
    if (isSame(next, place) && last.state !== "fresh") break;
    place = next;
    if (isLast(last)) break;
  }
  const full = lines > 0 || last === null ? null : lackOf(last, source);
  return ok(readingOf({ found, place, losses, last }, full));
}

/** How much it was cannot be known, for it is gone, or was never there; but that it was is said. */
const lossesIn = (piece: Piece): number =>
  piece.torn + (piece.state === "fresh" ? 1 : 0) + (isHopeless(piece) && isAbandoned(piece) ? 1 : 0);

/** What nginx writes at once, in KiB: with less, the next lines may find no room. */
const AT_ONCE = 64;
/** nginx writes its lines whole: one that has no end for so long gets none. */
const AT_REST = seconds(2);

/** Nothing new was read: can nginx write? */
function lackOf(piece: Piece, { host, log }: Source): AppError | null {
  const { state, offered, clock, written, free } = piece;
  if (state === "absent") return null;
  if (free !== null && free < AT_ONCE)
    return appError("host.disk", `${host.name}: no room on the disk to log requests in ${log}`, {
      hint: "free some space there",
    });
  if (offered === 0 || piece.full || clock - written < AT_REST) return null;
  return appError("host.disk", `${host.name}: nginx wrote half a line to ${log} and stopped`, {
    hint:
      "nginx's error log says what it lacks there, a quota as a rule; " +
      "if it says nothing, one more request ends this",
  });
}

interface Reading {
  readonly found: readonly LogSlice[];
  readonly place: Place;
  readonly losses: number;
  readonly last: Piece | null;
}

/** nginx writes its lines at most FLUSH after they are made, a busy one somewhat later. */
const LATE = millis(300);

function readingOf({ found, place, losses, last }: Reading, full: AppError | null): LogReading {
  const clock = last?.clock ?? 0;
  return {
    cursor: formatCursor(place),
    slices: found.toSorted((a, b) => a.slice - b.slice),
    losses: losses + (full === null ? 0 : 1),
    ...(full === null ? {} : { full }),
    clock: instant(clock),
    through: instant(clock - LATE),
    exists: last !== null && last.state !== "absent",
  };
}

/** Somewhere far enough back; what arrived before `back` is passed over in the reading. */
async function openAt(source: Source, back: Instant): Promise<Result<LogCursor, AppError>> {
  const end = await readPiece(source, NOWHERE, 0);
  if (!end.ok) return end;
  const { inode, size, state } = end.value;
  const since = Math.floor(back / 1000);
  if (state === "absent") return ok(formatCursor(NOWHERE));
  return ok(formatCursor({ inode, offset: Math.max(0, size - BACK_BYTES), since, until: size }));
}
