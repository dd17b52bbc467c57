// The table's cells: which fault strikes which host in which phase.

export const FAULTS = ["network", "power", "reboot", "nginx", "disk"] as const;
export type Fault = (typeof FAULTS)[number];

export const PHASES = ["staging", "updating", "shifting", "baking", "finishing", "aborting"] as const;
export type Phase = (typeof PHASES)[number];

export const POLICIES = ["wait", "exclude", "abort"] as const;
export type Policy = (typeof POLICIES)[number];

/** The first four have slots only, and are updated first; the last two have a gateway as well. */
export const HOSTS = ["web1", "web2", "web3", "web4", "gate1", "gate2"] as const;
export type HostNamed = (typeof HOSTS)[number];
export const GATEWAYS = ["gate1", "gate2"] as const;

export interface Cell {
  /** `power-baking`, or `stays-dead-gate2-exclude`. */
  readonly name: string;
  readonly fault: Fault;
  readonly phase: Phase;
  readonly host: HostNamed;
  /** The host stays dead, or full, until the rollout has ended, and this is what the file says of it. */
  readonly policy: Policy | null;
}

/** What is being updated, or carries the canary, or has a gateway: whichever the phase needs most. */
const HOST_IN: Readonly<Record<Phase, HostNamed>> = {
  staging: "gate2",
  updating: "web1",
  shifting: "gate2",
  baking: "web2",
  finishing: "gate2",
  aborting: "web1",
};

const ON_A_GATEWAY: ReadonlySet<Fault> = new Set(["nginx"]);

const passing: readonly Cell[] = FAULTS.flatMap((fault) =>
  PHASES.map((phase) => ({
    name: `${fault}-${phase}`,
    fault,
    phase,
    host: ON_A_GATEWAY.has(fault) ? "gate2" : HOST_IN[phase],
    policy: null,
  })),
);

const lasting: readonly Cell[] = POLICIES.flatMap((policy) =>
  (["web2", "gate2"] as const).map((host) => ({
    name: `dead-${host}-${policy}`,
    fault: "power",
    phase: "baking",
    host,
    policy,
  })),
);

/** A slot that is being updated, and whose host has no room for that. */
const full: readonly Cell[] = POLICIES.map((policy) => ({
  name: `full-web1-${policy}`,
  fault: "disk",
  phase: "updating",
  host: "web1",
  policy,
}));

export const CELLS: readonly Cell[] = [...passing, ...lasting, ...full];

/** What the command says, in its JSON, when the phase has come. */
export function signOf(phase: Phase): RegExp {
  switch (phase) {
    case "staging":
      return /"phase":"staging"[^\n]*"because":"unpacking/;
    case "updating":
      return /"phase":"updating"[^\n]*"because":"[^"]*web1:/;
    default:
      return new RegExp(`"phase":"${phase}"`);
  }
}

/** Where it is told to go back. */
export const SECOND_BAKE = /"phase":"baking","step":2,/;
