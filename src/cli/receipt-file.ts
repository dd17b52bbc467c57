import { appError, type AppError } from "../base/errors.ts";
import type { RolloutId } from "../model/ids.ts";
import type { HistoryRecord, JournalEntry } from "../ports/journal.ts";
import { tell, type Context } from "./context.ts";
import type { Opened } from "./deps.ts";
import { errorLines } from "./render/error.ts";
import { receiptPage } from "./render/html/page.ts";
import { good, line } from "./render/text.ts";

export const RECEIPT_OPTION = {
  flags: "--receipt <file.html>",
  help: "write the receipt as a page that stands alone",
};

export interface Recorded {
  readonly record: HistoryRecord;
  readonly entries: readonly JournalEntry[];
}

/** Writes the page; the failure, if there is one. */
export function writePage({ io }: Context, file: string, { record, entries }: Recorded): AppError | null {
  try {
    io.files.write(file, receiptPage(record, entries));
    return null;
  } catch (cause) {
    return appError("usage", `${file} cannot be written`, { details: String(cause) });
  }
}

/** What `--receipt` asks for, at the end of a rollout. A page that cannot be written changes no exit code. */
export async function writeReceipt(context: Context, { control }: Opened, id: RolloutId): Promise<void> {
  const file = context.options["receipt"];
  const found = typeof file === "string" ? await control.record(id) : null;
  if (typeof file !== "string" || found === null) return;
  const error = writePage(context, file, found);
  const hint = `\`glidepath history ${id} --html FILE\` writes it elsewhere`;
  tell(
    context,
    error === null ? [line(good("✓ "), `the receipt is in ${file}`)] : errorLines({ ...error, hint }),
  );
}
