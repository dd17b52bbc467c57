import type { AppError } from "../base/errors.ts";
import type { CutOff, Drain } from "./drain.ts";
import type { Duration, Instant } from "../base/time.ts";
import type { AppName, Generation, HostName, ReleaseId, RolloutId, SlotKey } from "./ids.ts";
import type { Routing, RoutingTable } from "./routing.ts";
import { EVERYTHING, type BasisPoints } from "./share.ts";
import type { GatewaySettings, HostLostPolicy, HookName, RunSpec, Step } from "./application.ts";

/**
 * The process that replaces the stable release by another: the whole of what is decided, and all that is
 * persisted.
 */
export interface Rollout {
  readonly id: RolloutId;
  readonly app: AppName;
  readonly kind: "release" | "rollback";
  readonly release: ReleaseId;
  /** The stable release it starts from; null when nothing ran before. */
  readonly from: ReleaseId | null;
  readonly plan: RolloutPlan;
  /**
   * How each of the two releases is run: going back runs the old one as it was run, not as the file says
   * now.
   */
  readonly runs: Readonly<Record<ReleaseId, RunSpec>>;
  /** The newest generation given to a write. */
  readonly generation: Generation;
  readonly phase: Phase;
  /** What every gateway was last seen to route. */
  readonly routing: Routing;
  /** A gateway may route something else than `routing`: a switch was begun and not yet seen everywhere. */
  readonly unsettled: boolean;
  /** Routings whose switch was begun and that were not seen on every gateway: one may have any of them. */
  readonly landing: readonly Routing[];
  /** A routing that is on its way to the gateways. */
  readonly change: RoutingChange | null;
  /** A change that a gateway refused to have written is taken back on the others; those that are left. */
  readonly withdrawal?: { readonly table: RoutingTable; readonly gateways: readonly HostName[] } | null;
  /** Hosts that were lost and are left out: the plan is without them. */
  readonly excluded: readonly HostName[];
  /** In the plan's order. */
  readonly slots: Readonly<Record<SlotKey, SlotCourse>>;
  readonly step: number;
  /** The hook that is not over yet. */
  readonly hook: HookRun | null;
  /** Hooks that are over, by name and what they were about: none is begun twice. */
  readonly hooked: Readonly<Record<string, HookEnd>>;
  /** Since when users are led to the release on every gateway; kept where it is judged. */
  readonly usersSince?: Instant;
  /** Slots of the release that are, or were just now, not well soon after users came, and since when. */
  readonly faltering?: Readonly<Record<SlotKey, Instant>>;
  /** Slots whose process had ended by itself before anybody could be led to them, and how often. */
  readonly stumbled?: Readonly<Record<SlotKey, number>>;
  readonly paused: Pause | null;
  /** Why it goes back; null while it goes forward. */
  readonly aborted: Abort | null;
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  /** A slot was written to or a switch begun: from then on its end is more than a refusal. */
  readonly touched: boolean;
  /** When something last moved: the progress deadline counts from here. */
  readonly progressAt: Instant;
  /** One sentence: what it does or waits for, and why. */
  readonly because: string;
  /** Requests seen in flight when a drain deadline passed; the gateways' logs tell what became of them. */
  readonly cut: number;
  /** Slots that were to be stopped with requests in flight, and when; absent: none. */
  readonly cutOffs?: readonly CutOff[];
  /** The longest that the first gateway's switch was ahead of the last one's. */
  readonly skew?: Duration;
  /** The last order that was taken: none is taken twice. */
  readonly orderTaken: number;
}

