import type { Duration } from "../base/time.ts";

/** A user's own command on the controller: for sh, with the controller's environment and some more. */
export interface CommandRequest {
  readonly command: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Its whole process group is killed then. */
  readonly timeout: Duration;
}

export interface CommandReply {
  /** `exit code 1`, `killed by SIGKILL`, `not finished within 60s`; null: exit code 0. */
  readonly trouble: string | null;
  /** Both of its outputs as they came; of a long one the two ends. */
  readonly output: string;
}

export type RunCommand = (request: CommandRequest) => Promise<CommandReply>;
