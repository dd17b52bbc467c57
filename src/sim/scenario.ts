import { seededRandom, type Random } from "../base/random.ts";
import { type Duration, millis, seconds } from "../base/time.ts";
import type { ByKind, DrainAsk } from "../model/drain.ts";
import { HOOKS, poolOf } from "../model/application.ts";
import { mostMirrored } from "../model/capacity.ts";
import type {
  Application,
  Gateway,
  Host,
  HostLostPolicy,
  Policy,
  Slot,
  SmokeCheck,
  WarmUp,
  Step,
} from "../model/application.ts";
import type { AnalysisSettings } from "../model/analysis.ts";
import { PLAIN_PROBE } from "../model/probing.ts";
import { slowBootsOf } from "./faults.ts";
import { slotKey, type AppName, type HostName, type ReleaseId } from "../model/ids.ts";
import { basisPoints } from "../model/share.ts";

/** How a release behaves once it is started. */
export type Behaviour =
  | "good"
  /** Healthy, but only after seconds. */
  | "slow"
  | "never-listens"
  | "unhealthy"
  | "fails-smoke"
  /** Exits at once, each time that it is started. */
  | "crashes-at-start"
  /** Exits now and then. */
  | "crashes-at-random"
  /** Exits some seconds after it began to serve, each time. */
  | "ends-soon"
  /** Healthy, and every request of a user fails. */
  | "fails-requests"
  /** Healthy, and no request of a user is ever answered. */
  | "hangs"
  /** Healthy, and takes three times as long as the other. */
  | "answers-slowly";

export const BEHAVIOURS: readonly Behaviour[] = [
  "good",
  "slow",
  "never-listens",
  "unhealthy",
  "fails-smoke",
  "crashes-at-start",
  "crashes-at-random",
];

/** The installation and the releases that a seed stands for. */
export interface Scenario {
  readonly application: Application;
  /** What runs at the start; null: nothing ran before. */
  readonly stable: ReleaseId | null;
  readonly canary: ReleaseId;
  readonly behaviours: Readonly<Record<ReleaseId, Behaviour>>;
  /** A bad release may be bad on some hosts only; null: everywhere. */
  readonly badOn: HostName | null;
  /** The supervisor restarts what exits. */
  readonly supervised: boolean;
}

export interface Shape {
  readonly hosts: number;
  readonly slotsPerHost: number;
  readonly gateways: number;
  readonly steps: readonly Step[];
  readonly maxUnavailable: number;
  readonly maxLoad?: number;
  readonly ramp?: Duration;
  readonly onHostLost?: HostLostPolicy;
  /** Parts of the warm-up; absent: there is none. */
  readonly warmUps?: number;
  /** Absent: all traffic is of one kind. */
  readonly drainKinds?: ByKind<Duration>;
  readonly asks?: readonly DrainAsk[];
  readonly smokeChecks: number;
  readonly hooks: boolean;
}

const release = (text: string): ReleaseId => text as ReleaseId;
const STABLE = release("v1");
const CANARY = release("v2");

const step = (share: number, bake = 0, approve = false): Step => ({
  share: basisPoints(share),
  bake: seconds(bake),
  approve,
});

/** One host, two slots, straight to everything: the hand procedure. */
export const SMOOTH: Shape = {
  hosts: 1,
  slotsPerHost: 2,
  gateways: 1,
  steps: [step(10_000)],
  maxUnavailable: 1,
  smokeChecks: 1,
  hooks: false,
};

const STEPS: readonly (readonly Step[])[] = [
  [step(10_000)],
  [step(500, 1), step(2500, 1), step(10_000)],
  [step(0), step(5000, 1), step(10_000)],
  [step(2500, 1, true), step(10_000)],
  [step(3333), step(6667), step(10_000, 1)],
];

export function drawShape(random: Random): Shape {
  const isLarge = random.chance(0.03);
  const hosts = isLarge ? random.int(4, 8) : random.pick([1, 1, 2, 2, 3]);
  const slotsPerHost = hosts === 1 ? random.pick([2, 2, 3, 4]) : random.pick(isLarge ? [2, 3] : [1, 1, 2]);
  const total = hosts * slotsPerHost;
  return {
    hosts,
    slotsPerHost,
    gateways: random.pick(isLarge ? [2, 3, 4] : hosts === 1 ? [1, 1, 2] : [1, 2, 2]),
    steps: random.pick(STEPS),
    maxUnavailable: random.int(1, Math.max(1, Math.floor(total / 2))),
    smokeChecks: random.int(0, 2),
    hooks: random.chance(0.3),
    maxLoad: random.pick([2, 2, 1, 1.5, 3]),
    onHostLost: random.pick<HostLostPolicy>(["wait", "wait", "exclude", "exclude", "abort"]),
  };
}

