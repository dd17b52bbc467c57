import type { Slot } from "../model/application.ts";
import type { Finding } from "./examine.ts";

/** Whether the application of a slot keeps an idle connection for as long as the gateways do. */
export interface IdlePort {
  /**
   * Asks the slot once, then waits for as long as the gateways keep a connection. null: it is not known, or
   * the signal came first.
   */
  measure(slot: Slot, signal: AbortSignal): Promise<Finding | null>;
}
