// A release that gets copies of requests before anybody sees it: what is bad is found, and harms nobody.
import { describe, expect, it, onTestFinished } from "vitest";
import type { Sections } from "../../src/demo/scene.ts";
import type { Behaviour } from "../support/app.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf, type LoadReport } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, UNHURRIED, type Workspace } from "../support/workspace.ts";

const LOAD = { rate: 200, users: 500, post: 0.2, slow: 0 };

async function open(
  behaviour: Behaviour,
  steps: readonly Readonly<Record<string, unknown>>[],
): Promise<Workspace> {
  const edit = (sections: Sections): Sections => ({
    ...sections,
    rollout: { steps, key: "cookie:uid", drain: "10s" },
    analysis: { warmup: "0s", minRequests: 20, ...UNHURRIED },
  });
  const workspace = await openWorkspace({ releases: { v1: {}, v2: behaviour }, edit });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

const releasesSeen = ({ answers }: LoadReport): readonly string[] =>
  [...new Set(answers.map(({ answeredBy }) => answeredBy.slice(0, 2)))].toSorted();

interface Copies {
  readonly requests: number;
  readonly failed: number;
}
const copiesIn = (result: Readonly<Record<string, unknown>> | undefined): Copies =>
  (result?.["receipt"] as { mirrored?: Copies } | undefined)?.mirrored ?? { requests: 0, failed: 0 };

describe.skipIf(!hasNginx("integration: the mirror"))("a release of which nobody sees an answer yet", () => {
  it.each([
    { id: "fails every request", behaviour: { errorShare: 1 }, says: /more requests fail than is tolerated/ },
    { id: "answers after three seconds", behaviour: { delayMs: 3000 }, says: /slower than is tolerated/ },
    {
      id: "does not answer in time",
      behaviour: { delayMs: 8000 },
      says: /more requests fail than is tolerated/,
    },
  ])("is left by itself when it $id, and no user was failed or slowed", async ({ behaviour, says }) => {
    const workspace = await open(behaviour, [{ mirror: "20%", bake: "10m" }, { share: "100%" }]);
    const load = await workspace.load(LOAD);
    const ran = await workspace.glidepath("release", "v2", "--json");
    const report = await load.stop();
    mustExit(ran, 1);
    const result = ran.events.at(-1);
    expect(result).toMatchObject({ outcome: "rolled-back", failed: 0, receipt: { cut: 0, missing: [] } });
    expect(result?.["reason"]).toMatch(says);
    expect(result?.["reason"]).toContain("mirrored");
    expect(copiesIn(result).requests).toBeGreaterThan(0);
    expect(failuresOf(report)).toEqual([]);
    expect(releasesSeen(report)).toEqual(["v1"]);
    // Nor has anybody waited for an answer of the canary.
    expect(Math.max(...report.seconds.map(({ max }) => max))).toBeLessThan(8000);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });

  it("serves everybody after its step, when it is good", async () => {
    const workspace = await open({}, [{ mirror: "20%", bake: "4s", approve: true }, { share: "100%" }]);
    const load = await workspace.load(LOAD);
    const running = workspace.start(["release", "v2", "--json"]);
    await running.says(/"phase":"approval"/);
    const status = (await workspace.status()) as unknown as {
      readonly rollout: { readonly mirror?: number; readonly share: number };
      readonly analysis: { readonly mirrored?: { readonly canary: { readonly requests: number } } };
    };
    expect(status.rollout).toMatchObject({ mirror: 2000, share: 0 });
    expect(status.analysis.mirrored?.canary.requests).toBeGreaterThan(20);
    const sofar = await load.stop();
    expect(releasesSeen(sofar)).toEqual(["v1"]);
    expect(failuresOf(sofar)).toEqual([]);
    mustExit(await workspace.glidepath("promote"), 0);
    const ran = await running.done;
    mustExit(ran, 0);
    expect(copiesIn(ran.events.at(-1))).toMatchObject({ failed: 0 });
    expect(await until(workspace.inSlots, (slots) => slots.every((slot) => slot === "v2"))).toHaveLength(2);
    const { code, stdout } = await workspace.glidepath("history", String(ran.events.at(-1)?.["id"]));
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/mirror 20 % \(4s, approval\), 100 %/);
    expect(stdout).toMatch(/requests mirrored · 0 failed · seen by nobody/);
  });
});
