import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { GatewayState, Health, InFlight, Observed, SlotState } from "../model/observation.ts";
import type { HostName, ReleaseId, RolloutId, SlotKey } from "../model/ids.ts";
import type { Planned } from "../model/planned.ts";
import type { Receipt } from "../model/receipt.ts";
import type { Order, Rollout } from "../model/rollout.ts";
import type { RoutingTable } from "../model/routing.ts";
import type { Slot } from "../model/application.ts";
import type { Traffic } from "../model/traffic.ts";
import type { PlannedHarm, Verdict } from "../model/verdict.ts";
import type { Finding } from "./examine.ts";
import type { ConfigPreview } from "./gateway.ts";
import type { HistoryRecord, JournalEntry, LeaseHolder } from "./journal.ts";

export interface StartOptions {
  readonly sha256: string | null;
  readonly by: string;
  /** Judge and tell, never act; whatever the file says. */
  readonly observe?: boolean;
  /** Send requests of our own through every gateway meanwhile; whatever the file says. */
  readonly probe?: boolean;
}

/** One slot as `status` shows it. */
export interface SlotStatus {
  readonly slot: Slot;
  readonly state: Observed<SlotState>;
  readonly health: Observed<Health>;
  readonly role: "stable" | "canary" | "none";
  readonly inRotation: boolean;
  /** Summed over the gateways; null if one could not be asked. */
  readonly inFlight: InFlight | null;
}

export interface GatewayStatus {
  readonly name: HostName;
  readonly state: Observed<GatewayState>;
  /** It was seen at the newest routing. */
  readonly confirmed: boolean;
}

export interface Status {
  readonly at: Instant;
  readonly stable: ReleaseId | null;
  /** The current or last rollout; ask `isEnded`. */
  readonly rollout: Rollout | null;
  readonly slots: readonly SlotStatus[];
  readonly gateways: readonly GatewayStatus[];
  readonly holder: LeaseHolder | null;
  /** The last of the rollout; null: it is not judged. */
  readonly verdict: Verdict | null;
}

/** What a follower sees while a rollout runs here. */
export type RolloutEvent =
  | {
      readonly kind: "decided";
      readonly at: Instant;
      readonly rollout: Rollout;
      /** Requests in flight, as last seen; for the eye only. */
      readonly inFlight?: Readonly<Record<SlotKey, number>>;
    }
  | {
      readonly kind: "progress";
      readonly at: Instant;
      readonly received: number;
      readonly total: number | null;
    }
  | { readonly kind: "traffic"; readonly at: Instant; readonly during: Traffic }
  | { readonly kind: "verdict"; readonly at: Instant; readonly verdict: Verdict }
  | { readonly kind: "trouble"; readonly at: Instant; readonly error: AppError }
  /** Something to put right some day; the rollout goes on all the same. */
  | { readonly kind: "advice"; readonly at: Instant; readonly finding: Finding }
  | {
      readonly kind: "ended";
      readonly at: Instant;
      readonly rollout: Rollout;
      readonly receipt: Receipt | null;
    };

export interface PlanStory extends Planned {
  readonly gateways: readonly { readonly name: HostName; readonly config: ConfigPreview | AppError }[];
  /** What a bad release may do before it goes back by itself; null where it is not judged. */
  readonly harm: PlannedHarm | null;
}

/** Everything that a person can ask of an application's releases. */
export interface ControlPlane {
  /** `look: false`: what the store says, without asking hosts and gateways. */
  status(options?: { readonly look: boolean }): Promise<Result<Status, AppError>>;
  /** Touches nothing. The artifact is not fetched: what is fetched first is that release ever after. */
  plan(release: ReleaseId): Promise<Result<PlanStory, AppError>>;
  /** Makes the gateways serve what runs in the slots now; nothing in them is touched. */
  serveWhatRuns(by: string): Promise<Result<RoutingTable, AppError>>;
  /**
   * What would refuse the release, besides the rollout that is under way; null: nothing is known. It fetches
   * the artifact, and touches nothing else.
   */
  obstacle(release: ReleaseId, sha256: string | null): Promise<AppError | null>;
  /** Takes the lease and creates the rollout; `run` then carries it. */
  start(release: ReleaseId, options: StartOptions): Promise<Result<Rollout, AppError>>;
  /** A rollout to `release`, or to the one before the stable; straight to 100 %. */
  rollback(release: ReleaseId | null, options: StartOptions): Promise<Result<Rollout, AppError>>;
  /** Takes over a rollout that no live process carries. */
  takeOver(by: string): Promise<Result<Rollout, AppError>>;
  /**
   * Carries the rollout that this process holds to its end, or until the signal; returns how it stands then.
   */
  run(signal: AbortSignal, onEvent: (event: RolloutEvent) => void): Promise<Result<Rollout, AppError>>;
  /** Leaves an order to whoever carries the current rollout. */
  order(order: Order, by: string): Promise<Result<Rollout, AppError>>;
  /** Follows a rollout that another process carries, to its end. */
  follow(signal: AbortSignal, onEvent: (event: RolloutEvent) => void): Promise<Result<Rollout, AppError>>;
  history(limit: number): Promise<readonly HistoryRecord[]>;
  record(id: RolloutId): Promise<{ record: HistoryRecord; entries: readonly JournalEntry[] } | null>;
}
