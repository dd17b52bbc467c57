import { appError } from "../../base/errors.ts";
import type { AppError } from "../../base/errors.ts";
import { err, ok } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";
import { seconds } from "../../base/time.ts";
import type { Instant } from "../../base/time.ts";
import type { Gateway } from "../../model/application.ts";
import type { HostPort, Hosts } from "../../ports/host.ts";
import type { LogCursor, TelemetryPort, TrafficRead } from "../../ports/telemetry.ts";
import { formatCursor, NOWHERE, parseCursor, parsePiece } from "./cursor.ts";
import type { Piece, Place } from "./cursor.ts";
import { emptyFold, findArrival, foldText, secondsOf } from "./fold.ts";
import type { Fold } from "./fold.ts";
import { EXITS, READ } from "./scripts.ts";

/** A script's output is kept up to 1 MiB; this leaves room. */
const PIECE_BYTES = 768 * 1024;
/** At most so many pieces in one reading; the next one goes on from there. */
const MOST_PIECES = 64;
/** How far back `open` looks. */
const BACK_BYTES = 8 * 1024 * 1024;
/** Workers of nginx write their buffers one after the other: a line may stand this much after later ones. */
const DISORDER_MS = 2000;
const PATIENCE = seconds(20);

/** The gateways' access logs, as they are written. */
export function accessLog(hosts: Hosts): TelemetryPort {
  return {
    open: (gateway, back) => openAt(sourceOf(hosts, gateway), back),
    read: (gateway, cursor) => readOn(sourceOf(hosts, gateway), cursor),
  };
}

interface Source {
  readonly host: HostPort;
  readonly log: string;
}

const sourceOf = (hosts: Hosts, gateway: Gateway): Source => ({
  host: hosts(gateway.name),
  log: gateway.log,
});

async function readPiece(
  { host, log }: Source,
  place: Place,
  most: number,
): Promise<Result<Piece, AppError>> {
  const args = [log, place.inode, String(place.offset), String(most)];
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
  const piece = reply.code === EXITS.done ? parsePiece(reply.stdout) : null;
  if (piece !== null) return ok(piece);
  return err(
    appError("host.command", `${host.name}: reading ${log} ended with exit code ${reply.code}`, {
      details: reply.stderr.trim(),
    }),
  );
}

/** Where to go on after a piece; the same place as before: there is nothing more for now. */
function advance(fold: Fold, piece: Piece, most: number): Place {
  const lines = foldText(fold, piece.text);
  const isHopeless = lines === 0 && piece.sent > 0 && (piece.sent === most || isAbandoned(piece));
  // A line without end is no line; nor is the last one of a file that nobody writes to any more.
  if (isHopeless) fold.garbage += 1;
  return { inode: piece.inode, offset: piece.from + (isHopeless ? piece.sent : lines) };
}

const isAbandoned = (piece: Piece): boolean =>
  piece.state === "old" && piece.current > 0 && piece.from + piece.sent === piece.size;

const isSame = (a: Place, b: Place): boolean => a.inode === b.inode && a.offset === b.offset;

/** Nothing follows but a line that is still being written. */
const isLast = (piece: Piece): boolean =>
  piece.state !== "old" && piece.from + piece.sent >= piece.size && piece.sent < PIECE_BYTES;

async function readOn(source: Source, cursor: LogCursor): Promise<Result<TrafficRead, AppError>> {
  const fold = emptyFold();
  let place = parseCursor(cursor);
  let lostBytes = 0;
  for (let count = 0; count < MOST_PIECES; count += 1) {
    const read = await readPiece(source, place, PIECE_BYTES);
    if (!read.ok) return read;
    const piece = read.value;
    if (piece.state === "absent") break;
    // How much it was cannot be known, for it is gone; but that it was is said.
    if (piece.state === "fresh") lostBytes += 1;
    const next = advance(fold, piece, PIECE_BYTES);
    if (isSame(next, place) && piece.state !== "fresh") break;
    place = next;
    if (isLast(piece)) break;
  }
  return ok({ cursor: formatCursor(place), seconds: secondsOf(fold), lostBytes });
}

/** Reads backwards from the log's end until all that is there ended before `back`. */
async function openAt(source: Source, back: Instant): Promise<Result<LogCursor, AppError>> {
  const end = await readPiece(source, NOWHERE, 0);
  if (!end.ok) return end;
  const { inode, size, state } = end.value;
  if (state === "absent") return ok(formatCursor(NOWHERE));
  const lowest = Math.max(0, size - BACK_BYTES);
  let found: number | null = null;
  let lineEnd: number | null = null;
  // The beginning of a line whose end is in the piece read before; it belongs to the one read next.
  let carried = "";
  for (let upper = size; upper > lowest;) {
    const from = Math.max(lowest, upper - PIECE_BYTES);
    const read = await readPiece(source, { inode, offset: from }, upper - from);
    if (!read.ok) return read;
    // Rotated in this moment: what is new is all that can be seen.
    if (read.value.inode !== inode || read.value.sent < upper - from) break;
    const text = read.value.text + carried;
    const first = from === 0 ? 0 : text.indexOf("\n") + 1;
    const whole = text.slice(first);
    lineEnd ??= from + first + whole.lastIndexOf("\n") + 1;
    const arrival = findArrival(whole, back);
    if (arrival.at !== null) found = from + first + arrival.at;
    if (arrival.latest !== 0 && arrival.latest < back - DISORDER_MS) break;
    carried = text.slice(0, first);
    upper = from;
  }
  return ok(formatCursor({ inode, offset: found ?? lineEnd ?? size }));
}
