// One application on several machines that are reached over SSH, with the gateway on one that has no slots.
import { describe, expect, it, onTestFinished } from "vitest";
import { mustExit } from "../support/exit.ts";
import { openFar, tracesOf, type FarOptions } from "../support/far.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { canSsh, kill, serving } from "../support/sshd.ts";

const can = hasNginx("integration: servers") && canSsh("integration: servers");

async function opened(options: FarOptions) {
  const far = await openFar(options);
  onTestFinished(far.close);
  return far;
}

describe.skipIf(!can)("several servers", () => {
  it("are released over one connection each, with at most eight sessions, and no request fails", async () => {
    const { workspace, fleet } = await opened({ count: 8, maxUnavailable: 4 });
    await workspace.bringUp("v1");
    const load = await workspace.load({ rate: 100 });
    const ran = await workspace.glidepath("release", "v2");
    const report = await load.stop();
    mustExit(ran, 0);
    expect(failuresOf(report)).toEqual([]);
    expect(await workspace.inSlots()).toEqual(fleet.targets.map(() => "v2"));
    const traces = tracesOf(fleet);
    expect(traces.connections).toEqual(fleet.targets.map(() => 1));
    expect(Math.max(...traces.sessions)).toBeLessThanOrEqual(8);
    expect(Math.max(...traces.sessions)).toBeGreaterThan(1);
    expect(traces.refused).toBe(0);
  });

  it("go on when a connection breaks in the middle", async () => {
    const { workspace, fleet } = await opened({ count: 2, maxUnavailable: 1 });
    await workspace.bringUp("v1");
    const running = workspace.start(["release", "v2"]);
    await running.says(/(drains|stops|starts v2)/);
    for (const target of fleet.targets) for (const pid of serving(target.pid())) kill(pid);
    mustExit(await running.done, 0);
    expect(await workspace.inSlots()).toEqual(["v2", "v2"]);
    expect(tracesOf(fleet).connections).toEqual([2, 2]);
  });
});
