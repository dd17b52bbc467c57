import type { Context } from "./context.ts";

export interface OptionRow {
  /** As commander takes it: `--to SHARE`. */
  readonly flags: string;
  readonly help: string;
  /** May be given many times: the value is a list. */
  readonly many?: boolean;
}

/** One row of the table of commands. */
export interface CommandRow {
  readonly name: string;
  /** `<release>`, `[id]`; each with its help. */
  readonly args?: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly options?: readonly OptionRow[];
  /** The exit code. */
  run(context: Context): Promise<number>;
}
