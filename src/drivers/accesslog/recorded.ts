import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
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
}

/** Logs that lie here, summed up as the gateways' own hosts do it. */
export async function readRecorded(
  files: readonly string[],
  foreign: ForeignFormat | null,
): Promise<Result<Recorded, AppError>> {
  const compiled = foreign === null ? ok(null) : compileFormat(foreign.format, foreign.canary);
  if (!compiled.ok) return err(appError("usage", `--format: ${compiled.error}`));
  const fold = emptyFold({ joined: new Map(), warmup: millis(0), users: foreign === null, pool: [] });
  let lines = 0;
  for (const file of files) {
    const read = await readFile(file, (line) => {
      lines += 1;
      addLine(fold, line, compiled.value);
    });
    if (read !== null) return err(read);
  }
  return ok({ slices: slicesOf(cellsOf(fold)), lines, garbage: fold.garbage });
}

function addLine(fold: Fold, line: string, read: ReadLine | null): void {
  if (read === null) return void foldText(fold, `${line}\n`);
  const request = read(line);
  if (request === null) fold.garbage += 1;
  else addRequest(fold, request);
}

async function readFile(file: string, onLine: (line: string) => void): Promise<AppError | null> {
  try {
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
    for await (const line of lines) onLine(line);
    return null;
  } catch (cause) {
    return appError("file.missing", `${file} cannot be read`, { details: String(cause) });
  }
}
