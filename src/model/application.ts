import { seconds, type Duration } from "../base/time.ts";
import type { AnalysisSettings } from "./analysis.ts";
import type { Drain } from "./drain.ts";
import type { ProbeSettings } from "./probing.ts";
import type { AppName, HostName, SlotKey } from "./ids.ts";
import type { BasisPoints } from "./share.ts";

/** What is released, where it runs, and how: glidepath.yaml after all defaults are filled in. */
export interface Application {
  readonly name: AppName;
  readonly artifact: ArtifactSource;
  readonly hosts: readonly Host[];
  /** An ssh_config file to use besides the user's; absolute. */
  readonly sshConfig: string | null;
  /** Paths relative to root/shared, linked into every release. */
  readonly shared: readonly string[];
  readonly assets?: Assets;
  readonly run: RunSpec;
  readonly health: HealthCheck;
  /** What a started slot is asked before its smoke checks and before anybody sees it. */
  readonly warm?: readonly WarmUp[];
  readonly smoke: readonly SmokeCheck[];
  readonly gateways: readonly Gateway[];
  readonly gateway: GatewaySettings;
  readonly policy: Policy;
  /** null: releases are not judged. */
  readonly analysis: AnalysisSettings | null;
  readonly probe: ProbeSettings;
  readonly hooks: Hooks;
  /** Absolute directory of the embedded store, or a postgres:// address. */
  readonly state: string;
  /** The directory of the file: relative paths and commands on the controller start here; absolute. */
  readonly directory: string;
}

/** Files of which pages of another release may ask for. */
export interface Assets {
  /** Directories, relative to a release. */
  readonly dirs: readonly string[];
  /** So long after a release was last in a slot, or staged, its files are put into others. */
  readonly for: Duration;
}

