import type { HostName } from "../model/ids.ts";
import type { ProbeKind, ProbeSettings, Shot } from "../model/probing.ts";

export interface TrickleRun {
  readonly settings: ProbeSettings;
  readonly signal: AbortSignal;
  onShot(shot: Shot): void;
  /** What cannot be probed, and why; null: it can, from now on. */
  onBlind(about: Blind, why: string | null): void;
}

/** A gateway, or one kind there. */
export interface Blind {
  readonly gateway: HostName;
  readonly kind: ProbeKind | null;
}

/** The probe's small stream of requests through the gateways. */
export interface TricklePort {
  /**
   * Asks until the signal, and ends soon after it, whatever still hangs: what is not answered then is not
   * told. Never throws; nothing waits for an answer but the next request of its kind.
   */
  run(run: TrickleRun): Promise<void>;
}
