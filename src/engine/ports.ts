import type { ArtifactPort } from "../ports/artifact.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { GatewayPort } from "../ports/gateway.ts";
import type { IdlePort } from "../ports/idle.ts";
import type { Journal, Lease } from "../ports/journal.ts";
import type { HookPort, ProbePort } from "../ports/probe.ts";
import type { SlotPort } from "../ports/slot.ts";
import type { MetricPort } from "../ports/metric.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TricklePort } from "../ports/trickle.ts";

/** Everything that the engine needs from outside. */
export interface EnginePorts {
  readonly slots: SlotPort;
  readonly gateways: GatewayPort;
  readonly artifacts: ArtifactPort;
  readonly probes: ProbePort;
  readonly hooks: HookPort;
  readonly telemetry: TelemetryPort;
  readonly metrics: MetricPort;
  /** It looks on: nothing is decided by what it tells. */
  readonly trickle: TricklePort;
  /** It looks on too; absent: it does not. */
  readonly idle?: IdlePort;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly ids: Ids;
}
