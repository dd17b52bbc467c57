import type { Duration } from "../base/time.ts";
import type { Traffic } from "./traffic.ts";

/** What a rollout did to the people who used the application meanwhile, from the gateways' own logs. */
export interface Receipt {
  readonly before: Traffic;
  readonly during: Traffic;
  readonly after: Traffic;
  /** Requests still in flight when a drain deadline passed. */
  readonly cut: number;
  /** In the order they happened. */
  readonly phases: readonly { readonly name: string; readonly took: Duration }[];
  readonly took: Duration;
  /** Switches of the routing, and the longest from order to confirmation. */
  readonly switches: number;
  readonly longestSwitch: Duration;
  /** Of several gateways: the longest that one had switched and another had not; null: there is but one. */
  readonly skew: Duration | null;
  /** What could not be measured, and why. */
  readonly missing: readonly string[];
}
