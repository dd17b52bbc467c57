import { instant, minutes, seconds } from "../../base/time.ts";
import type { Application, Host } from "../../model/application.ts";
import { generation, slotKey } from "../../model/ids.ts";
import type { AppName, HostName, ReleaseId, RolloutId, SlotKey } from "../../model/ids.ts";
import { PLAIN_PROBE } from "../../model/probing.ts";
import type { Receipt } from "../../model/receipt.ts";
import type { Rollout, SlotCourse } from "../../model/rollout.ts";
import { basisPoints } from "../../model/share.ts";
import { bucketOf, NO_TRAFFIC, type Traffic } from "../../model/traffic.ts";
import type { GatewayStatus, PlanStory, SlotStatus, Status } from "../../ports/control.ts";

export const NOW = instant(Date.UTC(2026, 2, 14, 9, 26, 53));
export const WEB1 = "web1" as HostName;
export const WEB2 = "web2" as HostName;
export const V1 = "v1" as ReleaseId;
export const V2 = "v2" as ReleaseId;
export const SLOTS: readonly SlotKey[] = [
  slotKey(WEB1, 8001),
  slotKey(WEB2, 8001),
  slotKey(WEB1, 8002),
  slotKey(WEB2, 8002),
];
export const [A, B, C, D] = SLOTS as readonly [SlotKey, SlotKey, SlotKey, SlotKey];

export const settled = (release: ReleaseId | null): SlotCourse => ({ at: "settled", release });

/** At 5 %, one slot of four on the canary, baking. */
export function rollout(overrides: Partial<Rollout> = {}): Rollout {
  return {
    id: "01R" as RolloutId,
    app: "shop" as AppName,
    kind: "release",
    release: V2,
    from: V1,
    plan: {
      slots: SLOTS,
      hosts: [WEB1, WEB2],
      gateways: [WEB1],
      hostOf: { [A]: WEB1, [B]: WEB2, [C]: WEB1, [D]: WEB2 },
      groups: [],
      steps: [
        { share: basisPoints(500), bake: minutes(10), approve: false },
        { share: basisPoints(2500), bake: minutes(10), approve: true },
        { share: basisPoints(10_000), bake: seconds(0), approve: false },
      ],
      split: "users",
      maxUnavailable: 1,
      maxLoad: 2,
      drain: seconds(30),
      progressDeadline: minutes(10),
      onHostLost: "wait",
      hostLostAfter: seconds(30),
      healthyWithin: minutes(1),
      smokeChecks: 2,
      passive: false,
      analysis: null,
      hooks: [],
    },
    generation: generation(17),
    phase: { name: "baking", until: instant(NOW + 192_000) },
    routing: { canary: [A], stable: [B, C, D], share: basisPoints(500) },
    unsettled: false,
    landing: [],
    runs: {},
    touched: true,
    orderTaken: 0,
    change: null,
    excluded: [],
    slots: { [A]: settled(V2), [B]: settled(V1), [C]: settled(V1), [D]: settled(V1) },
    step: 0,
    hook: null,
    hooked: {},
    paused: null,
    aborted: null,
    startedAt: instant(NOW - 420_000),
    endedAt: null,
    progressAt: instant(NOW - 408_000),
    because: "baking 5 % for 10m: 3m12s left",
    cut: 0,
    ...overrides,
  };
}

export const traffic = (requests: number, ms: number, overrides: Partial<Traffic> = {}): Traffic => ({
  ...NO_TRAFFIC,
  requests,
  latency: { [bucketOf(ms)]: requests },
  ...overrides,
});

export function receipt(overrides: Partial<Receipt> = {}): Receipt {
  return {
    before: traffic(9000, 12),
    during: traffic(48_112, 12.5),
    after: traffic(9100, 11.5),
    cut: 0,
    phases: [
      { name: "staging", took: seconds(8) },
      { name: "updating", took: seconds(62) },
      { name: "baking", took: minutes(20) },
    ],
    took: seconds(1270),
    switches: 9,
    skew: null,
    longestSwitch: instantly(38),
    missing: [],
    ...overrides,
  };
}
const instantly = (ms: number): Receipt["longestSwitch"] => ms as Receipt["longestSwitch"];

