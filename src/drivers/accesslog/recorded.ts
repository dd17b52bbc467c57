import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { millis } from "../../base/time.ts";
import type { LogSlice } from "../../ports/telemetry.ts";
import { slicesOf } from "./cell.ts";
import { addRequest, cellsOf, emptyFold, foldText, type Fold } from "./fold.ts";
import { compileFormat, type CanaryMark, type ReadLine } from "./format.ts";

/** Somebody else's format, and by what it tells the canary; null: our own. */
export interface ForeignFormat {
  readonly format: string;
  readonly canary: CanaryMark;
}

export interface Recorded {
  readonly slices: readonly LogSlice[];
  readonly lines: number;
  /** Lines that were not of the format. */
  readonly garbage: number;
  /** Lines of requests that no slot was asked for. */
  readonly unasked: number;
}

/**
 * Logs that lie here, plain or packed by gzip, summed up as the gateways' own hosts do it. Refused where they
 * have no request to judge by.
 */
export async function readRecorded(
  files: readonly string[],
  foreign: ForeignFormat | null,
): Promise<Result<Recorded, AppError>> {
  const compiled =
    foreign === null ? ok(null) : compileFormat(asBytes(foreign.format), markOf(foreign.canary));
  if (!compiled.ok) return err(appError("usage", `--format: ${compiled.error}`));
  const fold = emptyFold({ joined: new Map(), warmup: millis(0), users: foreign === null, pool: [] });
  const taken = takerOf(fold, compiled.value);
  for (const file of files) {
    const read = await readFile(file, taken.take);
    if (read !== null) return err(read);
  }
  const cells = cellsOf(fold);
  const [garbage, unasked] = [fold.garbage + taken.tooLong, taken.unasked];
  const lines = cells.reduce((sum, { requests }) => sum + requests, garbage + unasked);
  const recorded = { slices: slicesOf(cells), lines, garbage, unasked };
  const nothing = recorded.slices.length > 0 ? null : nothingIn(files, foreign, recorded);
  return nothing === null ? ok(recorded) : err(nothing);
}

function nothingIn(
  files: readonly string[],
  foreign: ForeignFormat | null,
  { lines, garbage, unasked }: Recorded,
): AppError {
  const where = files.join(", ");
  if (lines === 0) {
    return appError("usage", `${where}: empty, there is no request to judge by`, {
      hint: "what a rotation put aside is beside it (.1, .2.gz): name these files",
    });
  }
  if (garbage === 0) {
    return appError("usage", `${where}: none of the ${unasked} requests went to a slot`, {
      hint: "take the log of the location that passes requests on",
    });
  }
  const whose = foreign === null ? "of a gateway's log" : "that --format says";
  return appError("usage", `${where}: none of ${lines} lines is of the format ${whose}`, {
    hint:
      foreign === null
        ? "name the format by --format"
        : "give it as it stands in `log_format` of nginx's config, with all its quotes",
  });
}

/** A log is read as bytes, each a character; so is what is looked for in it. */
const asBytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const markOf = (mark: CanaryMark): CanaryMark =>
  mark.by === "variable" ? { ...mark, value: asBytes(mark.value) } : mark;

/** Adds whole lines; what is left is the beginning of the next. */
interface Taker {
  readonly take: (text: string) => string;
  unasked: number;
  tooLong: number;
}

/** No line of a log is as long; it is passed over without being kept. */
const LONGEST = 1 << 16;

function takerOf(fold: Fold, read: ReadLine | null): Taker {
  let isWithin = false;
  const taker: Taker = { unasked: 0, tooLong: 0, take: (text) => cut(takeLines(skipped(text))) };
  const skipped = (text: string): string => {
    if (!isWithin) return text;
    const end = text.indexOf("\n");
    isWithin = end === -1;
    return isWithin ? "" : text.slice(end + 1);
  };
  const takeLines = (text: string): string => {
    if (read === null) return text.slice(foldText(fold, text));
    let from = 0;
    for (let to = text.indexOf("\n"); to !== -1; to = text.indexOf("\n", from)) {
      const request = read(text.slice(from, text[to - 1] === "\r" ? to - 1 : to));
      if (request === null) fold.garbage += 1;
      else if (request === "unasked") taker.unasked += 1;
      else addRequest(fold, request);
      from = to + 1;
    }
    return text.slice(from);
  };
  const cut = (rest: string): string => {
    if (rest.length <= LONGEST) return rest;
    isWithin = true;
    taker.tooLong += 1;
    return "";
  };
  return taker;
}

const GZIP = [0x1f, 0x8b] as const;

async function readFile(file: string, take: Taker["take"]): Promise<AppError | null> {
  try {
    let rest = "";
    const read = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of chunks) rest = take(rest + chunk.toString("latin1"));
    };
    const packed = await isPacked(file);
    // Not opened sooner: a stream that fails while nobody reads it ends the process.
    const bytes = createReadStream(file, { highWaterMark: 1 << 18 });
    if (packed) await pipeline(bytes, createGunzip(), read);
    else await pipeline(bytes, read);
    // A last line without an end is one too.
    if (rest !== "") take(`${rest}\n`);
    return null;
  } catch (cause) {
    return appError("file.missing", `${file} cannot be read`, { details: String(cause) });
  }
}

/** By its first bytes, whatever it is called. */
async function isPacked(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    return bytesRead === GZIP.length && GZIP.every((byte, i) => buffer[i] === byte);
  } finally {
    await handle.close();
  }
}