export interface ArtifactSource {
  /** With `{release}` still in it; http:, https:, file: or an absolute path. */
  readonly url: string;
  /** A URL or path of the digest, `{release}` still in it. */
  readonly sha256: string | null;
  readonly keep: number;
  /** Most bytes that a release may unpack to. */
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export interface Host {
  readonly name: HostName;
  /** `local`, `user@address`, or a Host of ssh_config. */
  readonly address: string;
  /** Absolute. releases/ and slots/ below it are Glidepath's, shared/ is the user's. Empty without slots. */
  readonly root: string;
  /** None: the host only has a gateway. */
  readonly slots: readonly Slot[];
  /** Such as `zone: a`. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Slot {
  readonly key: SlotKey;
  readonly host: HostName;
  readonly port: number;
  /** Absolute path of the slot's link: root/slots/PORT, or the adopted directory. */
  readonly dir: string;
  /** Address at which the gateways and probes reach the slot. */
  readonly address: string;
  /** The first step that names this slot: it goes before those that a later step names, or none. */
  readonly wave?: number;
}

export type RunSpec = CommandRun | GeneratedRun | UnitRun | OwnCommandsRun | StaticRun;
interface RunCommon {
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | null;
}
/** Glidepath's supervisor runs it; `{port} {dir} {release} {host}` still in the command. */
export interface CommandRun extends RunCommon {
  readonly kind: "command";
  readonly command: string;
  readonly stop: StopPolicy;
}
/** systemd runs it, by a unit that Glidepath writes; placeholders as in CommandRun. */
export interface GeneratedRun extends RunCommon {
  readonly kind: "generated";
  readonly command: string;
  readonly stop: StopPolicy;
}
/** systemd runs it, by a unit of the user's own, which says as whom. */
export interface UnitRun extends RunCommon {
  readonly kind: "unit";
  /** `shop@{port}.service`, `{port}` still in it. */
  readonly unit: string;
  /** null: as the unit says. */
  readonly stop: StopPolicy | null;
}
/** The user's own three commands; each is run in the slot's directory. `status` exits 0 when it runs. */
export interface OwnCommandsRun extends RunCommon {
  readonly kind: "own";
  readonly start: string;
  readonly stopCommand: string;
  readonly status: string;
  readonly stop: StopPolicy;
}
export interface StaticRun extends RunCommon {
  readonly kind: "static";
  /** Run in the slot's directory after each switch; null if nothing is to be done. */
  readonly reload: string | null;
}
export interface StopPolicy {
  /** `SIGTERM`, `SIGINT`, … */
  readonly signal: string;
  readonly timeout: Duration;
}

export interface HealthCheck {
  readonly probe: Probe;
  readonly every: Duration;
  readonly timeout: Duration;
  readonly within: Duration;
}
export type Probe =
  | {
      readonly kind: "http";
      readonly path: string;
      readonly host: string | null;
      /** null: any 2xx or 3xx. */
      readonly status: number | null;
      readonly contains: string | null;
    }
  | { readonly kind: "tcp" }
  /** Run on the slot's host in its directory; exit 0 is healthy. */
  | { readonly kind: "exec"; readonly command: string };

export type SmokeCheck =
  | {
      readonly kind: "http";
      readonly path: string;
      readonly status: number | null;
      readonly contains: string | null;
      readonly timeout: Duration;
    }
  /** On the controller, in the file's directory, GLIDEPATH_* set. */
  | { readonly kind: "run"; readonly command: string; readonly timeout: Duration };

/** `timeout`: how long the whole of it may take. */
export type WarmUp =
  /** One after the other, from the slot's host. What fails is told and fails nothing: smoke checks judge. */
  | { readonly kind: "http"; readonly path: string; readonly times: number; readonly timeout: Duration }
  /** As a smoke check that is a command: another exit code than 0 fails the slot. */
  | { readonly kind: "run"; readonly command: string; readonly timeout: Duration };

/** The same on every gateway. */
export interface GatewaySettings {
  readonly mode: "server" | "upstream";
  /** The short form of the hand procedure: the config is not touched. */
  readonly passive: boolean;
  readonly serverName: readonly string[];
  readonly connectTimeout: Duration;
  readonly readTimeout: Duration;
  /** What the slots speak; absent: http, WebSockets among it. */
  readonly protocol?: "http" | "grpc";
  /** How long an idle connection to a slot is kept; 0: none is; absent: as KEEPALIVE says. */
  readonly keepalive?: Duration;
  /** Most bytes of a request's body; absent: as nginx's own config says. */
  readonly maxBody?: number;
  readonly split: "users" | "servers";
  readonly key: UserKey;
  /** So long after his last request a visitor stays with the release that answered; absent: he does not. */
  readonly pin?: Duration;
  readonly rules: readonly Rule[];
  /** Who may say in a header which client a request comes from; null: the connection alone tells. */
  readonly realIp: RealIp | null;
  /** The response header in which the gateway says the release; null: it does not. */
  readonly releaseHeader: string | null;
}

export interface RealIp {
  /** Addresses and ranges of proxies that are trusted. */
  readonly from: readonly string[];
  readonly header: string;
}

/**
 * Shorter than most applications keep an idle connection: gunicorn's 2 s are among the shortest. So long
 * after its last request nothing is connected to a slot.
 */
const KEEPALIVE = seconds(1);
export const keepaliveOf = ({ keepalive }: GatewaySettings): Duration => keepalive ?? KEEPALIVE;

/** One nginx that spreads requests over the slots; named by its host. */
export interface Gateway {
  readonly name: HostName;
  readonly address: string;
  /** The one file that Glidepath owns there; absolute. */
  readonly config: string;
  readonly main: string;
  readonly nginx: string;
  /** As nginx takes them: `80`, `127.0.0.1:8080`, `[::1]:80`, `443 ssl http2`. */
  readonly listen: readonly string[];
  /** For the entries of `listen` that have `ssl`; absent: there are none. */
  readonly tls?: Tls;
  /** What is asked for over plain HTTP there is led to the first entry of `listen` that has `ssl`. */
  readonly redirect?: Redirect;
  /** Entries of `listen` that have `ssl` take HTTP/3 too; `shared`: as another server there does already. */
  readonly http3?: true | "shared";
  /** The switch lives in state/APP; absolute. */
  readonly state: string;
  readonly log: string;
}

export interface Redirect {
  readonly listen: readonly string[];
  /** Below it lie the answers for an authority that certifies names; absolute. null: it is not asked here. */
  readonly acme: string | null;
}

/** Files on the gateway's host; absolute. */
export interface Tls {
  readonly certificate: string;
  readonly key: string;
}

export type UserKey =
  | { readonly by: "auto" }
  | { readonly by: "cookie" | "header" | "arg"; readonly name: string }
  | { readonly by: "address" };

export type Rule = {
  readonly to: "canary" | "stable";
  /** The file in which the values stand, as glidepath.yaml names it. */
  readonly list?: string;
} & (
  | { readonly by: "header" | "cookie" | "arg"; readonly name: string; readonly is: readonly string[] }
  | { readonly by: "address"; readonly in: readonly string[] }
);

export interface Step {
  readonly share: BasisPoints;
  readonly bake: Duration;
  readonly approve: boolean;
  /** Of the requests that change nothing, the part of which the canary gets a copy; the share is 0 then. */
  readonly mirror?: BasisPoints;
  /** Slots that carry the canary at this step; absent: as few as its share needs. */
  readonly slots?: number;
  /** The hosts, slots and labels that the file names for this step; for people. */
  readonly named?: readonly string[];
}

export interface Policy extends Drain {
  readonly steps: readonly Step[];
  /** Slots that may be out of rotation at once, 1 to N−1. */
  readonly maxUnavailable: number;
  /** Going back: at most this times the even load per slot. */
  readonly maxLoad: number;
  /** How long the traffic of a slot that has joined takes to grow; absent: it is there at once. */
  readonly ramp?: Duration;
  readonly progressDeadline: Duration;
  readonly onHostLost: HostLostPolicy;
  /** How long a host must be silent to be lost. */
  readonly hostLostAfter: Duration;
}

/** Some step mirrors requests: what that takes stands in the gateways' config. */
export const isMirrored = ({ policy }: Application): boolean =>
  policy.steps.some(({ mirror }) => mirror !== undefined);

/** What becomes of a rollout when a host of it is lost. */
export type HostLostPolicy = "wait" | "exclude" | "abort";

/** The application as it is without these hosts, and without the gateways on them. */
export const withoutHosts = (application: Application, lost: readonly HostName[]): Application =>
  lost.length === 0
    ? application
    : {
        ...application,
        hosts: application.hosts.filter((host) => !lost.includes(host.name)),
        gateways: application.gateways.filter((gateway) => !lost.includes(gateway.name)),
      };

/** The application as it is without these slots. */
export const withoutSlots = (application: Application, slots: readonly SlotKey[]): Application =>
  slots.length === 0
    ? application
    : {
        ...application,
        hosts: application.hosts.map((host) => ({
          ...host,
          slots: host.slots.filter(({ key }) => !slots.includes(key)),
        })),
      };

/** In the order in which a rollout comes to them. */
export const HOOKS = [
  "beforeRelease",
  "beforeSlot",
  "afterSlot",
  "beforeShift",
  "afterShift",
  "afterRelease",
  "onAbort",
] as const;
export type HookName = (typeof HOOKS)[number];
/** The user's own commands on the controller. */
export type Hooks = Readonly<Partial<Record<HookName, string>>>;

/** Those that run the application; the others only have a gateway. */
export const slotHosts = (hosts: readonly Host[]): readonly Host[] =>
  hosts.filter((host) => host.slots.length > 0);

/**
 * All slots in the order in which they are updated: those that steps name, in the order of the steps; and
 * within, the first of each host, then the second of each host, …
 */
export function poolOf(hosts: readonly Host[]): readonly Slot[] {
  const most = hosts.reduce((sum, host) => Math.max(sum, host.slots.length), 0);
  const rows = Array.from({ length: most }, (_, i) => hosts.flatMap((host) => host.slots.slice(i, i + 1)));
  const waveOf = ({ wave }: Slot): number => wave ?? Number.MAX_SAFE_INTEGER;
  return rows.flat().toSorted((a, b) => waveOf(a) - waveOf(b));
}
