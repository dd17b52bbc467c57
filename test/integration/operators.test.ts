// Several people, several terminals.
import { describe, expect, it, onTestFinished } from "vitest";
import { failuresOf } from "../support/load.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";

async function withV1(releases: Parameters<typeof openWorkspace>[0] = {}): Promise<Workspace> {
  const workspace = await openWorkspace(releases);
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

describe.skipIf(!hasNginx("integration: operators"))("from a second terminal", () => {
  it("a second release is refused, and says who holds the first", async () => {
    const workspace = await withV1({ releases: { v1: {}, v3: {} } });
    const { go } = await workspace.addHeld("v2");
    const load = await workspace.load();
    const first = workspace.start(["release", "v2", "--json"]);
    await first.says(/"phase":"updating"/);
    const second = await workspace.glidepath("release", "v3");
    go();
    const ran = await first.done;
    mustExit(second, 3);
    expect(second.stderr).toMatch(/v2/);
    expect(second.stderr).toMatch(new RegExp(`\\b${first.pid}\\b|@`));
    mustExit(ran, 0);
    expect(failuresOf(await load.stop())).toEqual([]);
    expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
  });

  it("two at the very same time: one wins, the other is refused", async () => {
    const workspace = await withV1({ releases: { v1: {}, v2: {}, v3: {} } });
    const [a, b] = await Promise.all([
      workspace.glidepath("release", "v2"),
      workspace.glidepath("release", "v3"),
    ]);
    mustExit(a, 0, 3);
    mustExit(b, a.code === 0 ? 3 : 0);
    const release = a.code === 0 ? "v2" : "v3";
    expect(await workspace.inSlots()).toEqual([release, release]);
  });

  it("pause holds the rollout, resume lets it go on", async () => {
    const workspace = await withV1({ releases: { v1: {} } });
    const { go } = await workspace.addHeld("v2");
    const load = await workspace.load();
    const running = workspace.start(["release", "v2", "--json"]);
    await running.says(/"phase":"updating"/);
    const paused = await workspace.glidepath("pause");
    mustExit(paused, 0);
    await until(workspace.status, ({ paused: isPaused }) => isPaused);
    go();
    // It holds: what was under way comes to its end, and nothing moves after it.
    await until(workspace.inSlots, ([first]) => first === "v2");
    expect((await workspace.status()).rollout).toMatchObject({ release: "v2" });
    // There is nothing before v1, which is not what who says so now wants to know.
    const back = await workspace.glidepath("rollback");
    mustExit(back, 3);
    expect(back.stderr).toMatch(/a rollout of v2 is under way/);
    expect(await workspace.inSlots()).toEqual(["v2", "v1"]);
    const resumed = await workspace.glidepath("resume");
    mustExit(resumed, 0);
    const ran = await running.done;
    mustExit(ran, 0);
    expect(failuresOf(await load.stop())).toEqual([]);
    expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
  });

  it("abort takes the rollout back; the first terminal ends with code 1", async () => {
    const workspace = await withV1({ releases: { v1: {} } });
    await workspace.addHeld("v2");
    const load = await workspace.load();
    const running = workspace.start(["release", "v2", "--json"]);
    await running.says(/"phase":"updating"/);
    const aborted = await workspace.glidepath("abort", "--reason", "the boss called");
    mustExit(aborted, 0);
    const ran = await running.done;
    mustExit(ran, 1);
    expect(failuresOf(await load.stop())).toEqual([]);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    const [last] = (await workspace.glidepath("history", "--json")).events;
    expect(last).toMatchObject({ release: "v2", from: "v1", outcome: "rolled-back" });
    expect(String(last?.["reason"])).toContain("the boss called");
  });

  it("orders to no rollout are refused and change nothing", async () => {
    const workspace = await withV1();
    for (const order of ["pause", "resume", "abort", "promote"]) {
      const ran = await workspace.glidepath(order);
      mustExit(ran, 3);
    }
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });
});
