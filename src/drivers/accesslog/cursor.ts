import type { LogCursor } from "../../ports/telemetry.ts";
import { parseCell, type Cell } from "./cell.ts";

/** A place in a log: where a line begins, or, at first, somewhere within one. Pure. */
export interface Place {
  /** Which file, however it is called by now; `0`: there was none yet. */
  readonly inode: string;
  readonly offset: number;
  /** Before the offset `until`, who ended before the second `since` does not count. */
  readonly since: number;
  readonly until: number;
}

export const NOWHERE: Place = { inode: "0", offset: 0, since: 0, until: 0 };

export const formatCursor = ({ inode, offset, since, until }: Place): LogCursor =>
  JSON.stringify({ inode, offset, since, until });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** A cursor that cannot be read is the beginning: reading twice is better than not at all. */
export function parseCursor(cursor: LogCursor): Place {
  const value = parsed(cursor);
  if (typeof value !== "object" || value === null) return NOWHERE;
  const { inode, offset, since = 0, until = 0 } = value as Partial<Record<keyof Place, unknown>>;
  if (typeof inode !== "string" || !/^\d+$/.test(inode)) return NOWHERE;
  if (!isCount(offset) || !isCount(since) || !isCount(until)) return NOWHERE;
  return { inode, offset, since, until };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** What the reading script printed; see there. */
export interface Piece {
  readonly state: "current" | "old" | "fresh" | "absent";
  readonly inode: string;
  readonly size: number;
  readonly from: number;
  /** Bytes that were there to be read. */
  readonly offered: number;
  readonly current: number;
  /** The host's clock, before it looked, and when the file was last written to; ms. */
  readonly clock: number;
  readonly written: number;
  /** KiB that are left for more of the log; null: its file system does not say. */
  readonly free: number | null;
  readonly cells: readonly Cell[];
  /** Bytes of whole lines that were read. */
  readonly read: number;
  readonly garbage: number;
  /** Of these, lines that nginx had no room to end. */
  readonly torn: number;
  /** There was more than one answer can hold. */
  readonly full: boolean;
}

const HEAD = /^(current|old|fresh|absent) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+|-)$/;
const END = /^end (\d+) (\d+) ([01]) (\d+)$/;

/** Null when it is not what the script prints, or not all of it. */
export function parsePiece(output: string): Piece | null {
  const lines = output.split("\n");
  const head = HEAD.exec(lines[0] ?? "");
  const end = END.exec(lines.at(-2) ?? "");
  if (head === null || end === null || lines.at(-1) !== "") return null;
  const cells = lines.slice(1, -2).map(parseCell);
  if (!cells.every((cell) => cell !== null)) return null;
  const [, state = "", inode = "", size, from, offered, current, clock, written, free] = head;
  const [, read, garbage, full, torn] = end;
  return {
    state: state as Piece["state"],
    inode,
    size: Number(size),
    from: Number(from),
    offered: Number(offered),
    current: Number(current),
    clock: Number(clock),
    written: Number(written) * 1000,
    free: free === "-" ? null : Number(free),
    cells,
    read: Number(read),
    garbage: Number(garbage),
    torn: Number(torn),
    full: full === "1",
  };
}
