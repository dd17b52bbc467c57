import { appError } from "../../base/errors.ts";
import type { AppError, ErrorCode, ErrorExtras } from "../../base/errors.ts";
import { err, ok } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";

/**
 * An operating failure on its way up through streams and generators, which know no other way than to throw.
 * It never leaves this folder: `attempt` turns it back into a value.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly error: AppError;

  constructor(error: AppError) {
    super(error.message);
    this.error = error;
  }
}

export const refuse = (code: ErrorCode, message: string, extras?: ErrorExtras): Refusal =>
  new Refusal(appError(code, message, extras));

/** What a system call said, when it is one of those that an operator can mend. */
function systemFailure(error: NodeJS.ErrnoException): AppError | null {
  const where = error.path === undefined ? "" : ` (${error.path})`;
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return appError("host.disk", `no room left on the controller's disk${where}`, {
        details: error.message,
        hint: "free some space, or move the state directory to a larger disk",
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return appError("host.rights", `the controller may not write or read here${where}`, {
        details: error.message,
        hint: "give the user that runs Glidepath the right to it",
      });
    default:
      return null;
  }
}

/** Runs `work`; a refusal or a full disk becomes a value, a defect stays an exception. */
export async function attempt<T>(work: () => Promise<T>): Promise<Result<T, AppError>> {
  try {
    return ok(await work());
  } catch (error) {
    if (error instanceof Refusal) return err(error.error);
    const known = error instanceof Error ? systemFailure(error) : null;
    if (known !== null) return err(known);
    throw error;
  }
}

/** Leaves at once when nobody waits for the result any more. */
export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw refuse("interrupted", "fetching the artifact was interrupted; nothing was kept of it");
}
