import type { Generation, RolloutId, Stamp } from "../model/ids.ts";

/** What a slot or a gateway keeps of the newest write that it has seen. */
export interface Newest {
  readonly generation: Generation;
  readonly writer: RolloutId;
}

/** Law 9: what has seen a newer generation, or the same one of somebody else, refuses a write. */
export const isLate = (at: Stamp, newest: Newest): boolean =>
  at.generation < newest.generation || (at.generation === newest.generation && newest.writer !== at.writer);
