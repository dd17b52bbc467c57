/** One thing that `check` looked at. */
export interface Finding {
  readonly severity: "fine" | "warning" | "fault";
  /** What was looked at: `web1: nginx`, `slot web1:8001`. */
  readonly subject: string;
  /** What was found (and, for a fault, what was expected). */
  readonly found: string;
  /** What to do; null when there is nothing to do. */
  readonly todo: string | null;
}

/** Looks at a part of the world before a release does; changes nothing. */
export interface Examiner {
  examine(): Promise<readonly Finding[]>;
}