export function slotStatus(key: SlotKey, overrides: Partial<SlotStatus> = {}): SlotStatus {
  const [host = "", port = ""] = key.split(":");
  return {
    slot: {
      key,
      host: host as HostName,
      port: Number(port),
      dir: `/srv/shop/slots/${port}`,
      address: "127.0.0.1",
    },
    state: {
      known: true,
      at: NOW,
      value: { generation: generation(3), release: V1, process: "running", restarts: 0 },
    },
    health: { known: true, at: NOW, value: { healthy: true, answer: "GET /healthz → 200" } },
    role: "stable",
    inRotation: true,
    inFlight: { requests: 4, connections: 9 },
    ...overrides,
  };
}

export const gatewayStatus = (overrides: Partial<GatewayStatus> = {}): GatewayStatus => ({
  name: WEB1,
  state: {
    known: true,
    at: NOW,
    value: {
      running: true,
      serving: true,
      generation: generation(17),
      routing: rollout().routing,
      inFlight: {},
    },
  },
  confirmed: true,
  ...overrides,
});

export const holder = (alive: boolean): NonNullable<Status["holder"]> => ({
  who: "alice@build1, process 4711",
  since: instant(NOW - 420_000),
  expires: instant(NOW + 12_000),
  alive,
});

export const status = (overrides: Partial<Status> = {}): Status => ({
  at: NOW,
  stable: V1,
  rollout: rollout(),
  slots: SLOTS.map((key) => slotStatus(key)),
  gateways: [gatewayStatus()],
  holder: holder(true),
  verdict: null,
  ...overrides,
});

const slotsOf = (host: HostName): Host["slots"] =>
  [8001, 8002].map((port) => ({
    key: slotKey(host, port),
    host,
    port,
    dir: `/srv/shop/slots/${port}`,
    address: "127.0.0.1",
  }));

export const application: Application = {
  name: "shop" as AppName,
  artifact: { url: "https://x/{release}.tgz", sha256: null, keep: 5, maxBytes: 1e9, maxEntries: 1e5 },
  hosts: [WEB1, WEB2].map((name) => ({ name, address: "local", root: "/srv/shop", slots: slotsOf(name) })),
  sshConfig: null,
  shared: [],
  run: {
    kind: "command",
    command: "node server.js",
    env: {},
    user: null,
    stop: { signal: "SIGTERM", timeout: seconds(30) },
  },
  health: { probe: { kind: "tcp" }, every: seconds(1), timeout: seconds(2), within: minutes(1) },
  smoke: [{ kind: "run", command: "./smoke.sh", timeout: minutes(1) }],
  gateways: [],
  gateway: {
    mode: "server",
    passive: false,
    serverName: [],
    connectTimeout: seconds(1),
    readTimeout: minutes(1),
    split: "users",
    key: { by: "auto" },
    rules: [],
    realIp: null,
    releaseHeader: null,
  },
  policy: {
    steps: rollout().plan.steps,
    maxUnavailable: 1,
    maxLoad: 2,
    drain: seconds(30),
    progressDeadline: minutes(10),
    onHostLost: "wait",
    hostLostAfter: seconds(30),
  },
  analysis: null,
  probe: PLAIN_PROBE,
  hooks: {},
  state: "/srv/shop/.glidepath",
  directory: "/srv/shop",
};

export const story = (overrides: Partial<PlanStory> = {}): PlanStory => ({
  release: V2,
  from: V1,
  steps: [
    {
      share: 500,
      canarySlots: 1,
      stableSlots: 3,
      named: [],
      bake: 600_000,
      approve: false,
      loads: { canary: 0.05, stable: 0.95 / 3 },
      back: { atOnce: 0.05, load: 1 / 3 },
    },
    {
      share: 2500,
      canarySlots: 1,
      stableSlots: 3,
      named: [],
      bake: 600_000,
      approve: true,
      loads: { canary: 0.25, stable: 0.25 },
      back: { atOnce: 0.25, load: 1 / 3 },
    },
    {
      share: 10_000,
      canarySlots: 3,
      stableSlots: 1,
      named: [],
      bake: 0,
      approve: false,
      loads: { canary: 1 / 3, stable: 0 },
      back: { atOnce: 0.5, load: 0.5 },
    },
  ],
  maxUnavailable: 1,
  order: SLOTS,
  worst: { load: 1 / 3, even: 0.25 },
  harm: null,
  gateways: [
    {
      name: WEB1,
      config: {
        path: "/etc/nginx/conf.d/shop.conf",
        current: "a\n",
        wanted: "a\n",
        reload: false,
        lack: null,
      },
    },
  ],
  ...overrides,
});
