// The probe and its receipt: every kind of request goes through a release unharmed, and the receipt says so.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../src/base/assert.ts";
import { prepareNginx, startNginx, stopNginx, type Nginx } from "../../src/demo/nginx.ts";
import { freePorts } from "../../src/demo/ports.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { type Workspace, type WorkspaceOptions, openWorkspace } from "../support/workspace.ts";

const PATIENCE = 240_000;

/** Everything that the application offers. */
const EVERY_KIND = {
  rate: 20,
  hold: "1s",
  post: { path: "/echo", body: "one" },
  slow: "/?ms=700",
  upload: { path: "/upload", size: "64KB" },
  websocket: "/ws",
  events: "/stream?ms=5000",
};

const KINDS = ["events", "get", "post", "slow", "upload", "websocket"];

interface ProbeJson {
  readonly sent: number;
  readonly failed: number;
  readonly cut: number;
  readonly declined: number;
  readonly late: number;
  readonly slots: Readonly<Record<string, number>>;
  readonly kinds: readonly { readonly gateway: string; readonly kind: string }[];
  readonly losses: readonly {
    readonly gateway: string;
    readonly said: string;
    readonly slot: string | null;
    readonly action: string | null;
  }[];
  readonly notProbed: readonly string[];
}

async function opened(options: WorkspaceOptions): Promise<Workspace> {
  const workspace = await openWorkspace(options);
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

const probing =
  (probe: object): NonNullable<WorkspaceOptions["edit"]> =>
  (sections) => ({ ...sections, probe, rollout: { ...(sections["rollout"] as object), steps: STEPS } });

const STEPS = [{ share: "30%", bake: "3s" }, { share: "100%" }];

/** Nearly always under way. */
const LASTING = { post: { path: "/echo?ms=8000" }, websocket: "/ws", events: "/stream?ms=30000" };

describe.skipIf(!hasNginx("integration: the probe"))("a probed release", () => {
  it(
    "loses no request of any kind under load",
    async () => {
      const workspace = await opened({ edit: probing(EVERY_KIND) });
      const load = await workspace.load({ rate: 100 });
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      expect(failuresOf(await load.stop())).toEqual([]);
      const result = present(ran.events.at(-1), "the result");
      const { probe } = result["receipt"] as { readonly probe: ProbeJson };
      expect(probe).toMatchObject({ failed: 0, cut: 0, declined: 0, late: 0, losses: [], notProbed: [] });
      expect(probe.kinds.map(({ kind }) => kind).toSorted()).toEqual(KINDS);
      expect(Object.keys(probe.slots).toSorted()).toEqual(
        workspace.slots.map((port) => `here:${port}`).toSorted(),
      );
      const told = await workspace.glidepath("history", String(result["id"]));
      expect(told.stdout).toMatch(/no request came to a slot that had left|began \d+ms after the switch/);
      expect(told.stdout).toMatch(/here WebSocket +\d+ +0 +0/);
    },
    PATIENCE,
  );

  it(
    "that the file does not ask for is asked for on the command line: a GET of the health check",
    async () => {
      const workspace = await opened({ releases: { v1: {}, v2: {}, v3: {} } });
      mustExit(await workspace.glidepath("release", "v2"), 0);
      const [plain] = (await workspace.glidepath("history", "--json")).events;
      const shown = await workspace.glidepath("history", String(plain?.["id"]), "--json");
      expect(shown.events[0]?.["receipt"]).toMatchObject({ probe: null });
      const ran = await workspace.glidepath("release", "v3", "--probe");
      mustExit(ran, 0);
      expect(ran.stdout).toMatch(/ GET +\d+ +0 +0 /);
      expect(ran.stdout).not.toContain("POST");
      expect(ran.stdout).toContain("going back would have taken");
      expect(ran.stdout).toContain("a gateway switches in");
    },
    PATIENCE,
  );

  it(
    "tells what was cut and failed where a drain is too short, by slot and action, and in a page",
    async () => {
      const workspace = await opened({
        releases: { v1: { exitsAtOnce: true }, v2: {} },
        edit: (sections) => ({
          ...sections,
          analysis: "off",
          probe: { rate: 20, hold: "10s", ...LASTING },
          rollout: { drain: "100ms", steps: [{ share: "0%", approve: true }, { share: "100%" }] },
        }),
      });
      const page = join(workspace.directory, "receipt.html");
      const running = workspace.start(["release", "v2", "--json", "--receipt", page]);
      await running.says(/"phase":"approval"/);
      // Whatever the first slot's stop broke off has begun anew in the one stable slot by now.
      mustExit(await workspace.glidepath("promote"), 0);
      const ran = await running.done;
      mustExit(ran, 0);
      const result = present(ran.events.at(-1), "the result");
      const { probe } = result["receipt"] as { readonly probe: ProbeJson };
      const [, last] = workspace.slots;
      const lost = probe.losses.filter(({ slot }) => slot === `here:${last}`);
      expect(lost.length).toBeGreaterThanOrEqual(2);
      expect(probe.failed + probe.cut).toBe(probe.losses.length);
      const blamed = probe.losses.map(({ slot, action }) => action?.replace(/\/\d+$/, "") === `stop/${slot}`);
      expect(blamed).toEqual(probe.losses.map(() => true));
      const told = await workspace.glidepath("history", String(result["id"]));
      expect(told.stdout).toMatch(/was cut at .* while here:\d+ was stopping \(stop\/here:\d+\/\d+\)/);
      const text = readFileSync(page, "utf8");
      expect(text).toContain("was cut at");
      expect(text).not.toMatch(/(?:src|href)=|url\(|<script/);
    },
    PATIENCE,
  );

  it(
    "through two gateways, one of them down for a while, goes to its end and names who lost what",
    async () => {
      const { workspace, other } = await twoGateways();
      const running = workspace.start(["release", "v2", "--json"]);
      await running.says(/"phase":"approval"/);
      await stopNginx(other);
      await wait(1500);
      await startNginx(other);
      mustExit(await workspace.glidepath("promote"), 0);
      const ran = await running.done;
      mustExit(ran, 0);
      const { probe, skew } = present(ran.events.at(-1), "the result")["receipt"] as {
        readonly probe: ProbeJson;
        readonly skew: number | null;
      };
      expect(new Set(probe.losses.map(({ gateway }) => gateway))).toEqual(new Set(["other"]));
      expect(probe.losses.map(({ said }) => said)).toContain("connection refused");
      expect(new Set(probe.kinds.map(({ gateway }) => gateway))).toEqual(new Set(["here", "other"]));
      expect(probe.late).toBe(0);
      expect(skew).not.toBeNull();
    },
    PATIENCE,
  );
});

/** A second nginx on this machine, in front of the same two slots. */
async function twoGateways(): Promise<{ readonly workspace: Workspace; readonly other: Nginx }> {
  const [port = 0] = await freePorts(1);
  const made: { other: Nginx | null } = { other: null };
  const workspace = await openWorkspace({
    edit: (sections, { directory, nginx }) => {
      const other = prepareNginx(join(directory, "other"));
      made.other = other;
      const own = {
        name: "other",
        config: join(other.confd, "shop.conf"),
        main: other.main,
        listen: [`127.0.0.1:${port}`],
        state: join(directory, "other-switch"),
        log: join(other.directory, "logs", "shop.log"),
      };
      mkdirSync(own.state);
      const [host] = sections["hosts"] as readonly object[];
      return {
        ...sections,
        analysis: "off",
        probe: { rate: 20, websocket: "/ws", hold: "500ms" },
        hosts: [host, { name: "other", address: "local", slots: [] }],
        gateway: { ...(sections["gateway"] as object), nginx: nginx.binary, hosts: ["here", own] },
        rollout: { drain: "10s", steps: [{ share: "30%", approve: true }, { share: "100%" }] },
      };
    },
  });
  const other = present(made.other, "the other nginx");
  onTestFinished(async () => {
    await stopNginx(other);
    await workspace.close();
  });
  await startNginx(other);
  await workspace.bringUp("v1");
  return { workspace, other };
}