/** Fixed when the rollout starts. */
export interface RolloutPlan extends Drain {
  readonly slots: readonly SlotKey[];
  readonly hosts: readonly HostName[];
  readonly gateways: readonly HostName[];
  readonly hostOf: Readonly<Record<SlotKey, HostName>>;
  /** Where each host has its releases; absent: nobody wrote it down. */
  readonly rootOf?: Readonly<Record<HostName, string>>;
  /** Slots that stand or fall together, of one host or one label: never all of them are out by our doing. */
  readonly groups: readonly (readonly SlotKey[])[];
  readonly steps: readonly Step[];
  readonly split: GatewaySettings["split"];
  /** How long visitors stay with the release that answered them last; absent: they do not. */
  readonly pin?: Duration;
  readonly maxUnavailable: number;
  readonly maxLoad: number;
  readonly progressDeadline: Duration;
  readonly onHostLost: HostLostPolicy;
  readonly hostLostAfter: Duration;
  /** How long a started slot may take to become healthy. */
  readonly healthyWithin: Duration;
  /** How many parts the warm-up of a slot has; absent: there is none. */
  readonly warmUps?: number;
  /** How long the traffic of a slot that has joined takes to grow; absent: it is there at once. */
  readonly ramp?: Duration;
  /** How many smoke checks a slot must pass. */
  readonly smokeChecks: number;
  readonly passive: boolean;
  /** How it is judged; null: it is not. */
  readonly analysis: PlannedAnalysis | null;
  /** Requests of our own go through every gateway meanwhile; absent: they do not. */
  readonly probe?: true;
  /** Those that the file has. */
  readonly hooks: readonly HookName[];
}

/** One run of a hook; it is written down before it begins. */
export interface HookRun extends HookSubject {
  /**
   * running: it was begun by the process that carries the rollout. sought: that process is gone, and the next
   * one looks what became of it. unknown: nobody can tell whether it did its work.
   */
  readonly state: "running" | "sought" | "unknown";
  readonly since: Instant;
  /** Times that it was begun; more than once only by an operator's word. */
  readonly attempt: number;
}

/** A hook and what it is about. */
export interface HookSubject {
  readonly name: HookName;
  readonly slot?: SlotKey;
  readonly share?: BasisPoints;
}
export type HookEnd = "done" | "failed" | "unknown";

export interface PlannedAnalysis {
  /** Verdicts are told and move nothing. */
  readonly observe: boolean;
  /** A bake may end when the next share is proven safe. */
  readonly early: boolean;
  /** The first look and the last one: until so many requests were seen, or so long. */
  readonly look?: {
    readonly requests: number;
    readonly atMost: Duration;
    /** While there is an alarm: nginx has given up by then. Absent: half a minute. */
    readonly longest?: Duration;
  };
}

export interface Pause {
  readonly by: string;
  readonly at: Instant;
}

export interface Abort {
  readonly at: Instant;
  readonly by:
    | "operator"
    | "slot"
    | "gateway"
    | "artifact"
    | "hook"
    | "deadline"
    | "host"
    | "analysis"
    | "superseded";
  readonly error: AppError;
  /** The slot that could not be brought to the release, if it was one. */
  readonly slot: SlotKey | null;
}

export type Phase =
  /** The artifact is fetched and unpacked on every host; no traffic is touched. */
  | {
      readonly name: "staging";
      readonly fetched: boolean;
      readonly staged: readonly HostName[];
    }
  /** Slots are brought to the release until the step's share can be carried. */
  | { readonly name: "updating" }
  /** The share goes to the step's. */
  | { readonly name: "shifting" }
  /** Holds the share until `until`. */
  | { readonly name: "baking"; readonly until: Instant }
  /** Holds the share until somebody approves. */
  | { readonly name: "approval"; readonly since: Instant }
  /** At 100 %: the remaining slots are updated and the canary becomes stable. */
  | { readonly name: "finishing" }
  /** Users first, then the slots, until everything is as before. */
  | { readonly name: "aborting" }
  | { readonly name: "completed" }
  | { readonly name: "rolled-back" }
  | { readonly name: "superseded" }
  /** Nothing more can be done without an operator. */
  | { readonly name: "stuck"; readonly error: AppError };
export type PhaseName = Phase["name"];

/** One atomic change of what all gateways route: written on all, then switched on all, then seen on all. */
export interface RoutingChange {
  readonly generation: Generation;
  readonly routing: Routing;
  readonly since: Instant;
  readonly stage: "preparing" | "committing";
  /** It was asked for while going back. */
  readonly back: boolean;
  /** Gateways that have it written. */
  readonly prepared: readonly HostName[];
  /** Forward: gateways that have it written and do not serve. It is written anew until they do. */
  readonly down: readonly HostName[];
  /** Going back: gateways that refuse it, and why. The others switch all the same. */
  readonly refusals: Readonly<Record<HostName, AppError>>;
  /** What the two roles run, or will when it is there. */
  readonly releases?: NonNullable<RoutingTable["releases"]>;
  /** What the pool is without, as it was when this was asked for: one generation is one text. */
  readonly without?: Pick<RoutingTable, "excluded" | "aside">;
  /** Gateways that say that they have switched, and when the first did. */
  readonly switched?: { readonly since: Instant; readonly gateways: readonly HostName[] };
}

