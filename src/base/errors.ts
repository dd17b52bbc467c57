/**
 * Every failure that a person can meet, by a stable code. `exit` is the command's exit code (see the guide),
 * also of a rollout that it ended before anything was touched: 1 rolled back, 2 bad file or usage, 3 refused,
 * 4 stuck. One row a code; text is never matched on.
 */
export const ERRORS = {
  "file.missing": { exit: 2 },
  "file.invalid": { exit: 2 },
  usage: { exit: 2 },
  "pool.too-small": { exit: 2 },
  "release.invalid": { exit: 2 },
  "release.unknown": { exit: 2 },
  "rollout.active": { exit: 3 },
  "rollout.absent": { exit: 3 },
  "rollout.no-gate": { exit: 3 },
  "rollout.refused": { exit: 3 },
  "rollout.aborted": { exit: 1 },
  "rollout.superseded": { exit: 3 },
  "rollout.stuck": { exit: 4 },
  "lease.held": { exit: 3 },
  "lease.lost": { exit: 3 },
  "journal.conflict": { exit: 3 },
  "journal.unusable": { exit: 3 },
  "artifact.unreachable": { exit: 3 },
  "artifact.digest": { exit: 3 },
  "artifact.hostile": { exit: 3 },
  "artifact.broken": { exit: 3 },
  "artifact.too-large": { exit: 3 },
  "artifact.changed": { exit: 3 },
  "host.unreachable": { exit: 3 },
  "host.lost": { exit: 3 },
  "host.timeout": { exit: 3 },
  "host.command": { exit: 3 },
  "host.rights": { exit: 3 },
  "host.disk": { exit: 3 },
  "slot.fenced": { exit: 4 },
  "slot.busy": { exit: 3 },
  "slot.port-taken": { exit: 3 },
  "slot.unit": { exit: 3 },
  "slot.start": { exit: 3 },
  "slot.stop": { exit: 3 },
  "slot.unhealthy": { exit: 1 },
  "slot.exited": { exit: 1 },
  "slot.smoke": { exit: 1 },
  "slot.warm": { exit: 1 },
  "slot.drain": { exit: 1 },
  "slot.ask": { exit: 1 },
  "gateway.absent": { exit: 3 },
  "gateway.not-running": { exit: 3 },
  "gateway.unsupported": { exit: 3 },
  "gateway.config": { exit: 3 },
  "gateway.edited": { exit: 3 },
  "gateway.reload": { exit: 3 },
  "gateway.fenced": { exit: 4 },
  "gateway.rights": { exit: 3 },
  "gateway.unserved": { exit: 3 },
  "hook.failed": { exit: 3 },
  "hook.unknown": { exit: 4 },
  "analysis.failed": { exit: 1 },
  "metric.unknown": { exit: 3 },
  deadline: { exit: 3 },
  interrupted: { exit: 5 },
} as const satisfies Record<string, { readonly exit: number }>;

export type ErrorCode = keyof typeof ERRORS;

/** A failure for the person who reads it. */
export interface AppError {
  readonly code: ErrorCode;
  /** One sentence: what, where, expected, found. */
  readonly message: string;
  /** Somebody else's own words, whole: nginx's output, the tail of a log. May be many lines. */
  readonly details?: string;
  /** What to do now, as an instruction. */
  readonly hint?: string;
}

export interface ErrorExtras {
  readonly details?: string | undefined;
  readonly hint?: string | undefined;
}

export function appError(code: ErrorCode, message: string, extras: ErrorExtras = {}): AppError {
  return {
    code,
    message,
    ...(extras.details === undefined || extras.details === "" ? {} : { details: extras.details }),
    ...(extras.hint === undefined ? {} : { hint: extras.hint }),
  };
}
