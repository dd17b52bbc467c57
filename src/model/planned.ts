import type { ReleaseId, SlotKey } from "./ids.ts";

/** What a release would do to the pool, by arithmetic alone. Loads are parts of all traffic, 0 to 1. */
export interface Planned {
  readonly release: ReleaseId;
  readonly from: ReleaseId | null;
  readonly steps: readonly PlannedStep[];
  readonly maxUnavailable: number;
  readonly order: readonly SlotKey[];
  /** The most that one slot must carry on the way forward, as a part of all traffic; and when all is even. */
  readonly worst: { readonly load: number; readonly even: number };
}

export interface PlannedStep {
  readonly share: number;
  /** Of the requests that change nothing, the part of which the canary gets a copy; absent: none. */
  readonly mirror?: number;
  readonly canarySlots: number;
  readonly stableSlots: number;
  /** The hosts, slots and labels that the file names for it. */
  readonly named: readonly string[];
  readonly bake: number;
  readonly approve: boolean;
  /** What one slot of each role carries while the step holds, as a part of all traffic. */
  readonly loads: { readonly canary: number; readonly stable: number };
  /** Going back from here: the part of all traffic that returns at once, and what one slot carries then. */
  readonly back: { readonly atOnce: number; readonly load: number };
}