export function scenarioOf(shape: Shape, parts: Partial<Omit<Scenario, "application">> = {}): Scenario {
  return {
    application: applicationOf(shape),
    stable: STABLE,
    canary: CANARY,
    behaviours: { [STABLE]: "good", [CANARY]: "good" },
    badOn: null,
    supervised: true,
    ...parts,
  };
}

export function drawScenario(seed: number): Scenario {
  const random = seededRandom(seed ^ 0x0b5e_55ed);
  const isSlow = slowBootsOf(seed) > 0;
  const shape = isSlow ? wide(drawShape(random)) : drawShape(random);
  const isGood = random.chance(0.6);
  const behaviour = isGood ? "good" : random.pick(BEHAVIOURS);
  const first = random.chance(0.07);
  const badOn = random.chance(0.3) ? hostNameOf(random.int(0, shape.hosts - 1)) : null;
  const scenario = scenarioOf(shape, {
    stable: first ? null : STABLE,
    behaviours: { [STABLE]: random.chance(0.95) ? "good" : "crashes-at-random", [CANARY]: behaviour },
    badOn,
    supervised: random.chance(0.8),
  });
  const bad = hanging(judged(scenario, seededRandom(seed ^ JUDGED)), seededRandom(seed ^ HANGING));
  const story = mirrored(bad, seededRandom(seed ^ MIRRORED));
  const kept = seededRandom(seed ^ PINNED).chance(0.3) ? pinned(story) : story;
  const told = gentle(kept, seededRandom(seed ^ GENTLE));
  return isSlow ? patient(told) : told;
}

/** With few slots there is nobody between one that is slow and those who serve. */
const wide = (shape: Shape): Shape => ({
  ...shape,
  slotsPerHost: Math.max(shape.slotsPerHost, Math.ceil(5 / shape.hosts)),
});

/** Slots may boot for long, and are not taken for broken. */
const patient = ({ application, ...rest }: Scenario): Scenario => ({
  ...rest,
  application: { ...application, health: { ...application.health, within: seconds(15) } },
});

/** So chosen that the seeds that are replayed for ever tell the stories that they told before. */
const JUDGED = 0x841e_224a;

const PINNED = 0x51de_10c5;

/** Visitors stay with a release. The gateways see no users: the laws judge what they are told of them. */
const pinned = ({ application, ...rest }: Scenario): Scenario => ({
  ...rest,
  application: { ...application, gateway: { ...application.gateway, pin: seconds(1800) } },
});

/** As JUDGED. */
const GENTLE = 0x31ef_a573;

/** In some, slots are warmed up before they join, or ramp afterwards. */
function gentle({ application, ...rest }: Scenario, random: Random): Scenario {
  if (!random.chance(0.2)) return { ...rest, application };
  const ramp = random.chance(0.6) ? { ramp: seconds(random.int(1, 5)) } : {};
  const warm = random.chance(0.5) ? { warm: Array.from({ length: random.int(1, 2) }, warmUp) } : {};
  return { ...rest, application: { ...application, ...warm, policy: { ...application.policy, ...ramp } } };
}

/** Some are judged, of these some are what only a judge can find. From a stream of its own. */
function judged(scenario: Scenario, random: Random): Scenario {
  if (!random.chance(0.25)) return scenario;
  const { application, behaviours, canary } = scenario;
  const worse = random.pick(["good", "fails-requests", "fails-requests", "answers-slowly"] as const);
  const behaviour = behaviours[canary] === "good" ? worse : (behaviours[canary] ?? "good");
  return {
    ...scenario,
    application: { ...application, analysis: ANALYSIS },
    behaviours: { ...behaviours, [canary]: behaviour },
  };
}

/** As JUDGED. */
const HANGING = 0x4cd9_7368;

/** In some of what fails all requests nobody is answered at all. */
function hanging(scenario: Scenario, random: Random): Scenario {
  const { behaviours, canary } = scenario;
  if (behaviours[canary] !== "fails-requests" || !random.chance(0.4)) return scenario;
  return { ...scenario, behaviours: { ...behaviours, [canary]: "hangs" } };
}

/** As JUDGED: no seed that is replayed for ever tells another story by it. */
const MIRRORED = 0x2c1b_3c6e;

