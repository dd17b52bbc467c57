// The JSON of the commands as the guide promises it, written out on its own: not the product's types.

export interface StatusJson {
  readonly app: string;
  readonly stable: string | null;
  readonly paused: boolean;
  readonly rollout: {
    readonly id: string;
    readonly release: string;
    readonly from: string | null;
    readonly phase: string;
    readonly step: number;
    readonly steps: number;
    readonly share: number;
    readonly startedAt: string;
    readonly because: string;
  } | null;
  readonly slots: readonly {
    readonly host: string;
    readonly port: number;
    readonly release: string | null;
    readonly role: string;
    readonly process: string;
    readonly health: string;
    readonly inRotation: boolean;
    readonly inFlight: number | null;
  }[];
  readonly gateways: readonly {
    readonly host: string;
    readonly generation: number;
    readonly confirmed: boolean;
  }[];
}

export interface HistoryJson {
  readonly id: string;
  readonly release: string;
  readonly from: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: "completed" | "rolled-back" | "superseded" | "stuck" | null;
  readonly reason: string | null;
  readonly requests: number | null;
  readonly failed: number | null;
}

/** An event or a document of which a test looks at single fields. */
export type Json = Readonly<Record<string, unknown>>;