/**
 * Where one slot stands. `settled` slots run `release` and are in rotation (unless nothing ran there
 * before). A slot on its way goes through the other states in this order; `target` is what it will run,
 * null: nothing.
 *
 *   settled → leaving → draining → stopping → switching → starting → checking → warming → smoking → joining
 *   → ramping → settled
 */
export type SlotCourse =
  /** `since`: when it came into rotation; absent: it was there when the rollout began. */
  | { readonly at: "settled"; readonly release: ReleaseId | null; readonly since?: Instant }
  | (Underway & { readonly at: "leaving" })
  /** `zeros`: samples in a row without a request in flight. */
  | (Underway & {
      readonly at: "draining";
      readonly zeros: number;
      readonly sampledAt: Instant;
      /** Absent: the application was not asked for anything. */
      readonly asking?: Asking;
    })
  | (Underway & { readonly at: "stopping"; readonly generation: Generation })
  | (Underway & { readonly at: "switching"; readonly generation: Generation })
  | (Underway & { readonly at: "starting"; readonly generation: Generation })
  | (Underway & { readonly at: "checking"; readonly answer: string })
  /** `warmed`: parts of the warm-up that are over. */
  | (Underway & { readonly at: "warming"; readonly warmed: number })
  /** `passed`: smoke checks that passed so far. */
  | (Underway & { readonly at: "smoking"; readonly passed: number })
  /** `inTurn`: going back, its turn has come, and it waits for no slot behind it any more. */
  | (Underway & { readonly at: "joining"; readonly inTurn?: true })
  /** In rotation, and its part of the traffic grows; `done`: how often it has grown. */
  | (Underway & { readonly at: "ramping"; readonly done: number })
  /** Could not be brought to its target. Tried again while going back. */
  | (Underway & { readonly at: "failed"; readonly error: AppError });

/** Of the plan's `asks` those that it is asked, and those that are over, whatever came of them. */
export interface Asking {
  readonly due: readonly number[];
  readonly over: readonly number[];
  /** Of the last write that the slot may have seen: an ask that comes after a later one is refused. */
  readonly generation: Generation;
}

export interface Underway {
  readonly target: ReleaseId | null;
  readonly since: Instant;
  /** Times this slot was begun anew for this target. */
  readonly attempt: number;
  /** What its host says of the disk that has no room for the write at hand, and since when. */
  readonly full?: { readonly since: Instant; readonly says: string };
  /** Why the write at hand is tried again and again; told, and nothing else. */
  readonly says?: string;
}
export type SlotStage = SlotCourse["at"];

export const ENDED: readonly PhaseName[] = ["completed", "rolled-back", "superseded", "stuck"];
/** Nothing will move by itself any more. */
export const isEnded = (rollout: Rollout): boolean => ENDED.includes(rollout.phase.name);
/** Ended, but an operator can still take it up. */
export const isStuck = (rollout: Rollout): boolean => rollout.phase.name === "stuck";

/**
 * The part of the traffic that the new release has. At the end the canary becomes the stable role, and with
 * it the routing's share goes from 100 % to nothing: nobody loses the release by that.
 */
export function reachOf({ routing, slots, release }: Rollout): BasisPoints {
  const { canary, stable, share } = routing;
  if (canary.length > 0 || stable.length === 0) return share;
  const runsIt = (slot: SlotKey): boolean => {
    const course = slots[slot];
    if (course?.at === "settled") return course.release === release;
    // On its way out it still serves what it served.
    return course?.at === "leaving" && course.target !== release;
  };
  return stable.every(runsIt) ? EVERYTHING : share;
}

/** What an operator can say to a rollout. */
export type Order =
  | { readonly kind: "promote"; readonly to: "next" | "full" | { readonly share: number } }
  | { readonly kind: "pause" }
  /** `hook`: what an operator says of a hook whose end nobody knows. */
  | { readonly kind: "resume"; readonly hook?: "done" | "again" }
  | { readonly kind: "abort"; readonly reason: string }
  /** Another release shall start from the stable one instead. */
  | { readonly kind: "supersede"; readonly release: ReleaseId };
