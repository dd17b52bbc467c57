import { seconds, type Instant } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";
import type { JudgeState } from "./state.ts";

/** A gateway that says nothing for so long does not hold the others up, and is missed. */
export const PATIENCE = seconds(5);

export function isSilent(state: JudgeState, name: HostName, now: Instant): boolean {
  const through = state.gateways[name]?.through ?? state.begunAt;
  return now - through > PATIENCE;
}