/** In some of what is judged the first step mirrors, as much as the slots take. */
function mirrored(scenario: Scenario, random: Random): Scenario {
  const { application } = scenario;
  if (application.analysis === null || !random.chance(0.3)) return scenario;
  const { policy, hosts } = application;
  const n = poolOf(hosts).length;
  const most = mostMirrored(n, n, Math.min(policy.maxUnavailable, n - 1));
  const first: Step = {
    ...step(0, 1),
    mirror: basisPoints(Math.min(most, random.pick([500, 2000, 10_000]))),
  };
  const steps = [first, ...policy.steps.filter(({ share }) => share > 0)];
  return { ...scenario, application: { ...application, policy: { ...policy, steps } } };
}

/** With so small an alpha that no story meets a false alarm. */
export const ANALYSIS: AnalysisSettings = {
  observe: false,
  alpha: 0.0001,
  errors: { ratio: 1.1, margin: 0.01 },
  latency: { ratio: 1.1, margin: millis(5) },
  bad: [{ from: 500, to: 599 }],
  unit: "request",
  warmup: millis(0),
  minRequests: 20,
  early: true,
  look: seconds(3),
  maxFailedRequests: 10_000,
  metrics: [],
};

const hostNameOf = (index: number): HostName => `web${index + 1}` as HostName;
/** A gateway beside the slots where there is a host for it, as is usual; else on a machine of its own. */
const gatewayNameOf = (index: number, hosts: number): HostName =>
  index < hosts ? hostNameOf(index) : (`edge${index + 1}` as HostName);

function applicationOf(shape: Shape): Application {
  const hosts = Array.from({ length: shape.hosts }, (_, i) => hostOf(i, shape.slotsPerHost));
  return {
    name: "shop" as AppName,
    artifact: {
      url: "https://version.example.com/shop-{release}.tar.gz",
      sha256: null,
      keep: 3,
      maxBytes: 1e9,
      maxEntries: 1e5,
    },
    hosts,
    sshConfig: null,
    shared: [],
    run: {
      kind: "command",
      command: "node server.js",
      env: {},
      user: null,
      stop: { signal: "SIGTERM", timeout: seconds(2) },
    },
    health: {
      probe: { kind: "tcp" },
      every: millis(500),
      timeout: seconds(2),
      within: seconds(4),
    },
    ...(shape.warmUps === undefined ? {} : { warm: Array.from({ length: shape.warmUps }, warmUp) }),
    smoke: Array.from({ length: shape.smokeChecks }, smokeCheck),
    gateways: Array.from({ length: shape.gateways }, (_, i) => gatewayOf(gatewayNameOf(i, shape.hosts))),
    gateway: {
      mode: "server",
      passive: false,
      serverName: ["shop.example.com"],
      connectTimeout: seconds(1),
      readTimeout: seconds(60),
      split: "users",
      key: { by: "auto" },
      rules: [],
      realIp: null,
      releaseHeader: null,
    },
    policy: policyOf(shape),
    analysis: null,
    probe: PLAIN_PROBE,
    hooks: shape.hooks ? Object.fromEntries(HOOKS.map((name) => [name, `./${name}.sh`])) : {},
    state: "/nowhere",
    directory: "/nowhere",
  };
}

const policyOf = (shape: Shape): Policy => ({
  steps: shape.steps,
  maxUnavailable: shape.maxUnavailable,
  maxLoad: shape.maxLoad ?? 2,
  drain: millis(1500),
  ...(shape.ramp === undefined ? {} : { ramp: shape.ramp }),
  ...(shape.drainKinds === undefined ? {} : { drainKinds: shape.drainKinds }),
  ...(shape.asks === undefined ? {} : { asks: shape.asks }),
  progressDeadline: seconds(20),
  onHostLost: shape.onHostLost ?? "wait",
  hostLostAfter: seconds(6),
});

const warmUp = (): WarmUp => ({ kind: "run", command: "./warm.sh", timeout: seconds(60) });

const smokeCheck = (): SmokeCheck => ({
  kind: "http",
  path: "/login",
  status: 200,
  contains: null,
  timeout: seconds(5),
});

function hostOf(index: number, slots: number): Host {
  const name = hostNameOf(index);
  return {
    name,
    address: "local",
    root: "/srv/shop",
    slots: Array.from({ length: slots }, (_, i) => slotOf(name, 8001 + i)),
  };
}

const slotOf = (host: HostName, port: number): Slot => ({
  key: slotKey(host, port),
  host,
  port,
  dir: `/srv/shop/slots/${port}`,
  address: host,
});

function gatewayOf(name: HostName): Gateway {
  return {
    name,
    address: "local",
    config: "/etc/nginx/conf.d/shop.conf",
    main: "/etc/nginx/nginx.conf",
    nginx: "nginx",
    listen: ["80"],
    state: "/var/lib/glidepath",
    log: "/var/log/nginx/shop.log",
  };
}
