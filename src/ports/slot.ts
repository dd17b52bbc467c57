import type { DrainAsk } from "../model/drain.ts";
import type { HostName, ReleaseId, SlotKey, Stamp } from "../model/ids.ts";
import type { Observed, SlotState } from "../model/observation.ts";
import type { Outcome } from "../model/outcome.ts";
import type { RunSpec, Slot } from "../model/application.ts";

/** Whoever runs the application in slots. Every write is fenced by its stamp and can be repeated. */
export interface SlotPort {
  /** One look at the host for all these slots of it. */
  observe(host: HostName, slots: readonly Slot[]): Promise<ReadonlyMap<SlotKey, Observed<SlotState>>>;
  /**
   * Stops whatever the slot runs and keeps it stopped, over reboots too. Done when no process of it is left.
   */
  stop(slot: Slot, at: Stamp): Promise<Outcome>;
  /**
   * Asks what the slot runs to send its clients elsewhere. It changes nothing that is kept, so `at` only
   * keeps it from a slot that has seen a newer write.
   */
  ask(slot: Slot, ask: DrainAsk, at: Stamp): Promise<Outcome>;
  /** Points a stopped slot to an unpacked release, atomically. */
  switch(slot: Slot, release: ReleaseId | null, at: Stamp): Promise<Outcome>;
  /**
   * Starts the release that the slot points to, as `run` says (default: as the file does). Done when the
   * process was started, healthy or not.
   */
  start(slot: Slot, at: Stamp, run?: RunSpec): Promise<Outcome>;
  /** The last lines of the application's log; empty if there is none. */
  logTail(slot: Slot, lines: number): Promise<string>;
}
