import type { LogCursor } from "../../ports/telemetry.ts";

/** A place in a log: always the beginning of a line. Pure. */
export interface Place {
  /** Which file, however it is called by now; `0`: there was none yet. */
  readonly inode: string;
  readonly offset: number;
}

export const NOWHERE: Place = { inode: "0", offset: 0 };

export const formatCursor = ({ inode, offset }: Place): LogCursor => JSON.stringify({ inode, offset });

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
  const { inode, offset } = value as Partial<Record<keyof Place, unknown>>;
  const isGood = typeof inode === "string" && /^\d+$/.test(inode) && Number.isSafeInteger(offset);
  return isGood && Number(offset) >= 0 ? { inode, offset: Number(offset) } : NOWHERE;
}

/** What the reading script printed; see there. */
export interface Piece {
  readonly state: "current" | "old" | "fresh" | "absent";
  readonly inode: string;
  readonly size: number;
  readonly from: number;
  readonly sent: number;
  readonly current: number;
  readonly text: string;
}

const HEAD = /^(current|old|fresh|absent) (\d+) (\d+) (\d+) (\d+) (\d+)$/;

/** Null when it is not what the script prints. */
export function parsePiece(output: string): Piece | null {
  const end = output.indexOf("\n");
  const match = HEAD.exec(output.slice(0, Math.max(0, end)));
  if (match === null) return null;
  const [, state = "", inode = "", size, from, , current] = match;
  const text = output.slice(end + 1);
  return {
    state: state as Piece["state"],
    inode,
    size: Number(size),
    from: Number(from),
    // Less than announced if the file was emptied in this moment.
    sent: text.length,
    current: Number(current),
    text,
  };
}
