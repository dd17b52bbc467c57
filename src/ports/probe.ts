import type { Slot } from "../model/application.ts";
import type { AppName, ReleaseId, RolloutId } from "../model/ids.ts";
import type { Health } from "../model/observation.ts";
import type { HookRun } from "../model/rollout.ts";
import type { Outcome } from "../model/outcome.ts";

export interface ProbePort {
  /**
   * One health check against the slot itself; null when its host could not be asked: nothing is known then.
   */
  health(slot: Slot, release: ReleaseId): Promise<Health | null>;
  /**
   * Part number `index` of the file's warm-up. Done: it is over, and the note says what of it failed.
   * Refused: a command of it ended with another exit code than 0.
   */
  warm(slot: Slot, release: ReleaseId, index: number): Promise<Outcome>;
  /**
   * The smoke check number `index` of the file. Refused: it failed; the error says what was asked and what
   * came back.
   */
  smoke(slot: Slot, release: ReleaseId, index: number): Promise<Outcome>;
}

export interface HookContext {
  readonly app: AppName;
  readonly rollout: RolloutId;
  readonly release: ReleaseId;
  readonly from: ReleaseId | null;
  readonly run: HookRun;
  /** Why it goes back; only for onAbort. */
  readonly reason: string | null;
}

/**
 * The file's hooks, run on the controller in the file's directory. Their output is the outcome's note. One
 * that is `sought` is never begun: what became of it is found, or unknown.
 */
export interface HookPort {
  run(context: HookContext): Promise<Outcome>;
}
