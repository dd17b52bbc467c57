// The disk of the gateway's log is full: what nginx could not log is unknown to the receipt and to the judge,
// and never "0 failed". The load sees what they do not.
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readErrorLog } from "../../src/demo/nginx.ts";
import type { Sections } from "../../src/demo/scene.ts";
import type { Behaviour } from "../support/app.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { canMount, fill, mountSmall, needs, unmount } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { openWorkspace, UNHURRIED, type Workspace } from "../support/workspace.ts";

const canRun =
  hasNginx("integration: a full log") && needs(canMount(), "integration: a full log", "needs to mount");

const GRAY = { steps: [{ share: "50%", bake: "1s" }, { share: "100%" }], progressDeadline: "15s" };
const SMOOTH = { steps: [{ share: "100%" }] };
const JUDGED = { warmup: "1s", minRequests: 20, ...UNHURRIED };

interface Scene extends Workspace {
  /** Where nginx logs, and nothing else. */
  readonly logs: string;
  readonly log: string;
  readonly missing: string;
}

async function open(rollout: object, analysis: unknown, behaviour: Behaviour): Promise<Scene> {
  const edit = (sections: Sections): Sections => ({
    ...sections,
    rollout: { drain: "10s", ...rollout },
    analysis,
  });
  const workspace = await openWorkspace({ releases: { v1: {}, v2: behaviour }, edit });
  onTestFinished(workspace.close);
  const logs = join(workspace.nginx.directory, "logs");
  mountSmall(logs, "16m");
  onTestFinished(() => unmount(logs));
  await workspace.bringUp("v1");
  const log = join(logs, "shop.log");
  return { ...workspace, logs, log, missing: `here: no room on the disk to log requests in ${log}` };
}

/** Ends when nginx has had no room for a line. */
async function fillUp({ logs, nginx }: Scene): Promise<void> {
  fill(logs);
  await until(
    () => readErrorLog(nginx),
    (text) => /write\(\) to "[^"]*" (?:failed|was incomplete)/.test(text),
  );
}

describe.runIf(canRun)("a release while the log's disk", () => {
  it("is full is done where nothing is judged, and its receipt does not know how it went", async () => {
    const scene = await open(SMOOTH, "off", { errorShare: 0.5 });
    const load = await scene.load({ post: 0, slow: 0 });
    await fillUp(scene);
    const ran = await scene.glidepath("release", "v2", "--json");
    const { failed } = await load.stop();
    mustExit(ran, 0);
    expect(failed).toBeGreaterThan(0);
    expect(ran.events.at(-1)).toMatchObject({
      outcome: "completed",
      requests: null,
      failed: null,
      receipt: {
        cut: null,
        during: { requests: null, failed: null },
        missing: [`${scene.missing}; free some space there`],
      },
    });
    const told = ran.events.filter(({ event }) => event === "trouble");
    expect(told).toMatchObject([{ error: { code: "host.disk", message: scene.missing } }]);
    const { stdout } = await scene.glidepath("history", String(ran.events.at(-1)?.["id"]));
    expect(stdout).toContain("requests were not counted");
    expect(stdout).toContain(`not measured: ${scene.missing}`);
    expect(stdout).not.toContain("0 failed");
  });

  it("is full does not widen where it is judged, however bad it is, and says what it waits for", async () => {
    const scene = await open(GRAY, JUDGED, { errorShare: 1 });
    const load = await scene.load({ post: 0, slow: 0 });
    await fillUp(scene);
    const ran = await scene.glidepath("release", "v2", "--json");
    const { failed } = await load.stop();
    mustExit(ran, 1);
    expect(failed).toBeGreaterThan(0);
    const why = `evidence is missing: ${scene.missing}`;
    expect(ran.events.at(-1)).toMatchObject({
      outcome: "rolled-back",
      reason: `nothing moved for 15s: ${why}`,
      requests: null,
      failed: null,
    });
    const decided = ran.events.filter(({ event }) => event === "decided");
    expect(Math.max(...decided.map(({ share }) => Number(share)))).toBe(5000);
    expect(decided.map(({ because }) => String(because)).join("\n")).toContain(`waiting: ${why}`);
    expect(await scene.inSlots()).toEqual(["v1", "v1"]);
  });

  it("gets full and has room again goes on, and its receipt says that not all was seen", async () => {
    const scene = await open({ ...GRAY, progressDeadline: "60s" }, JUDGED, {});
    const load = await scene.load({ post: 0, slow: 0 });
    const { go } = await scene.addHeld("v3");
    const running = scene.start(["release", "v3", "--json"]);
    await running.says(/starts v3/);
    const makeRoom = fill(scene.logs);
    await running.says(/no room on the disk to log requests/);
    makeRoom();
    go();
    const ran = await running.done;
    await load.stop();
    mustExit(ran, 0);
    const result = ran.events.at(-1);
    expect(result).toMatchObject({
      outcome: "completed",
      failed: null,
      receipt: { missing: [`${scene.missing}; free some space there`] },
    });
    expect(Number(result?.["requests"])).toBeGreaterThan(0);
    const { stdout } = await scene.glidepath("history", String(result?.["id"]));
    expect(stdout).toMatch(/requests seen · 0 of them failed/);
  });

  it("has room counts every request: control", async () => {
    const scene = await open(SMOOTH, "off", { errorShare: 0.5 });
    const load = await scene.load({ post: 0, slow: 0 });
    const ran = await scene.glidepath("release", "v2", "--json");
    await load.stop();
    mustExit(ran, 0);
    expect(ran.events.at(-1)).toMatchObject({ receipt: { missing: [] } });
    expect(Number(ran.events.at(-1)?.["failed"])).toBeGreaterThan(0);
  });
});
